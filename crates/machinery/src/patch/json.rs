//! JSON Patch (RFC 6902) with the habits of the library that upstream uses (`evanphx/json-patch` v4): indexes may be
//! negative, a `test` for null passes on a field that is absent, an operation without `value` means null, and the whole
//! document cannot be replaced.

use api::{Reason, Status};
use serde_json::Value;

use super::{MAX_COPY_GROWTH_BYTES, MAX_JSON_PATCH_OPERATIONS, unprocessable};
use crate::strict::describe;

/// One operation, as far as it could be read.
struct Operation<'a> {
    op: &'a str,
    path: Option<&'a str>,
    from: Option<&'a str>,
    value: &'a Value,
}

/// Why an operation does not apply. Upstream keeps the reason to itself.
struct DoesNotApply;

/// Applies a patch. Returns what strict decoding holds against it.
pub(super) fn patch(object: &mut Value, patch: &Value) -> Result<Vec<String>, Status> {
    let (operations, strict_errors) = decode(patch)?;
    if operations.len() > MAX_JSON_PATCH_OPERATIONS {
        let count = operations.len();
        let message =
            format!("The allowed maximum operations in a JSON patch is {MAX_JSON_PATCH_OPERATIONS}, got {count}");
        return Err(Status::failure(413, Reason::TOO_LARGE, message));
    }
    let mut growth_bytes = 0;
    for operation in &operations {
        apply(object, operation, &mut growth_bytes).map_err(|DoesNotApply| unprocessable())?;
    }
    Ok(strict_errors)
}

/// Reads the operations in the words of Go's decoder, which reads them into a `[]jsonPatchOp`.
fn decode(patch: &Value) -> Result<(Vec<Operation<'_>>, Vec<String>), Status> {
    let refuse = |what: &Value, go_type: &str| {
        let found = describe(what);
        Status::bad_request(format!("error decoding patch: json: cannot unmarshal {found} into Go {go_type}"))
    };
    let items = match patch {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        other => return Err(refuse(other, "value of type []handlers.jsonPatchOp")),
    };
    let mut strict_errors = Vec::new();
    let mut operations = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if !item.is_object() && !item.is_null() {
            return Err(refuse(item, "value of type handlers.jsonPatchOp"));
        }
        for (name, value) in item.as_object().into_iter().flatten() {
            match name.as_str() {
                "op" | "path" | "from" if !value.is_string() && !value.is_null() => {
                    return Err(refuse(value, &format!("struct field jsonPatchOp.{name} of type string")));
                }
                "op" | "path" | "from" | "value" => {}
                _ => strict_errors.push(format!("json patch unknown field \"[{index}].{name}\"")),
            }
        }
        let text = |name: &str| item.get(name).and_then(Value::as_str);
        let value = item.get("value").unwrap_or(&Value::Null);
        operations.push(Operation {
            op: text("op").unwrap_or_default(),
            path: text("path"),
            from: text("from"),
            value,
        });
    }
    Ok((operations, strict_errors))
}

fn apply(object: &mut Value, operation: &Operation<'_>, growth_bytes: &mut usize) -> Result<(), DoesNotApply> {
    let path = operation.path.ok_or(DoesNotApply)?;
    match operation.op {
        "add" => add(object, path, operation.value.clone()),
        "remove" => remove(object, path).map(drop),
        "replace" => {
            *find(object, path)?.ok_or(DoesNotApply)? = operation.value.clone();
            Ok(())
        }
        "move" => {
            let moved = remove(object, operation.from.ok_or(DoesNotApply)?)?;
            add(object, path, moved)
        }
        "copy" => {
            let source = find(object, operation.from.ok_or(DoesNotApply)?)?.ok_or(DoesNotApply)?.clone();
            *growth_bytes += if source.is_null() { 0 } else { source.to_string().len() };
            if *growth_bytes > MAX_COPY_GROWTH_BYTES {
                return Err(DoesNotApply);
            }
            add(object, path, source)
        }
        "test" => {
            let found = find(object, path)?;
            let is_equal = found.map_or(operation.value.is_null(), |found| found == operation.value);
            if is_equal { Ok(()) } else { Err(DoesNotApply) }
        }
        _ => Err(DoesNotApply),
    }
}

/// The container that a path leads into, and the last step.
fn container<'a>(object: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), DoesNotApply> {
    // Upstream passes over whatever stands before the first slash.
    let (_, steps) = path.split_once('/').ok_or(DoesNotApply)?;
    let (parents, last) = steps.rsplit_once('/').map_or((None, steps), |(parents, last)| (Some(parents), last));
    let mut at = object;
    for step in parents.into_iter().flat_map(|parents| parents.split('/')) {
        at = step_into(at, &unescaped(step))?.ok_or(DoesNotApply)?;
    }
    Ok((at, unescaped(last)))
}

fn unescaped(step: &str) -> String {
    if !step.contains('~') {
        return step.to_owned();
    }
    step.replace("~1", "/").replace("~0", "~")
}

/// The value at a path; `None` when its container is a map that lacks it.
fn find<'a>(object: &'a mut Value, path: &str) -> Result<Option<&'a mut Value>, DoesNotApply> {
    let (container, last) = container(object, path)?;
    step_into(container, &last)
}

fn step_into<'a>(at: &'a mut Value, step: &str) -> Result<Option<&'a mut Value>, DoesNotApply> {
    match at {
        Value::Object(map) => Ok(map.get_mut(step)),
        Value::Array(items) => {
            let index = index(step, items.len())?;
            items.get_mut(index).map(Some).ok_or(DoesNotApply)
        }
        _ => Err(DoesNotApply),
    }
}

/// A position in a list of that length, counted from the end when it is negative. It may lie past the end.
fn index(step: &str, length: usize) -> Result<usize, DoesNotApply> {
    let number: i64 = step.parse().map_err(|_| DoesNotApply)?;
    let length = i64::try_from(length).map_err(|_| DoesNotApply)?;
    let number = if number < 0 { number + length } else { number };
    usize::try_from(number).map_err(|_| DoesNotApply)
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), DoesNotApply> {
    let (container, last) = container(object, path)?;
    match container {
        Value::Object(map) => {
            map.insert(last, value);
            Ok(())
        }
        Value::Array(items) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => {
            let index = index(&last, items.len() + 1)?;
            if index > items.len() {
                return Err(DoesNotApply);
            }
            items.insert(index, value);
            Ok(())
        }
        _ => Err(DoesNotApply),
    }
}

fn remove(object: &mut Value, path: &str) -> Result<Value, DoesNotApply> {
    let (container, last) = container(object, path)?;
    match container {
        Value::Object(map) => map.remove(&last).ok_or(DoesNotApply),
        Value::Array(items) => {
            let index = index(&last, items.len())?;
            if index >= items.len() {
                return Err(DoesNotApply);
            }
            Ok(items.remove(index))
        }
        _ => Err(DoesNotApply),
    }
}

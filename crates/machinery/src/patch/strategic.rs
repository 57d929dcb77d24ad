//! Strategic merge (`k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`): maps merge, lists merge by the key that
//! the schema names or are replaced, and directives in the patch delete, replace, retain and order.
//!
//! Results and errors are upstream's, oddities included: `$patch` in content that is new removes that content, and
//! `$patch: merge` is no directive of a map. Unlike upstream, the work grows with the lists' lengths and not with their
//! product: items are looked up by their keys in tables.

mod failure;
mod lists;
mod order;
#[cfg(test)]
mod tests;

use api::Status;
use serde_json::{Map, Value};

use crate::schema::{Field, MergeKey, Struct};
use failure::Failure;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList";
const ELEMENT_ORDER: &str = "$setElementOrder";

/// Merges a patch into an object, whose schema is `schema`.
pub(super) fn merge(object: &mut Value, patch: Value, schema: Option<&'static Struct>) -> Result<(), Status> {
    let Value::Object(original) = object else {
        return Err(Status::bad_request("a strategic merge patch applies to objects only"));
    };
    match patch {
        Value::Object(patch) => merge_map(original, patch, schema).map_err(Status::from),
        // Go decodes a null into a map that has no entries.
        Value::Null => Ok(()),
        other => Err(Status::bad_request(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            crate::strict::describe(&other)
        ))),
    }
}

fn merge_map(
    original: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: Option<&'static Struct>,
) -> Result<(), Failure> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        match directive.as_str() {
            Some("delete") => original.clear(),
            Some("replace") => {
                patch.remove(DIRECTIVE);
                *original = patch;
            }
            _ => return Err(Failure::bad_directive(directive, &patch)),
        }
        return Ok(());
    }
    if let Some(keys) = patch.remove(RETAIN_KEYS) {
        retain(original, &patch, &keys)?;
    }
    merge_ordered_lists(original, &mut patch, schema)?;
    for (name, value) in patch {
        match list_named(&name, DELETE_FROM_LIST, Failure::PRIMITIVE_LIST)? {
            Some(list) => merge_entry(original, list, value, schema, true)?,
            None => merge_entry(original, &name, value, schema, false)?,
        }
    }
    Ok(())
}

/// The list that a directive such as `$setElementOrder/finalizers` names; `None` when the key is no such directive.
fn list_named<'a>(key: &'a str, prefix: &str, malformed: Failure) -> Result<Option<&'a str>, Failure> {
    let Some(rest) = key.strip_prefix(prefix) else { return Ok(None) };
    rest.strip_prefix('/').map(Some).ok_or(malformed)
}

/// `$retainKeys`: everything else goes, and the patch may set nothing else.
fn retain(original: &mut Map<String, Value>, patch: &Map<String, Value>, keys: &Value) -> Result<(), Failure> {
    let keys = keys.as_array().ok_or(Failure::RETAIN_KEYS)?;
    let is_kept = |name: &String| keys.iter().any(|key| key == name);
    let sets = |(name, value): (&String, &Value)| {
        !value.is_null() && !name.starts_with(DELETE_FROM_LIST) && !name.starts_with(ELEMENT_ORDER) && !is_kept(name)
    };
    if patch.iter().any(sets) {
        return Err(Failure::RETAIN_KEYS);
    }
    original.retain(|name, _| is_kept(name));
    Ok(())
}

/// Merges every list that the patch gives an order for, and takes list and order out of the patch.
fn merge_ordered_lists(
    original: &mut Map<String, Value>,
    patch: &mut Map<String, Value>,
    schema: Option<&'static Struct>,
) -> Result<(), Failure> {
    let directives: Vec<String> = patch.keys().filter(|name| name.starts_with(ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let order = failure::list(patch.remove(&directive).unwrap_or_default())?;
        let Some(name) = list_named(&directive, ELEMENT_ORDER, Failure::ELEMENT_ORDER)? else { continue };
        let old = original.remove(name).map(failure::list).transpose()?;
        let new = patch.remove(name).map(failure::list).transpose()?;
        let list = lists::Schema::of(list_field(schema, name)?);
        order::validate(new.as_deref().unwrap_or_default(), &order, list.key)?;
        if let Some(merged) = lists::merge_ordered(old, new, &order, &list)? {
            original.insert(name.to_owned(), Value::Array(merged));
        }
    }
    Ok(())
}

/// The field of a struct; upstream refuses to merge into what the type does not have.
fn field(schema: Option<&'static Struct>, name: &str) -> Result<&'static Field, Failure> {
    let Some(schema) = schema else {
        return Err(Failure::Other(
            "merging an object in json but data type is not struct, instead is: map".to_owned(),
        ));
    };
    schema.field(name).ok_or_else(|| {
        let of = schema.go_name();
        Failure::Other(format!("unable to find api field in struct {of} for the json field {name:?}"))
    })
}

fn list_field(schema: Option<&'static Struct>, name: &str) -> Result<&'static Field, Failure> {
    let field = field(schema, name)?;
    if matches!(field.ty, crate::schema::Type::List(_) | crate::schema::Type::Bytes) {
        return Ok(field);
    }
    Err(Failure::Other("expected slice or array type, but got: struct".to_owned()))
}

fn merge_entry(
    original: &mut Map<String, Value>,
    name: &str,
    value: Value,
    schema: Option<&'static Struct>,
    deletes: bool,
) -> Result<(), Failure> {
    if value.is_null() {
        original.remove(name);
        return Ok(());
    }
    match (original.get_mut(name), value) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            let field = field(schema, name)?;
            if field.patch_strategy.as_deref() == Some("replace") {
                *old = new;
                return Ok(());
            }
            let inner = if matches!(field.ty, crate::schema::Type::Map(_)) { None } else { field.ty.element_struct() };
            merge_map(old, new, inner)
        }
        (Some(Value::Array(old)), Value::Array(new)) => {
            let list = lists::Schema::of(list_field(schema, name)?);
            *old = lists::merge(std::mem::take(old), new, &list, deletes)?;
            Ok(())
        }
        _ if deletes => Ok(()),
        (_, mut value) => {
            discard_nulls(&mut value);
            match without_directives(value) {
                Some(value) => original.insert(name.to_owned(), value),
                None => original.remove(name),
            };
            Ok(())
        }
    }
}

/// Drops the entries of maps that are null, in what is new. Upstream leaves nulls in lists.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// New content without the maps that are directives; `None` when it is one itself.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(DIRECTIVE) => None,
        Value::Object(map) => {
            let plain = |(name, value)| Some((name, without_directives(value)?));
            Some(Value::Object(map.into_iter().filter_map(plain).collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        other => Some(other),
    }
}

/// The merge key of a list of structs.
fn key_of(merge: Option<&'static MergeKey>) -> Option<&'static str> {
    match merge {
        Some(MergeKey::Field(key)) => Some(key),
        _ => None,
    }
}

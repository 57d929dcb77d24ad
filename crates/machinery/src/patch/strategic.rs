//! Strategic merge (`k8s.io/apimachinery/pkg/util/strategicpatch/patch.go`): maps merge, lists merge by the key that
//! the schema names or are replaced, and directives in the patch delete, replace and order.

use api::Status;
use serde_json::{Map, Value};

use crate::schema::{Field, MergeKey, Struct};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList/";
const ELEMENT_ORDER: &str = "$setElementOrder/";

pub(super) fn merge(object: &mut Value, patch: Value, schema: Option<&'static Struct>) -> Result<(), Status> {
    let Value::Object(patch) = patch else {
        return Err(Status::bad_request("error decoding patch: a strategic merge patch must be a JSON object"));
    };
    let Value::Object(original) = object else {
        return Err(Status::bad_request("a strategic merge patch applies to objects only"));
    };
    merge_map(original, patch, schema)
}

fn merge_map(
    original: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
    schema: Option<&'static Struct>,
) -> Result<(), Status> {
    match patch.remove(DIRECTIVE) {
        None => {}
        Some(directive) => match directive.as_str() {
            Some("merge") => {}
            Some("delete") => {
                original.clear();
                return Ok(());
            }
            Some("replace") => {
                *original = patch;
                return Ok(());
            }
            _ => return Err(unknown_directive(&directive)),
        },
    }
    if let Some(Value::Array(keys)) = patch.remove(RETAIN_KEYS) {
        original.retain(|name, _| keys.iter().any(|key| key == name));
    }
    let orders = take_orders(&mut patch);
    delete_from_lists(original, &mut patch);
    for (name, value) in patch {
        let field = schema.and_then(|schema| schema.field(&name));
        merge_entry(original, &name, value, field)?;
    }
    for (name, order) in orders {
        let field = schema.and_then(|schema| schema.field(&name));
        if let Some(Value::Array(items)) = original.get_mut(&name) {
            sort_by_order(items, &order, field.and_then(|field| field.merge.as_ref()));
        }
    }
    Ok(())
}

fn unknown_directive(directive: &Value) -> Status {
    Status::bad_request(format!("unable to find api field in struct: unknown patch type found: {directive}"))
}

fn take_orders(patch: &mut Map<String, Value>) -> Vec<(String, Vec<Value>)> {
    let names: Vec<String> = patch.keys().filter(|name| name.starts_with(ELEMENT_ORDER)).cloned().collect();
    let take = |name: String| match patch.remove(&name) {
        Some(Value::Array(order)) => Some((name[ELEMENT_ORDER.len()..].to_owned(), order)),
        _ => None,
    };
    names.into_iter().filter_map(take).collect()
}

fn delete_from_lists(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) {
    let names: Vec<String> = patch.keys().filter(|name| name.starts_with(DELETE_FROM_LIST)).cloned().collect();
    for name in names {
        let Some(Value::Array(gone)) = patch.remove(&name) else { continue };
        if let Some(Value::Array(items)) = original.get_mut(&name[DELETE_FROM_LIST.len()..]) {
            items.retain(|item| !gone.contains(item));
        }
    }
}

fn merge_entry(
    original: &mut Map<String, Value>,
    name: &str,
    value: Value,
    field: Option<&'static Field>,
) -> Result<(), Status> {
    if value.is_null() {
        original.remove(name);
        return Ok(());
    }
    let element = field.and_then(|field| field.ty.element_struct());
    match (original.get_mut(name), value) {
        (Some(Value::Object(old)), Value::Object(new)) => merge_map(old, new, element),
        (Some(Value::Array(old)), Value::Array(new)) => merge_list(old, new, field, element),
        (_, value) => {
            if let Some(value) = without_directives(value) {
                original.insert(name.to_owned(), value);
            }
            Ok(())
        }
    }
}

fn merge_list(
    original: &mut Vec<Value>,
    patch: Vec<Value>,
    field: Option<&'static Field>,
    element: Option<&'static Struct>,
) -> Result<(), Status> {
    match field.and_then(|field| field.merge.as_ref()) {
        None => *original = patch.into_iter().filter_map(without_directives).collect(),
        Some(MergeKey::Primitive) => {
            for item in patch {
                if !original.contains(&item) {
                    original.push(item);
                }
            }
        }
        Some(MergeKey::Field(key)) => merge_items(original, patch, key, element)?,
    }
    Ok(())
}

fn merge_items(
    original: &mut Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    element: Option<&'static Struct>,
) -> Result<(), Status> {
    let directive_of = |item: &Value| item.get(DIRECTIVE).and_then(Value::as_str).map(str::to_owned);
    if patch.iter().any(|item| item.get(key).is_none() && directive_of(item).as_deref() == Some("replace")) {
        let kept = patch.into_iter().filter(|item| directive_of(item).as_deref() != Some("replace"));
        *original = kept.filter_map(without_directives).collect();
        return Ok(());
    }
    for item in patch {
        let Some(wanted) = item.get(key).cloned() else {
            let why = format!("map: {item} does not contain declared merge key: {key}");
            return Err(super::unprocessable().with_cause("UnexpectedServerResponse", &why, ""));
        };
        if directive_of(&item).as_deref() == Some("delete") {
            original.retain(|old| old.get(key) != Some(&wanted));
            continue;
        }
        match (original.iter_mut().find(|old| old.get(key) == Some(&wanted)), item) {
            (Some(Value::Object(old)), Value::Object(new)) => merge_map(old, new, element)?,
            (_, item) => original.extend(without_directives(item)),
        }
    }
    Ok(())
}

/// A patch's value taken as new content: directives have nothing to act on and go; what they delete is nothing.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if map.get(DIRECTIVE).and_then(Value::as_str) == Some("delete") {
                return None;
            }
            let plain = |(name, value): (String, Value)| {
                let directive =
                    name.starts_with('$') && (name == DIRECTIVE || name == RETAIN_KEYS || name.contains('/'));
                if directive || value.is_null() { None } else { Some((name, without_directives(value)?)) }
            };
            Some(Value::Object(map.into_iter().filter_map(plain).collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(without_directives).collect())),
        other => Some(other),
    }
}

/// Puts the items that `order` names into that order; items that only the server has keep their place before the
/// items that followed them.
fn sort_by_order(items: &mut Vec<Value>, order: &[Value], merge: Option<&MergeKey>) {
    let position = |item: &Value| match merge {
        Some(MergeKey::Field(key)) => order.iter().position(|entry| entry.get(&**key) == item.get(&**key)),
        Some(MergeKey::Primitive) | None => order.iter().position(|entry| entry == item),
    };
    let tagged = std::mem::take(items).into_iter().enumerate().map(|(at, item)| (at, position(&item), item));
    let (mut ordered, others): (Vec<_>, Vec<_>) = tagged.partition(|(_, wanted, _)| wanted.is_some());
    ordered.sort_by_key(|(_, wanted, _)| *wanted);
    let mut others = others.into_iter().peekable();
    for (at, _, item) in ordered {
        while let Some((_, _, other)) = others.next_if(|(other_at, _, _)| *other_at < at) {
            items.push(other);
        }
        items.push(item);
    }
    items.extend(others.map(|(_, _, other)| other));
}

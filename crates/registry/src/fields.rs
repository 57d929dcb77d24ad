//! Reading and defaulting fields of JSON objects the way Go's decoded structs are read: an absent field, a `null` and a
//! zero value are one and the same, save where upstream has a pointer. Checks no types: the schema did that before.

use serde_json::{Map, Value};

/// The field, unless it is absent or `null`.
pub(crate) fn get<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// The field of a nested object.
pub(crate) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, name| get(value, name))
}

/// A text field; absent reads as empty.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A number that upstream holds behind a pointer.
pub(crate) fn int(object: &Value, name: &str) -> Option<i64> {
    object.get(name).and_then(Value::as_i64)
}

/// A number that upstream holds by value; absent reads as zero.
pub(crate) fn number(object: &Value, name: &str) -> i64 {
    int(object, name).unwrap_or_default()
}

/// A boolean; absent reads as false.
pub(crate) fn flag(object: &Value, name: &str) -> bool {
    object.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// The items of a list; absent reads as empty.
pub(crate) fn items<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The items of a list, to be changed.
pub(crate) fn items_mut<'a>(object: &'a mut Value, name: &str) -> &'a mut [Value] {
    object.get_mut(name).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// The entries of a map; absent reads as empty.
pub(crate) fn entries<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + Clone {
    object.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// A map is `null`, absent or without entries.
pub(crate) fn is_empty_map(object: &Value, name: &str) -> bool {
    entries(object, name).next().is_none()
}

/// The value as a map; anything else is replaced by an empty one.
pub(crate) fn map_of(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("just made an object")
}

/// A nested map, made when it is absent.
pub(crate) fn child_map<'a>(object: &'a mut Value, name: &str) -> &'a mut Map<String, Value> {
    map_of(child(object, name))
}

/// A nested value, `null` when it was absent.
pub(crate) fn child<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    map_of(object).entry(name).or_insert(Value::Null)
}

/// Sets a field that upstream holds behind a pointer, unless it is set.
pub(crate) fn default_to(object: &mut Value, name: &str, value: impl Into<Value>) {
    if get(object, name).is_none() {
        map_of(object).insert(name.to_owned(), value.into());
    }
}

/// Sets a text that upstream holds by value, unless it is set and not empty.
pub(crate) fn default_text(object: &mut Value, name: &str, value: &str) {
    if text(object, name).is_empty() {
        map_of(object).insert(name.to_owned(), value.into());
    }
}

/// Sets a number that upstream holds by value, unless it is set and not zero.
pub(crate) fn default_number(object: &mut Value, name: &str, value: i64) {
    if number(object, name) == 0 {
        map_of(object).insert(name.to_owned(), value.into());
    }
}

/// Drops fields that hold what Go's `omitempty` leaves out: `null`, `false`, zero, and empty texts, lists and maps.
pub(crate) fn drop_empty(object: &mut Value, names: &[&str]) {
    let Some(map) = object.as_object_mut() else { return };
    for name in names {
        if map.get(*name).is_some_and(is_zero) {
            map.remove(*name);
        }
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Drops every `null` and every empty list, at any depth.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null() && !value.as_array().is_some_and(Vec::is_empty));
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Takes a field from the old object, or removes it when the old object has none.
pub(crate) fn take_from(new: &mut Value, old: &Value, name: &str) {
    if new.get(name) == old.get(name) {
        return;
    }
    match old.get(name) {
        Some(value) => {
            map_of(new).insert(name.to_owned(), value.clone());
        }
        None => {
            map_of(new).remove(name);
        }
    }
}

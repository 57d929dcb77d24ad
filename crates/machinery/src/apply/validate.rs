//! Holds an applied configuration against the schema (`structured-merge-diff/typed/validate.go`): unknown fields, wrong
//! types, items without keys, and keys that occur twice. Upstream's words.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::diff::item_shape;
use super::shape::{Shape, item_element};
use crate::schema::{Struct, Type};

/// What is wrong with a configuration, as one text.
///
/// # Errors
/// That text.
pub(super) fn config(st: &'static Struct, object: &Value) -> Result<(), String> {
    let mut errors = Vec::new();
    check(Shape::Struct(st), object, "", &mut errors);
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => {
            Err(format!("errors:\n{}", many.iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n")))
        }
    }
}

fn complain(path: &str, why: &str) -> String {
    if path.is_empty() { why.to_owned() } else { format!("{path}: {why}") }
}

fn check(shape: Shape, value: &Value, path: &str, errors: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    match shape {
        Shape::Scalar(ty) => errors.extend(scalar_error(ty, value).map(|why| complain(path, &why))),
        Shape::Opaque => {}
        Shape::Atomic(Type::List(item)) => match value {
            Value::Array(items) => {
                for (index, item_value) in items.iter().enumerate() {
                    check(Shape::of_type(item), item_value, &format!("{path}[{index}]"), errors);
                }
            }
            _ => errors.push(complain(path, &format!("expected list, got {}", go_value(value)))),
        },
        Shape::Atomic(Type::Struct(id)) => check(Shape::Struct(crate::schema::get(*id)), value, path, errors),
        Shape::Atomic(Type::Map(ty)) => check(Shape::Map(ty), value, path, errors),
        Shape::Atomic(_) => {}
        Shape::Struct(_) | Shape::Map(_) | Shape::Open => match value {
            Value::Object(entries) => check_entries(shape, entries, path, errors),
            _ => errors.push(complain(path, &format!("expected map, got {}", go_value(value)))),
        },
        Shape::Set(_) | Shape::Keyed(..) => match value {
            Value::Array(items) => check_items(shape, items, path, errors),
            _ => errors.push(complain(path, &format!("expected list, got {}", go_value(value)))),
        },
    }
}

fn check_entries(shape: Shape, entries: &Map<String, Value>, path: &str, errors: &mut Vec<String>) {
    for (name, value) in entries {
        let path = format!("{path}.{name}");
        match shape.below(&fields::PathElement::field(name)) {
            Some((inner, _)) => check(inner, value, &path, errors),
            // Upstream looks at no further field of this map.
            None => return errors.push(complain(&path, "field not declared in schema")),
        }
    }
}

fn check_items(shape: Shape, items: &[Value], path: &str, errors: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let element = match item_element(shape, item) {
            Ok(element) => element,
            Err(why) => return errors.push(complain(path, &format!("element {index}: {why}"))),
        };
        let inner = format!("{path}{element}");
        if !seen.insert(element.clone()) {
            errors.push(complain(path, &format!("duplicate entries for key {element}")));
        }
        check(item_shape(shape), item, &inner, errors);
    }
}

fn scalar_error(ty: &Type, value: &Value) -> Option<String> {
    let wrong = match ty {
        Type::Int32 | Type::Int64 | Type::Number => !value.is_number(),
        Type::String | Type::Bytes => !value.is_string(),
        Type::Bool => !value.is_boolean(),
        _ => !(value.is_number() || value.is_string() || value.is_boolean()),
    };
    wrong.then(|| match ty {
        Type::Int32 | Type::Int64 | Type::Number => format!("expected numeric (int or float), got {}", go_type(value)),
        Type::String | Type::Bytes => {
            format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value))
        }
        Type::Bool => format!("expected boolean, got {}", go_value(value)),
        _ => format!("expected any scalar, got {}", go_value(value)),
    })
}

/// `%T` of a decoded value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// `%v` of the value's wrapper.
fn go_value(value: &Value) -> String {
    format!("&{{{}}}", go_plain(value))
}

fn go_plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go_plain).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(name, value)| format!("{name}:{}", go_plain(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}

/// `%#v` of a decoded value.
fn go_syntax(value: &Value) -> String {
    let listed = |values: Vec<String>| values.join(", ");
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => format!("[]interface {{}}{{{}}}", listed(items.iter().map(go_syntax).collect())),
        Value::Object(map) => {
            let entries = map.iter().map(|(name, value)| format!("{name:?}:{}", go_syntax(value))).collect();
            format!("map[string]interface {{}}{{{}}}", listed(entries))
        }
        other => other.to_string(),
    }
}

//! Values as Go's `fmt` prints them (`%v`) and as `reflect` names their types, for the texts of errors.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// `%v` of a decoded JSON value: `map[a:1 b:[x y]]`.
pub fn print(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

/// `%v` of a decoded JSON object.
pub fn print_map(map: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_map(&mut text, map);
    text
}

/// `%v` of a list.
pub fn print_list(items: &[Value]) -> String {
    let mut text = String::new();
    write_list(&mut text, items);
    text
}

/// `reflect.TypeOf(value)` as `%s` prints it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("<nil>"),
        Value::String(string) => text.push_str(string),
        Value::Array(items) => write_list(text, items),
        Value::Object(map) => write_map(text, map),
        Value::Bool(_) | Value::Number(_) => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{value}");
        }
    }
}

fn write_map(text: &mut String, map: &Map<String, Value>) {
    text.push_str("map[");
    // Go prints maps in the order of their keys.
    let mut names: Vec<&String> = map.keys().collect();
    names.sort_unstable();
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(name);
        text.push(':');
        write(text, &map[name]);
    }
    text.push(']');
}

fn write_list(text: &mut String, items: &[Value]) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        write(text, item);
    }
    text.push(']');
}

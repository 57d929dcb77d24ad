//! Values as upstream's errors show them. Upstream validates its internal Go types, which have no JSON tags, so an error
//! such as `spec.template: Invalid value: {"labels":{...},"Spec":{"Volumes":null,...}}: field is immutable` goes by Go
//! names and leaves nothing out. The table `internal.txt` knows those types; nothing else here does.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::fields::get;

const TABLE: &str = include_str!("internal.txt");

/// One field of a Go struct.
struct Field {
    /// The name that is printed; empty for an embedded struct.
    name: &'static str,
    /// The name in the API.
    json: String,
    /// Whether an empty value is left out.
    omits: bool,
    ty: &'static str,
}

type Table = HashMap<&'static str, Vec<Field>>;

fn table() -> &'static Table {
    static TYPES: OnceLock<Table> = OnceLock::new();
    TYPES.get_or_init(|| {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(' ')).map(|(name, fields)| (name, parse(fields))).collect()
    })
}

fn parse(fields: &'static str) -> Vec<Field> {
    let parse = |text: &'static str| {
        if let Some(ty) = text.strip_prefix('@') {
            return Field { name: "", json: String::new(), omits: false, ty };
        }
        let (names, ty) = text.split_once(':').expect("a field is NAME:TYPE");
        let (names, omits) = names.strip_suffix('?').map_or((names, false), |names| (names, true));
        let (name, json) =
            names.split_once('=').map_or((names, lower_first(names)), |(name, json)| (name, json.into()));
        Field { name, json, omits, ty }
    };
    fields.split(' ').map(parse).collect()
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// A value of the API as JSON of the internal type `ty`, such as `PodTemplateSpec` or `*LabelSelector`.
pub(crate) fn show(ty: &'static str, value: Option<&Value>) -> String {
    let mut text = String::new();
    write(&mut text, ty, value.filter(|value| !value.is_null()));
    text
}

fn write(text: &mut String, ty: &'static str, value: Option<&Value>) {
    if let Some(inner) = ty.strip_prefix('*') {
        match value {
            None => text.push_str("null"),
            some => write(text, inner, some),
        }
    } else if let Some(inner) = ty.strip_prefix("[]") {
        write_list(text, inner, value);
    } else if let Some(inner) = ty.strip_prefix("{}") {
        write_map(text, inner, value.and_then(Value::as_object));
    } else if let Some(fields) = table().get(ty) {
        text.push('{');
        write_fields(text, ty, fields, value);
        text.push('}');
    } else {
        write_scalar(text, ty, value);
    }
}

fn write_scalar(text: &mut String, ty: &str, value: Option<&Value>) {
    match (ty, value) {
        (_, Some(value)) => text.push_str(&api::field::go_json(value)),
        ("s", None) => text.push_str("\"\""),
        ("q", None) => text.push_str("\"0\""),
        ("i" | "x", None) => text.push('0'),
        ("b", None) => text.push_str("false"),
        _ => text.push_str("null"),
    }
}

fn write_list(text: &mut String, inner: &'static str, value: Option<&Value>) {
    match value {
        // Bytes are one text.
        Some(value @ Value::String(_)) => text.push_str(&api::field::go_json(value)),
        Some(Value::Array(items)) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(text, inner, Some(item));
            }
            text.push(']');
        }
        _ => text.push_str("null"),
    }
}

fn write_map(text: &mut String, inner: &'static str, map: Option<&Map<String, Value>>) {
    let Some(map) = map else { return text.push_str("null") };
    text.push('{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&api::field::go_json(&Value::from(key.as_str())));
        text.push(':');
        write(text, inner, Some(value));
    }
    text.push('}');
}

fn write_fields(text: &mut String, ty: &str, fields: &'static [Field], value: Option<&Value>) {
    let member = |field: &Field| value.and_then(|value| get(value, &field.json));
    for field in fields {
        if field.name.is_empty() {
            // The metadata of a template is a field in the API and embedded in Go.
            let inner = if field.ty == "ObjectMeta" { value.and_then(|value| get(value, "metadata")) } else { value };
            if let Some(fields) = table().get(field.ty) {
                write_fields(text, field.ty, fields, inner);
            }
            continue;
        }
        let member = member(field);
        if field.omits && member.is_none_or(is_empty) {
            continue;
        }
        if !text.ends_with('{') {
            text.push(',');
        }
        text.push_str(&format!("\"{}\":", field.name));
        if ty == "PodSpec" && field.name == "SecurityContext" {
            write(text, field.ty, Some(&with_host_namespaces(value, member)));
        } else {
            write(text, field.ty, member);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        other => other.is_null(),
    }
}

/// Internally the security context of a pod is always there, and holds what the API has beside it.
fn with_host_namespaces(spec: Option<&Value>, context: Option<&Value>) -> Value {
    let mut context = context.and_then(Value::as_object).cloned().unwrap_or_default();
    for name in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
        if let Some(value) = spec.and_then(|spec| get(spec, name)) {
            context.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(context)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_of_the_table_is_known() {
        for (name, fields) in table() {
            for field in fields {
                let plain = field.ty.trim_start_matches(['*', '[', ']', '{', '}']);
                let known = plain.len() == 1 || table().contains_key(plain);
                assert!(known, "{name} has a field of type {plain}");
            }
        }
    }

    #[test]
    fn a_template_is_shown_by_its_go_names() {
        let template = json!({
            "metadata": {"labels": {"b": "2", "a": "1"}},
            "spec": {"containers": [{"name": "c", "image": "<i>"}], "hostNetwork": true, "restartPolicy": "Never"},
        });
        let shown = show("*PodTemplateSpec", Some(&template));
        let start = "{\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"Spec\":{\"Volumes\":null,\"InitContainers\":null,\
                     \"Containers\":[{\"Name\":\"c\",\"Image\":\"\\u003ci\\u003e\",\"Command\":null,\"Args\":null,";
        assert!(shown.starts_with(start), "{shown}");
        let resources = "\"Resources\":{\"Limits\":null,\"Requests\":null,\"Claims\":null}";
        assert!(shown.contains(resources), "{shown}");
        let context = "\"SecurityContext\":{\"HostNetwork\":true,\"HostPID\":false,\"HostIPC\":false,\
                       \"ShareProcessNamespace\":null,\"HostUsers\":null,\"SELinuxOptions\":null,";
        assert!(shown.contains(context), "{shown}");
        assert!(shown.ends_with("\"SchedulingGroup\":null}}"), "{shown}");
    }

    #[test]
    fn a_selector_is_shown_in_the_order_of_its_declaration() {
        let selector =
            json!({"matchExpressions": [{"operator": "In", "key": "a", "values": ["b"]}], "matchLabels": {"x": "y"}});
        let expected = "{\"matchLabels\":{\"x\":\"y\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"b\"]}]}";
        assert_eq!(show("*LabelSelector", Some(&selector)), expected);
        assert_eq!(show("*LabelSelector", None), "null");
    }
}

//! The `default` of each field, and which fields are not required although the JSON schemas say so.

use std::collections::HashMap;

use serde_json::{Value, json};

const TABLE: &str = include_str!("defaults.txt");

/// The defaults of all types.
pub(super) struct Defaults(HashMap<&'static str, &'static str>);

/// What the table says of one field.
#[derive(Debug, PartialEq, Eq)]
enum Stated {
    /// This value.
    Value(Value),
    /// That there is none.
    None,
}

impl Defaults {
    /// Reads the table.
    pub(super) fn new() -> Self {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(|line| line.split_once(' ')).collect())
    }

    fn of(&self, definition: &str, field: &str) -> Option<Stated> {
        let short = ["io.k8s.apimachinery.pkg.apis.", "io.k8s.api."];
        let short = short.iter().find_map(|prefix| definition.strip_prefix(prefix)).unwrap_or(definition);
        let words = self.0.get(short)?.split(' ');
        let text = words.filter_map(|word| word.split_once('=')).find(|(name, _)| *name == field)?.1;
        if text == "none" {
            return Some(Stated::None);
        }
        Some(Stated::Value(serde_json::from_str(text).expect("the table holds JSON")))
    }

    /// Adds the defaults of a definition's fields.
    pub(super) fn add(&self, name: &str, definition: &mut Value) {
        let mut required: Vec<String> = definition["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|field| field.as_str().map(str::to_owned))
            .collect();
        let before = required.len();
        let Some(properties) = definition["properties"].as_object_mut() else { return };
        for (field, property) in properties {
            match self.of(name, field) {
                Some(Stated::None) => {}
                Some(Stated::Value(value)) => {
                    if !value.is_object() {
                        required.retain(|name| name != field);
                    }
                    property["default"] = value;
                }
                None if required.contains(field) => {
                    if let Some(zero) = zero(property) {
                        property["default"] = zero;
                    }
                }
                None => {}
            }
        }
        if required.len() == before {
            return;
        }
        if required.is_empty() {
            definition.as_object_mut().expect("a definition is an object").remove("required");
        } else {
            definition["required"] = required.into();
        }
    }
}

/// What Go's zero value of a plain scalar looks like in JSON.
fn zero(property: &Value) -> Option<Value> {
    if property.get("format").is_some_and(|format| format == "date-time") {
        return None;
    }
    match property["type"].as_str()? {
        "string" => Some("".into()),
        "integer" | "number" => Some(json!(0)),
        "boolean" => Some(false.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_json_and_names_types_once() {
        let defaults = Defaults::new();
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(defaults.0.len(), lines);
        for (name, fields) in &defaults.0 {
            for (field, _) in fields.split(' ').map(|word| word.split_once('=').expect("a field and its default")) {
                assert!(defaults.of(&format!("io.k8s.api.{name}"), field).is_some());
            }
        }
    }

    #[test]
    fn required_scalars_have_zero_values_and_stated_ones_are_not_required() {
        let mut definition = json!({
            "required": ["name", "key"],
            "properties": {"name": {"type": "string"}, "key": {"type": "string"}, "optional": {"type": "boolean"}},
        });
        Defaults::new().add("io.k8s.api.core.v1.ConfigMapKeySelector", &mut definition);
        assert_eq!(definition["required"], json!(["key"]));
        assert_eq!(definition["properties"]["name"], json!({"type": "string", "default": ""}));
        assert_eq!(definition["properties"]["key"]["default"], "");
        assert_eq!(definition["properties"]["optional"], json!({"type": "boolean"}));
    }
}

//! What OpenAPI documents state of single fields and the JSON schemas lack: the `default`, the `enum`, and which fields
//! are not required although the schemas say so. The tables are part of the program.

use std::collections::HashMap;

use serde_json::{Value, json};

const DEFAULTS: &str = include_str!("defaults.txt");
const ENUMS: &str = include_str!("enums.txt");

/// A table of facts about fields: each line is a type and, for some of its fields, `FIELD=JSON`.
struct Table(HashMap<&'static str, &'static str>);

impl Table {
    fn read(text: &'static str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(|line| line.split_once(' ')).collect())
    }

    fn of(&self, definition: &str, field: &str) -> Option<&'static str> {
        let short = ["io.k8s.apimachinery.pkg.apis.", "io.k8s.api."];
        let short = short.iter().find_map(|prefix| definition.strip_prefix(prefix)).unwrap_or(definition);
        let mut words = self.0.get(short)?.split(' ').filter_map(|word| word.split_once('='));
        words.find(|(name, _)| *name == field).map(|(_, text)| text)
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("the table holds JSON")
}

/// The facts about all types.
pub(super) struct Facts {
    defaults: Table,
    enums: Table,
}

/// What the table says of one field.
#[derive(Debug, PartialEq, Eq)]
enum Stated {
    /// This value.
    Value(Value),
    /// That there is none.
    None,
}

impl Facts {
    /// Reads the tables.
    pub(super) fn new() -> Self {
        Self { defaults: Table::read(DEFAULTS), enums: Table::read(ENUMS) }
    }

    fn default_of(&self, definition: &str, field: &str) -> Option<Stated> {
        let text = self.defaults.of(definition, field)?;
        Some(if text == "none" { Stated::None } else { Stated::Value(json_of(text)) })
    }

    /// Adds what is stated of a definition's fields.
    pub(super) fn add(&self, name: &str, definition: &mut Value) {
        self.add_defaults(name, definition);
        let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) else { return };
        for (field, property) in properties {
            if let Some(text) = self.enums.of(name, field) {
                add_enum(property, json_of(text));
            }
        }
    }

    /// Adds the defaults of a definition's fields.
    fn add_defaults(&self, name: &str, definition: &mut Value) {
        let mut required: Vec<String> = definition["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|field| field.as_str().map(str::to_owned))
            .collect();
        let before = required.len();
        let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) else { return };
        for (field, property) in properties {
            match self.default_of(name, field) {
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

/// Adds the values that a field, or each item of a list, may have. The description names them, as upstream's does.
///
/// Differs: upstream's description also says what each value means.
fn add_enum(property: &mut Value, values: Value) {
    if property["type"] == "array" {
        property["items"]["enum"] = values;
        return;
    }
    if let Some(Value::String(description)) = property.get_mut("description") {
        description.push_str("\n\nPossible enum values:");
        for value in values.as_array().into_iter().flatten() {
            description.push_str(&format!("\n - `{value}`"));
        }
    }
    property["enum"] = values;
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
    fn the_tables_are_json_and_name_types_once() {
        let facts = Facts::new();
        for (table, text) in [(&facts.defaults, DEFAULTS), (&facts.enums, ENUMS)] {
            assert_eq!(table.0.len(), text.lines().filter(|line| !line.starts_with('#')).count());
            for fields in table.0.values() {
                for word in fields.split(' ') {
                    let (_, text) = word.split_once('=').expect("a field and its fact");
                    assert!(text == "none" || serde_json::from_str::<Value>(text).is_ok(), "{word}");
                }
            }
        }
    }

    #[test]
    fn required_scalars_have_zero_values_and_stated_ones_are_not_required() {
        let mut definition = json!({
            "required": ["name", "key"],
            "properties": {"name": {"type": "string"}, "key": {"type": "string"}, "optional": {"type": "boolean"}},
        });
        Facts::new().add("io.k8s.api.core.v1.ConfigMapKeySelector", &mut definition);
        assert_eq!(definition["required"], json!(["key"]));
        assert_eq!(definition["properties"]["name"], json!({"type": "string", "default": ""}));
        assert_eq!(definition["properties"]["key"]["default"], "");
        assert_eq!(definition["properties"]["optional"], json!({"type": "boolean"}));
    }

    #[test]
    fn a_field_with_few_values_names_them() {
        let property = json!({"type": "string", "description": "What to do."});
        let mut definition = json!({"properties": {"action": property}});
        Facts::new().add("io.k8s.api.batch.v1.PodFailurePolicyRule", &mut definition);
        let action = &definition["properties"]["action"];
        assert_eq!(action["enum"], json!(["Count", "FailIndex", "FailJob", "Ignore"]));
        assert!(
            action["description"]
                .as_str()
                .unwrap()
                .starts_with("What to do.\n\nPossible enum values:\n - `\"Count\"`\n")
        );
        let mut scalar = json!({"type": "string"});
        Facts::new().add("io.k8s.apimachinery.pkg.apis.meta.v1.Time", &mut scalar);
        assert_eq!(scalar, json!({"type": "string"}));
    }
}

//! The one rule that access reviews have for their metadata.

use api::field::{FieldErrors, Path};
use serde_json::Value;

/// Adds an error unless the metadata are empty, save for managed fields and what `allowed` names.
pub(super) fn require_empty(errors: &mut FieldErrors, object: &Value, allowed: &[&str], detail: &str) {
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let set = |(name, value): (&String, &Value)| {
        let empty = match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        !empty && name != "managedFields" && !allowed.contains(&name.as_str())
    };
    if metadata.as_object().into_iter().flatten().any(set) {
        errors.push(Path::new("metadata").invalid(metadata.clone(), detail));
    }
}

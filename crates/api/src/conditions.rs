//! Conditions: the lists of `{type, status, reason, ...}` in a status.

use serde_json::Value;

/// Whether `status.conditions` of an object holds `type` with status `True`.
pub fn is_true(object: &Value, condition_type: &str) -> bool {
    find(object, condition_type).is_some_and(|condition| condition["status"] == "True")
}

/// The condition of that type, if any.
pub fn find<'a>(object: &'a Value, condition_type: &str) -> Option<&'a Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == condition_type)
}

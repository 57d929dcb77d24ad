//! JSON merge patch (RFC 7386).

use api::Status;
use serde_json::{Map, Value};

use crate::strict::describe;

/// Merges a patch into an object.
pub(super) fn merge(object: &mut Value, patch: Value) -> Result<(), Status> {
    let Value::Object(original) = object else {
        return Err(Status::bad_request("Invalid JSON Document"));
    };
    match patch {
        Value::Object(patch) => merge_map(original, patch),
        Value::Null => return Err(Status::bad_request("Invalid JSON Patch")),
        other => {
            return Err(Status::bad_request(format!(
                "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                describe(&other)
            )));
        }
    }
    Ok(())
}

fn merge_map(original: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match (original.get_mut(&name), value) {
            (_, Value::Null) => drop(original.remove(&name)),
            (Some(Value::Object(old)), Value::Object(new)) => merge_map(old, new),
            (_, mut value) => {
                prune(&mut value);
                original.insert(name, value);
            }
        }
    }
}

/// Drops nulls from what is new. The RFC keeps those within lists; the library that upstream uses does not.
fn prune(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

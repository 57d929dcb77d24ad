//! Objects that tests start from, and the ways they change them.

use api::field::FieldErrors;
use serde_json::{Map, Value, json};

use crate::strategy::Strategy;

/// The Job of the documentation, as a client sends it.
pub(crate) fn pi_job() -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "pi", "namespace": "default", "uid": "uid-1"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "pi",
                "image": "perl:5.34.0",
                "command": ["perl", "-Mbignum=bpi", "-wle", "print bpi(2000)"],
            }],
        }}},
    })
}

/// A pod as a client sends it.
pub(crate) fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": "default", "uid": "uid-2"},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    })
}

/// Applies a merge patch (RFC 7386).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let map = target.as_object_mut().expect("just made an object");
    for (name, value) in patch {
        if value.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// The object with a merge patch applied.
pub(crate) fn with(mut object: Value, patch: &Value) -> Value {
    merge(&mut object, patch);
    object
}

/// The object with one value set at a JSON pointer whose parent exists.
pub(crate) fn with_at(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer has a slash");
    match object.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value,
        Value::Object(map) => {
            map.insert(name.to_owned(), value);
        }
        other => panic!("{parent} is {other}"),
    }
    object
}

/// What a create does before validation.
pub(crate) fn created(strategy: &dyn Strategy, mut object: Value) -> Value {
    strategy.default(&mut object);
    strategy.prepare_for_create(&mut object);
    object
}

/// What an update does before validation.
pub(crate) fn updated(strategy: &dyn Strategy, mut new: Value, old: &Value, subresource: Option<&str>) -> Value {
    strategy.default(&mut new);
    strategy.prepare_for_update(&mut new, old, subresource);
    new
}

/// The errors as texts.
pub(crate) fn texts(errors: FieldErrors) -> Vec<String> {
    errors.into_iter().map(|error| error.to_string()).collect()
}

/// The errors of a create.
pub(crate) fn create_errors(strategy: &dyn Strategy, object: Value) -> Vec<String> {
    texts(strategy.validate_create(&created(strategy, object)))
}

/// The errors of an update of a stored object.
pub(crate) fn update_errors(
    strategy: &dyn Strategy,
    new: Value,
    old: &Value,
    subresource: Option<&str>,
) -> Vec<String> {
    let new = updated(strategy, new, old, subresource);
    texts(strategy.validate_update(&new, old, subresource))
}

//! `metadata.generation`: 1 for a new object, and one more with every change of what a client wants.

use serde_json::Value;

use crate::fields::{child_map, get, number, take_from};

/// The generation of a new object.
pub(crate) fn begin(object: &mut Value) {
    child_map(object, "metadata").insert("generation".to_owned(), 1.into());
}

/// The generation after an update.
pub(crate) fn follow(new: &mut Value, old: &Value, changed: bool) {
    let before = get(old, "metadata").map_or(0, |metadata| number(metadata, "generation"));
    child_map(new, "metadata").insert("generation".to_owned(), (before + i64::from(changed)).into());
}

/// Prepares an update of a kind that is a spec and a status and no more: a write of `/status` keeps the spec and cleans the
/// status, any other keeps the status.
pub(crate) fn prepare_for_update(
    new: &mut Value,
    old: &Value,
    subresource: Option<&str>,
    clean_status: impl FnOnce(&mut Value),
) {
    let is_status = subresource == Some("status");
    take_from(new, old, if is_status { "spec" } else { "status" });
    if is_status {
        clean_status(new);
    }
    let changed = !is_status && new.get("spec") != old.get("spec");
    follow(new, old, changed);
}

//! `metadata.generation`: 1 for a new object, and one more with every change of what a client wants.

use serde_json::Value;

use crate::fields::{child_map, get, number};

/// The generation of a new object.
pub(crate) fn begin(object: &mut Value) {
    child_map(object, "metadata").insert("generation".to_owned(), 1.into());
}

/// The generation after an update.
pub(crate) fn follow(new: &mut Value, old: &Value, changed: bool) {
    let before = get(old, "metadata").map_or(0, |metadata| number(metadata, "generation"));
    child_map(new, "metadata").insert("generation".to_owned(), (before + i64::from(changed)).into());
}

//! What the tables of several kinds share (`pkg/printers/internalversion/printers.go`): common columns, ages.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::fields::{get, items, text};
use crate::strategy::Column;

/// Upstream's description of `metadata.name`.
pub(crate) const NAME_DESCRIPTION: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
/// Upstream's description of `metadata.creationTimestamp`.
pub(crate) const AGE_DESCRIPTION: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// The `Name` column.
pub(crate) const NAME: Column =
    Column { name: "Name", column_type: "string", format: "name", description: NAME_DESCRIPTION, priority: 0 };
/// The `Age` column.
pub(crate) const AGE: Column = text_column("Age", AGE_DESCRIPTION);

/// The second column of kinds that have no printer of their own (`rest.NewDefaultTableConvertor`).
pub(crate) const CREATED_AT: Column =
    Column { name: "Created At", column_type: "date", format: "", description: AGE_DESCRIPTION, priority: 0 };

/// A column of texts.
pub(crate) const fn text_column(name: &'static str, description: &'static str) -> Column {
    Column { name, column_type: "string", format: "", description, priority: 0 }
}

/// A column of texts that `-o wide` shows.
pub(crate) const fn wide_column(name: &'static str, description: &'static str) -> Column {
    Column { name, column_type: "string", format: "", description, priority: 1 }
}

/// A time in an object; absent and unreadable ones are `None`.
pub(crate) fn time(object: &Value, name: &str) -> Option<Timestamp> {
    get(object, name)?.as_str()?.parse().ok()
}

/// `translateTimestampSince`.
pub(crate) fn since(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| "<unknown>".to_owned(), |time| api::time::human_duration(between(time, now)))
}

/// The time from one moment to another.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> SignedDuration {
    to.duration_since(from)
}

/// The object's age.
pub(crate) fn age(object: &Value, now: Timestamp) -> Value {
    since(get(object, "metadata").and_then(|metadata| time(metadata, "creationTimestamp")), now).into()
}

/// The cell of [`CREATED_AT`].
pub(crate) fn created_at(object: &Value) -> Value {
    get(object, "metadata").map_or("", |metadata| text(metadata, "creationTimestamp")).into()
}

/// The object's name.
pub(crate) fn name(object: &Value) -> Value {
    get(object, "metadata").map_or("", |metadata| text(metadata, "name")).into()
}

/// Names and images of containers, joined by commas (`layoutContainerCells`).
pub(crate) fn container_cells(spec: &Value) -> (String, String) {
    let join = |field| {
        let parts: Vec<&str> = items(spec, "containers").iter().map(|container| text(container, field)).collect();
        parts.join(",")
    };
    (join("name"), join("image"))
}

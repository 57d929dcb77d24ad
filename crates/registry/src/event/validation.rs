//! What is wrong with an Event (`pkg/apis/core/validation/events.go`): the legacy rules, which are all that `v1` asks,
//! and the strict ones of `events.k8s.io/v1`. Both look at the stored fields and name those.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::{extend_invalid, require_unchanged_as};
use crate::fields::{get, number, text};

const MAX_CHARACTERS: usize = 128;
const MAX_NOTE_CHARACTERS: usize = 1024;

/// What `events.k8s.io/v1` lets nobody change, and the types as errors show them.
const IMMUTABLE: [(&str, &str); 11] = [
    ("involvedObject", "ObjectReference"),
    ("reason", "s"),
    ("message", "s"),
    ("source", "EventSource"),
    ("firstTimestamp", "*s"),
    ("lastTimestamp", "*s"),
    ("count", "i"),
    ("type", "s"),
    ("eventTime", "*s"),
    ("action", "s"),
    ("related", "*ObjectReference"),
];

/// A create or update through `v1`.
pub(super) fn core(event: &Value) -> FieldErrors {
    legacy(event, "reportingComponent")
}

/// A create through `events.k8s.io/v1`.
pub(super) fn create(event: &Value) -> FieldErrors {
    let mut errors = legacy(event, "reportingController");
    validate_series(&mut errors, event);
    if get(event, "eventTime").is_none() {
        errors.push(Path::new("eventTime").required(""));
    }
    let event_type = text(event, "type");
    if !matches!(event_type, "Normal" | "Warning") {
        errors.push(Path::new("type").invalid("", format!("has invalid value: {event_type}")));
    }
    let mut unset = |name: &str, is_set: bool| {
        if is_set {
            errors.push(Path::new(name).invalid("", "needs to be unset"));
        }
    };
    unset("firstTimestamp", get(event, "firstTimestamp").is_some());
    unset("lastTimestamp", get(event, "lastTimestamp").is_some());
    unset("count", number(event, "count") != 0);
    let of_source = |name| get(event, "source").is_some_and(|source| !text(source, name).is_empty());
    unset("source", of_source("component") || of_source("host"));
    errors
}

/// An update through `events.k8s.io/v1`: only the series goes on.
pub(super) fn update(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = legacy(new, "reportingController");
    if get(new, "series") != get(old, "series") {
        validate_series(&mut errors, new);
    }
    for (name, ty) in IMMUTABLE {
        require_unchanged_as(&mut errors, &Path::new(name), ty, get(new, name), get(old, name));
    }
    for (name, path) in [("reportingComponent", "reportingController"), ("reportingInstance", "reportingInstance")] {
        require_unchanged_as(&mut errors, &Path::new(path), "s", get(new, name), get(old, name));
    }
    errors
}

fn validate_series(errors: &mut FieldErrors, event: &Value) {
    let Some(series) = get(event, "series") else { return };
    if number(series, "count") < 2 {
        errors.push(Path::new("series.count").invalid("", "should be at least 2"));
    }
    if get(series, "lastObservedTime").is_none() {
        errors.push(Path::new("series.lastObservedTime").required(""));
    }
}

/// `legacyValidateEvent`; `reporter` is what the version calls the reporting component.
fn legacy(event: &Value, reporter: &str) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let namespace = get(event, "metadata").map_or("", |metadata| text(metadata, "namespace"));
    let involved = get(event, "involvedObject").map_or("", |involved| text(involved, "namespace"));
    let mismatch = if get(event, "eventTime").is_none() {
        if involved.is_empty() { !matches!(namespace, "" | "default") } else { namespace != involved }
    } else {
        validate_new_style(&mut errors, event, reporter);
        involved.is_empty() && !matches!(namespace, "default" | "kube-system")
    };
    if mismatch {
        let path = Path::new("involvedObject").child("namespace");
        errors.0.insert(0, path.invalid(involved, "does not match event.namespace"));
    }
    extend_invalid(&mut errors, &Path::new("namespace"), namespace, names::dns_subdomain_errors(namespace));
    errors
}

/// The rules for events that carry an `eventTime`.
fn validate_new_style(errors: &mut FieldErrors, event: &Value, reporter: &str) {
    let component = text(event, "reportingComponent");
    let path = Path::new(reporter);
    if component.is_empty() {
        errors.push(path.required(""));
    }
    extend_invalid(errors, &path, component, names::qualified_name_errors(component));
    for name in ["reportingInstance", "action", "reason"] {
        let value = text(event, name);
        if value.is_empty() {
            errors.push(Path::new(name).required(""));
        }
        limit(errors, name, value, MAX_CHARACTERS);
    }
    limit(errors, "message", text(event, "message"), MAX_NOTE_CHARACTERS);
}

fn limit(errors: &mut FieldErrors, name: &str, value: &str, max: usize) {
    if value.len() > max {
        errors.push(Path::new(name).invalid("", format!("can have at most {max} characters")));
    }
}

//! `v1 Event` (`pkg/registry/core/event/strategy.go`, `pkg/apis/core/validation/events.go`: the legacy rules, which are
//! all that core/v1 asks). Created with every step of every pod, so nothing here copies.

use api::field::{FieldErrors, Path};
use api::{Kind, names};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::errors::extend_invalid;
use crate::fields::{child, default_to, drop_empty, get, map_of, number, text};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{NAME_DESCRIPTION, name, since, text_column, time, wide_column};

const MAX_CHARACTERS: usize = 128;
const MAX_NOTE_CHARACTERS: usize = 1024;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Event"),
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

const COLUMNS: &[Column] = &[
    text_column("Last Seen", "The time at which the most recent occurrence of this event was recorded."),
    text_column("Type", "Type of this event (Normal, Warning), new types could be added in the future"),
    text_column(
        "Reason",
        "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
    ),
    text_column("Object", "The object that this event is about."),
    wide_column(
        "Subobject",
        "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the event) or if no container name is specified \"spec.containers[2]\" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.",
    ),
    wide_column("Source", "The component reporting this event. Should be a short machine understandable string."),
    text_column("Message", "A human-readable description of the status of this operation."),
    wide_column(
        "First Seen",
        "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
    ),
    wide_column("Count", "The number of times this event has occurred."),
    Column { name: "Name", column_type: "string", format: "name", description: NAME_DESCRIPTION, priority: 1 },
];

/// The strategy of Events.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventStrategy;

impl Strategy for EventStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    /// Writes what upstream writes even when it is empty.
    fn default(&self, object: &mut Value) {
        let map = map_of(object);
        for time in ["eventTime", "firstTimestamp", "lastTimestamp"] {
            map.entry(time).or_insert(Value::Null);
        }
        for text in ["reportingComponent", "reportingInstance"] {
            default_to(object, text, "");
        }
        default_to(object, "source", json!({}));
        drop_empty(object, &["action", "count", "message", "reason", "related", "series", "type"]);
        drop_empty(child(object, "source"), &["component", "host"]);
        map_of(child(object, "involvedObject"));
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validate(object)
    }

    fn validate_update(&self, new: &Value, _old: &Value, _subresource: Option<&str>) -> FieldErrors {
        validate(new)
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("involvedObject.kind", "/involvedObject/kind"),
            ("involvedObject.namespace", "/involvedObject/namespace"),
            ("involvedObject.name", "/involvedObject/name"),
            ("involvedObject.uid", "/involvedObject/uid"),
            ("involvedObject.apiVersion", "/involvedObject/apiVersion"),
            ("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
            ("involvedObject.fieldPath", "/involvedObject/fieldPath"),
            ("reason", "/reason"),
            ("reportingComponent", "/reportingComponent"),
            // Upstream falls back to the reporting component, which a pointer cannot say.
            ("source", "/source/component"),
            ("type", "/type"),
        ]
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        row(object, now)
    }
}

/// `legacyValidateEvent`.
fn validate(event: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let namespace = get(event, "metadata").map_or("", |metadata| text(metadata, "namespace"));
    let involved = get(event, "involvedObject").map_or("", |involved| text(involved, "namespace"));
    let mismatch = if get(event, "eventTime").is_none() {
        if involved.is_empty() { !matches!(namespace, "" | "default") } else { namespace != involved }
    } else {
        validate_new_style(&mut errors, event);
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
fn validate_new_style(errors: &mut FieldErrors, event: &Value) {
    let component = text(event, "reportingComponent");
    let path = Path::new("reportingComponent");
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

fn row(event: &Value, now: Timestamp) -> Row {
    let null = &Value::Null;
    let first = since(time(event, "firstTimestamp").or_else(|| time(event, "eventTime")), now);
    let series = get(event, "series");
    let last = match (series, time(event, "lastTimestamp")) {
        (Some(series), _) => since(time(series, "lastObservedTime"), now),
        (None, Some(last)) => since(Some(last), now),
        (None, None) => first.clone(),
    };
    let count = series.map_or_else(|| number(event, "count").max(1), |series| number(series, "count"));
    let involved = event.get("involvedObject").unwrap_or(null);
    let mut target = text(involved, "kind").to_lowercase();
    if !text(involved, "name").is_empty() {
        target = format!("{target}/{}", text(involved, "name"));
    }
    let cells = vec![
        last.into(),
        text(event, "type").into(),
        text(event, "reason").into(),
        target.into(),
        text(involved, "fieldPath").into(),
        source_cell(event).into(),
        text(event, "message").trim().into(),
        first.into(),
        count.into(),
        name(event),
    ];
    Row { cells, conditions: Vec::new() }
}

/// `formatEventSource`.
fn source_cell(event: &Value) -> String {
    let source = event.get("source").unwrap_or(&Value::Null);
    let first = |one, other| match text(source, one) {
        "" => text(event, other),
        text => text,
    };
    let (component, instance) = (first("component", "reportingComponent"), first("host", "reportingInstance"));
    if instance.is_empty() { component.to_owned() } else { format!("{component}, {instance}") }
}

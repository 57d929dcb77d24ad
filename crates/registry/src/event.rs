//! `v1 Event`, and the same as `events.k8s.io/v1` (`pkg/registry/core/event/strategy.go`). Created with every step of
//! every pod, so nothing here copies.

mod validation;
mod versions;

use api::Kind;
use api::field::FieldErrors;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{child, default_to, drop_empty, get, map_of, number, text};
use crate::strategy::{Column, DefaultPropagation, Descriptor, Row, Strategy, View};
use crate::table::{NAME_DESCRIPTION, name, since, text_column, time, wide_column};

static CORE: Descriptor = descriptor("");
static EVENTS: Descriptor = descriptor("events.k8s.io");

const fn descriptor(group: &'static str) -> Descriptor {
    Descriptor {
        kind: Kind::known(group, "v1", "Event"),
        plural: "events",
        singular: "event",
        short_names: &["ev"],
        categories: &[],
        namespaced: true,
        subresources: &[],
    }
}

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

/// The fields that a selector may name in `v1`, and where they are stored.
const CORE_FIELDS: &[(&str, &str)] = &[
    ("involvedObject.kind", "/involvedObject/kind"),
    ("involvedObject.namespace", "/involvedObject/namespace"),
    ("involvedObject.name", "/involvedObject/name"),
    ("involvedObject.uid", "/involvedObject/uid"),
    ("involvedObject.apiVersion", "/involvedObject/apiVersion"),
    ("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
    ("involvedObject.fieldPath", "/involvedObject/fieldPath"),
    ("reason", "/reason"),
    ("reportingComponent", "/reportingComponent"),
    ("source", "/source/component"),
    ("type", "/type"),
];

/// The same in `events.k8s.io/v1`.
const EVENTS_FIELDS: &[(&str, &str)] = &[
    ("reason", "/reason"),
    ("regarding.kind", "/involvedObject/kind"),
    ("regarding.namespace", "/involvedObject/namespace"),
    ("regarding.name", "/involvedObject/name"),
    ("regarding.uid", "/involvedObject/uid"),
    ("regarding.apiVersion", "/involvedObject/apiVersion"),
    ("regarding.resourceVersion", "/involvedObject/resourceVersion"),
    ("regarding.fieldPath", "/involvedObject/fieldPath"),
    ("reportingController", "/reportingComponent"),
    ("type", "/type"),
];

/// The strategy of Events, in one of their versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStrategy {
    /// `v1`: what is stored.
    Core,
    /// `events.k8s.io/v1`.
    Events,
}

impl Strategy for EventStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        match self {
            Self::Core => &CORE,
            Self::Events => &EVENTS,
        }
    }

    fn view(&self) -> Option<&'static View> {
        (*self == Self::Events).then_some(&versions::EVENTS_V1)
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
        match self {
            Self::Core => validation::core(object),
            Self::Events => validation::create(object),
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, _subresource: Option<&str>) -> FieldErrors {
        match self {
            Self::Core => validation::core(new),
            Self::Events => validation::update(new, old),
        }
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Core => CORE_FIELDS,
            Self::Events => EVENTS_FIELDS,
        }
    }

    fn selectable_fallback(&self, field: &str) -> Option<&'static str> {
        (field == "source").then_some("/reportingComponent")
    }

    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Unsupported
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        row(object, now)
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

//! Which objects of a collection a request is about: label and field selectors.

use api::selector::{FieldSelector, LabelSelector};
use api::{Object, Request, Status};
use serde_json::Value;

use crate::server::Target;

/// The selectors of a list or watch.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
    /// The fields that need a look into the object's JSON: the selector's name and the JSON pointer.
    pointers: Vec<(&'static str, &'static str)>,
}

impl Filter {
    pub(crate) fn of(target: &Target<'_>, request: &Request) -> Result<Self, Status> {
        let labels = match &request.options.label_selector {
            None => LabelSelector::default(),
            Some(text) => LabelSelector::parse(text).map_err(|error| Status::bad_request(error.to_string()))?,
        };
        let fields = match &request.options.field_selector {
            None => FieldSelector::default(),
            Some(text) => FieldSelector::parse(text).map_err(|error| Status::bad_request(error.to_string()))?,
        };
        let known = target.strategy.selectable_fields();
        let mut pointers = Vec::new();
        for field in fields.fields().filter(|field| !matches!(*field, "metadata.name" | "metadata.namespace")) {
            match known.iter().find(|(name, _)| *name == field) {
                Some(entry) => pointers.push(*entry),
                None => return Err(unsupported(target, field)),
            }
        }
        Ok(Self { labels, fields, pointers })
    }

    /// The name that every selected object must have, when the selector says so.
    pub(crate) fn exact_name(&self) -> Option<&str> {
        self.fields.exact("metadata.name")
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        let meta = object.meta();
        if !self.labels.matches(&meta.labels) {
            return false;
        }
        if self.fields.is_everything() {
            return true;
        }
        let value = if self.pointers.is_empty() { Value::Null } else { object.to_value() };
        self.fields.matches(|field| match field {
            "metadata.name" => meta.name.clone(),
            "metadata.namespace" => meta.namespace.clone().unwrap_or_default(),
            other => self.read(&value, other),
        })
    }

    fn read(&self, value: &Value, field: &str) -> String {
        let pointer = self.pointers.iter().find(|(name, _)| *name == field).map(|(_, pointer)| *pointer);
        match pointer.and_then(|pointer| value.pointer(pointer)) {
            None | Some(Value::Null) => default_of(field).to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

/// What upstream's field sets say of a field whose value is zero: numbers and booleans are never empty there.
fn default_of(field: &str) -> &'static str {
    match field {
        "status.successful" => "0",
        "spec.hostNetwork" | "spec.unschedulable" => "false",
        _ => "",
    }
}

fn unsupported(target: &Target<'_>, field: &str) -> Status {
    let kind = &target.strategy.descriptor().kind;
    let message = format!("field label not supported: {field}");
    // Upstream prefixes the group, version and resource of what was asked for only for some kinds; the text after it
    // is what clients show.
    tracing::trace!(kind = %kind.kind, field, "unsupported field selector");
    Status::bad_request(message)
}

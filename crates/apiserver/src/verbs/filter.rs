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
    /// The fields that need a look into the object's JSON.
    pointers: Vec<Field>,
}

/// A field that a selector asks about.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: &'static str,
    pointer: &'static str,
    /// Where it is read when it is absent there.
    fallback: Option<&'static str>,
    /// What the field reads as when it is absent.
    absent: &'static str,
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
                Some((name, pointer)) => {
                    let absent = target.strategy.selectable_default(name);
                    let fallback = target.strategy.selectable_fallback(name);
                    pointers.push(Field { name, pointer, fallback, absent });
                }
                None => return Err(unsupported(field)),
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
        self.fields.matches(|field| match field {
            "metadata.name" => meta.name.clone(),
            "metadata.namespace" => meta.namespace.clone().unwrap_or_default(),
            other => self.read(object, other),
        })
    }

    fn read(&self, object: &Object, name: &str) -> String {
        let Some(field) = self.pointers.iter().find(|field| field.name == name) else { return String::new() };
        let present = |pointer: &str| object.field(pointer).filter(|value| !value.is_null());
        match present(field.pointer).or_else(|| field.fallback.and_then(present)) {
            None | Some(Value::Null) => field.absent.to_owned(),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        }
    }
}

fn unsupported(field: &str) -> Status {
    Status::bad_request(format!("field label not supported: {field}"))
}

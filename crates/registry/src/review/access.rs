//! `authorization.k8s.io/v1` access reviews (`pkg/registry/authorization`, `pkg/apis/authorization/validation`): may
//! this user do that?

use api::field::{FieldErrors, Path};
use api::{Kind, Status};
use serde_json::{Value, json};

use super::metadata::require_empty;
use super::{Asked, Review};
use crate::errors::extend_invalid;
use crate::fields::{at, get, items, map_of, text};
use crate::strategy::Descriptor;

/// Why everything is allowed.
pub(super) const REASON: &str = "whoever holds a token of this server may do everything";

macro_rules! access_review {
    ($(#[$doc:meta])* $name:ident, $plural:literal, $singular:literal, $namespaced:literal, $validate:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Review for $name {
            fn descriptor(&self) -> &'static Descriptor {
                static DESCRIPTOR: Descriptor = Descriptor {
                    kind: Kind::known("authorization.k8s.io", "v1", stringify!($name)),
                    plural: $plural,
                    singular: $singular,
                    short_names: &[],
                    categories: &[],
                    namespaced: $namespaced,
                    subresources: &[],
                };
                &DESCRIPTOR
            }

            fn answer(&self, object: Value, asked: &Asked<'_>) -> Result<Value, Status> {
                answer(object, asked, $validate)
            }
        }
    };
}

access_review!(
    /// `SelfSubjectAccessReview`: may I?
    SelfSubjectAccessReview, "selfsubjectaccessreviews", "selfsubjectaccessreview", false, validate_self
);
access_review!(
    /// `SubjectAccessReview`: may this user or group?
    SubjectAccessReview, "subjectaccessreviews", "subjectaccessreview", false, validate_subject
);
access_review!(
    /// `LocalSubjectAccessReview`: may this user or group, in this namespace?
    LocalSubjectAccessReview, "localsubjectaccessreviews", "localsubjectaccessreview", true, validate_local
);

fn answer(mut object: Value, asked: &Asked<'_>, validate: fn(&Value) -> FieldErrors) -> Result<Value, Status> {
    if let Some(namespace) = asked.namespace {
        place(&mut object, namespace)?;
    }
    let errors = validate(&object);
    if !errors.is_empty() {
        // Upstream's decoded object has no kind of its own, so the message begins with a dot.
        return Err(Status::invalid(&Kind::known("authorization.k8s.io", "v1", ""), "", &errors));
    }
    let map = map_of(&mut object);
    map.entry("metadata").or_insert_with(|| json!({}));
    map.insert("status".to_owned(), json!({"allowed": true, "reason": REASON}));
    Ok(object)
}

/// Gives the object the namespace of the URL.
fn place(object: &mut Value, namespace: &str) -> Result<(), Status> {
    let metadata = map_of(map_of(object).entry("metadata").or_insert(Value::Null));
    let given = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if given.is_empty() {
        metadata.insert("namespace".to_owned(), namespace.into());
    } else if given != namespace {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

fn validate_self(review: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    validate_attributes(&mut errors, review);
    validate_selectors(&mut errors, review);
    require_empty(&mut errors, review, &[], "must be empty");
    errors
}

fn validate_subject(review: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    validate_attributes(&mut errors, review);
    validate_user(&mut errors, review);
    validate_selectors(&mut errors, review);
    require_empty(&mut errors, review, &[], "must be empty");
    errors
}

fn validate_local(review: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    validate_attributes(&mut errors, review);
    validate_user(&mut errors, review);
    validate_selectors(&mut errors, review);
    require_empty(&mut errors, review, &["namespace"], "must be empty except for namespace");
    let namespace = at(review, &["metadata"]).map_or("", |metadata| text(metadata, "namespace"));
    if let Some(resource) = at(review, &["spec", "resourceAttributes"])
        && text(resource, "namespace") != namespace
    {
        let path = Path::new("spec.resourceAttributes.namespace");
        errors.push(path.invalid(text(resource, "namespace"), "must match metadata.namespace"));
    }
    if let Some(path) = at(review, &["spec", "nonResourceAttributes"]) {
        let detail = "disallowed on this kind of request";
        errors.push(Path::new("spec.nonResourceAttributes").invalid(shown(path), detail));
    }
    errors
}

/// Non-resource attributes as upstream's messages show them.
fn shown(attributes: &Value) -> Value {
    json!({"Path": text(attributes, "path"), "Verb": text(attributes, "verb")})
}

fn validate_attributes(errors: &mut FieldErrors, review: &Value) {
    let path = Path::new("spec");
    match (at(review, &["spec", "resourceAttributes"]), at(review, &["spec", "nonResourceAttributes"])) {
        (Some(_), Some(other)) => {
            let detail = "cannot be specified in combination with resourceAttributes";
            errors.push(path.child("nonResourceAttributes").invalid(shown(other), detail));
        }
        (None, None) => {
            let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errors.push(path.child("resourceAttributes").invalid(Value::Null, detail));
        }
        _ => {}
    }
}

fn validate_user(errors: &mut FieldErrors, review: &Value) {
    let spec = review.get("spec").unwrap_or(&Value::Null);
    if text(spec, "user").is_empty() && items(spec, "groups").is_empty() {
        let path = Path::new("spec").child("user");
        errors.push(path.invalid("", "at least one of user or group must be specified"));
    }
}

fn validate_selectors(errors: &mut FieldErrors, review: &Value) {
    let Some(resource) = at(review, &["spec", "resourceAttributes"]) else { return };
    let path = Path::new("spec.resourceAttributes");
    for name in ["fieldSelector", "labelSelector"] {
        let Some(selector) = get(resource, name) else { continue };
        let path = path.child(name);
        let (raw, requirements) = (text(selector, "rawSelector"), items(selector, "requirements"));
        match (raw.is_empty(), requirements.is_empty()) {
            (false, false) => {
                let detail = "may not specified at the same time as requirements";
                errors.push(path.child("rawSelector").invalid(raw, detail));
            }
            (true, true) => {
                let detail = format!("when {path} is specified, requirements or rawSelector is required");
                errors.push(path.child("requirements").required(&detail));
            }
            _ => {}
        }
        for (index, requirement) in requirements.iter().enumerate() {
            validate_requirement(errors, &path.child("requirements").index(index), requirement, name);
        }
    }
}

/// Unknown operators pass: a newer client may know more of them.
fn validate_requirement(errors: &mut FieldErrors, path: &Path, requirement: &Value, selector: &str) {
    let (key, values) = (text(requirement, "key"), items(requirement, "values"));
    let of_fields = selector == "fieldSelector";
    if of_fields && key.is_empty() {
        errors.push(path.child("key").required("must be specified"));
    }
    match text(requirement, "operator") {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(path.child("values").required("must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(path.child("values").forbidden(detail));
        }
        _ => {}
    }
    if !of_fields {
        extend_invalid(errors, &path.child("key"), key, api::names::qualified_name_errors(key));
        for (index, value) in values.iter().filter_map(Value::as_str).enumerate() {
            let path = path.child("values").index(index);
            extend_invalid(errors, &path, value, api::names::label_value_errors(value));
        }
    }
}

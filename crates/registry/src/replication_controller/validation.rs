//! Validation of ReplicationControllers (`pkg/apis/core/validation/validation.go`).

use api::field::{FieldErrors, Path};
use serde_json::{Value, json};

use crate::errors::require_not_negative;
use crate::fields::{entries, get, int, is_empty_map, number, text};
use crate::labels;
use crate::pod_spec::validate_template;

/// A new controller, or what an update makes of one.
pub(super) fn validate(controller: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec");
    let spec = controller.get("spec").unwrap_or(&Value::Null);
    require_not_negative(&mut errors, &path.child("minReadySeconds"), int(spec, "minReadySeconds"));
    if is_empty_map(spec, "selector") {
        errors.push(path.child("selector").required(""));
    }
    match int(spec, "replicas") {
        None => errors.push(path.child("replicas").required("")),
        replicas => require_not_negative(&mut errors, &path.child("replicas"), replicas),
    }
    validate_pods(&mut errors, &path.child("template"), spec);
    errors
}

fn validate_pods(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(template) = get(spec, "template") else {
        errors.push(path.required(""));
        return;
    };
    let metadata = get(template, "metadata").unwrap_or(&Value::Null);
    let selects = |(key, value): (&String, &Value)| labels::label(metadata, key) == value.as_str();
    if !entries(spec, "selector").all(selects) {
        let shown = get(metadata, "labels").cloned().unwrap_or(json!(null));
        let path = path.child("metadata").child("labels");
        errors.push(path.invalid(shown, "`selector` does not match template `labels`"));
    }
    validate_template(errors, path, template);
    let pods = get(template, "spec").unwrap_or(&Value::Null);
    let path = path.child("spec");
    let policy = text(pods, "restartPolicy");
    if policy != "Always" {
        errors.push(path.child("restartPolicy").not_supported(policy, &["Always"]));
    }
    if get(pods, "activeDeadlineSeconds").is_some() {
        let detail = "activeDeadlineSeconds in ReplicationController is not Supported";
        errors.push(path.child("activeDeadlineSeconds").forbidden(detail));
    }
}

/// A status that a controller writes.
pub(super) fn validate_status(controller: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("status");
    let status = controller.get("status").unwrap_or(&Value::Null);
    for name in ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"] {
        require_not_negative(&mut errors, &path.child(name), int(status, name));
    }
    let replicas = number(status, "replicas");
    for name in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        let value = number(status, name);
        if value > replicas {
            errors.push(path.child(name).invalid(value, "cannot be greater than status.replicas"));
        }
    }
    let available = number(status, "availableReplicas");
    if available > number(status, "readyReplicas") {
        errors.push(path.child("availableReplicas").invalid(available, "cannot be greater than readyReplicas"));
    }
    errors
}

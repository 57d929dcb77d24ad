//! Validation of the claim that a generic ephemeral volume makes (`ValidatePersistentVolumeClaimTemplate`).

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{at, get, items, text};
use crate::labels::{validate_annotations, validate_labels, validate_selector};
use crate::quantity::Quantity;

const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const VOLUME_MODES: &[&str] = &["Block", "Filesystem"];

/// `validateEphemeralVolumeSource`.
pub(super) fn validate(errors: &mut FieldErrors, path: &Path, source: &Value) {
    let path = path.child("volumeClaimTemplate");
    let Some(template) = get(source, "volumeClaimTemplate") else {
        errors.push(path.required(""));
        return;
    };
    if let Some(metadata) = get(template, "metadata") {
        validate_metadata(errors, &path.child("metadata"), metadata);
    }
    validate_spec(errors, &path.child("spec"), template.get("spec").unwrap_or(&Value::Null));
}

fn validate_metadata(errors: &mut FieldErrors, path: &Path, metadata: &Value) {
    validate_annotations(errors, &path.child("annotations"), metadata);
    validate_labels(errors, &path.child("labels"), metadata, "labels");
    let fields = metadata.as_object().into_iter().flatten();
    for (name, _) in fields.filter(|(name, value)| *name != "labels" && *name != "annotations" && !value.is_null()) {
        errors.push(path.child(name).forbidden("cannot be set"));
    }
}

/// `ValidatePersistentVolumeClaimSpec`.
fn validate_spec(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    validate_access_modes(errors, &path.child("accessModes"), spec);
    if let Some(selector) = get(spec, "selector") {
        validate_selector(errors, &path.child("selector"), selector);
    }
    let storage = path.child("resources").key("storage");
    match at(spec, &["resources", "requests", "storage"]).map(Quantity::of) {
        None => errors.push(storage.required("")),
        Some(Ok(size)) if size.nanos() <= 0 => {
            errors.push(storage.invalid(size.to_string(), "must be greater than zero"));
        }
        Some(_) => {}
    }
    for name in ["storageClassName", "volumeAttributesClassName"] {
        let class = text(spec, name);
        if !class.is_empty() {
            extend_invalid(errors, &path.child(name), class, names::dns_subdomain_errors(class));
        }
    }
    if let Some(mode) = get(spec, "volumeMode").and_then(Value::as_str).filter(|mode| !VOLUME_MODES.contains(mode)) {
        errors.push(path.child("volumeMode").not_supported(mode, VOLUME_MODES));
    }
    validate_sources(errors, path, spec);
}

fn validate_access_modes(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let modes = items(spec, "accessModes");
    if modes.is_empty() {
        errors.push(path.required("at least 1 access mode is required"));
    }
    for mode in modes.iter().filter_map(Value::as_str).filter(|mode| !ACCESS_MODES.contains(mode)) {
        errors.push(path.not_supported(mode, ACCESS_MODES));
    }
    let single = "ReadWriteOncePod";
    let mut known = modes.iter().filter_map(Value::as_str).filter(|mode| ACCESS_MODES.contains(mode));
    if modes.iter().any(|mode| mode == single) && known.any(|mode| mode != single) {
        errors.push(path.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
}

fn validate_sources(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    for name in ["dataSource", "dataSourceRef"] {
        if let Some(source) = get(spec, name) {
            validate_source(errors, &path.child(name), source);
        }
    }
    let (Some(source), Some(reference)) = (get(spec, "dataSource"), get(spec, "dataSourceRef")) else { return };
    // Upstream shows a Go path here, which has no exported fields.
    let mut refuse = |detail: &str| errors.push(path.invalid(serde_json::json!({}), detail));
    let same = |name: &str| get(source, name) == get(reference, name);
    if !text(reference, "namespace").is_empty() {
        refuse("may not be specified when dataSourceRef.namespace is specified");
    } else if !(same("apiGroup") && same("kind") && same("name")) {
        refuse("must match dataSourceRef");
    }
}

fn validate_source(errors: &mut FieldErrors, path: &Path, source: &Value) {
    for name in ["name", "kind"] {
        if text(source, name).is_empty() {
            errors.push(path.child(name).required(""));
        }
    }
    let (group, kind, namespace) = (text(source, "apiGroup"), text(source, "kind"), text(source, "namespace"));
    if group.is_empty() {
        if kind != "PersistentVolumeClaim" {
            let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.push(path.invalid(kind, detail));
        }
    } else {
        extend_invalid(errors, &path.child("apiGroup"), group, names::dns_subdomain_errors(group));
    }
    if !namespace.is_empty() {
        extend_invalid(errors, &path.child("namespace"), namespace, names::dns_label_errors(namespace));
    }
}

//! Validation of `metadata` (`k8s.io/apimachinery/pkg/api/validation/objectmeta.go`). The generic verbs call this for
//! every kind; strategies validate everything else. Name generation has happened, and on updates the fields that a
//! client may leave out (uid, timestamps) count as unchanged.

use api::field::{FieldErrors, Path};
use api::names;
use api::resource::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use serde_json::Value;

use crate::errors::{IMMUTABLE, extend_invalid, invalid_as, require_not_negative};
use crate::fields::{flag, get, int, items, number, text};
use crate::labels::{validate_annotations, validate_labels};

/// What is wrong with the metadata of a new object. `name_errors` is the kind's name rule.
pub fn validate_create(meta: &Value, namespaced: bool, name_errors: &dyn Fn(&str) -> Vec<String>) -> FieldErrors {
    let path = Path::new("metadata");
    let mut errors = FieldErrors::new();
    validate_name(&mut errors, &path, meta, name_errors);
    validate_namespace(&mut errors, &path, text(meta, "namespace"), namespaced);
    require_not_negative(&mut errors, &path.child("generation"), int(meta, "generation"));
    validate_common(&mut errors, &path, meta);
    validate_finalizers(&mut errors, &path.child("finalizers"), meta);
    validate_managed_fields(&mut errors, &path, meta);
    validate_standard_finalizers(&mut errors, &path, meta);
    errors
}

/// What is wrong with the metadata of an update.
pub fn validate_update(new: &Value, old: &Value) -> FieldErrors {
    let path = Path::new("metadata");
    let mut errors = FieldErrors::new();
    if get(old, "deletionTimestamp").is_some() {
        forbid_new_finalizers(&mut errors, &path.child("finalizers"), new, old);
    }
    if number(new, "generation") < number(old, "generation") && get(new, "generation").is_some() {
        errors.push(path.child("generation").invalid(number(new, "generation"), "must not be decremented"));
    }
    for name in ["name", "namespace"] {
        if text(new, name) != text(old, name) {
            errors.push(path.child(name).invalid(text(new, name), IMMUTABLE));
        }
    }
    for name in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        if let Some(value) = get(new, name).filter(|value| Some(*value) != get(old, name)) {
            errors.push(path.child(name).invalid(value.clone(), IMMUTABLE));
        }
    }
    // What did not change was valid when it came in; the hot path skips it.
    let same = |name| new.get(name) == old.get(name);
    if !same("finalizers") {
        validate_finalizers(&mut errors, &path.child("finalizers"), new);
    }
    if !(same("labels") && same("annotations") && same("ownerReferences")) {
        validate_common(&mut errors, &path, new);
    }
    validate_managed_fields(&mut errors, &path, new);
    validate_standard_finalizers(&mut errors, &path, new);
    errors
}

/// Warns of a name that is no DNS label, where pods are named after the object.
pub(crate) fn pod_name_warning(object: &Value) -> Option<String> {
    let wrong = names::dns_label_errors(get(object, "metadata").map_or("", |metadata| text(metadata, "name")));
    (!wrong.is_empty()).then(|| {
        format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [{}]",
            wrong.join(" ")
        )
    })
}

fn validate_name(errors: &mut FieldErrors, path: &Path, meta: &Value, rule: &dyn Fn(&str) -> Vec<String>) {
    let base = text(meta, "generateName");
    if !base.is_empty() {
        extend_invalid(errors, &path.child("generateName"), base, rule(&without_trailing_dash(base)));
    }
    match text(meta, "name") {
        "" => errors.push(path.child("name").required("name or generateName is required")),
        name => extend_invalid(errors, &path.child("name"), name, rule(name)),
    }
}

/// A suffix follows, so a dash at the end is right (`maskTrailingDash`).
fn without_trailing_dash(base: &str) -> String {
    match base.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let mut letters = rest.chars();
            letters.next_back();
            format!("{}a", letters.as_str())
        }
        _ => base.to_owned(),
    }
}

fn validate_namespace(errors: &mut FieldErrors, path: &Path, namespace: &str, namespaced: bool) {
    let path = path.child("namespace");
    match (namespaced, namespace) {
        (true, "") => errors.push(path.required("")),
        (true, namespace) => extend_invalid(errors, &path, namespace, names::dns_label_errors(namespace)),
        (false, "") => {}
        (false, _) => errors.push(path.forbidden("not allowed on this type")),
    }
}

fn validate_common(errors: &mut FieldErrors, path: &Path, meta: &Value) {
    validate_labels(errors, &path.child("labels"), meta, "labels");
    validate_annotations(errors, &path.child("annotations"), meta);
    validate_owners(errors, &path.child("ownerReferences"), meta);
}

fn validate_owners(errors: &mut FieldErrors, path: &Path, meta: &Value) {
    let mut controller: Option<String> = None;
    for owner in items(meta, "ownerReferences") {
        validate_owner(errors, path, owner);
        if !flag(owner, "controller") {
            continue;
        }
        let current = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
        match &controller {
            Some(first) => {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {current}"
                );
                errors.push(invalid_as(path, "[]OwnerReference", get(meta, "ownerReferences"), &detail));
            }
            None => controller = Some(current),
        }
    }
}

fn validate_owner(errors: &mut FieldErrors, path: &Path, owner: &Value) {
    let api_version = text(owner, "apiVersion");
    if api_version.is_empty() || api_version.ends_with('/') {
        errors.push(path.child("apiVersion").invalid(api_version, "version must not be empty"));
    }
    for name in ["kind", "name", "uid"] {
        if text(owner, name).is_empty() {
            errors.push(path.child(name).invalid("", "must not be empty"));
        }
    }
    if api_version == "v1" && text(owner, "kind") == "Event" {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        errors.push(invalid_as(path, "OwnerReference", Some(owner), detail));
    }
}

fn validate_finalizers(errors: &mut FieldErrors, path: &Path, meta: &Value) {
    let finalizers = items(meta, "finalizers");
    for finalizer in finalizers.iter().filter_map(Value::as_str) {
        extend_invalid(errors, path, finalizer, names::qualified_name_errors(finalizer));
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has(ORPHAN_FINALIZER) && has(FOREGROUND_FINALIZER) {
        let detail = format!("finalizer {ORPHAN_FINALIZER} and {FOREGROUND_FINALIZER} cannot be both set");
        errors.push(path.invalid(finalizers.to_vec(), detail));
    }
}

fn validate_standard_finalizers(errors: &mut FieldErrors, path: &Path, meta: &Value) {
    for (index, finalizer) in items(meta, "finalizers").iter().filter_map(Value::as_str).enumerate() {
        if !finalizer.contains('/') {
            validate_standard_finalizer(errors, &path.child("finalizers").index(index), finalizer);
        }
    }
}

/// A finalizer without a domain is one of Kubernetes' own (`validateKubeFinalizerName`).
pub(crate) fn validate_standard_finalizer(errors: &mut FieldErrors, path: &Path, finalizer: &str) {
    if !finalizer.contains('/') && !matches!(finalizer, "kubernetes" | ORPHAN_FINALIZER | FOREGROUND_FINALIZER) {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(path.invalid(finalizer, detail));
    }
}

fn forbid_new_finalizers(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    let known = items(old, "finalizers");
    let mut added: Vec<&str> =
        items(new, "finalizers").iter().filter(|name| !known.contains(name)).filter_map(Value::as_str).collect();
    added.sort_unstable();
    added.dedup();
    if !added.is_empty() {
        let list: Vec<String> = added.iter().map(|name| format!("{name:?}")).collect();
        errors.push(path.forbidden(format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            list.join(", ")
        )));
    }
}

fn validate_managed_fields(errors: &mut FieldErrors, path: &Path, meta: &Value) {
    for (index, entry) in items(meta, "managedFields").iter().enumerate() {
        let path = || path.child("managedFields").index(index);
        let operation = text(entry, "operation");
        if !matches!(operation, "Apply" | "Update") {
            errors.push(path().child("operation").invalid(operation, "must be `Apply` or `Update`"));
        }
        let fields_type = text(entry, "fieldsType");
        if !matches!(fields_type, "" | "FieldsV1") {
            errors.push(path().child("fieldsType").invalid(fields_type, "must be `FieldsV1`"));
        }
    }
}

#[cfg(test)]
mod tests;

//! Validation of updates to Jobs (`ValidateJobSpecUpdate`): what is immutable, and what a suspended Job may change.

use api::conditions;
use api::field::{FieldErrors, Path};
use serde_json::{Map, Value};

use crate::errors::{require_unchanged, require_unchanged_as};
use crate::fields::{flag, get, int, items, number, text};
use crate::job::{CONTROLLER_UID, JOB_NAME, completions, is_indexed, spec};
use crate::labels;

/// Fields, and their types as errors show them.
const IMMUTABLE_AFTER_TEMPLATE: &[(&str, &str)] = &[
    ("completionMode", "*s"),
    ("podFailurePolicy", "*PodFailurePolicy"),
    ("backoffLimitPerIndex", "*i"),
    ("managedBy", "*s"),
    ("successPolicy", "*SuccessPolicy"),
];

/// Validates an update of the main resource. A spec that did not change was validated when it came in.
pub(crate) fn validate(new: &Value, old: &Value) -> FieldErrors {
    let (Some(new_spec), Some(old_spec)) = (get(new, "spec"), get(old, "spec")) else {
        return spec::validate_job(new, true);
    };
    if new_spec == old_spec {
        return FieldErrors::new();
    }
    let old_labels = old.pointer("/spec/template/metadata").unwrap_or(&Value::Null);
    let prefixed = [JOB_NAME, CONTROLLER_UID].iter().all(|key| labels::label(old_labels, key).is_some());
    let mut errors = spec::validate_job(new, prefixed);
    let path = Path::new("spec");
    validate_completions(&mut errors, &path, new_spec, old_spec);
    let selector = path.child("selector");
    require_unchanged_as(
        &mut errors,
        &selector,
        "*LabelSelector",
        get(new_spec, "selector"),
        get(old_spec, "selector"),
    );
    validate_template(&mut errors, &path, new_spec, old_spec, is_template_mutable(old));
    for (name, ty) in IMMUTABLE_AFTER_TEMPLATE {
        require_unchanged_as(&mut errors, &path.child(name), ty, get(new_spec, name), get(old_spec, name));
    }
    errors
}

/// `shouldAllowMutablePodTemplate`: suspended, nothing active, and never started or known to be suspended.
fn is_template_mutable(job: &Value) -> bool {
    let status = job.get("status").unwrap_or(&Value::Null);
    let suspended = get(job, "spec").is_some_and(|spec| flag(spec, "suspend"));
    let at_rest = get(status, "startTime").is_none() || conditions::is_true(job, "Suspended");
    suspended && at_rest && number(status, "active") == 0
}

/// An Indexed Job may change its completions together with its parallelism (elastic Indexed Jobs).
fn validate_completions(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    let path = path.child("completions");
    if !is_indexed(new) {
        require_unchanged(errors, &path, get(new, "completions"), get(old, "completions"));
        return;
    }
    let Some(count) = completions(new).filter(|count| Some(*count) != completions(old)) else { return };
    if Some(count) != int(new, "parallelism") {
        errors.push(path.invalid(count, "can only be modified in tandem with spec.parallelism"));
    }
}

fn validate_template(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value, mutable: bool) {
    let (template, old_template) = (get(new, "template"), get(old, "template"));
    if template == old_template {
        return;
    }
    let (Some(template), Some(old_template), true) = (template, old_template, mutable) else {
        require_unchanged_as(errors, &path.child("template"), "*PodTemplateSpec", template, old_template);
        return;
    };
    let mut allowed = old_template.get("spec").cloned().unwrap_or(Value::Null);
    let spec = template.get("spec").unwrap_or(&Value::Null);
    allow_scheduling(&mut allowed, spec);
    allow_resources(&mut allowed, spec);
    // Upstream compares the specs only, and names this path; metadata besides labels and annotations is not compared.
    let path = path.child("template").child("spec");
    require_unchanged_as(errors, &path, "PodSpec", Some(spec), Some(&allowed));
}

fn set(object: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    match value {
        Some(value) => object.insert(name.to_owned(), value.clone()),
        None => object.remove(name),
    };
}

/// Takes over the scheduling directives that may change.
fn allow_scheduling(allowed: &mut Value, spec: &Value) {
    let Some(allowed) = allowed.as_object_mut() else { return };
    for name in ["nodeSelector", "tolerations", "schedulingGates"] {
        set(allowed, name, get(spec, name));
    }
    let mut affinity = allowed.remove("affinity").unwrap_or_else(|| Value::Object(Map::new()));
    let new = get(spec, "affinity");
    if let Some(affinity) = affinity.as_object_mut() {
        set(affinity, "nodeAffinity", new.and_then(|new| get(new, "nodeAffinity")));
    }
    let empty = affinity.as_object().is_none_or(Map::is_empty);
    if !(empty && new.is_none()) {
        allowed.insert("affinity".to_owned(), affinity);
    }
}

/// Takes over the resources of containers whose names and number did not change.
fn allow_resources(allowed: &mut Value, spec: &Value) {
    for list in ["containers", "initContainers"] {
        let new = items(spec, list);
        let Some(old) = allowed.get_mut(list).and_then(Value::as_array_mut).filter(|old| old.len() == new.len()) else {
            continue;
        };
        for (old, new) in old.iter_mut().zip(new) {
            if text(old, "name") != text(new, "name") {
                continue;
            }
            if let Some(old) = old.as_object_mut() {
                set(old, "resources", get(new, "resources"));
            }
        }
    }
}

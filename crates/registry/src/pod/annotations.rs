//! Validation of the annotations that mean something for pods: the predecessors of fields, and the cost of a deletion.

use api::field::{FieldErrors, Path, go_quoted};
use serde_json::Value;

use crate::fields::{at, entries, get, text};
use crate::pod_spec::volumes::paths::validate_relative;
use crate::pod_spec::{each_container, validate_tolerations};

const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const MIRROR: &str = "kubernetes.io/config.mirror";

fn annotation<'a>(metadata: &'a Value, key: &str) -> Option<&'a str> {
    get(metadata, "annotations")?.get(key)?.as_str()
}

/// `ValidatePodSpecificAnnotations`.
pub(crate) fn validate(errors: &mut FieldErrors, metadata: &Value, spec: &Value) {
    if entries(metadata, "annotations").next().is_none() {
        return;
    }
    let path = Path::new("metadata").child("annotations");
    if let Some(value) = annotation(metadata, MIRROR).filter(|_| text(spec, "nodeName").is_empty()) {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errors.push(path.key(MIRROR).invalid(value, detail));
    }
    validate_old_tolerations(errors, &path, metadata);
    if let Some(cost) = annotation(metadata, DELETION_COST).filter(|cost| !is_cost(cost)) {
        errors.push(path.key(DELETION_COST).invalid(cost, "must be a 32bit integer"));
    }
    validate_seccomp(errors, &path, metadata);
    validate_app_armor(errors, &path, metadata, spec);
}

/// A number without a plus sign or leading zeros.
fn is_cost(text: &str) -> bool {
    let starts_right = text == "0" || text.starts_with('-') || text.starts_with(|first| ('1'..='9').contains(&first));
    starts_right && text.parse::<i32>().is_ok()
}

fn validate_old_tolerations(errors: &mut FieldErrors, path: &Path, metadata: &Value) {
    let Some(value) = annotation(metadata, TOLERATIONS).filter(|value| !value.is_empty()) else { return };
    match serde_json::from_str::<Vec<Value>>(value) {
        Ok(tolerations) => validate_tolerations(errors, &path.child(TOLERATIONS), &tolerations),
        // Differs: the reason is this parser's and not Go's.
        Err(why) => errors.push(path.invalid(TOLERATIONS, why)),
    }
}

fn validate_seccomp(errors: &mut FieldErrors, path: &Path, metadata: &Value) {
    for (key, profile) in entries(metadata, "annotations") {
        if key != SECCOMP_POD && !key.starts_with(SECCOMP_CONTAINER) {
            continue;
        }
        let profile = profile.as_str().unwrap_or_default();
        match profile {
            "runtime/default" | "docker/default" | "unconfined" => {}
            _ => match profile.strip_prefix("localhost/") {
                Some(local) => validate_relative(errors, &path.child(key), local),
                None => errors.push(path.child(key).invalid(profile, "must be a valid seccomp profile")),
            },
        }
    }
}

fn validate_app_armor(errors: &mut FieldErrors, path: &Path, metadata: &Value, spec: &Value) {
    for (key, profile) in entries(metadata, "annotations") {
        let Some(container) = key.strip_prefix(APP_ARMOR) else { continue };
        let mut exists = false;
        each_container(spec, &Path::new("spec"), |_, other| exists |= text(other, "name") == container);
        if !exists {
            errors.push(path.key(key).invalid(container, "container not found"));
        }
        let profile = profile.as_str().unwrap_or_default();
        if !matches!(profile, "" | "runtime/default" | "unconfined") && !profile.starts_with("localhost/") {
            let detail = format!("invalid AppArmor profile name: {}", go_quoted(profile));
            errors.push(path.key(key).invalid(profile, detail));
        }
    }
}

/// `ValidatePodSpecificAnnotationUpdates`, before the rules for new annotations.
pub(crate) fn validate_update(errors: &mut FieldErrors, new: &Value, old: &Value) {
    let path = Path::new("metadata").child("annotations");
    let mut forbid = |key: &str, what: &str| {
        if key.starts_with(APP_ARMOR) {
            errors.push(path.key(key).forbidden(format!("may not {what} AppArmor annotations")));
        } else if key == MIRROR {
            errors.push(path.key(key).forbidden(format!("may not {what} mirror pod annotation")));
        }
    };
    for (key, value) in entries(old, "annotations") {
        if annotation(new, key) != value.as_str() {
            forbid(key, "remove or update");
        }
    }
    for (key, _) in entries(new, "annotations").filter(|(key, _)| annotation(old, key).is_none()) {
        forbid(key, "add");
    }
}

/// A profile in an annotation must be the one in the field, when a pod comes with both
/// (`validateSeccompAnnotationsAndFields`, `validateAppArmorAnnotationsAndFieldsMatchOnCreate`).
pub(crate) fn validate_against_fields(errors: &mut FieldErrors, metadata: &Value, spec: &Value) {
    if entries(metadata, "annotations").next().is_none() {
        return;
    }
    let path = Path::new("spec");
    let seccomp = |holder| at(holder, &["securityContext", "seccompProfile"]);
    let below = |path: &Path, name: &str| path.child("securityContext").child(name);
    require_match(errors, "seccomp", &below(&path, "seccompProfile"), annotation(metadata, SECCOMP_POD), seccomp(spec));
    each_container(spec, &path, |path, container| {
        let annotated = annotation(metadata, &format!("{SECCOMP_CONTAINER}{}", text(container, "name")));
        require_match(errors, "seccomp", &below(path, "seccompProfile"), annotated, seccomp(container));
    });
    if at(spec, &["os", "name"]).is_some_and(|name| name == "windows") {
        return;
    }
    let app_armor = |holder| at(holder, &["securityContext", "appArmorProfile"]);
    each_container(spec, &path, |path, container| {
        let annotated = annotation(metadata, &format!("{APP_ARMOR}{}", text(container, "name")));
        let profile = app_armor(container).or(app_armor(spec));
        require_match(errors, "apparmor", &below(path, "appArmorProfile"), annotated, profile);
    });
}

fn require_match(errors: &mut FieldErrors, what: &str, path: &Path, annotated: Option<&str>, profile: Option<&Value>) {
    let (Some(annotated), Some(profile)) = (annotated, profile) else { return };
    let is_match = match text(profile, "type") {
        "Unconfined" => annotated == "unconfined",
        "RuntimeDefault" => annotated == "runtime/default" || (what == "seccomp" && annotated == "docker/default"),
        "Localhost" => {
            let local = annotated.strip_prefix("localhost/");
            if local.is_some_and(|local| get(profile, "localhostProfile").and_then(Value::as_str) != Some(local)) {
                let detail = format!("{what} profile in annotation and field must match");
                errors.push(path.child("localhostProfile").forbidden(detail));
            }
            local.is_some()
        }
        _ => true,
    };
    if !is_match {
        errors.push(path.child("type").forbidden(format!("{what} type in annotation and field must match")));
    }
}

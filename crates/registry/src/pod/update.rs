//! Validation of new pods and of updates to their spec (`ValidatePodCreate`, `ValidatePodUpdate`).

use api::field::{FieldErrors, Path};
use serde_json::{Map, Value};

use crate::fields::{get, int, items, text};
use crate::pod_spec::{self, Holder, validate_tolerations};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Validates a new pod.
pub(crate) fn validate_create(pod: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let path = Path::new("spec");
    validate_spec(&mut errors, &path, spec);
    if !items(spec, "ephemeralContainers").is_empty() {
        errors.push(path.child("ephemeralContainers").forbidden("cannot be set on create"));
    }
    if !text(spec, "nodeName").is_empty() && !items(spec, "schedulingGates").is_empty() {
        errors.push(path.child("nodeName").forbidden("cannot be set until all schedulingGates have been cleared"));
    }
    errors
}

/// `validatePodMetadataAndSpec`, save for the metadata.
pub(crate) fn validate_spec(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    pod_spec::validate(errors, path, spec, Holder::Pod);
    forbid_tokens_without_account(errors, path, spec);
    for list in ["containers", "initContainers"] {
        for (index, container) in items(spec, list).iter().enumerate() {
            validate_image(errors, &path.child(list).index(index), container);
        }
    }
}

fn validate_image(errors: &mut FieldErrors, path: &Path, container: &Value) {
    let image = text(container, "image");
    if image.trim().len() != image.len() {
        errors.push(path.child("image").invalid(image, "must not have leading or trailing whitespace"));
    }
}

fn forbid_tokens_without_account(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    if !text(spec, "serviceAccountName").is_empty() {
        return;
    }
    for (index, volume) in items(spec, "volumes").iter().enumerate() {
        let Some(projected) = get(volume, "projected") else { continue };
        for (source_index, source) in items(projected, "sources").iter().enumerate() {
            if get(source, "serviceAccountToken").is_some() {
                let path = path.child("volumes").index(index).child("projected").child("sources").index(source_index);
                let detail = "must not be specified when serviceAccountName is not set";
                errors.push(path.child("serviceAccountToken").forbidden(detail));
            }
        }
    }
}

/// Validates an update of the main resource. A spec that did not change was validated when it came in.
pub(crate) fn validate(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let null = &Value::Null;
    let (new, old) = (new.get("spec").unwrap_or(null), old.get("spec").unwrap_or(null));
    if new == old {
        return errors;
    }
    let path = Path::new("spec");
    validate_spec(&mut errors, &path, new);
    for list in ["containers", "initContainers"] {
        if items(new, list).len() != items(old, list).len() {
            errors.push(path.child(list).forbidden("pod updates may not add or remove containers"));
            return errors;
        }
    }
    if !validate_deadline(&mut errors, &path.child("activeDeadlineSeconds"), new, old) {
        return errors;
    }
    validate_added_tolerations(&mut errors, &path.child("tolerations"), new, old);
    validate_removed_gates(&mut errors, &path.child("schedulingGates"), new, old);
    let allowed = with_updatable_fields(old, new);
    if *new != allowed {
        let detail = format!("pod updates may not change fields other than {UPDATABLE}\n{}", diff(&allowed, new));
        errors.push(path.forbidden(detail));
    }
    errors
}

/// The deadline may be set, or lowered. False ends the validation, as upstream's early returns do.
fn validate_deadline(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) -> bool {
    let (new, old) = (int(new, "activeDeadlineSeconds"), int(old, "activeDeadlineSeconds"));
    match (new, old) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            errors.push(path.invalid(new, "must be between 0 and 2147483647, inclusive"));
            false
        }
        (Some(new), Some(old)) if old < new => {
            errors.push(path.invalid(new, "must be less than or equal to previous value"));
            false
        }
        (None, Some(_)) => {
            errors.push(path.invalid(Value::Null, "must not update from a positive integer to nil value"));
            true
        }
        _ => true,
    }
}

fn validate_added_tolerations(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    let without_seconds = |toleration: &Value| -> Map<String, Value> {
        let fields = toleration.as_object().into_iter().flatten();
        fields
            .filter(|(name, _)| *name != "tolerationSeconds")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let new = items(new, "tolerations");
    for toleration in items(old, "tolerations") {
        let kept = without_seconds(toleration);
        if !new.iter().any(|toleration| without_seconds(toleration) == kept) {
            let detail = "existing toleration can not be modified except its tolerationSeconds";
            errors.push(path.forbidden(detail));
            return;
        }
    }
    validate_tolerations(errors, path, new);
}

fn validate_removed_gates(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    let known = items(old, "schedulingGates");
    for (index, gate) in items(new, "schedulingGates").iter().enumerate() {
        let name = text(gate, "name");
        if !known.iter().any(|old| text(old, "name") == name) {
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            errors.push(path.index(index).child("name").forbidden(detail));
        }
    }
}

/// The old spec with the fields of the new one that may change.
fn with_updatable_fields(old: &Value, new: &Value) -> Value {
    let mut allowed = old.clone();
    let Some(map) = allowed.as_object_mut() else { return allowed };
    for name in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        match get(new, name) {
            Some(value) => map.insert(name.to_owned(), value.clone()),
            // A deadline that goes has an error of its own already.
            None => map.remove(name),
        };
    }
    let gated = !items(old, "schedulingGates").is_empty();
    if gated {
        take_gated_fields(map, old, new);
    }
    let grace = "terminationGracePeriodSeconds";
    if int(old, grace).is_some_and(|seconds| seconds < 0) && int(new, grace) == Some(1) {
        map.insert(grace.to_owned(), 1.into());
    }
    for list in ["containers", "initContainers"] {
        for (container, new) in
            allowed.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().zip(items(new, list))
        {
            if let (Some(container), Some(image)) = (container.as_object_mut(), get(new, "image")) {
                container.insert("image".to_owned(), image.clone());
            }
        }
    }
    allowed
}

/// A gated pod may gain node selectors.
fn take_gated_fields(allowed: &mut Map<String, Value>, old: &Value, new: &Value) {
    let kept = crate::fields::entries(old, "nodeSelector")
        .all(|(key, value)| get(new, "nodeSelector").and_then(|selector| selector.get(key)) == Some(value));
    if let Some(selector) = get(new, "nodeSelector").filter(|_| kept) {
        allowed.insert("nodeSelector".to_owned(), selector.clone());
    }
}

/// The top-level fields that differ, old with `-` and new with `+`. Differs: upstream prints a diff of Go structs.
pub(crate) fn diff(old: &Value, new: &Value) -> String {
    let null = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&null), new.as_object().unwrap_or(&null));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut lines = String::new();
    for name in names {
        let (before, after) = (old.get(name), new.get(name));
        if before == after {
            continue;
        }
        for (sign, value) in [('-', before), ('+', after)] {
            if let Some(value) = value {
                lines.push_str(&format!("{sign}\t{name}: {value}\n"));
            }
        }
    }
    lines
}

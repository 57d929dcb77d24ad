//! Validation of new pods and of updates to their spec (`ValidatePodCreate`, `ValidatePodUpdate`).

use api::field::{FieldErrors, Path};
use serde_json::{Map, Value};

use crate::diff::unified;
use crate::fields::{get, int, items, text};
use crate::pod::{annotations, gated};
use crate::pod_spec::{self, validate_tolerations};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Validates a new pod.
pub(crate) fn validate_create(pod: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let null = &Value::Null;
    let (metadata, spec) = (pod.get("metadata").unwrap_or(null), pod.get("spec").unwrap_or(null));
    let path = Path::new("spec");
    validate_whole(&mut errors, metadata, spec);
    if !items(spec, "ephemeralContainers").is_empty() {
        errors.push(path.child("ephemeralContainers").forbidden("cannot be set on create"));
    }
    if !text(spec, "nodeName").is_empty() && !items(spec, "schedulingGates").is_empty() {
        errors.push(path.child("nodeName").forbidden("cannot be set until all schedulingGates have been cleared"));
    }
    annotations::validate_against_fields(&mut errors, metadata, spec);
    errors
}

/// `validatePodMetadataAndSpec`, save for what the metadata of all kinds have in common.
pub(crate) fn validate_whole(errors: &mut FieldErrors, metadata: &Value, spec: &Value) {
    annotations::validate(errors, metadata, spec);
    let path = &Path::new("spec");
    pod_spec::validate_pod(errors, path, spec, text(metadata, "name"));
    forbid_tokens_without_account(errors, path, spec);
    for list in ["containers", "initContainers"] {
        for (index, container) in items(spec, list).iter().enumerate() {
            pod_spec::validate_image_padding(errors, &path.child(list).index(index), container);
        }
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
    let (metadata, old_metadata) = (new.get("metadata").unwrap_or(null), old.get("metadata").unwrap_or(null));
    if get(metadata, "annotations") != get(old_metadata, "annotations") {
        annotations::validate_update(&mut errors, metadata, old_metadata);
        annotations::validate(&mut errors, metadata, new.get("spec").unwrap_or(null));
    }
    if new.get("spec") == old.get("spec") {
        return errors;
    }
    validate_change(&mut errors, metadata, new.get("spec").unwrap_or(null), old.get("spec").unwrap_or(null));
    errors
}

fn validate_change(errors: &mut FieldErrors, metadata: &Value, new: &Value, old: &Value) {
    let path = Path::new("spec");
    validate_whole(errors, metadata, new);
    for list in ["containers", "initContainers"] {
        if items(new, list).len() != items(old, list).len() {
            errors.push(path.child(list).forbidden("pod updates may not add or remove containers"));
            return;
        }
    }
    if !validate_deadline(errors, &path.child("activeDeadlineSeconds"), new, old) {
        return;
    }
    validate_added_tolerations(errors, &path.child("tolerations"), new, old);
    validate_removed_gates(errors, &path.child("schedulingGates"), new, old);
    let munged = munged(errors, &path, new, old);
    if munged != *old {
        let detail =
            format!("pod updates may not change fields other than {UPDATABLE}\n{}", unified("PodSpec", old, &munged));
        errors.push(path.forbidden(detail));
    }
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

/// The new spec with the old one's values of all fields that may change.
fn munged(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) -> Value {
    let mut munged = new.clone();
    let Some(map) = munged.as_object_mut() else { return munged };
    for name in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        match get(old, name) {
            Some(value) => map.insert(name.to_owned(), value.clone()),
            None => map.remove(name),
        };
    }
    let grace = "terminationGracePeriodSeconds";
    if let Some(before) = int(old, grace).filter(|before| *before < 0 && int(new, grace) == Some(1)) {
        map.insert(grace.to_owned(), before.into());
    }
    for list in ["containers", "initContainers"] {
        let containers = map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for (container, old) in containers.zip(items(old, list)) {
            if let (Some(container), Some(image)) = (container.as_object_mut(), get(old, "image")) {
                container.insert("image".to_owned(), image.clone());
            }
        }
    }
    if !items(old, "schedulingGates").is_empty() {
        gated::munge(errors, path, map, new, old);
    }
    munged
}

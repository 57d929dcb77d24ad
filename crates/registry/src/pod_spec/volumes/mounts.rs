//! Validation of `volumeMounts` and `volumeDevices`.

use std::collections::HashSet;

use api::field::{FieldErrors, Path};
use serde_json::Value;

use super::Volumes;
use super::paths::{has_backsteps, validate_relative};
use crate::fields::{flag, get, items, text};

const PROPAGATIONS: &[&str] = &["Bidirectional", "HostToContainer", "None"];
const READ_ONLY: &[&str] = &["Disabled", "Enabled", "IfPossible"];

/// `ValidateVolumeMounts` and `ValidateVolumeDevices`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, container: &Value, volumes: &Volumes<'_>) {
    validate_mounts(errors, &path.child("volumeMounts"), container, volumes);
    validate_devices(errors, &path.child("volumeDevices"), container, volumes);
}

/// The values of one field of all items.
fn all<'a>(items: &'a [Value], name: &str) -> HashSet<&'a str> {
    items.iter().map(|item| text(item, name)).collect()
}

fn validate_mounts(errors: &mut FieldErrors, path: &Path, container: &Value, volumes: &Volumes<'_>) {
    let devices = items(container, "volumeDevices");
    let (device_names, device_paths) = (all(devices, "name"), all(devices, "devicePath"));
    let mut targets = HashSet::new();
    for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
        let item = path.index(index);
        let (name, target) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            errors.push(item.child("name").required(""));
        }
        if !volumes.contains_key(name) {
            errors.push(item.child("name").not_found(name));
        }
        if target.is_empty() {
            errors.push(item.child("mountPath").required(""));
        }
        if !targets.insert(target) {
            errors.push(item.child("mountPath").invalid(target, "must be unique"));
        }
        if device_names.contains(name) {
            errors.push(item.child("name").invalid(name, "must not already exist in volumeDevices"));
        }
        if device_paths.contains(target) {
            let detail = "must not already exist as a path in volumeDevices";
            errors.push(item.child("mountPath").invalid(target, detail));
        }
        validate_sub_path(errors, path, &item, mount);
        validate_propagation(errors, &path.child("mountPropagation"), container, mount);
        validate_read_only(errors, &path.child("recursiveReadOnly"), mount);
    }
}

/// Upstream names the list here, not the item.
fn validate_sub_path(errors: &mut FieldErrors, path: &Path, item: &Path, mount: &Value) {
    let (sub_path, expression) = (text(mount, "subPath"), text(mount, "subPathExpr"));
    validate_relative(errors, &path.child("subPath"), sub_path);
    if !expression.is_empty() && !sub_path.is_empty() {
        let detail = "subPathExpr and subPath are mutually exclusive";
        errors.push(item.child("subPathExpr").invalid(expression, detail));
    }
    validate_relative(errors, &path.child("subPathExpr"), expression);
}

fn validate_propagation(errors: &mut FieldErrors, path: &Path, container: &Value, mount: &Value) {
    let Some(propagation) = get(mount, "mountPropagation").and_then(Value::as_str) else { return };
    if !PROPAGATIONS.contains(&propagation) {
        errors.push(path.not_supported(propagation, PROPAGATIONS));
    }
    let privileged = get(container, "securityContext").is_some_and(|context| flag(context, "privileged"));
    if propagation == "Bidirectional" && !privileged {
        errors.push(path.forbidden("Bidirectional mount propagation is available only to privileged containers"));
    }
}

fn validate_read_only(errors: &mut FieldErrors, path: &Path, mount: &Value) {
    match get(mount, "recursiveReadOnly").and_then(Value::as_str) {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if !flag(mount, "readOnly") {
                errors.push(path.forbidden("may only be specified when readOnly is true"));
            }
            if !matches!(text(mount, "mountPropagation"), "" | "None") {
                errors.push(path.forbidden("may only be specified when mountPropagation is None or not specified"));
            }
        }
        Some(other) => errors.push(path.not_supported(other, READ_ONLY)),
    }
}

fn validate_devices(errors: &mut FieldErrors, path: &Path, container: &Value, volumes: &Volumes<'_>) {
    let mounts = items(container, "volumeMounts");
    let (mount_names, mount_paths) = (all(mounts, "name"), all(mounts, "mountPath"));
    let (mut names, mut targets) = (HashSet::new(), HashSet::new());
    for (index, device) in items(container, "volumeDevices").iter().enumerate() {
        let item = path.index(index);
        let (name, target) = (text(device, "name"), text(device, "devicePath"));
        let (named, placed) = (item.child("name"), item.child("devicePath"));
        if name.is_empty() {
            errors.push(named.required(""));
        }
        if names.contains(name) {
            errors.push(named.invalid(name, "must be unique"));
        }
        match volumes.get(name) {
            Some(kind) if !matches!(*kind, "persistentVolumeClaim" | "ephemeral") => {
                let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.push(named.invalid(name, detail));
            }
            Some(_) => {}
            None => errors.push(named.not_found(name)),
        }
        if target.is_empty() {
            errors.push(placed.required(""));
        }
        if targets.contains(target) {
            errors.push(placed.invalid(target, "must be unique"));
        }
        if has_backsteps(target) {
            errors.push(placed.invalid(target, "can not contain backsteps ('..')"));
        } else {
            targets.insert(target);
        }
        if mount_names.contains(name) {
            errors.push(named.invalid(name, "must not already exist in volumeMounts"));
        }
        if mount_paths.contains(target) {
            errors.push(placed.invalid(target, "must not already exist as a path in volumeMounts"));
        }
        if !name.is_empty() {
            names.insert(name);
        }
    }
}

//! Validation of `volumes` and `volumeMounts`. Sources that a local kubelet can serve are checked in full; of the
//! others only that each volume has no more than one.

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{flag, get, int, items, text};
use crate::pod_spec::env::{VOLUME_FIELDS, validate_field, validate_resource_field};
use crate::quantity::Quantity;

const FILE_MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const HOST_PATH_TYPES: &[&str] =
    &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

/// Validates the volumes; gives back the names that mounts may use.
pub(crate) fn validate<'a>(errors: &mut FieldErrors, path: &Path, spec: &'a Value) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for (index, volume) in items(spec, "volumes").iter().enumerate() {
        let path = path.index(index);
        let before = errors.0.len();
        validate_source(errors, &path, volume);
        let name = text(volume, "name");
        match name {
            "" => errors.push(path.child("name").required("")),
            name => extend_invalid(errors, &path.child("name"), name, api::names::dns_label_errors(name)),
        }
        if names.contains(&name) {
            errors.push(path.child("name").duplicate(name));
        }
        if errors.0.len() == before {
            names.push(name);
        }
    }
    names
}

fn validate_source(errors: &mut FieldErrors, path: &Path, volume: &Value) {
    let mut found = false;
    for (kind, source) in volume.as_object().into_iter().flatten().filter(|(kind, _)| *kind != "name") {
        if source.is_null() {
            continue;
        }
        let path = path.child(kind);
        if found {
            errors.push(path.forbidden("may not specify more than 1 volume type"));
            continue;
        }
        found = true;
        validate_kind(errors, &path, kind, source);
    }
    if !found {
        errors.push(path.required("must specify a volume type"));
    }
}

fn validate_kind(errors: &mut FieldErrors, path: &Path, kind: &str, source: &Value) {
    let require = |errors: &mut FieldErrors, name: &str| {
        if text(source, name).is_empty() {
            errors.push(path.child(name).required(""));
        }
    };
    match kind {
        "emptyDir" => {
            let negative = get(source, "sizeLimit").and_then(|limit| Quantity::of(limit).ok());
            if negative.is_some_and(|limit| limit.nanos() < 0) {
                errors.push(path.child("sizeLimit").forbidden("SizeLimit field must be a valid resource quantity"));
            }
        }
        "hostPath" => validate_host_path(errors, path, source),
        "secret" | "configMap" => {
            require(errors, if kind == "secret" { "secretName" } else { "name" });
            validate_mode(errors, &path.child("defaultMode"), int(source, "defaultMode"));
            for (index, item) in items(source, "items").iter().enumerate() {
                validate_key_to_path(errors, &path.child("items").index(index), item);
            }
        }
        "persistentVolumeClaim" => require(errors, "claimName"),
        "downwardAPI" => {
            validate_mode(errors, &path.child("defaultMode"), int(source, "defaultMode"));
            items(source, "items").iter().for_each(|file| validate_downward_file(errors, path, file));
        }
        "projected" => validate_projected(errors, path, source),
        _ => {}
    }
}

fn validate_host_path(errors: &mut FieldErrors, path: &Path, source: &Value) {
    match text(source, "path") {
        "" => errors.push(path.child("path").required("")),
        target => {
            forbid_backsteps(errors, &path.child("path"), target);
            let kind = text(source, "type");
            if !HOST_PATH_TYPES.contains(&kind) {
                errors.push(path.child("type").not_supported(kind, HOST_PATH_TYPES));
            }
        }
    }
}

fn validate_projected(errors: &mut FieldErrors, path: &Path, source: &Value) {
    validate_mode(errors, &path.child("defaultMode"), int(source, "defaultMode"));
    for (index, projection) in items(source, "sources").iter().enumerate() {
        let path = path.child("sources").index(index);
        for kind in ["secret", "configMap"] {
            let Some(projection) = get(projection, kind) else { continue };
            let path = path.child(kind);
            if text(projection, "name").is_empty() {
                errors.push(path.child("name").required(""));
            }
            for (index, item) in items(projection, "items").iter().enumerate() {
                validate_key_to_path(errors, &path.child("items").index(index), item);
            }
        }
        if let Some(downward) = get(projection, "downwardAPI") {
            let path = path.child("downwardAPI");
            items(downward, "items").iter().for_each(|file| validate_downward_file(errors, &path, file));
        }
    }
}

fn validate_mode(errors: &mut FieldErrors, path: &Path, mode: Option<i64>) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.push(path.invalid(mode, FILE_MODE));
    }
}

fn validate_key_to_path(errors: &mut FieldErrors, path: &Path, item: &Value) {
    for name in ["key", "path"] {
        if text(item, name).is_empty() {
            errors.push(path.child(name).required(""));
        }
    }
    validate_local_path(errors, &path.child("path"), text(item, "path"));
    validate_mode(errors, &path.child("mode"), int(item, "mode"));
}

fn validate_downward_file(errors: &mut FieldErrors, path: &Path, file: &Value) {
    if text(file, "path").is_empty() {
        errors.push(path.child("path").required(""));
    }
    validate_local_path(errors, &path.child("path"), text(file, "path"));
    match (get(file, "fieldRef"), get(file, "resourceFieldRef")) {
        (Some(field), resource) => {
            validate_field(errors, &path.child("fieldRef"), field, VOLUME_FIELDS);
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(path.invalid("resource", detail));
            }
        }
        (None, Some(resource)) => validate_resource_field(errors, &path.child("resourceFieldRef"), resource, true),
        (None, None) => errors.push(path.required("one of fieldRef and resourceFieldRef is required")),
    }
    validate_mode(errors, &path.child("mode"), int(file, "mode"));
}

/// `ValidateLocalNonReservedPath`.
fn validate_local_path(errors: &mut FieldErrors, path: &Path, target: &str) {
    validate_relative(errors, path, target);
    // Names that begin with two dots are the kubelet's own in these volumes.
    if target.starts_with("..") && !target.starts_with("../") && target != ".." {
        errors.push(path.invalid(target, "must not start with '..'"));
    }
}

/// `validateLocalDescendingPath`.
fn validate_relative(errors: &mut FieldErrors, path: &Path, target: &str) {
    if target.starts_with('/') {
        errors.push(path.invalid(target, "must be a relative path"));
    }
    forbid_backsteps(errors, path, target);
}

fn forbid_backsteps(errors: &mut FieldErrors, path: &Path, target: &str) {
    if target.split('/').any(|part| part == "..") {
        errors.push(path.invalid(target, "must not contain '..'"));
    }
}

/// `ValidateVolumeMounts`.
pub(crate) fn validate_mounts(errors: &mut FieldErrors, path: &Path, container: &Value, volumes: &[&str]) {
    let mounts = items(container, "volumeMounts");
    for (index, mount) in mounts.iter().enumerate() {
        let item = path.index(index);
        let (name, target) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            errors.push(item.child("name").required(""));
        }
        if !volumes.contains(&name) {
            errors.push(item.child("name").not_found(name));
        }
        if target.is_empty() {
            errors.push(item.child("mountPath").required(""));
        }
        if mounts[..index].iter().any(|earlier| text(earlier, "mountPath") == target) {
            errors.push(item.child("mountPath").invalid(target, "must be unique"));
        }
        validate_sub_path(errors, path, &item, mount);
        validate_propagation(errors, &path.child("mountPropagation"), container, mount);
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
    let known = ["Bidirectional", "HostToContainer", "None"];
    if !known.contains(&propagation) {
        errors.push(path.not_supported(propagation, &known));
    }
    let privileged = get(container, "securityContext").is_some_and(|context| flag(context, "privileged"));
    if propagation == "Bidirectional" && !privileged {
        errors.push(path.forbidden("Bidirectional mount propagation is available only to privileged containers"));
    }
}

//! Validation of `ephemeralContainers`.

use std::collections::HashSet;

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::fields::{get, items, text};
use crate::pod_spec::containers::{self, Around};

/// Fields that an ephemeral container may not have, in the order of their declaration.
const FORBIDDEN: &[&str] = &[
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
];

/// `validateEphemeralContainers`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, spec: &Value, around: &Around<'_>) {
    let list = |name: &str| items(spec, name).iter().map(|container| text(container, "name"));
    let others: HashSet<&str> = list("containers").chain(list("initContainers")).collect();
    let mut names = others.clone();
    for (index, container) in items(spec, "ephemeralContainers").iter().enumerate() {
        let path = path.index(index);
        containers::validate_common(errors, &path, container, around);
        containers::validate_image_padding(errors, &path, container);
        let name = text(container, "name");
        if !names.insert(name) {
            errors.push(path.child("name").duplicate(name));
        }
        let target = text(container, "targetContainerName");
        if !target.is_empty() && !others.contains(target) {
            errors.push(path.child("targetContainerName").not_found(target));
        }
        forbid_fields(errors, &path, container);
    }
}

fn forbid_fields(errors: &mut FieldErrors, path: &Path, container: &Value) {
    const DETAIL: &str = "cannot be set for an Ephemeral Container";
    let is_set = |name: &str| match get(container, name) {
        // Resources are a struct in Go, which is there always.
        Some(Value::Object(map)) if name == "resources" => !map.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        value => value.is_some(),
    };
    for name in FORBIDDEN.iter().filter(|name| is_set(name)) {
        errors.push(path.child(name).forbidden(DETAIL));
    }
    for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
        for name in ["subPath", "subPathExpr"] {
            if !text(mount, name).is_empty() {
                errors.push(path.child("volumeMounts").index(index).child(name).forbidden(DETAIL));
            }
        }
    }
}

//! Validation of `securityContext` of pods and containers: the parts that do not depend on Windows or node features.

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::fields::{flag, get, int, items, text};

const ID_RANGE: &str = "must be between 0 and 2147483647, inclusive";

fn validate_id(errors: &mut FieldErrors, path: &Path, id: Option<i64>) {
    if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
        errors.push(path.invalid(id, ID_RANGE));
    }
}

/// `validatePodSpecSecurityContext`.
pub(crate) fn validate_pod(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(context) = get(spec, "securityContext") else { return };
    for name in ["fsGroup", "runAsUser", "runAsGroup"] {
        validate_id(errors, &path.child(name), int(context, name));
    }
    for (index, group) in items(context, "supplementalGroups").iter().enumerate() {
        validate_id(errors, &path.child("supplementalGroups").index(index), group.as_i64());
    }
    if flag(spec, "shareProcessNamespace") && flag(spec, "hostPID") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(path.child("shareProcessNamespace").invalid(true, detail));
    }
    if let Some(policy) = get(context, "fsGroupChangePolicy").and_then(Value::as_str)
        && !matches!(policy, "Always" | "OnRootMismatch")
    {
        errors.push(path.child("fsGroupChangePolicy").not_supported(policy, &["Always", "OnRootMismatch"]));
    }
    validate_seccomp(errors, &path.child("seccompProfile"), get(context, "seccompProfile"));
}

/// `ValidateSecurityContext`.
pub(crate) fn validate_container(errors: &mut FieldErrors, path: &Path, container: &Value) {
    let Some(context) = get(container, "securityContext") else { return };
    for name in ["runAsUser", "runAsGroup"] {
        validate_id(errors, &path.child(name), int(context, name));
    }
    validate_seccomp(errors, &path.child("seccompProfile"), get(context, "seccompProfile"));
    if get(context, "allowPrivilegeEscalation") == Some(&Value::Bool(false)) {
        if flag(context, "privileged") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.push(path.invalid(context.clone(), detail));
        }
        let added = get(context, "capabilities").map_or(&[][..], |capabilities| items(capabilities, "add"));
        if added.iter().any(|name| name == "CAP_SYS_ADMIN") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.push(path.invalid(context.clone(), detail));
        }
    }
}

fn validate_seccomp(errors: &mut FieldErrors, path: &Path, profile: Option<&Value>) {
    let Some(profile) = profile else { return };
    let known = ["Localhost", "RuntimeDefault", "Unconfined"];
    match text(profile, "type") {
        "" => errors.push(path.child("type").required("type is required when seccompProfile is set")),
        kind if !known.contains(&kind) => errors.push(path.child("type").not_supported(kind, &known)),
        _ => {}
    }
    let local = get(profile, "localhostProfile");
    if text(profile, "type") == "Localhost" {
        if local.is_none() {
            errors.push(path.child("localhostProfile").required("must be set when seccomp type is Localhost"));
        }
    } else if local.is_some() {
        let detail = "can only be set when seccomp type is Localhost";
        errors.push(path.child("localhostProfile").invalid(profile.clone(), detail));
    }
}

//! Validation of `securityContext` of pods and containers.

mod profiles;
mod windows;

use std::collections::HashSet;

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::errors::invalid_as;
use crate::fields::{flag, get, int, items, text};

const ID_RANGE: &str = "must be between 0 and 2147483647, inclusive";
const MAX_SYSCTL_BYTES: usize = 253;
const SYSCTL_RULE: &str = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// Fields of a pod's security context that take one of a few values.
const CHOICES: &[(&str, &[&str])] =
    &[("supplementalGroupsPolicy", &["Merge", "Strict"]), ("seLinuxChangePolicy", &["MountOption", "Recursive"])];

fn validate_id(errors: &mut FieldErrors, path: &Path, id: Option<i64>) {
    if let Some(id) = id.filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
        errors.push(path.invalid(id, ID_RANGE));
    }
}

fn validate_choice(errors: &mut FieldErrors, path: &Path, context: &Value, name: &str, known: &[&str]) {
    if let Some(value) = get(context, name).and_then(Value::as_str).filter(|value| !known.contains(value)) {
        errors.push(path.child(name).not_supported(value, known));
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
    validate_sysctls(errors, &path.child("sysctls"), context, spec);
    validate_choice(errors, path, context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"]);
    profiles::validate_seccomp(errors, &path.child("seccompProfile"), get(context, "seccompProfile"));
    windows::validate(errors, &path.child("windowsOptions"), get(context, "windowsOptions"));
    profiles::validate_app_armor(errors, &path.child("appArmorProfile"), get(context, "appArmorProfile"));
    for (name, known) in CHOICES {
        validate_choice(errors, path, context, name, known);
    }
}

/// `validateSysctls`.
fn validate_sysctls(errors: &mut FieldErrors, path: &Path, context: &Value, spec: &Value) {
    let mut names = HashSet::new();
    for (index, sysctl) in items(context, "sysctls").iter().enumerate() {
        let path = path.index(index).child("name");
        let name = text(sysctl, "name");
        if name.is_empty() {
            errors.push(path.required(""));
        } else if !is_sysctl(name) {
            errors.push(path.invalid(name, SYSCTL_RULE));
        } else if names.contains(name) {
            errors.push(path.duplicate(name));
        }
        let dotted = normalized(name);
        if flag(spec, "hostNetwork") && dotted.starts_with("net.") {
            errors.push(path.invalid(name, "may not be specified when 'hostNetwork' is true"));
        } else if flag(spec, "hostIPC") && is_of_ipc(&dotted) {
            errors.push(path.invalid(name, "may not be specified when 'hostIPC' is true"));
        }
        names.insert(name);
    }
}

fn is_sysctl(name: &str) -> bool {
    let is_segment = |segment: &str| {
        let bytes = segment.as_bytes();
        let end = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        bytes.first().is_some_and(end)
            && bytes.last().is_some_and(end)
            && bytes.iter().all(|byte| end(byte) || matches!(byte, b'-' | b'_'))
    };
    name.len() <= MAX_SYSCTL_BYTES && name.split(['.', '/']).all(is_segment)
}

/// With dots between the segments; when the first separator is a slash, slashes and dots change places.
fn normalized(name: &str) -> String {
    if name.find(['.', '/']).is_none_or(|first| name.as_bytes()[first] == b'.') {
        return name.to_owned();
    }
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    name.chars().map(swap).collect()
}

/// Sysctls that belong to the IPC namespace.
fn is_of_ipc(name: &str) -> bool {
    name == "kernel.sem" || ["kernel.shm", "kernel.msg", "fs.mqueue."].iter().any(|prefix| name.starts_with(prefix))
}

/// `ValidateSecurityContext`.
pub(crate) fn validate_container(errors: &mut FieldErrors, path: &Path, container: &Value, host_users: bool) {
    let Some(context) = get(container, "securityContext") else { return };
    for name in ["runAsUser", "runAsGroup"] {
        validate_id(errors, &path.child(name), int(context, name));
    }
    validate_choice(errors, path, context, "procMount", &["Default", "Unmasked"]);
    if host_users && text(context, "procMount") == "Unmasked" {
        errors.push(path.child("procMount").invalid("Unmasked", "`hostUsers` must be false to use `Unmasked`"));
    }
    profiles::validate_seccomp(errors, &path.child("seccompProfile"), get(context, "seccompProfile"));
    if get(context, "allowPrivilegeEscalation") == Some(&Value::Bool(false)) {
        let mut refuse = |detail: &str| errors.push(invalid_as(path, "SecurityContext", Some(context), detail));
        if flag(context, "privileged") {
            refuse("cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        }
        let added = get(context, "capabilities").map_or(&[][..], |capabilities| items(capabilities, "add"));
        for _ in added.iter().filter(|name| *name == "CAP_SYS_ADMIN") {
            refuse("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
        }
    }
    windows::validate(errors, &path.child("windowsOptions"), get(context, "windowsOptions"));
    profiles::validate_app_armor(errors, &path.child("appArmorProfile"), get(context, "appArmorProfile"));
}

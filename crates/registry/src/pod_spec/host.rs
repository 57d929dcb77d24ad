//! Validation of what ties a pod to its host: operating system, user namespaces, Windows host processes.

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::fields::{at, flag, get, items, text};

const SYSTEMS: &[&str] = &["linux", "windows"];
const WINDOWS: &str = "cannot be set for a windows pod";
const USER_NAMESPACE: &str = "when `hostUsers` is false";

/// Fields of the pod's security context that a Windows pod may not have; those with a dot stand beside it.
const FORBIDDEN_IN_POD: &[&str] = &[
    "appArmorProfile",
    "seLinuxOptions",
    ".hostUsers",
    ".hostPID",
    ".hostIPC",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    ".shareProcessNamespace",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
];
const FORBIDDEN_IN_CONTAINER: &[&str] = &[
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

/// Calls `visit` with every container and its path, in upstream's order (`VisitContainersWithPath`).
pub(crate) fn each_container<'a>(spec: &'a Value, path: &Path, mut visit: impl FnMut(&Path, &'a Value)) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for (index, container) in items(spec, list).iter().enumerate() {
            visit(&path.child(list).index(index), container);
        }
    }
}

/// `validateHostUsers`.
pub(crate) fn validate_users(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    if get(spec, "hostUsers") != Some(&Value::Bool(false)) {
        return;
    }
    for (field, shown) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if flag(spec, field) {
            errors.push(path.child(shown).forbidden(USER_NAMESPACE));
        }
    }
    each_container(spec, path, |path, container| {
        if !items(container, "volumeDevices").is_empty() {
            errors.push(path.child("volumeDevices").forbidden(USER_NAMESPACE));
        }
    });
}

/// `validateWindowsHostProcessPod`.
pub(crate) fn validate_host_process(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let of =
        |holder: &Value| at(holder, &["securityContext", "windowsOptions", "hostProcess"]).and_then(Value::as_bool);
    let pod = of(spec);
    let (mut count, mut privileged) = (0, 0);
    each_container(spec, path, |path, container| {
        count += 1;
        let own = of(container);
        if let (Some(pod), Some(own)) = (pod, own)
            && pod != own
        {
            let path = path.child("securityContext").child("windowsOptions").child("hostProcess");
            let detail = format!("pod hostProcess value must be identical if both are specified, was {pod}");
            errors.push(path.invalid(own, detail));
        }
        privileged += usize::from(own.or(pod) == Some(true));
    });
    if privileged == 0 {
        return;
    }
    if privileged != count {
        let detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(path.invalid("", detail));
    }
    if !flag(spec, "hostNetwork") {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.push(path.child("hostNetwork").invalid(false, detail));
    }
}

/// `validateOS`, `validateLinux` and `validateWindows`.
pub(crate) fn validate_os(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(os) = get(spec, "os") else { return };
    match text(os, "name") {
        "" => errors.push(path.child("os").child("name").required("")),
        "linux" => validate_linux(errors, path, spec),
        "windows" => validate_windows(errors, path, spec),
        other => errors.push(path.child("os").not_supported(other, SYSTEMS)),
    }
}

fn validate_linux(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let mut forbid = |path: &Path, holder: &Value| {
        if at(holder, &["securityContext", "windowsOptions"]).is_some() {
            let path = path.child("securityContext").child("windowsOptions");
            errors.push(path.forbidden("windows options cannot be set for a linux pod"));
        }
    };
    forbid(path, spec);
    each_container(spec, path, forbid);
}

fn validate_windows(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let context = get(spec, "securityContext").unwrap_or(&Value::Null);
    for name in FORBIDDEN_IN_POD {
        let (holder, path, name) = match name.strip_prefix('.') {
            Some(name) => (spec, path.clone(), name),
            None => (context, path.child("securityContext"), *name),
        };
        if is_set(holder, name) {
            errors.push(path.child(name).forbidden(WINDOWS));
        }
    }
    each_container(spec, path, |path, container| {
        let Some(context) = get(container, "securityContext") else { return };
        for name in FORBIDDEN_IN_CONTAINER.iter().filter(|name| is_set(context, name)) {
            errors.push(path.child("securityContext").child(name).forbidden(WINDOWS));
        }
    });
}

/// Whether a field is set in Go: pointers by being there, flags by being true, lists by having items.
fn is_set(holder: &Value, name: &str) -> bool {
    match get(holder, name) {
        Some(Value::Bool(flag)) if matches!(name, "hostPID" | "hostIPC") => *flag,
        Some(Value::Array(items)) => !items.is_empty(),
        value => value.is_some(),
    }
}

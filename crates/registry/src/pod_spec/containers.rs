//! Validation of `containers` and `initContainers`.

use std::collections::HashSet;

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{get, items, number, text};
use crate::pod_spec::probes::{port_name_errors, validate_port_number};
use crate::pod_spec::volumes::{Volumes, mounts};
use crate::pod_spec::{env, probes, resources, security};

const CONTAINER_POLICIES: &[&str] = &["Always", "Never", "OnFailure"];
const MAX_RESTART_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;

/// What the checks of one container need to know of the spec around it.
pub(crate) struct Around<'a> {
    /// The volumes that mounts may use.
    pub(crate) volumes: &'a Volumes<'a>,
    /// `terminationGracePeriodSeconds`.
    pub(crate) grace: Option<i64>,
    /// `restartPolicy` of the pod.
    pub(crate) restart_policy: &'a str,
    /// `resourceClaims`.
    pub(crate) claims: &'a [Value],
    /// `os.name`.
    pub(crate) os: Option<&'a str>,
    /// Whether the pod runs in the host's user namespace.
    pub(crate) host_users: bool,
}

/// `validateContainers`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, containers: &[Value], around: &Around<'_>) {
    if containers.is_empty() {
        errors.push(path.required(""));
        return;
    }
    let mut names = HashSet::with_capacity(containers.len());
    let mut host_ports = HashSet::new();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        validate_common(errors, &path, container, around);
        require_unique(errors, &path, &mut names, text(container, "name"));
        probes::validate(errors, &path, container, around.grace, around.os);
        validate_restart(errors, &path, container);
    }
    for (index, container) in containers.iter().enumerate() {
        require_unique_host_ports(errors, &path.index(index), container, &mut host_ports);
    }
}

/// `validateInitContainers`; their names share one space with those of the regular containers.
pub(crate) fn validate_init(
    errors: &mut FieldErrors,
    path: &Path,
    containers: &[Value],
    regular: &[Value],
    around: &Around<'_>,
) {
    let mut names: HashSet<&str> = regular.iter().map(|container| text(container, "name")).collect();
    for (index, container) in containers.iter().enumerate() {
        let item = path.index(index);
        validate_common(errors, &item, container, around);
        validate_restart(errors, &item, container);
        let name = text(container, "name");
        if names.contains(name) {
            errors.push(item.child("name").duplicate(name));
        } else if !name.is_empty() {
            names.insert(name);
        }
        // Init containers run one by one, so each is on its own. Upstream counts the index anew for each of them.
        require_unique_host_ports(errors, &path.index(0), container, &mut HashSet::new());
        if text(container, "restartPolicy") == "Always" {
            probes::validate(errors, &item, container, around.grace, around.os);
        } else {
            forbid_probes(errors, &item, container);
            forbid_resize_restarts(errors, &item, container);
        }
    }
}

fn forbid_resize_restarts(errors: &mut FieldErrors, path: &Path, container: &Value) {
    for (index, policy) in items(container, "resizePolicy").iter().enumerate() {
        let restart = text(policy, "restartPolicy");
        if restart == "RestartContainer" {
            let path = path.child("resizePolicy").index(index).child("restartPolicy");
            let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
            errors.push(path.invalid(restart, detail));
        }
    }
}

fn forbid_probes(errors: &mut FieldErrors, path: &Path, container: &Value) {
    for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if get(container, name).is_some() {
            let detail = "may not be set for init containers without restartPolicy=Always";
            errors.push(path.child(name).forbidden(detail));
        }
    }
}

fn require_unique<'a>(errors: &mut FieldErrors, path: &Path, names: &mut HashSet<&'a str>, name: &'a str) {
    if !names.insert(name) {
        errors.push(path.child("name").duplicate(name));
    }
}

/// `validateContainerCommon`.
pub(crate) fn validate_common(errors: &mut FieldErrors, path: &Path, container: &Value, around: &Around<'_>) {
    match text(container, "name") {
        "" => errors.push(path.child("name").required("")),
        name => extend_invalid(errors, &path.child("name"), name, names::dns_label_errors(name)),
    }
    if text(container, "image").is_empty() {
        errors.push(path.child("image").required(""));
    }
    match text(container, "terminationMessagePolicy") {
        "File" | "FallbackToLogsOnError" => {}
        "" => errors.push(path.child("terminationMessagePolicy").required("")),
        other => {
            let known = ["File", "FallbackToLogsOnError"];
            errors.push(path.child("terminationMessagePolicy").not_supported(other, &known));
        }
    }
    validate_ports(errors, &path.child("ports"), container);
    env::validate(errors, path, container);
    mounts::validate(errors, path, container, around.volumes);
    match text(container, "imagePullPolicy") {
        "Always" | "IfNotPresent" | "Never" => {}
        "" => errors.push(path.child("imagePullPolicy").required("")),
        other => {
            let known = ["Always", "IfNotPresent", "Never"];
            errors.push(path.child("imagePullPolicy").not_supported(other, &known));
        }
    }
    if let Some(requirements) = get(container, "resources") {
        resources::validate(errors, &path.child("resources"), requirements, around.claims);
    }
    validate_resize(errors, &path.child("resizePolicy"), container, around.restart_policy);
    security::validate_container(errors, &path.child("securityContext"), container, around.host_users);
}

/// `validateContainerOnlyForPod`.
pub(crate) fn validate_image_padding(errors: &mut FieldErrors, path: &Path, container: &Value) {
    let image = text(container, "image");
    if image.trim().len() != image.len() {
        errors.push(path.child("image").invalid(image, "must not have leading or trailing whitespace"));
    }
}

/// `validateContainerPorts`.
fn validate_ports(errors: &mut FieldErrors, path: &Path, container: &Value) {
    let mut names = HashSet::new();
    for (index, port) in items(container, "ports").iter().enumerate() {
        let path = path.index(index);
        let name = text(port, "name");
        if !name.is_empty() {
            let wrong = port_name_errors(name);
            if wrong.is_empty() {
                require_unique(errors, &path, &mut names, name);
            }
            extend_invalid(errors, &path.child("name"), name, wrong);
        }
        match number(port, "containerPort") {
            0 => errors.push(path.child("containerPort").required("")),
            number => validate_port_number(errors, &path.child("containerPort"), number),
        }
        match number(port, "hostPort") {
            0 => {}
            number => validate_port_number(errors, &path.child("hostPort"), number),
        }
        match text(port, "protocol") {
            "TCP" | "UDP" | "SCTP" => {}
            "" => errors.push(path.child("protocol").required("")),
            other => errors.push(path.child("protocol").not_supported(other, &["SCTP", "TCP", "UDP"])),
        }
    }
}

fn require_unique_host_ports(errors: &mut FieldErrors, path: &Path, container: &Value, seen: &mut HashSet<String>) {
    for (index, port) in items(container, "ports").iter().enumerate() {
        let number = number(port, "hostPort");
        if number == 0 {
            continue;
        }
        let key = format!("{}/{}/{number}", text(port, "protocol"), text(port, "hostIP"));
        if seen.contains(&key) {
            errors.push(path.child("ports").index(index).child("hostPort").duplicate(key));
        } else {
            seen.insert(key);
        }
    }
}

/// `validateContainerRestartPolicy`: `restartPolicy` and `restartPolicyRules` of one container.
fn validate_restart(errors: &mut FieldErrors, path: &Path, container: &Value) {
    let rules = items(container, "restartPolicyRules");
    match get(container, "restartPolicy").and_then(Value::as_str) {
        None if rules.is_empty() => return,
        None => {
            let detail = "must specify restartPolicy when restart rules are used";
            errors.push(path.child("restartPolicy").required(detail));
        }
        Some(policy) if !CONTAINER_POLICIES.contains(&policy) => {
            errors.push(path.child("restartPolicy").not_supported(policy, CONTAINER_POLICIES));
        }
        Some(_) => {}
    }
    let path = path.child("restartPolicyRules");
    if rules.len() > MAX_RESTART_RULES {
        errors.push(path.too_many(rules.len(), MAX_RESTART_RULES));
    }
    for (index, rule) in rules.iter().enumerate() {
        validate_restart_rule(errors, &path.index(index), rule);
    }
}

fn validate_restart_rule(errors: &mut FieldErrors, path: &Path, rule: &Value) {
    let action = text(rule, "action");
    if !matches!(action, "Restart" | "RestartAllContainers") {
        errors.push(path.child("action").not_supported(action, &["Restart", "RestartAllContainers"]));
    }
    let Some(codes) = get(rule, "exitCodes") else {
        errors.push(path.child("exitCodes").required("must be specified"));
        return;
    };
    let operator = text(codes, "operator");
    if !matches!(operator, "In" | "NotIn") {
        errors.push(path.child("exitCodes").child("operator").not_supported(operator, &["In", "NotIn"]));
    }
    let values = items(codes, "values").len();
    if values > MAX_EXIT_CODES {
        errors.push(path.child("exitCodes").child("values").too_many(values, MAX_EXIT_CODES));
    }
}

/// `validateResizePolicy`. Upstream names the list, save for duplicates.
fn validate_resize(errors: &mut FieldErrors, path: &Path, container: &Value, pod_policy: &str) {
    let mut seen = HashSet::new();
    for (index, policy) in items(container, "resizePolicy").iter().enumerate() {
        let (resource, restart) = (text(policy, "resourceName"), text(policy, "restartPolicy"));
        if !seen.insert(resource) {
            errors.push(path.index(index).duplicate(resource));
        }
        for (value, known) in [(resource, ["cpu", "memory"]), (restart, ["NotRequired", "RestartContainer"])] {
            match value {
                "" => errors.push(path.required("")),
                value if !known.contains(&value) => errors.push(path.not_supported(value, &known)),
                _ => {}
            }
        }
        if pod_policy == "Never" && restart != "NotRequired" {
            errors.push(path.invalid(restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"));
        }
    }
}

//! Validation of a whole `PodSpec` (`ValidatePodSpec`) and of a template (`ValidatePodTemplateSpec`).
//!
//! Upstream's rules under the feature gates that are on by default in v1.36. The parts have files of their own.

use std::collections::{HashMap, HashSet};

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{at, flag, get, int, items, number, text};
use crate::labels::{validate_annotations, validate_label_name, validate_labels};
use crate::pod_spec::containers::{self, Around};
use crate::pod_spec::{affinity, dns, ephemeral, host, pod_resources, security, topology, volumes};

const DNS_POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];

/// What holds the spec: some rules are for pods only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A pod object.
    Pod,
    /// A template in another object.
    Template,
}

/// Validates a template; `path` names it, such as `spec.template`.
pub fn validate_template(errors: &mut FieldErrors, path: &Path, template: &Value) {
    // Upstream leaves `metadata` out of these two paths.
    if let Some(metadata) = get(template, "metadata") {
        validate_labels(errors, &path.child("labels"), metadata, "labels");
        validate_annotations(errors, &path.child("annotations"), metadata);
    }
    let spec = template.get("spec").unwrap_or(&Value::Null);
    validate(errors, &path.child("spec"), spec, Holder::Template);
    if !items(spec, "ephemeralContainers").is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.push(path.child("spec").child("ephemeralContainers").forbidden(detail));
    }
}

/// Validates a spec; `path` names it, such as `spec`.
pub fn validate(errors: &mut FieldErrors, path: &Path, spec: &Value, holder: Holder) {
    validate_named(errors, path, spec, "", holder);
}

/// Validates the spec of a pod object; some rules depend on the pod's name.
pub(crate) fn validate_pod(errors: &mut FieldErrors, path: &Path, spec: &Value, name: &str) {
    validate_named(errors, path, spec, name, Holder::Pod);
}

fn validate_named(errors: &mut FieldErrors, path: &Path, spec: &Value, pod: &str, holder: Holder) {
    let grace = int(spec, "terminationGracePeriodSeconds");
    if grace.is_none() {
        errors.push(path.child("terminationGracePeriodSeconds").required(""));
    }
    let volumes = volumes::validate(errors, &path.child("volumes"), spec, pod, holder);
    pod_resources::validate_claims(errors, &path.child("resourceClaims"), spec);
    let around = Around {
        volumes: &volumes,
        grace,
        restart_policy: text(spec, "restartPolicy"),
        claims: items(spec, "resourceClaims"),
        os: get(spec, "os").map(|os| text(os, "name")),
        host_users: get(spec, "hostUsers") != Some(&Value::Bool(false)),
    };
    validate_containers(errors, path, spec, &around);
    pod_resources::validate(errors, &path.child("resources"), spec);
    validate_host_network(errors, path, spec, holder);
    validate_choice(errors, &path.child("restartPolicy"), text(spec, "restartPolicy"), RESTART_POLICIES);
    validate_choice(errors, &path.child("dnsPolicy"), text(spec, "dnsPolicy"), DNS_POLICIES);
    validate_labels(errors, &path.child("nodeSelector"), spec, "nodeSelector");
    security::validate_pod(errors, &path.child("securityContext"), spec);
    affinity::validate(errors, &path.child("affinity"), get(spec, "affinity"));
    dns::validate(errors, &path.child("dnsConfig"), spec);
    validate_gates(errors, path, spec);
    topology::validate(errors, &path.child("topologySpreadConstraints"), spec);
    host::validate_host_process(errors, path, spec);
    host::validate_users(errors, path, spec);
    dns::validate_hostname_override(errors, path, spec);
    validate_names(errors, path, spec);
    pod_resources::validate_overhead(errors, &path.child("overhead"), spec);
    host::validate_os(errors, path, spec);
    validate_file_references(errors, path, spec);
}

fn validate_containers(errors: &mut FieldErrors, path: &Path, spec: &Value, around: &Around<'_>) {
    let regular = items(spec, "containers");
    containers::validate(errors, &path.child("containers"), regular, around);
    let init = items(spec, "initContainers");
    containers::validate_init(errors, &path.child("initContainers"), init, regular, around);
    ephemeral::validate(errors, &path.child("ephemeralContainers"), spec, around);
}

/// `validateFileKeyRefVolumes`: a variable is read from a file in a volume that the pod's containers share.
fn validate_file_references(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let volumes: HashMap<&str, &Value> =
        items(spec, "volumes").iter().map(|volume| (text(volume, "name"), volume)).collect();
    host::each_container(spec, path, |path, container| {
        for (index, variable) in items(container, "env").iter().enumerate() {
            let Some(reference) = at(variable, &["valueFrom", "fileKeyRef"]) else { continue };
            let path = path.child("env").index(index).child("valueFrom").child("fileKeyRef").child("volumeName");
            let name = text(reference, "volumeName");
            match volumes.get(name) {
                None => errors.push(path.not_found(name)),
                Some(volume) if get(volume, "emptyDir").is_none() => {
                    errors.push(path.invalid(name, "referenced volume must be of type emptyDir"));
                }
                Some(_) => {}
            }
        }
    });
}

fn validate_choice(errors: &mut FieldErrors, path: &Path, value: &str, known: &[&str]) {
    match value {
        "" => errors.push(path.required("")),
        value if !known.contains(&value) => errors.push(path.not_supported(value, known)),
        _ => {}
    }
}

fn validate_host_network(errors: &mut FieldErrors, path: &Path, spec: &Value, holder: Holder) {
    if !flag(spec, "hostNetwork") {
        return;
    }
    for (index, container) in items(spec, "containers").iter().enumerate() {
        for (port_index, port) in items(container, "ports").iter().enumerate() {
            let (host, inner) = (number(port, "hostPort"), number(port, "containerPort"));
            if (holder == Holder::Pod || host != 0) && host != inner {
                let path = path.child("containers").index(index).child("ports").index(port_index).child("hostPort");
                errors.push(path.invalid(host, "must match `containerPort` when `hostNetwork` is true"));
            }
        }
    }
}

fn validate_gates(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    for (index, gate) in items(spec, "readinessGates").iter().enumerate() {
        let name = text(gate, "conditionType");
        let path = path.child("readinessGates").index(index).child("conditionType");
        extend_invalid(errors, &path, name, names::qualified_name_errors(name));
    }
    let mut seen = HashSet::new();
    for (index, gate) in items(spec, "schedulingGates").iter().enumerate() {
        let name = text(gate, "name");
        let path = path.child("schedulingGates").index(index);
        extend_invalid(errors, &path, name, names::qualified_name_errors(name));
        if !seen.insert(name) {
            errors.push(path.duplicate(name));
        }
    }
}

fn validate_names(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let check = |errors: &mut FieldErrors, name: &str, rule: fn(&str) -> Vec<String>| {
        let value = text(spec, name);
        if !value.is_empty() {
            extend_invalid(errors, &path.child(name), value, rule(value));
        }
    };
    check(errors, "serviceAccountName", names::dns_subdomain_errors);
    check(errors, "nodeName", names::dns_subdomain_errors);
    validate_deadline(errors, &path.child("activeDeadlineSeconds"), spec);
    check(errors, "hostname", names::dns_label_errors);
    check(errors, "subdomain", names::dns_label_errors);
    validate_tolerations(errors, &path.child("tolerations"), items(spec, "tolerations"));
    dns::validate_aliases(errors, &path.child("hostAliases"), spec);
    check(errors, "priorityClassName", names::dns_subdomain_errors);
    if let Some(class) = get(spec, "runtimeClassName").and_then(Value::as_str) {
        extend_invalid(errors, &path.child("runtimeClassName"), class, names::dns_subdomain_errors(class));
    }
    if let Some(policy) = get(spec, "preemptionPolicy").and_then(Value::as_str) {
        validate_choice(errors, &path.child("preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]);
    }
}

fn validate_deadline(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    if let Some(seconds) = int(spec, "activeDeadlineSeconds")
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        errors.push(path.invalid(seconds, "must be between 1 and 2147483647, inclusive"));
    }
}

/// `ValidateTolerations`.
pub(crate) fn validate_tolerations(errors: &mut FieldErrors, path: &Path, tolerations: &[Value]) {
    for (index, toleration) in tolerations.iter().enumerate() {
        validate_toleration(errors, &path.index(index), toleration);
    }
}

fn validate_toleration(errors: &mut FieldErrors, path: &Path, toleration: &Value) {
    let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
    let (value, effect) = (text(toleration, "value"), text(toleration, "effect"));
    if !key.is_empty() {
        validate_label_name(errors, &path.child("key"), key);
    } else if operator != "Exists" {
        let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.push(path.child("operator").invalid(operator, detail));
    }
    if get(toleration, "tolerationSeconds").is_some() && effect != "NoExecute" {
        let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(path.child("effect").invalid(effect, detail));
    }
    match operator {
        "Equal" | "" => {
            let wrong = names::label_value_errors(value);
            if !wrong.is_empty() {
                errors.push(path.child("operator").invalid(value, wrong.join(";")));
            }
        }
        "Exists" if value.is_empty() => {}
        "Exists" => {
            let detail = "value must be empty when `operator` is 'Exists'";
            errors.push(path.child("operator").invalid(value, detail));
        }
        // Comparisons are behind a feature gate that is off, but known to upstream's error.
        "Lt" | "Gt" => errors.push(path.child("operator").not_supported(operator, &["Equal", "Exists", "Lt", "Gt"])),
        other => errors.push(path.child("operator").not_supported(other, &["Equal", "Exists"])),
    }
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    if !effect.is_empty() && !effects.contains(&effect) {
        errors.push(path.child("effect").not_supported(effect, &effects));
    }
}

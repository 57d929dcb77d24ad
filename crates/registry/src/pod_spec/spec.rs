//! Validation of a whole `PodSpec` (`ValidatePodSpec`) and of a template (`ValidatePodTemplateSpec`).
//!
//! Not checked, since nothing here acts on them: affinity between pods, topology spread, DNS configuration beyond the
//! policy, Windows and node features, host aliases' addresses.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{flag, get, int, items, number, text};
use crate::labels::{validate_annotations, validate_label_name, validate_labels};
use crate::pod_spec::containers::{self, Around};
use crate::pod_spec::{affinity, security, volumes};

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
    let grace = int(spec, "terminationGracePeriodSeconds");
    if grace.is_none() {
        errors.push(path.child("terminationGracePeriodSeconds").required(""));
    }
    let volumes = volumes::validate(errors, &path.child("volumes"), spec);
    let around = Around {
        volumes: &volumes,
        grace,
        restart_policy: text(spec, "restartPolicy"),
        claims: items(spec, "resourceClaims"),
        os: get(spec, "os").map(|os| text(os, "name")),
    };
    let regular = items(spec, "containers");
    containers::validate(errors, &path.child("containers"), regular, &around);
    let init = items(spec, "initContainers");
    containers::validate_init(errors, &path.child("initContainers"), init, regular, &around);
    validate_host_network(errors, path, spec, holder);
    validate_choice(errors, &path.child("restartPolicy"), text(spec, "restartPolicy"), RESTART_POLICIES);
    validate_choice(errors, &path.child("dnsPolicy"), text(spec, "dnsPolicy"), DNS_POLICIES);
    validate_labels(errors, &path.child("nodeSelector"), spec, "nodeSelector");
    security::validate_pod(errors, &path.child("securityContext"), spec);
    affinity::validate(errors, &path.child("affinity"), get(spec, "affinity"));
    validate_dns(errors, path, spec);
    validate_gates(errors, path, spec);
    validate_names(errors, path, spec);
    validate_numbers(errors, path, spec);
    validate_tolerations(errors, &path.child("tolerations"), items(spec, "tolerations"));
}

fn validate_choice(errors: &mut FieldErrors, path: &Path, value: &str, known: &[&str]) {
    match value {
        "" => errors.push(path.required("")),
        value if !known.contains(&value) => errors.push(path.not_supported(value, known)),
        _ => {}
    }
}

fn validate_dns(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    if text(spec, "dnsPolicy") != "None" {
        return;
    }
    let path = path.child("dnsConfig");
    match get(spec, "dnsConfig") {
        None => errors.push(path.required("must provide `dnsConfig` when `dnsPolicy` is None")),
        Some(config) if items(config, "nameservers").is_empty() => {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(path.child("nameservers").required(detail));
        }
        Some(_) => {}
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
    let gates = items(spec, "schedulingGates");
    for (index, gate) in gates.iter().enumerate() {
        let name = text(gate, "name");
        let path = path.child("schedulingGates").index(index);
        extend_invalid(errors, &path, name, names::qualified_name_errors(name));
        if gates[..index].iter().any(|earlier| text(earlier, "name") == name) {
            errors.push(path.duplicate(name));
        }
    }
}

fn validate_names(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    for name in ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] {
        let value = text(spec, name);
        if !value.is_empty() {
            extend_invalid(errors, &path.child(name), value, names::dns_subdomain_errors(value));
        }
    }
    for name in ["hostname", "subdomain"] {
        let value = text(spec, name);
        if !value.is_empty() {
            extend_invalid(errors, &path.child(name), value, names::dns_label_errors(value));
        }
    }
    if let Some(policy) = get(spec, "preemptionPolicy").and_then(Value::as_str) {
        validate_choice(errors, &path.child("preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]);
    }
    for (index, alias) in items(spec, "hostAliases").iter().enumerate() {
        for (name_index, name) in items(alias, "hostnames").iter().filter_map(Value::as_str).enumerate() {
            let path = path.child("hostAliases").index(index).child("hostnames").index(name_index);
            extend_invalid(errors, &path, name, names::dns_subdomain_errors(name));
        }
    }
}

fn validate_numbers(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    if let Some(seconds) = int(spec, "activeDeadlineSeconds")
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        let detail = "must be between 1 and 2147483647, inclusive";
        errors.push(path.child("activeDeadlineSeconds").invalid(seconds, detail));
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
        other => errors.push(path.child("operator").not_supported(other, &["Equal", "Exists"])),
    }
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    if !effect.is_empty() && !effects.contains(&effect) {
        errors.push(path.child("effect").not_supported(effect, &effects));
    }
}

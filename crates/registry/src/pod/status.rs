//! Validation of `/status` of pods (`ValidatePodStatusUpdate`).
//!
//! Not checked: what kubelets report of extended resources, allocated devices and digests of image volumes.

mod parts;

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::{IMMUTABLE, extend_invalid};
use crate::fields::{at, get, items, number, text};

/// Validates an update of `/status`.
pub(crate) fn validate(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let null = &Value::Null;
    let spec = old.get("spec").unwrap_or(null);
    let (new, old) = (new.get("status").unwrap_or(null), old.get("status").unwrap_or(null));
    let path = Path::new("status");
    validate_conditions(&mut errors, &path, new, old);
    validate_nominated_node(&mut errors, &path, new, old, !text(spec, "nodeName").is_empty());
    let generation = number(new, "observedGeneration");
    if generation < 0 {
        errors.push(path.child("observedGeneration").invalid(generation, "must be a non-negative integer"));
    }
    if text(new, "qosClass") != text(old, "qosClass") {
        errors.push(path.child("qosClass").invalid(text(new, "qosClass"), IMMUTABLE));
    }
    if !restarts_all(spec) {
        for (list, containers) in [("containerStatuses", "containers"), ("initContainerStatuses", "initContainers")] {
            let containers = items(spec, containers);
            forbid_restarts(&mut errors, &path.child(list), (items(new, list), items(old, list)), containers, spec);
        }
    }
    parts::forbid_rerun(&mut errors, &path, new, old);
    parts::validate_claims(&mut errors, &path, new, spec);
    parts::validate_addresses(&mut errors, &path, new, old);
    parts::validate_users(&mut errors, &path, new, spec);
    errors
}

fn validate_conditions(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    if new.get("conditions") == old.get("conditions") {
        return;
    }
    for (index, condition) in items(new, "conditions").iter().enumerate() {
        let path = || path.child("conditions").index(index);
        let generation = number(condition, "observedGeneration");
        if generation < 0 {
            errors.push(path().child("observedGeneration").invalid(generation, "must be a non-negative integer"));
        }
        let kind = text(condition, "type");
        if !matches!(kind, "PodScheduled" | "Ready" | "Initialized") {
            extend_invalid(errors, &path().child("Type"), kind, names::qualified_name_errors(kind));
        }
    }
}

fn validate_nominated_node(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value, bound: bool) {
    let node = text(new, "nominatedNodeName");
    if node.is_empty() || node == text(old, "nominatedNodeName") {
        return;
    }
    let path = path.child("nominatedNodeName");
    extend_invalid(errors, &path, node, names::dns_subdomain_errors(node));
    if bound {
        errors.push(path.forbidden("may not be set on pods that are already bound to a node"));
    }
}

/// A rule of one container that restarts all of them lets every container leave its terminated state.
fn restarts_all(spec: &Value) -> bool {
    let containers = ["initContainers", "containers"].iter().flat_map(|list| items(spec, list));
    let mut rules = containers.flat_map(|container| items(container, "restartPolicyRules"));
    rules.any(|rule| text(rule, "action") == "RestartAllContainers")
}

/// A container that should not restart does not leave its terminated state.
fn forbid_restarts(
    errors: &mut FieldErrors,
    path: &Path,
    (new, old): (&[Value], &[Value]),
    containers: &[Value],
    spec: &Value,
) {
    for (index, before) in old.iter().enumerate() {
        let Some(terminated) = at(before, &["state", "terminated"]) else { continue };
        let name = text(before, "name");
        let now = new.iter().find(|status| text(status, "name") == name);
        let left = now.is_some_and(|now| at(now, &["state", "terminated"]).is_none());
        if !left {
            continue;
        }
        let container = containers.iter().find(|container| text(container, "name") == name);
        let exit_code = number(terminated, "exitCode");
        if !container.is_some_and(|container| may_restart(container, spec, exit_code)) {
            let path = path.index(index).child("state");
            errors.push(path.forbidden("may not be transitioned to non-terminated state"));
        }
    }
}

/// `ContainerShouldRestart`.
fn may_restart(container: &Value, spec: &Value, exit_code: i64) -> bool {
    let own = text(container, "restartPolicy");
    if !own.is_empty() && items(container, "restartPolicyRules").iter().any(|rule| rule_matches(rule, exit_code)) {
        return true;
    }
    match if own.is_empty() { text(spec, "restartPolicy") } else { own } {
        "OnFailure" => exit_code != 0,
        "Never" => false,
        _ => true,
    }
}

fn rule_matches(rule: &Value, exit_code: i64) -> bool {
    let Some(codes) = get(rule, "exitCodes") else { return false };
    let listed = items(codes, "values").iter().any(|value| value.as_i64() == Some(exit_code));
    match text(codes, "operator") {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    }
}

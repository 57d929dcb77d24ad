//! Validation of affinity: to nodes here, between pods in [`pods`].

pub(crate) mod pods;

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{get, items, number, text};
use crate::labels::validate_label_name;

/// `validateAffinity`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, affinity: Option<&Value>) {
    let Some(affinity) = affinity else { return };
    if let Some(node) = get(affinity, "nodeAffinity") {
        validate_node_affinity(errors, &path.child("nodeAffinity"), node);
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        if let Some(affinity) = get(affinity, name) {
            pods::validate(errors, &path.child(name), affinity);
        }
    }
}

/// `validateNodeAffinity`.
fn validate_node_affinity(errors: &mut FieldErrors, path: &Path, node: &Value) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    if let Some(selector) = get(node, required) {
        let path = path.child(required).child("nodeSelectorTerms");
        let terms = items(selector, "nodeSelectorTerms");
        if terms.is_empty() {
            errors.push(path.required("must have at least one node selector term"));
        }
        for (index, term) in terms.iter().enumerate() {
            validate_term(errors, &path.index(index), term, true);
        }
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (index, term) in items(node, preferred).iter().enumerate() {
        let path = path.child(preferred).index(index);
        validate_weight(errors, &path, number(term, "weight"));
        if let Some(term) = get(term, "preference") {
            // Upstream does not look at the values here: the pod is scheduled whatever they are.
            validate_term(errors, &path.child("preference"), term, false);
        }
    }
}

fn validate_weight(errors: &mut FieldErrors, path: &Path, weight: i64) {
    if !(1..=100).contains(&weight) {
        errors.push(path.child("weight").invalid(weight, "must be in the range 1-100"));
    }
}

/// `ValidateNodeSelectorTerm`.
fn validate_term(errors: &mut FieldErrors, path: &Path, term: &Value, checks_values: bool) {
    for (index, requirement) in items(term, "matchExpressions").iter().enumerate() {
        validate_requirement(errors, &path.child("matchExpressions").index(index), requirement, checks_values);
    }
    for (index, requirement) in items(term, "matchFields").iter().enumerate() {
        validate_field_requirement(errors, &path.child("matchFields").index(index), requirement);
    }
}

fn validate_requirement(errors: &mut FieldErrors, path: &Path, requirement: &Value, checks_values: bool) {
    let values = items(requirement, "values");
    let path_of_values = path.child("values");
    match text(requirement, "operator") {
        "In" | "NotIn" => {
            if values.is_empty() {
                errors.push(path_of_values.required("must be specified when `operator` is 'In' or 'NotIn'"));
            }
        }
        "Exists" | "DoesNotExist" => {
            if !values.is_empty() {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(path_of_values.forbidden(detail));
            }
        }
        "Gt" | "Lt" => {
            if values.len() != 1 {
                let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
                errors.push(path_of_values.required(detail));
            }
        }
        other => errors.push(path.child("operator").invalid(other, "not a valid selector operator")),
    }
    validate_label_name(errors, &path.child("key"), text(requirement, "key"));
    for (index, value) in values.iter().enumerate().filter(|_| checks_values) {
        let value = value.as_str().unwrap_or_default();
        extend_invalid(errors, &path_of_values.index(index), value, names::label_value_errors(value));
    }
}

/// `ValidateNodeFieldSelectorRequirement`: the only field is the node's name.
fn validate_field_requirement(errors: &mut FieldErrors, path: &Path, requirement: &Value) {
    let values = items(requirement, "values");
    let path_of_values = path.child("values");
    match text(requirement, "operator") {
        "In" | "NotIn" if values.len() == 1 => {}
        "In" | "NotIn" => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(path_of_values.required(detail));
        }
        other => errors.push(path.child("operator").invalid(other, "not a valid selector operator")),
    }
    let key = text(requirement, "key");
    if key != "metadata.name" {
        errors.push(path.child("key").invalid(key, "not a valid field selector key"));
        return;
    }
    for (index, value) in values.iter().filter_map(Value::as_str).enumerate() {
        extend_invalid(errors, &path_of_values.index(index), value, names::dns_subdomain_errors(value));
    }
}

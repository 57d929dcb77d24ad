//! Validation of node affinity. Affinity between pods is stored, not checked: no scheduler here reads it.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{get, items, number, text};
use crate::labels::validate_label_name;

/// `validateNodeAffinity`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, affinity: Option<&Value>) {
    let Some(node) = affinity.and_then(|affinity| get(affinity, "nodeAffinity")) else { return };
    let path = path.child("nodeAffinity");
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    if let Some(selector) = get(node, required) {
        let path = path.child(required).child("nodeSelectorTerms");
        let terms = items(selector, "nodeSelectorTerms");
        if terms.is_empty() {
            errors.push(path.required("must have at least one node selector term"));
        }
        for (index, term) in terms.iter().enumerate() {
            validate_term(errors, &path.index(index), term);
        }
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (index, term) in items(node, preferred).iter().enumerate() {
        let path = path.child(preferred).index(index);
        let weight = number(term, "weight");
        if !(1..=100).contains(&weight) {
            errors.push(path.child("weight").invalid(weight, "must be in the range 1-100"));
        }
        if let Some(term) = get(term, "preference") {
            validate_term(errors, &path.child("preference"), term);
        }
    }
}

fn validate_term(errors: &mut FieldErrors, path: &Path, term: &Value) {
    for (index, requirement) in items(term, "matchExpressions").iter().enumerate() {
        validate_requirement(errors, &path.child("matchExpressions").index(index), requirement);
    }
}

fn validate_requirement(errors: &mut FieldErrors, path: &Path, requirement: &Value) {
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
    for (index, value) in values.iter().enumerate() {
        let value = value.as_str().unwrap_or_default();
        extend_invalid(errors, &path_of_values.index(index), value, names::label_value_errors(value));
    }
}

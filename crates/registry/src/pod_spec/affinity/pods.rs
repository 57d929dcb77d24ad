//! Validation of affinity and anti-affinity between pods.

use std::collections::HashSet;

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{entries, get, items, number, text};
use crate::labels::{validate_label_name, validate_selector};

/// `validatePodAffinity` and `validatePodAntiAffinity`.
pub(super) fn validate(errors: &mut FieldErrors, path: &Path, affinity: &Value) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    for (index, term) in items(affinity, required).iter().enumerate() {
        validate_term(errors, &path.child(required).index(index), term);
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (index, weighted) in items(affinity, preferred).iter().enumerate() {
        let path = path.child(preferred).index(index);
        super::validate_weight(errors, &path, number(weighted, "weight"));
        let term = weighted.get("podAffinityTerm").unwrap_or(&Value::Null);
        validate_term(errors, &path.child("podAffinityTerm"), term);
    }
}

/// `validatePodAffinityTerm`.
fn validate_term(errors: &mut FieldErrors, path: &Path, term: &Value) {
    for name in ["labelSelector", "namespaceSelector"] {
        if let Some(selector) = get(term, name) {
            validate_selector(errors, &path.child(name), selector);
        }
    }
    for namespace in items(term, "namespaces").iter().filter_map(Value::as_str) {
        extend_invalid(errors, &path.child("namespace"), namespace, names::dns_label_errors(namespace));
    }
    validate_label_keys(errors, path, term);
    let key = text(term, "topologyKey");
    if key.is_empty() {
        errors.push(path.child("topologyKey").required("can not be empty"));
    }
    validate_label_name(errors, &path.child("topologyKey"), key);
}

/// `ValidateMatchLabelKeysAndMismatchLabelKeys`, for pod affinity terms and topology spread constraints.
pub(crate) fn validate_label_keys(errors: &mut FieldErrors, path: &Path, term: &Value) {
    let selector = get(term, "labelSelector");
    for name in ["matchLabelKeys", "mismatchLabelKeys"] {
        let keys = items(term, name);
        if !keys.is_empty() && selector.is_none() {
            errors.push(path.child(name).forbidden("must not be specified when labelSelector is not set"));
            continue;
        }
        for (index, key) in keys.iter().filter_map(Value::as_str).enumerate() {
            validate_label_name(errors, &path.child(name).index(index), key);
        }
    }
    let matched = items(term, "matchLabelKeys");
    if let Some(selector) = selector {
        forbid_selected_keys(errors, path, selector, matched);
    }
    let mismatched: HashSet<&str> = items(term, "mismatchLabelKeys").iter().filter_map(Value::as_str).collect();
    for (index, key) in matched.iter().filter_map(Value::as_str).enumerate() {
        if mismatched.contains(key) {
            let path = path.child("matchLabelKeys").index(index);
            errors.push(path.invalid(key, "exists in both matchLabelKeys and mismatchLabelKeys"));
        }
    }
}

/// A key of `matchLabelKeys` that the selector names itself. The server adds one expression for each of those keys, so a
/// key counts from its second time on.
fn forbid_selected_keys(errors: &mut FieldErrors, path: &Path, selector: &Value, matched: &[Value]) {
    let mut selected: HashSet<&str> = entries(selector, "matchLabels").map(|(key, _)| key.as_str()).collect();
    for expression in items(selector, "matchExpressions") {
        let key = text(expression, "key");
        let position = matched.iter().rposition(|matched| matched == key);
        if let Some(index) = position.filter(|_| selected.contains(key)) {
            errors.push(path.index(index).invalid(key, "exists in both matchLabelKeys and labelSelector"));
        }
        selected.insert(key);
    }
}

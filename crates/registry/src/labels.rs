//! Rules for labels, annotations and label selectors (`k8s.io/apimachinery/pkg/apis/meta/v1/validation`).

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{entries, get, items, text};

/// Keys and values together may have this many bytes (`TotalAnnotationSizeLimitB`).
const ANNOTATIONS_MAX_BYTES: usize = 256 * 1024;

/// Labels, or another map that follows their rules such as `nodeSelector`: the map is the field `name` of `object`.
pub(crate) fn validate_labels(errors: &mut FieldErrors, path: &Path, object: &Value, name: &str) {
    for (key, value) in entries(object, name) {
        validate_label_name(errors, path, key);
        let value = value.as_str().unwrap_or_default();
        extend_invalid(errors, path, value, names::label_value_errors(value));
    }
}

/// One label key.
pub(crate) fn validate_label_name(errors: &mut FieldErrors, path: &Path, key: &str) {
    extend_invalid(errors, path, key, names::qualified_name_errors(key));
}

/// `metadata.annotations`.
pub(crate) fn validate_annotations(errors: &mut FieldErrors, path: &Path, metadata: &Value) {
    let mut bytes = 0;
    for (key, value) in entries(metadata, "annotations") {
        let lower = key.to_ascii_lowercase();
        errors.extend(names::qualified_name_errors(&lower).into_iter().map(|text| path.invalid(key.as_str(), text)));
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS_MAX_BYTES {
        errors.push(path.too_long(ANNOTATIONS_MAX_BYTES));
    }
}

/// A label selector as objects carry it.
pub(crate) fn validate_selector(errors: &mut FieldErrors, path: &Path, selector: &Value) {
    validate_labels(errors, &path.child("matchLabels"), selector, "matchLabels");
    for (index, requirement) in items(selector, "matchExpressions").iter().enumerate() {
        validate_requirement(errors, &path.child("matchExpressions").index(index), requirement);
    }
}

fn validate_requirement(errors: &mut FieldErrors, path: &Path, requirement: &Value) {
    let values = items(requirement, "values");
    match text(requirement, "operator") {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(path.child("values").required("must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "In" | "NotIn" => {}
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(path.child("values").forbidden(detail));
        }
        "Exists" | "DoesNotExist" => {}
        other => errors.push(path.child("operator").invalid(other, "not a valid selector operator")),
    }
    validate_label_name(errors, &path.child("key"), text(requirement, "key"));
    for (index, value) in values.iter().enumerate() {
        let value = value.as_str().unwrap_or_default();
        extend_invalid(errors, &path.child("values").index(index), value, names::label_value_errors(value));
    }
}

/// Whether a selector of objects selects these labels; `None` when an operator is unknown.
pub(crate) fn matches(selector: &Value, label: impl Fn(&str) -> Option<String>) -> Option<bool> {
    let mut all = entries(selector, "matchLabels").all(|(key, value)| label(key).as_deref() == value.as_str());
    for requirement in items(selector, "matchExpressions") {
        let value = label(text(requirement, "key"));
        let listed = || items(requirement, "values").iter().any(|item| item.as_str() == value.as_deref());
        all &= match text(requirement, "operator") {
            "In" => value.is_some() && listed(),
            "NotIn" => value.is_none() || !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => return None,
        };
    }
    Some(all)
}

/// A selector as kubectl shows it (`metav1.FormatLabelSelector`).
pub(crate) fn format_selector(selector: Option<&Value>) -> String {
    let Some(selector) = selector else { return "<none>".to_owned() };
    let mut terms: Vec<(&str, String)> = entries(selector, "matchLabels")
        .map(|(key, value)| (key.as_str(), format!("{key}={}", value.as_str().unwrap_or_default())))
        .collect();
    for requirement in items(selector, "matchExpressions") {
        let key = text(requirement, "key");
        let mut values: Vec<&str> = items(requirement, "values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let list = values.join(",");
        terms.push(match text(requirement, "operator") {
            "In" => (key, format!("{key} in ({list})")),
            "NotIn" => (key, format!("{key} notin ({list})")),
            "Exists" => (key, key.to_owned()),
            "DoesNotExist" => (key, format!("!{key}")),
            _ => return "<error>".to_owned(),
        });
    }
    terms.sort_by_key(|term| term.0);
    if terms.is_empty() {
        return "<none>".to_owned();
    }
    terms.into_iter().map(|term| term.1).collect::<Vec<_>>().join(",")
}

/// Labels as kubectl shows them (`labels.FormatLabels`).
pub(crate) fn format_labels(labels: Option<&Value>) -> String {
    let entries = labels.and_then(Value::as_object).into_iter().flatten();
    let pairs: Vec<String> =
        entries.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// A label of `metadata`.
pub(crate) fn label<'a>(metadata: &'a Value, key: &str) -> Option<&'a str> {
    get(metadata, "labels")?.get(key)?.as_str()
}

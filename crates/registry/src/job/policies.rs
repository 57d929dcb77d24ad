//! Validation of `podFailurePolicy`, `successPolicy` and `podReplacementPolicy`.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::{extend_invalid, invalid_without_value, quoted_list, require_not_negative};
use crate::fields::{get, int, items, text};
use crate::job::indexes::{count, parse_indexes};
use crate::job::{completions, is_indexed};

const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: &[&str] = &["In", "NotIn"];
const STATUSES: &[&str] = &["False", "True", "Unknown"];
const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
const MAX_PATTERNS: usize = 20;
const MAX_INDEXES_BYTES: usize = 64 * 1024;

/// `validatePodFailurePolicy`.
pub(crate) fn validate_failure_policy(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(policy) = get(spec, "podFailurePolicy") else { return };
    let path = path.child("rules");
    let rules = items(policy, "rules");
    if rules.len() > MAX_RULES {
        errors.push(path.too_many(rules.len(), MAX_RULES));
    }
    for (index, rule) in rules.iter().enumerate() {
        validate_failure_rule(errors, &path.index(index), rule, spec);
    }
}

fn validate_failure_rule(errors: &mut FieldErrors, path: &Path, rule: &Value, spec: &Value) {
    let action_path = path.child("action");
    match text(rule, "action") {
        "" => errors.push(action_path.required(&format!("valid values: {}", quoted_list(ACTIONS)))),
        "FailIndex" if int(spec, "backoffLimitPerIndex").is_none() => {
            errors.push(action_path.invalid("FailIndex", "requires the backoffLimitPerIndex to be set"));
        }
        action if !ACTIONS.contains(&action) => errors.push(action_path.not_supported(action, ACTIONS)),
        _ => {}
    }
    let codes = get(rule, "onExitCodes");
    let patterns = items(rule, "onPodConditions");
    if let Some(codes) = codes {
        validate_exit_codes(errors, &path.child("onExitCodes"), codes, spec);
    }
    validate_patterns(errors, &path.child("onPodConditions"), patterns);
    match (codes.is_some(), !patterns.is_empty()) {
        (true, true) => {
            let detail = "specifying both OnExitCodes and OnPodConditions is not supported";
            errors.push(invalid_without_value(path, detail));
        }
        (false, false) => {
            let detail = "specifying one of OnExitCodes and OnPodConditions is required";
            errors.push(invalid_without_value(path, detail));
        }
        _ => {}
    }
}

fn validate_patterns(errors: &mut FieldErrors, path: &Path, patterns: &[Value]) {
    if patterns.len() > MAX_PATTERNS {
        errors.push(path.too_many(patterns.len(), MAX_PATTERNS));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let path = path.index(index);
        let kind = text(pattern, "type");
        extend_invalid(errors, &path.child("type"), kind, names::qualified_name_errors(kind));
        let path = path.child("status");
        match text(pattern, "status") {
            "" => errors.push(path.required(&format!("valid values: {}", quoted_list(STATUSES)))),
            status if !STATUSES.contains(&status) => errors.push(path.not_supported(status, STATUSES)),
            _ => {}
        }
    }
}

fn validate_exit_codes(errors: &mut FieldErrors, path: &Path, codes: &Value, spec: &Value) {
    let operator = text(codes, "operator");
    let operator_path = path.child("operator");
    if operator.is_empty() {
        errors.push(operator_path.required(&format!("valid values: {}", quoted_list(OPERATORS))));
    } else if !OPERATORS.contains(&operator) {
        errors.push(operator_path.not_supported(operator, OPERATORS));
    }
    if let Some(name) = get(codes, "containerName").and_then(Value::as_str)
        && !has_container(spec, name)
    {
        let detail = "must be one of the container or initContainer names in the pod template";
        errors.push(path.child("containerName").invalid(name, detail));
    }
    let path = path.child("values");
    let values = items(codes, "values");
    if values.is_empty() {
        let shown = codes.get("values").cloned().unwrap_or(Value::Null);
        errors.push(path.invalid(shown, "at least one value is required"));
    } else if values.len() > MAX_EXIT_CODES {
        errors.push(path.too_many(values.len(), MAX_EXIT_CODES));
    }
    for (index, value) in values.iter().enumerate() {
        if operator == "In" && value.as_i64() == Some(0) {
            errors.push(path.index(index).invalid(0, "must not be 0 for the In operator"));
        }
        if values[..index].contains(value) {
            errors.push(path.index(index).duplicate(value.clone()));
        }
    }
    if values.windows(2).any(|pair| pair[0].as_i64() > pair[1].as_i64()) {
        errors.push(path.invalid(values.to_vec(), "must be ordered"));
    }
}

fn has_container(spec: &Value, name: &str) -> bool {
    let template = get(spec, "template").and_then(|template| get(template, "spec")).unwrap_or(&Value::Null);
    let named = |list| items(template, list).iter().any(|container| text(container, "name") == name);
    named("containers") || named("initContainers")
}

/// `validatePodReplacementPolicy`.
pub(crate) fn validate_replacement_policy(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(policy) = get(spec, "podReplacementPolicy").and_then(Value::as_str) else { return };
    let known: &[&str] =
        if get(spec, "podFailurePolicy").is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    if !known.contains(&policy) {
        errors.push(path.not_supported(policy, known));
    }
}

/// `validateSuccessPolicy`.
pub(crate) fn validate_success_policy(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(policy) = get(spec, "successPolicy") else { return };
    if !is_indexed(spec) {
        errors.push(path.invalid(policy.clone(), "requires indexed completion mode"));
        return;
    }
    // An Indexed Job without completions has its own error; upstream would not come this far.
    let Some(completions) = completions(spec) else { return };
    let path = path.child("rules");
    let rules = items(policy, "rules");
    if rules.is_empty() {
        errors.push(path.required("at least one rules must be specified when the successPolicy is specified"));
    }
    if rules.len() > MAX_RULES {
        errors.push(path.too_many(rules.len(), MAX_RULES));
    }
    for (index, rule) in rules.iter().enumerate() {
        validate_success_rule(errors, &path.index(index), rule, completions);
    }
}

fn validate_success_rule(errors: &mut FieldErrors, path: &Path, rule: &Value, completions: i64) {
    let succeeded = int(rule, "succeededCount");
    let list = get(rule, "succeededIndexes").and_then(Value::as_str);
    if succeeded.is_none() && list.is_none() {
        errors.push(path.required("at least one of succeededCount or succeededIndexes must be specified"));
    }
    let mut listed = 0;
    if let Some(list) = list {
        let path = path.child("succeededIndexes");
        if list.len() > MAX_INDEXES_BYTES {
            errors.push(path.too_long(MAX_INDEXES_BYTES));
        }
        match parse_indexes(list, completions) {
            Ok(intervals) => listed = count(&intervals),
            Err(why) => errors.push(path.invalid(list, format!("error parsing succeededIndexes: {why}"))),
        }
    }
    let Some(succeeded) = succeeded else { return };
    let path = path.child("succeededCount");
    require_not_negative(errors, &path, Some(succeeded));
    if succeeded > completions {
        let detail = format!("must be less than or equal to {completions} (the number of specified completions)");
        errors.push(path.invalid(succeeded, detail));
    }
    if list.is_some() && succeeded > listed {
        let detail = format!(
            "must be less than or equal to {listed} (the number of indexes in the specified succeededIndexes field)"
        );
        errors.push(path.invalid(succeeded, detail));
    }
}

//! Validation of Jobs on create, and of what an update leaves behind (`ValidateJob`).

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::{Value, json};

use crate::errors::require_not_negative;
use crate::fields::{flag, get, int, text};
use crate::job::{COMPLETIONS_SOFT_LIMIT, completions, is_indexed, policies};
use crate::job::{CONTROLLER_UID, JOB_NAME, LEGACY_CONTROLLER_UID, LEGACY_JOB_NAME};
use crate::labels;
use crate::pod_spec::validate_template;

const MAX_PARALLELISM: i64 = 100_000;
const MAX_FAILED_INDEXES: i64 = 100_000;
const MAX_PARALLELISM_WITH_MANY_COMPLETIONS: i64 = 10_000;
const MAX_FAILED_INDEXES_WITH_MANY_COMPLETIONS: i64 = 10_000;
const MAX_MANAGED_BY_BYTES: usize = 63;

/// Validates a whole Job, save for its metadata and status. `prefixed_labels` is false for old Jobs that lack the
/// prefixed spelling of the generated labels.
pub(crate) fn validate_job(job: &Value, prefixed_labels: bool) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let spec = job.get("spec").unwrap_or(&Value::Null);
    let metadata = job.get("metadata").unwrap_or(&Value::Null);
    validate_generated_selector(&mut errors, metadata, spec, prefixed_labels);
    validate_spec(&mut errors, &Path::new("spec"), spec);
    validate_hostnames(&mut errors, metadata, spec);
    errors
}

/// The largest index makes the longest hostname, which must be a DNS label.
fn validate_hostnames(errors: &mut FieldErrors, metadata: &Value, spec: &Value) {
    let Some(count) = completions(spec).filter(|count| *count > 0 && is_indexed(spec)) else { return };
    let name = text(metadata, "name");
    let hostname = format!("{name}-{}", count - 1);
    if !names::dns_label_errors(&hostname).is_empty() {
        let detail = format!("will not able to create pod with invalid DNS label: {hostname}");
        errors.push(Path::new("metadata").child("name").invalid(name, detail));
    }
}

/// `validateGeneratedSelector`.
fn validate_generated_selector(errors: &mut FieldErrors, metadata: &Value, spec: &Value, prefixed: bool) {
    let Some(selector) = get(spec, "selector").filter(|_| !flag(spec, "manualSelector")) else { return };
    let (name, uid) = (text(metadata, "name"), text(metadata, "uid"));
    if uid.is_empty() {
        errors.push(Path::new("metadata").child("uid").required(""));
    }
    let template = get(spec, "template").and_then(|template| get(template, "metadata")).unwrap_or(&Value::Null);
    let mut expected = vec![(LEGACY_CONTROLLER_UID, uid), (LEGACY_JOB_NAME, name)];
    if prefixed {
        expected.extend([(CONTROLLER_UID, uid), (JOB_NAME, name)]);
    }
    for (key, value) in &expected {
        require_label(errors, template, key, value);
    }
    let label = |key: &str| expected.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned());
    if labels::matches(selector, label) == Some(false) {
        errors.push(Path::new("spec").child("selector").invalid(selector.clone(), "`selector` not auto-generated"));
    }
}

/// `ValidateHasLabel`.
fn require_label(errors: &mut FieldErrors, metadata: &Value, key: &str, value: &str) {
    let path = || Path::new("spec").child("template").child("metadata").child("labels").key(key);
    match labels::label(metadata, key) {
        None => errors.push(path().required(&format!("must be '{value}'"))),
        Some(actual) if actual != value => {
            errors.push(path().invalid(metadata["labels"].clone(), format!("must be '{value}'")));
        }
        Some(_) => {}
    }
}

/// `ValidateJobSpec`.
pub(crate) fn validate_spec(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    validate_template_spec(errors, path, spec);
    validate_selector(errors, path, spec);
}

/// `validateJobSpec`: the rules that the spec of a Job template keeps as well.
pub(crate) fn validate_template_spec(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    validate_numbers(errors, path, spec);
    validate_managed_by(errors, path, spec);
    validate_mode(errors, path, spec);
    policies::validate_failure_policy(errors, &path.child("podFailurePolicy"), spec);
    policies::validate_success_policy(errors, &path.child("successPolicy"), spec);
    policies::validate_replacement_policy(errors, &path.child("podReplacementPolicy"), spec);
    validate_template(errors, &path.child("template"), spec.get("template").unwrap_or(&Value::Null));
    validate_restart_policy(errors, path, spec);
}

fn validate_numbers(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let names = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    for name in names {
        require_not_negative(errors, &path.child(name), int(spec, name));
    }
    if int(spec, "maxFailedIndexes").is_some() && int(spec, "backoffLimitPerIndex").is_none() {
        errors.push(path.child("backoffLimitPerIndex").required("when maxFailedIndexes is specified"));
    }
}

fn validate_managed_by(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(manager) = get(spec, "managedBy").and_then(Value::as_str) else { return };
    let path = path.child("managedBy");
    validate_domain_prefixed_path(errors, &path, manager);
    if manager.len() > MAX_MANAGED_BY_BYTES {
        errors.push(path.too_long(MAX_MANAGED_BY_BYTES));
    }
}

/// `IsDomainPrefixedPath`.
fn validate_domain_prefixed_path(errors: &mut FieldErrors, path: &Path, value: &str) {
    if value.is_empty() {
        errors.push(path.required(""));
        return;
    }
    let Some((host, rest)) = value.split_once('/').filter(|(host, rest)| !host.is_empty() && !rest.is_empty()) else {
        errors.push(path.invalid(value, "must be a domain-prefixed path (such as \"acme.io/foo\")"));
        return;
    };
    errors.extend(names::dns_subdomain_errors(host).into_iter().map(|text| path.invalid(host, text)));
    if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte)) {
        let rule = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
        errors.push(path.invalid(rest, rule));
    }
}

fn validate_mode(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    match text(spec, "completionMode") {
        "Indexed" => validate_indexed(errors, path, spec),
        "NonIndexed" | "" => {
            for name in ["backoffLimitPerIndex", "maxFailedIndexes"] {
                if let Some(value) = int(spec, name) {
                    errors.push(path.child(name).invalid(value, "requires indexed completion mode"));
                }
            }
        }
        other => errors.push(path.child("completionMode").not_supported(other, &["NonIndexed", "Indexed"])),
    }
}

fn validate_indexed(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let (count, parallelism) = (completions(spec), int(spec, "parallelism"));
    let max_failed = int(spec, "maxFailedIndexes");
    if count.is_none() {
        errors.push(path.child("completions").required("when completion mode is Indexed"));
    }
    if let Some(value) = parallelism.filter(|value| *value > MAX_PARALLELISM) {
        let detail = format!("must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed");
        errors.push(path.child("parallelism").invalid(value, detail));
    }
    if let Some(value) = max_failed.filter(|value| count.is_some_and(|count| *value > count)) {
        errors.push(path.child("maxFailedIndexes").invalid(value, "must be less than or equal to completions"));
    }
    if let Some(value) = max_failed.filter(|value| *value > MAX_FAILED_INDEXES) {
        let detail = format!("must be less than or equal to {MAX_FAILED_INDEXES}");
        errors.push(path.child("maxFailedIndexes").invalid(value, detail));
    }
    if count.is_some_and(|count| count > COMPLETIONS_SOFT_LIMIT) && int(spec, "backoffLimitPerIndex").is_some() {
        validate_many_completions(errors, path, parallelism, max_failed);
    }
}

fn validate_many_completions(errors: &mut FieldErrors, path: &Path, parallelism: Option<i64>, max_failed: Option<i64>) {
    let detail = |limit: i64| {
        format!(
            "must be less than or equal to {limit} when completions are above {COMPLETIONS_SOFT_LIMIT} and used with backoff limit per index"
        )
    };
    if max_failed.is_none() {
        let detail = format!("must be specified when completions is above {COMPLETIONS_SOFT_LIMIT}");
        errors.push(path.child("maxFailedIndexes").required(&detail));
    }
    let limit = MAX_PARALLELISM_WITH_MANY_COMPLETIONS;
    if let Some(value) = parallelism.filter(|value| *value > limit) {
        errors.push(path.child("parallelism").invalid(value, detail(limit)));
    }
    let limit = MAX_FAILED_INDEXES_WITH_MANY_COMPLETIONS;
    if let Some(value) = max_failed.filter(|value| *value > limit) {
        errors.push(path.child("maxFailedIndexes").invalid(value, detail(limit)));
    }
}

fn validate_restart_policy(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let template = get(spec, "template").and_then(|template| get(template, "spec")).unwrap_or(&Value::Null);
    let path = path.child("template").child("spec").child("restartPolicy");
    match text(template, "restartPolicy") {
        "Always" | "" => errors.push(path.required("valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if get(spec, "podFailurePolicy").is_some() => {
            errors.push(path.invalid("OnFailure", "only \"Never\" is supported when podFailurePolicy is specified"));
        }
        "OnFailure" | "Never" => {}
        other => errors.push(path.not_supported(other, &["OnFailure", "Never"])),
    }
}

fn validate_selector(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(selector) = get(spec, "selector") else {
        errors.push(path.child("selector").required(""));
        return;
    };
    labels::validate_selector(errors, &path.child("selector"), selector);
    let metadata = get(spec, "template").and_then(|template| get(template, "metadata")).unwrap_or(&Value::Null);
    let label = |key: &str| labels::label(metadata, key).map(str::to_owned);
    if labels::matches(selector, label) == Some(false) {
        let path = path.child("template").child("metadata").child("labels");
        let shown = get(metadata, "labels").cloned().unwrap_or(json!(null));
        errors.push(path.invalid(shown, "`selector` does not match template `labels`"));
    }
}

//! Rules about the spec of a Job.

use serde_json::Value;

use super::{Sink, failure_policy, pod};

/// From so many indexes on their bookkeeping is felt.
const MANY_INDEXES: i64 = 10_000;

/// Checks a Job's spec, which may stand in a CronJob.
pub(super) fn check(spec: &Value, path: &str, in_cron_job: bool, sink: &mut Sink<'_>) {
    if !spec.is_object() {
        return;
    }
    let template = format!("{path}.template.spec");
    lifetime(spec, path, in_cron_job, sink);
    counts(spec, path, sink);
    retries(spec, path, &template, sink);
    if spec["suspend"] == true {
        sink.add("suspended", format!("{path}.suspend"), "the Job is created suspended");
    }
    if spec["manualSelector"] == true {
        sink.add("manual-selector", format!("{path}.manualSelector"), "the selector is chosen by hand");
    }
    failure_policy::check(spec, path, sink);
    pod::check(&spec["template"]["spec"], &template, sink);
}

fn lifetime(spec: &Value, path: &str, in_cron_job: bool, sink: &mut Sink<'_>) {
    if spec["activeDeadlineSeconds"].is_null() {
        sink.add("no-deadline", path, "there is no activeDeadlineSeconds");
    }
    // A CronJob keeps as many of its Jobs as its history limits say.
    if spec["ttlSecondsAfterFinished"].is_null() && !in_cron_job {
        sink.add("no-ttl", path, "there is no ttlSecondsAfterFinished");
    }
}

fn counts(spec: &Value, path: &str, sink: &mut Sink<'_>) {
    let (completions, parallelism) = (spec["completions"].as_i64(), spec["parallelism"].as_i64());
    let at = |field: &str| format!("{path}.{field}");
    match (completions, parallelism) {
        (_, Some(0)) => sink.add("parallelism-zero", at("parallelism"), "parallelism is 0"),
        (None, Some(parallelism @ 2..)) => {
            sink.add("work-queue", at("parallelism"), format!("parallelism is {parallelism}, without completions"));
        }
        (Some(completions @ 2..), None) => {
            sink.add("one-at-a-time", at("completions"), format!("completions is {completions}, without parallelism"));
        }
        (Some(completions), Some(parallelism)) if parallelism > completions => {
            let text = format!("parallelism is {parallelism}, completions {completions}");
            sink.add("parallelism-over-completions", at("parallelism"), text);
        }
        _ => {}
    }
    let indexed = spec["completionMode"] == "Indexed";
    if let Some(completions) = completions.filter(|completions| indexed && *completions > MANY_INDEXES) {
        sink.add("many-indexes", at("completions"), format!("{completions} indexes"));
    }
    if !spec["backoffLimitPerIndex"].is_null() && spec["maxFailedIndexes"].is_null() {
        sink.add("per-index-without-bound", at("backoffLimitPerIndex"), "there is no maxFailedIndexes");
    }
}

fn retries(spec: &Value, path: &str, template: &str, sink: &mut Sink<'_>) {
    let restart = format!("{template}.restartPolicy");
    match spec["template"]["spec"]["restartPolicy"].as_str() {
        Some("Never") => {}
        Some("OnFailure") => {
            sink.add("on-failure-loses-logs", restart, "restartPolicy is OnFailure");
        }
        None => sink.add("restart-always", restart, "restartPolicy is missing, and Always is its default"),
        Some(other) => sink.add("restart-always", restart, format!("restartPolicy is {other}")),
    }
    if spec["backoffLimit"].is_null() && spec["backoffLimitPerIndex"].is_null() {
        sink.add("default-backoff-limit", path, "there is no backoffLimit");
    }
}

//! Facts about one Job, in the words of kubectl's table (`pkg/printers/internalversion/printers.go`, `printJob`).

use api::k8s::api::batch::v1::{Job, JobCondition, JobSpec};
use jiff::{SignedDuration, Timestamp};

/// How a Job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Condition `Complete`.
    Complete,
    /// Condition `Failed`.
    Failed,
}

/// The end of a Job and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How.
    pub verdict: Verdict,
    /// The condition's reason; may be empty.
    pub reason: String,
    /// The condition's message; may be empty.
    pub message: String,
}

/// The Job's condition of that type, if its status is `True`.
pub fn condition<'j>(job: &'j Job, condition_type: &str) -> Option<&'j JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == condition_type && condition.status == "True")
}

/// The Job's end, once it has one.
pub fn outcome(job: &Job) -> Option<Outcome> {
    let found = |verdict, name| condition(job, name).map(|condition| (verdict, condition));
    let (verdict, condition) = found(Verdict::Complete, "Complete").or_else(|| found(Verdict::Failed, "Failed"))?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Some(Outcome { verdict, reason: text(&condition.reason), message: text(&condition.message) })
}

/// The STATUS column.
pub fn state(job: &Job) -> &'static str {
    let has = |name| condition(job, name).is_some();
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if job.metadata.deletion_timestamp.is_some() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

/// The COMPLETIONS column: `1/3`, `0/1 of 2`, `0/1`.
pub fn completions(job: &Job) -> String {
    let succeeded = succeeded(job);
    match (spec(job).completions, spec(job).parallelism.unwrap_or(0)) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism @ 2..) => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

/// From start to completion, or to now while it is not complete.
pub fn duration(job: &Job, now: Timestamp) -> Option<SignedDuration> {
    let status = job.status.as_ref()?;
    let start = status.start_time.as_ref()?.0;
    let end = status.completion_time.as_ref().map_or(now, |time| time.0);
    Some(end.duration_since(start))
}

/// From start to the end, whichever way it ended, or to now.
pub fn elapsed(job: &Job, now: Timestamp) -> Option<SignedDuration> {
    let failed = condition(job, "Failed").and_then(|condition| condition.last_transition_time.as_ref());
    duration(job, failed.map_or(now, |time| time.0))
}

/// When it ended, whichever way.
pub fn ended_at(job: &Job) -> Option<Timestamp> {
    let completed = job.status.as_ref().and_then(|status| status.completion_time.as_ref());
    let of = |name| condition(job, name).and_then(|condition| condition.last_transition_time.as_ref());
    completed.or_else(|| of("Failed")).or_else(|| of("Complete")).map(|time| time.0)
}

/// The ranges of a set of indexes as a status writes it: `0,3-5`.
pub fn indexes(text: Option<&str>) -> Vec<(u32, u32)> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    text.unwrap_or_default().split(',').filter_map(range).collect()
}

/// Since creation.
pub fn age(created: Option<&Timestamp>, now: Timestamp) -> String {
    created.map_or_else(|| "<unknown>".to_owned(), |time| api::time::human_duration(now.duration_since(*time)))
}

/// The Job's spec, or an empty one.
pub fn spec(job: &Job) -> &JobSpec {
    static EMPTY: std::sync::LazyLock<JobSpec> = std::sync::LazyLock::new(JobSpec::default);
    job.spec.as_ref().unwrap_or(&EMPTY)
}

/// Pods that succeeded.
pub fn succeeded(job: &Job) -> i32 {
    job.status.as_ref().and_then(|status| status.succeeded).unwrap_or(0)
}

/// Pods that failed.
pub fn failed(job: &Job) -> i32 {
    job.status.as_ref().and_then(|status| status.failed).unwrap_or(0)
}

/// Pods that run or wait.
pub fn active(job: &Job) -> i32 {
    job.status.as_ref().and_then(|status| status.active).unwrap_or(0)
}

/// Whether every pod has an index.
pub fn is_indexed(job: &Job) -> bool {
    spec(job).completion_mode.as_deref() == Some("Indexed")
}

/// Whether the Job never has more than one pod at a time and needs one success.
pub fn is_single(job: &Job) -> bool {
    spec(job).completions == Some(1) && spec(job).parallelism.unwrap_or(1) <= 1
}

/// The Job's name.
pub fn name(job: &Job) -> &str {
    job.metadata.name.as_deref().unwrap_or_default()
}

/// The Job's namespace.
pub fn namespace(job: &Job) -> &str {
    job.metadata.namespace.as_deref().unwrap_or("default")
}

/// The Job's UID.
pub fn uid(job: &Job) -> &str {
    job.metadata.uid.as_deref().unwrap_or_default()
}

/// The `backoffLimit` in force. With a limit per index the total is unlimited unless given
/// (`pkg/apis/batch/v1/defaults.go`).
pub fn backoff_limit(job: &Job) -> i32 {
    let default = if spec(job).backoff_limit_per_index.is_some() { i32::MAX } else { 6 };
    spec(job).backoff_limit.unwrap_or(default)
}

/// The selector of the Job's pods, as text for a list.
pub fn pod_selector(job: &Job) -> String {
    let labels = spec(job).selector.as_ref().and_then(|selector| selector.match_labels.as_ref());
    match labels {
        Some(labels) if !labels.is_empty() => {
            labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
        }
        _ => format!("batch.kubernetes.io/job-name={}", name(job)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(value: serde_json::Value) -> Job {
        serde_json::from_value(value).expect("a Job")
    }

    #[test]
    fn the_status_column_follows_upstreams_order() {
        let with = |conditions: &[&str]| {
            let list: Vec<_> = conditions.iter().map(|name| json!({"type": name, "status": "True"})).collect();
            job(json!({"status": {"conditions": list}}))
        };
        assert_eq!(state(&with(&[])), "Running");
        assert_eq!(state(&with(&["FailureTarget", "Failed"])), "Failed");
        assert_eq!(state(&with(&["SuccessCriteriaMet", "Complete"])), "Complete");
        assert_eq!(state(&with(&["Suspended"])), "Suspended");
        assert_eq!(state(&with(&["FailureTarget"])), "FailureTarget");
        let deleted = job(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
        assert_eq!(state(&deleted), "Terminating");
    }

    #[test]
    fn the_completions_column_has_three_shapes() {
        let with = |completions: Option<i32>, parallelism: i32| {
            job(
                json!({"spec": {"completions": completions, "parallelism": parallelism, "template": {}}, "status": {"succeeded": 1}}),
            )
        };
        assert_eq!(completions(&with(Some(3), 2)), "1/3");
        assert_eq!(completions(&with(None, 2)), "1/1 of 2");
        assert_eq!(completions(&with(None, 1)), "1/1");
    }

    #[test]
    fn a_failed_job_lasted_until_it_failed() {
        let failed = job(json!({"status": {
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T00:00:33Z", "reason": "BackoffLimitExceeded"}],
        }}));
        let now = "2026-01-01T01:00:00Z".parse().expect("a time");
        assert_eq!(elapsed(&failed, now), Some(SignedDuration::from_secs(33)));
        assert_eq!(duration(&failed, now), Some(SignedDuration::from_hours(1)));
        assert_eq!(outcome(&failed).expect("it ended").reason, "BackoffLimitExceeded");
    }
}

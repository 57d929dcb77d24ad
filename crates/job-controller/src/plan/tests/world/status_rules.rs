//! Upstream's 22 rules for updates of a Job's status (`JobStatusValidationOptions` in `pkg/apis/batch/validation`),
//! without their exceptions for fields that did not change: what this controller writes keeps all of them always.

use std::collections::BTreeSet;

use api::k8s::api::batch::v1::JobStatus;

use super::super::super::conditions::is_true;
use super::super::super::indexes::Indexes;
use super::super::super::{JobInput, MAX_UNCOUNTED_PODS};

/// Panics when the API server would refuse the status.
pub(super) fn check(job: &JobInput, new: &JobStatus) {
    check_counters(job, new);
    check_conditions(job, new);
    check_end(job, new);
    check_times(job, new);
    check_indexes(job, new);
}

fn number(count: Option<i32>) -> i32 {
    count.unwrap_or(0)
}

fn uncounted(status: &JobStatus) -> Vec<String> {
    let lists = status.uncounted_terminated_pods.clone().unwrap_or_default();
    lists.succeeded.into_iter().flatten().chain(lists.failed.into_iter().flatten()).collect()
}

fn check_counters(job: &JobInput, new: &JobStatus) {
    let old = &job.status;
    for count in [new.active, new.ready, new.terminating, new.succeeded, new.failed] {
        assert!(number(count) >= 0, "negative counter: {new:?}");
    }
    assert!(number(new.ready) <= number(new.active), "more ready than active: {new:?}");
    assert!(number(new.failed) >= number(old.failed), "failed decreases");
    let elastic = job.spec.is_indexed() && job.spec.completions == job.spec.parallelism;
    assert!(elastic || number(new.succeeded) >= number(old.succeeded), "succeeded decreases");
    let uids = uncounted(new);
    assert_eq!(uids.iter().collect::<BTreeSet<_>>().len(), uids.len(), "uncounted UIDs repeat");
    assert!(uids.iter().all(|uid| !uid.is_empty()) && uids.len() <= MAX_UNCOUNTED_PODS, "uncounted UIDs: {uids:?}");
}

fn check_conditions(job: &JobInput, new: &JobStatus) {
    for terminal in ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"] {
        assert!(!is_true(&job.status, terminal) || is_true(new, terminal), "{terminal} taken back");
    }
    let (complete, failed) = (is_true(new, "Complete"), is_true(new, "Failed"));
    assert!(!(complete && failed), "Complete and Failed");
    assert!(!failed || is_true(new, "FailureTarget"), "Failed without FailureTarget");
    assert!(!complete || is_true(new, "SuccessCriteriaMet"), "Complete without SuccessCriteriaMet");
    assert!(!(is_true(new, "FailureTarget") && is_true(new, "SuccessCriteriaMet")), "two ends are declared");
}

fn check_end(job: &JobInput, new: &JobStatus) {
    if is_true(new, "Complete") || is_true(new, "Failed") {
        let left = (number(new.active), number(new.terminating), uncounted(new).len());
        assert_eq!(left, (0, 0, 0), "finished too early");
        let excused = job.spec.is_suspended() && job.spec.completions == Some(0);
        assert!(new.start_time.is_some() || excused, "finished without start time");
    }
}

fn check_times(job: &JobInput, new: &JobStatus) {
    let old = &job.status;
    assert_eq!(is_true(new, "Complete"), new.completion_time.is_some(), "completionTime goes with Complete");
    assert!(old.completion_time.is_none() || new.completion_time == old.completion_time, "completionTime changed");
    if let (Some(start), Some(end)) = (&new.start_time, &new.completion_time) {
        assert!(start.0 <= end.0, "completed before it started");
    }
    let conditions = new.conditions.as_deref().unwrap_or_default();
    let resumes = conditions.iter().any(|condition| condition.type_ == "Suspended" && condition.status == "False");
    let resumed = is_true(old, "Suspended") && resumes;
    let may_change = job.spec.is_suspended() || resumed || old.start_time.is_none();
    assert!(may_change || new.start_time == old.start_time, "startTime changed");
}

fn check_indexes(job: &JobInput, new: &JobStatus) {
    assert!(job.spec.is_indexed() || new.completed_indexes.is_none(), "completedIndexes of a NonIndexed Job");
    assert!(job.spec.backoff_limit_per_index.is_some() || new.failed_indexes.is_none(), "failedIndexes unasked for");
    let read = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        let indexes = Indexes::parse(text, job.spec.indexes());
        assert_eq!(indexes.to_string(), text, "not a list of indexes in order and in range");
        indexes
    };
    let (done, failed) = (read(&new.completed_indexes), read(&new.failed_indexes));
    assert_eq!(done.overlap(&failed), 0, "an index succeeded and failed: {new:?}");
    if job.spec.is_indexed() {
        let (total, succeeded) = (i64::from(done.total()), number(new.succeeded));
        let kept = job.spec.completions != job.spec.parallelism && new.succeeded == job.status.succeeded;
        assert!(total == i64::from(succeeded) || (kept && total < i64::from(succeeded)), "succeeded is not {total}");
    }
}

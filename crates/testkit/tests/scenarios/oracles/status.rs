//! Upstream's rules for a Job's status, held against each write once more, beside the API server that enforces them.

use serde_json::Value;
use testkit::condition;

fn number(job: &Value, field: &str) -> i64 {
    job["status"][field].as_i64().unwrap_or(0)
}

/// Intervals of an index list.
fn intervals(list: &Value) -> Vec<(u64, u64)> {
    let text = list.as_str().filter(|text| !text.is_empty());
    let read = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        (first.parse().expect("an index"), last.parse().expect("an index"))
    };
    text.into_iter().flat_map(|text| text.split(',')).map(read).collect()
}

/// Whether an index list holds the index.
pub(super) fn has_index(list: &Value, index: u64) -> bool {
    intervals(list).iter().any(|(first, last)| (*first..=*last).contains(&index))
}

/// Panics when a status write breaks a rule.
pub(super) fn check(before: &Value, job: &Value) {
    for field in ["active", "ready", "terminating", "succeeded", "failed"] {
        assert!(number(job, field) >= 0, "{field} is negative: {job:#}");
    }
    assert!(number(job, "ready") <= number(job, "active"), "more ready than active: {job:#}");
    assert!(number(job, "failed") >= number(before, "failed"), "failed falls: {job:#}");
    let elastic =
        job["spec"]["completionMode"] == "Indexed" && job["spec"]["completions"] == job["spec"]["parallelism"];
    assert!(elastic || number(job, "succeeded") >= number(before, "succeeded"), "succeeded falls: {job:#}");
    check_conditions(before, job);
    check_times(before, job);
    check_indexes(job);
}

fn check_conditions(before: &Value, job: &Value) {
    let is = |condition_type: &str| condition(job, condition_type).is_some();
    for kept in ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"] {
        assert!(condition(before, kept).is_none() || is(kept), "{kept} is taken back: {job:#}");
    }
    assert!(!(is("Complete") && is("Failed")), "{job:#}");
    assert!(!(is("SuccessCriteriaMet") && is("FailureTarget")), "{job:#}");
    assert!(!is("Failed") || is("FailureTarget"), "Failed without FailureTarget: {job:#}");
    assert!(!is("Complete") || is("SuccessCriteriaMet"), "Complete without SuccessCriteriaMet: {job:#}");
    if is("Complete") || is("Failed") {
        let uncounted = &job["status"]["uncountedTerminatedPods"];
        let listed =
            ["succeeded", "failed"].iter().any(|list| uncounted[list].as_array().is_some_and(|it| !it.is_empty()));
        let under_way = number(job, "active") + number(job, "terminating");
        assert!(!listed && under_way == 0, "ended with pods under way: {job:#}");
        let interim = if is("Complete") { "SuccessCriteriaMet" } else { "FailureTarget" };
        let last = if is("Complete") { "Complete" } else { "Failed" };
        for field in ["reason", "message"] {
            assert_eq!(condition(job, interim).map(|it| &it[field]), condition(job, last).map(|it| &it[field]));
        }
    }
}

fn check_times(before: &Value, job: &Value) {
    let complete = condition(job, "Complete").is_some();
    let (start, end) = (&job["status"]["startTime"], &job["status"]["completionTime"]);
    assert_eq!(complete, !end.is_null(), "completionTime goes with Complete: {job:#}");
    if let (Some(start), Some(end)) = (start.as_str(), end.as_str()) {
        assert!(start <= end, "it ended before it started: {job:#}");
    }
    let resumes = condition(before, "Suspended").is_some() && condition(job, "Suspended").is_none();
    let old = &before["status"]["startTime"];
    let free = old.is_null() || job["spec"]["suspend"] == true || resumes;
    assert!(free || old == start, "startTime changed: {job:#}");
}

fn check_indexes(job: &Value) {
    let (done, failed) = (intervals(&job["status"]["completedIndexes"]), intervals(&job["status"]["failedIndexes"]));
    let indexed = job["spec"]["completionMode"] == "Indexed";
    assert!(indexed || done.is_empty(), "{job:#}");
    assert!(job["spec"]["backoffLimitPerIndex"].is_i64() || job["status"]["failedIndexes"].is_null(), "{job:#}");
    for list in [&done, &failed] {
        assert!(list.windows(2).all(|pair| pair[0].1 < pair[1].0), "not in order: {job:#}");
        assert!(list.iter().all(|(first, last)| first <= last), "{job:#}");
    }
    let both = |index: u64| done.iter().any(|(first, last)| (*first..=*last).contains(&index));
    assert!(!failed.iter().any(|(first, last)| (*first..=*last).any(both)), "an index ended both ways: {job:#}");
}

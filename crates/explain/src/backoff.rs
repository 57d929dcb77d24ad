//! Upstream's ladder of delays between a failure and the next pod (`job_controller.go`).

use std::collections::HashMap;

use api::k8s::api::batch::v1::Job;
use jiff::{SignedDuration, Timestamp};

use crate::attempts::Attempts;
use crate::facts;

/// The first delay.
const FIRST_DELAY: SignedDuration = SignedDuration::from_secs(10);
/// The longest.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(600);

/// The delay after so many failures in a row: 10 s, 20 s, 40 s... up to 10 minutes.
pub fn delay_after(failures: u32) -> SignedDuration {
    let doublings = failures.saturating_sub(1).min(6);
    (FIRST_DELAY * (1 << doublings)).min(LONGEST_DELAY)
}

/// What came of the attempts that share a back-off.
#[derive(Default)]
struct Ladder {
    failures: u32,
    in_a_row: u32,
    last: Option<Timestamp>,
    runs: bool,
}

/// When the next pod of a Job may start that waits for its back-off; none when nothing waits, and for containers that
/// restart in their pods, whose delays are the kubelet's.
pub fn next(job: &Job, attempts: &Attempts, now: Timestamp) -> Option<Timestamp> {
    let spec = facts::spec(job);
    let restarts = spec.template.spec.as_ref().and_then(|pod| pod.restart_policy.as_deref()) == Some("OnFailure");
    if restarts || facts::outcome(job).is_some() || spec.suspend == Some(true) {
        return None;
    }
    let limit = spec.backoff_limit_per_index.unwrap_or_else(|| facts::backoff_limit(job));
    // By index where each has a back-off of its own: failures in all, those since the last success, their end, whether
    // another runs.
    let mut ladders: HashMap<Option<u32>, Ladder> = HashMap::new();
    for attempt in attempts.list() {
        let ladder = ladders.entry(spec.backoff_limit_per_index.and(attempt.index)).or_default();
        match &attempt.end {
            None => ladder.runs = true,
            Some(end) if end.is_success() => (ladder.in_a_row, ladder.last) = (0, None),
            Some(end) => {
                ladder.failures += 1;
                ladder.in_a_row += 1;
                ladder.last = ladder.last.max(end.finished_at);
            }
        }
    }
    let waits = ladders.iter().filter_map(|(index, ladder)| {
        let is_over = i64::from(ladder.failures) > i64::from(limit) || (index.is_some() && ladder.runs);
        let at = ladder.last.filter(|_| !is_over)?.checked_add(delay_after(ladder.in_a_row)).ok()?;
        (at > now).then_some(at)
    });
    waits.min()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::samples::{at, pod, story};

    #[test]
    fn the_next_attempt_comes_when_the_first_back_off_has_passed() {
        let next_of = |spec: serde_json::Value, pods: Vec<serde_json::Value>| {
            let story = story(spec, json!({}), 8);
            next(&story.typed_job(), &Attempts::of_values(&pods), story.now)
        };
        let pods = || vec![pod("a", Some(0), 0, Some((5, 1))), pod("b", Some(1), 0, Some((2, 1)))];
        let indexed = json!({"completions": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 1});
        assert_eq!(next_of(indexed, pods()), Some(at(12)));
        assert_eq!(next_of(json!({"completions": 2}), pods()), Some(at(25)), "two failures in a row, the last at 5 s");
        assert_eq!(next_of(json!({"backoffLimit": 1}), pods()), None, "the limit is used up");
        assert_eq!(next_of(json!({}), vec![pod("a", None, 0, Some((5, 0)))]), None);
    }

    #[test]
    fn delays_double_up_to_ten_minutes() {
        let delays: Vec<i64> = [1, 2, 3, 6, 7, 60].into_iter().map(|count| delay_after(count).as_secs()).collect();
        assert_eq!(delays, [10, 20, 40, 320, 600, 600]);
    }
}

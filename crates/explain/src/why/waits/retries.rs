//! Attempts that failed and are to be repeated once their back-off has passed.
//!
//! A pod that failed is replaced after 10 s, 20 s, 40 s... up to 10 minutes, by the failures since the last success
//! (`job_controller.go`, `getRemainingTimePerIndex` and `calculateBackoff`); a container that restarts in its pod waits
//! by the kubelet's ladder, which its status tells.

use api::text::count;
use jiff::{SignedDuration, Timestamp};

use super::{View, Wait, pods};
use crate::attempts::Attempt;
use crate::why::Reason;
use crate::{backoff, facts};

/// Most indexes that are told of one by one.
const MAX_TOLD: usize = 5;

/// One retry that is to come.
struct Retry {
    index: Option<u32>,
    failures: u32,
    end: String,
    at: Timestamp,
    delay: SignedDuration,
}

/// Indexes whose next attempt waits for its back-off.
pub(super) fn indexes(view: &View<'_>) -> Vec<u32> {
    retries(view).into_iter().filter_map(|retry| retry.index).collect()
}

/// The retries that are to come.
pub(super) fn waits(view: &View<'_>) -> Vec<Wait> {
    let mut waits = restarts(view);
    let retries = retries(view);
    let told = retries.iter().take(MAX_TOLD).map(|retry| wait(view, retry));
    waits.extend(told);
    if let Some(more) = retries.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
        let wait = if more == 1 { "waits for its" } else { "wait for their" };
        let text = format!("{} {wait} back-off.", count(more, "more index"));
        waits.push(Wait { reason: Reason { text, rule: "backoff".to_owned(), ..Reason::default() }, holds: true });
    }
    waits
}

fn wait(view: &View<'_>, retry: &Retry) -> Wait {
    let per_index = facts::spec(&view.job).backoff_limit_per_index.is_some();
    let who = match (retry.index, per_index, retry.failures) {
        (Some(index), true, 1) => format!("idx{index} has failed ({})", retry.end),
        (Some(index), true, 2) => format!("idx{index} has failed twice in a row ({})", retry.end),
        (Some(index), true, failures) => format!("idx{index} has failed {failures} times in a row ({})", retry.end),
        (index, _, failures) => {
            let last = index.map(|index| format!("the last of idx{index}, ")).unwrap_or_default();
            let have = if failures == 1 { "has" } else { "have" };
            format!("{} {have} failed since the last success ({last}{})", count(failures, "attempt"), retry.end)
        }
    };
    let delay = api::time::human_duration(retry.delay);
    let limit = match facts::spec(&view.job).backoff_limit_per_index.filter(|_| retry.index.is_some()) {
        Some(limit) => view.reason("backoff", "spec.backoffLimitPerIndex", limit, "{}"),
        None => view.reason("backoff", "spec.backoffLimit", facts::backoff_limit(&view.job), "{}"),
    };
    let text = format!(
        "{who}. The back-off after failure {} is {delay} {} next attempt at {}; {}.",
        retry.failures,
        view.style().arrow(),
        view.when(retry.at),
        limit.text,
    );
    Wait { reason: Reason { text, until: Some(retry.at), ..limit }, holds: true }
}

/// Pods that are to be replaced later.
fn retries(view: &View<'_>) -> Vec<Retry> {
    let spec = facts::spec(&view.job);
    let restarts = spec.template.spec.as_ref().and_then(|pod| pod.restart_policy.as_deref()) == Some("OnFailure");
    // Containers that restart in their pods are told of by these.
    if restarts {
        return Vec::new();
    }
    let per_index = spec.backoff_limit_per_index.is_some();
    if !per_index {
        // One back-off for the whole Job: whatever failed last, nothing starts before it has passed.
        return retry(view, None).into_iter().collect();
    }
    let completions = facts::spec(&view.job).completions.unwrap_or(0);
    let pending = pods::pending_indexes(view, completions);
    pending.into_iter().filter_map(|index| retry(view, Some(index))).collect()
}

fn retry(view: &View<'_>, index: Option<u32>) -> Option<Retry> {
    let of_index = |attempt: &&Attempt| index.is_none() || attempt.index == index;
    let ended = view.attempts.list().iter().filter(of_index).filter(|attempt| attempt.run == 0);
    let last =
        ended.filter_map(|attempt| Some((attempt.end.as_ref()?.finished_at?, attempt))).max_by_key(|(at, _)| *at);
    let (finished, attempt) = last?;
    let end = attempt.end.as_ref().filter(|end| !end.is_success())?;
    let failures = view.attempts.failures_in_a_row(index);
    let delay = backoff::delay_after(failures);
    let computed = finished.checked_add(delay).ok()?;
    let recorded = view.pending("backoff").and_then(|record| record.until).filter(|_| index.is_none());
    let at = recorded.unwrap_or(computed);
    (at > view.now()).then(|| Retry { index: index.or(attempt.index), failures, end: end.show(), at, delay })
}

/// Containers that are to restart in their pods.
fn restarts(view: &View<'_>) -> Vec<Wait> {
    let mut waits = Vec::new();
    for pod in view.pods.iter().filter(|pod| !pods::has_ended(pod)) {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
        for status in statuses {
            let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
            if waiting.and_then(|waiting| waiting.reason.as_deref()) != Some("CrashLoopBackOff") {
                continue;
            }
            let message = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
            let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            let end = last.map(|last| format!(" (exit {})", last.exit_code)).unwrap_or_default();
            let delay = message.split_whitespace().nth(1).and_then(|text| text.parse::<SignedDuration>().ok());
            let finished = last.and_then(|last| last.finished_at.as_ref()).map(|time| time.0);
            let at = finished.zip(delay).and_then(|(finished, delay)| finished.checked_add(delay).ok());
            let next = at.map(|at| format!(" {} next start at {}", view.style().arrow(), view.when(at)));
            let limit = view.reason("backoff", "spec.backoffLimit", facts::backoff_limit(&view.job), "{}");
            let text = format!(
                "container \"{}\" of pod {} has failed {}{end} and waits for its restart{}; {}.",
                crate::text::escape(&status.name),
                crate::text::escape(pod.metadata.name.as_deref().unwrap_or_default()),
                count(status.restart_count + 1, "time"),
                next.unwrap_or_default(),
                limit.text,
            );
            waits.push(Wait { reason: Reason { text, until: at, ..limit }, holds: true });
        }
    }
    waits
}

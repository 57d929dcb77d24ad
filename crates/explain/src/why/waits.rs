//! What a Job that has not ended waits for.

mod pods;
mod retries;

use super::{Explanation, Reason, View};
use crate::text::escape;
use crate::{facts, stuck};
use api::text::count;

/// A reason, and whether it keeps the Job from going on (rather than only being worth knowing).
struct Wait {
    reason: Reason,
    holds: bool,
}

pub(super) fn explanation(view: &View<'_>) -> Explanation {
    let job = &view.job;
    let name = escape(facts::name(job)).into_owned();
    if let Some(explanation) = left_alone(view, &name) {
        return explanation;
    }
    if let Some(explanation) = stuck(view, &name) {
        return explanation;
    }
    let running = view.pods.iter().filter(|pod| pods::is_running(pod)).count();
    let mut waits = Vec::new();
    waits.extend(refused(view));
    waits.extend(retries::waits(view));
    waits.extend(pods::waits(view));
    waits.extend(slots(view));
    waits.extend(replacements(view));
    waits.extend(deadline(view));
    let held = waits.iter().any(|wait| wait.holds);
    let done = facts::completions(job);
    let runs = if running == 1 { "runs" } else { "run" };
    let pods = format!("{} {runs}", count(running, "pod"));
    let headline = match (running, held) {
        (0, true) => format!("{name} is Running and healthy, but no pod {} because:", started(view)),
        (0, false) => format!("{name} is Running, {done} done: its controller has its next step before it."),
        (_, true) => format!("{name} is Running and healthy, {pods}, {done} done; the rest waits because:"),
        (_, false) => format!("{name} is Running and healthy: {pods}, {done} done, and nothing holds it up."),
    };
    let reasons = waits.into_iter().map(|wait| wait.reason).collect();
    Explanation { headline, reasons, ..Explanation::default() }
}

/// `has started for 38s`, `has started yet`.
fn started(view: &View<'_>) -> String {
    let last = view.attempts.list().iter().filter_map(|attempt| attempt.started_at).max();
    last.map_or_else(
        || "has started yet".to_owned(),
        |last| format!("has started for {}", api::time::human_duration(view.now().duration_since(last))),
    )
}

/// Jobs that nobody is to go on with.
fn left_alone(view: &View<'_>, name: &str) -> Option<Explanation> {
    let (job, spec) = (&view.job, facts::spec(&view.job));
    let of = |headline: String, reasons: Vec<Reason>| Explanation { headline, reasons, ..Explanation::default() };
    if view.story.job[crate::GONE] == true {
        return Some(of(format!("{name} was deleted before it finished."), Vec::new()));
    }
    if let Some(manager) = spec.managed_by.as_deref().filter(|manager| *manager != "kubernetes.io/job-controller") {
        let reason = view.reason("managed-by", "spec.managedBy", escape(manager), "{} leaves it to that controller.");
        return Some(of(format!("{name} is left alone by the Job controller, because:"), vec![reason]));
    }
    if job.metadata.deletion_timestamp.is_some() {
        let finalizers = job.metadata.finalizers.clone().unwrap_or_default();
        let text = match finalizers.is_empty() {
            true => "Its pods go first.".to_owned(),
            false => format!("It waits for its finalizers to be taken off: {}.", escape(&finalizers.join(", "))),
        };
        let reason = Reason { text, rule: "deleting".to_owned(), ..Reason::default() };
        return Some(of(format!("{name} is being deleted, because somebody deleted it:"), vec![reason]));
    }
    if let Some((condition, what)) = [("FailureTarget", "failing"), ("SuccessCriteriaMet", "completing")]
        .into_iter()
        .find_map(|(name, what)| Some((facts::condition(job, name)?, what)))
    {
        let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default()).into_owned();
        let left = view.pods.iter().filter(|pod| !pods::has_ended(pod)).count();
        let decided = Reason {
            text: format!("{}: {}", text(&condition.reason), text(&condition.message)),
            rule: "terminal".to_owned(),
            ..Reason::default()
        };
        let waits = Reason {
            text: format!("{}; the final condition comes after them.", not_ended(left)),
            rule: "two-step".to_owned(),
            ..Reason::default()
        };
        return Some(of(format!("{name} is {what}, because:"), vec![decided, waits]));
    }
    None
}

/// `2 of its pods have not ended yet`.
fn not_ended(left: usize) -> String {
    format!("{left} of its pods {} not ended yet", if left == 1 { "has" } else { "have" })
}

/// Jobs that cannot go on by themselves.
fn stuck(view: &View<'_>, name: &str) -> Option<Explanation> {
    let stuck = stuck::find(&view.job, &view.pods, &stuck::Troubles::of(&view.story.events))?;
    let since = |condition: &str| {
        let at = facts::condition(&view.job, condition)?.last_transition_time.as_ref()?.0;
        Some(format!(" since {}", view.when(at)))
    };
    let (headline, reason) = match stuck.reason.as_str() {
        "Suspended" => {
            let since = since("Suspended").unwrap_or_default();
            let left = view.pods.iter().filter(|pod| !pods::has_ended(pod)).count();
            let pods = if left > 0 { format!(" {}.", not_ended(left)) } else { String::new() };
            let reason = view.reason("suspend", "spec.suspend", "true", &format!("{{}}: no pod may run.{pods}"));
            (format!("{name} is Suspended{since}, because:"), reason)
        }
        "ParallelismZero" => {
            let reason = view.reason("scale", "spec.parallelism", 0, "{}: no pod may run.");
            (format!("{name} stands still, because:"), reason)
        }
        _ => {
            let text = escape(&stuck.text).into_owned();
            (format!("{name} is stuck, because:"), Reason { text, rule: "pod".to_owned(), ..Reason::default() })
        }
    };
    let hints = stuck.hint.iter().map(|hint| escape(hint).into_owned()).collect();
    Some(Explanation { headline, reasons: vec![reason], hints, ..Explanation::default() })
}

/// Pods that the server refused to create, such as for a quota, since the last that it took.
fn refused(view: &View<'_>) -> Option<Wait> {
    let is_about_job = |event: &&serde_json::Value| event["involvedObject"]["kind"] == "Job";
    let text = |event: &serde_json::Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let last = view
        .story
        .events
        .iter()
        .filter(is_about_job)
        .rev()
        .find(|event| matches!(event["reason"].as_str(), Some("FailedCreate" | "SuccessfulCreate")))?;
    if last["reason"] != "FailedCreate" || facts::active(&view.job) > 0 {
        return None;
    }
    let text = format!("The server refuses to create its pods: {}", escape(&text(last, "message")));
    let reason = Reason { text, rule: "create".to_owned(), ..Reason::default() };
    Some(Wait { reason, holds: true })
}

/// Completions that wait for a pod of the Job's to end.
fn slots(view: &View<'_>) -> Option<Wait> {
    let (job, spec) = (&view.job, facts::spec(&view.job));
    let (completions, parallelism) = (spec.completions?, spec.parallelism.unwrap_or(1));
    let backing_off = retries::indexes(view);
    let active = facts::active(job);
    let indexes = if facts::is_indexed(job) { pods::pending_indexes(view, completions) } else { Vec::new() };
    let indexes: Vec<u32> = indexes.into_iter().filter(|index| !backing_off.contains(index)).collect();
    let (who, verb) = if facts::is_indexed(job) {
        match indexes.len() {
            0 => return None,
            1 => (ranges(&indexes, view.style().ascii), "waits"),
            _ => (ranges(&indexes, view.style().ascii), "wait"),
        }
    } else {
        match completions - facts::succeeded(job) - active {
            ..=0 => return None,
            1 => (count(1, "more completion"), "waits"),
            left => (count(left, "more completion"), "wait"),
        }
    };
    // A pod that is to be repeated holds its place in the count, not among the pods.
    if active < parallelism && retries::waits(view).is_empty() {
        return None;
    }
    if active < parallelism && !facts::is_indexed(job) {
        return None;
    }
    let reason = view.reason("scale", "spec.parallelism", parallelism, &format!("{who} {verb} for a slot: {{}}."));
    Some(Wait { reason, holds: true })
}

/// Pods that are replaced only once they have ended.
fn replacements(view: &View<'_>) -> Option<Wait> {
    let policy = facts::spec(&view.job).pod_replacement_policy.as_deref()?;
    let terminating = view.job.status.as_ref()?.terminating.filter(|terminating| *terminating > 0)?;
    let they =
        if terminating == 1 { ["is", "is replaced once it has"] } else { ["are", "are replaced once they have"] };
    let text = format!("{} {} terminating, and {} ended: {{}}.", count(terminating, "pod"), they[0], they[1]);
    let reason = view.reason("scale", "spec.podReplacementPolicy", policy, &text);
    (policy == "Failed").then_some(Wait { reason, holds: true })
}

/// The deadline, when there is one: worth knowing, no obstacle.
fn deadline(view: &View<'_>) -> Option<Wait> {
    let seconds = facts::spec(&view.job).active_deadline_seconds?;
    let start = view.job.status.as_ref()?.start_time.as_ref()?.0;
    let due = start.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()?;
    let text = format!("If it has not ended by {}, it fails: {{}}.", view.when(due));
    let reason = view.reason("deadline", "spec.activeDeadlineSeconds", seconds, &text);
    Some(Wait { reason: Reason { until: Some(due), ..reason }, holds: false })
}

/// `idx1, idx3…idx7`; at most five ranges.
fn ranges(indexes: &[u32], ascii: bool) -> String {
    const MAX_RANGES: usize = 5;
    let dots = if ascii { ".." } else { "…" };
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    let show = |(first, last): &(u32, u32)| match last - first {
        0 => format!("idx{first}"),
        1 => format!("idx{first}, idx{last}"),
        _ => format!("idx{first}{dots}idx{last}"),
    };
    let mut shown: Vec<String> = ranges.iter().take(MAX_RANGES).map(show).collect();
    if ranges.len() > MAX_RANGES {
        shown.push("others".to_owned());
    }
    shown.join(", ")
}

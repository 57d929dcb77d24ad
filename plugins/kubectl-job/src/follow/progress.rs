//! The words of progress: the live line, and a line for everything that goes wrong on the way. Pure.

use api::k8s::api::batch::v1::Job;
use explain::backoff::delay_after;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::duration;
use crate::screen::{Screen, Tone, escape};
use crate::view::attempts::{Attempt, Attempts, End};
use crate::view::facts;

/// `job.batch/index created · Indexed 8 · parallelism 3 · backoffLimit 6`.
pub(crate) fn created(job: &Job, screen: Screen) -> String {
    let spec = facts::spec(job);
    let mut parts = vec![format!("job.batch/{} created", escape(facts::name(job)))];
    match (facts::is_indexed(job), spec.completions) {
        (true, Some(completions)) => parts.push(format!("Indexed {completions}")),
        (false, Some(completions @ 2..)) => parts.push(format!("completions {completions}")),
        (_, Some(_)) => {}
        (_, None) => parts.push("work queue".to_owned()),
    }
    if let Some(parallelism) = spec.parallelism.filter(|parallelism| *parallelism != 1) {
        parts.push(format!("parallelism {parallelism}"));
    }
    match spec.backoff_limit_per_index {
        Some(limit) => parts.push(format!("backoffLimitPerIndex {limit}")),
        None => parts.push(format!("backoffLimit {}", facts::backoff_limit(job))),
    }
    if let Some(seconds) = spec.active_deadline_seconds {
        parts.push(format!("deadline {}", duration::show(SignedDuration::from_secs(seconds))));
    }
    parts.join(&format!(" {} ", screen.dot()))
}

/// ` index  ██████░░░  5/8 done · 3 running · 1 failed · 14s · deadline in 4m46s`.
pub(crate) fn footer(job: &Job, attempts: &Attempts, now: Timestamp, screen: Screen) -> String {
    let spec = facts::spec(job);
    let done = u64::try_from(facts::succeeded(job)).unwrap_or(0);
    let all = u64::try_from(spec.completions.or(spec.parallelism).unwrap_or(1)).unwrap_or(1);
    let mut parts = vec![format!("{done}/{all} done"), format!("{} running", facts::active(job))];
    if facts::failed(job) > 0 {
        parts.push(format!("{} failed", facts::failed(job)));
    }
    if let Some(at) = explain::backoff::next(job, attempts, now) {
        parts.push(format!("retry in {}", api::time::human_duration(at.duration_since(now))));
    }
    match facts::elapsed(job, now) {
        Some(elapsed) => {
            parts.push(api::time::human_duration(elapsed));
            if let Some(seconds) = spec.active_deadline_seconds {
                let left = SignedDuration::from_secs(seconds) - elapsed;
                parts.push(format!("deadline in {}", api::time::human_duration(left.max(SignedDuration::ZERO))));
            }
        }
        None => parts.push(facts::state(job).to_owned()),
    }
    let dot = format!(" {} ", screen.dot());
    format!(" {}  {}  {}", escape(facts::name(job)), screen.gauge(done, all, 17), parts.join(&dot))
}

/// What the key `t` shows: the line for logs and pipes, and what runs or waits.
pub(crate) fn status(job: &Job, attempts: &Attempts, now: Timestamp, screen: Screen) -> Vec<String> {
    const MAX_SHOWN: usize = 8;
    let mut lines = vec![heartbeat(job, now)];
    let running: Vec<&Attempt> = attempts.list().iter().filter(|attempt| attempt.end.is_none()).collect();
    lines.extend(running.iter().take(MAX_SHOWN).map(|attempt| {
        let span = attempt.started_at.map(|start| api::time::human_duration(now.duration_since(start)));
        let (label, pod) = (attempt.label(screen.dot()), escape(&attempt.pod));
        format!("  {label} pod/{pod} runs for {}", span.unwrap_or_default())
    }));
    if let Some(more) = running.len().checked_sub(MAX_SHOWN).filter(|more| *more > 0) {
        lines.push(format!("  {more} more run"));
    }
    if let Some(at) = explain::backoff::next(job, attempts, now) {
        let span = api::time::human_duration(at.duration_since(now));
        lines.push(format!("  the next attempt begins at {} (in {span})", clock(at)));
    }
    lines
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Another pod, after this delay, as number so of so many.
    Retry { number: u32, limit: i32, delay: Option<SignedDuration> },
    /// Nothing: the limit is used up.
    Nothing { limit: i32 },
}

fn next(job: &Job, attempts: &Attempts, attempt: &Attempt) -> Next {
    let spec = facts::spec(job);
    let restarts = spec.template.spec.as_ref().and_then(|pod| pod.restart_policy.as_deref()) == Some("OnFailure");
    let (failures, limit) = match spec.backoff_limit_per_index {
        Some(limit) => {
            let of_index = attempts.failures().filter(|failure| failure.index == attempt.index);
            (of_index.count(), limit)
        }
        None => (attempts.failures().count(), facts::backoff_limit(job)),
    };
    let number = u32::try_from(failures).unwrap_or(u32::MAX);
    if i64::from(number) > i64::from(limit) {
        return Next::Nothing { limit };
    }
    let in_a_row = attempts.failures_in_a_row(spec.backoff_limit_per_index.and(attempt.index));
    // Containers that restart in their pod wait by the kubelet's ladder, which shows in the pod's status.
    let delay = (!restarts).then(|| delay_after(in_a_row));
    Next::Retry { number, limit, delay }
}

/// The line for an attempt that failed.
pub(crate) fn failed(job: &Job, attempts: &Attempts, attempt: &Attempt, now: Timestamp, screen: Screen) -> String {
    let Some(end) = &attempt.end else { return String::new() };
    let next = next(job, attempts, attempt);
    if !screen.live {
        return plain_failed(attempt, &next, now, screen);
    }
    let after = attempt.ran().map(|span| format!(" after {}", duration::show(span))).unwrap_or_default();
    let message = cause(end).map(|text| format!(": {text}")).unwrap_or_default();
    let then = match next {
        Next::Retry { number, limit, delay } => {
            let delay = delay.map(|delay| format!(" in {}", duration::show(delay))).unwrap_or_default();
            format!("retry {number} of {}{delay}", limit_text(limit))
        }
        Next::Nothing { limit } => format!("backoffLimit {} is used up", limit_text(limit)),
    };
    let head = format!("{} {} {}{after}{message}", attempt.label(screen.dot()), screen.bad(), end.show());
    format!("{} {} {then}", screen.tone(Tone::Bad, &head), screen.dash())
}

fn limit_text(limit: i32) -> String {
    if limit == i32::MAX { "any number".to_owned() } else { limit.to_string() }
}

/// Why there was nothing that could print why, such as a program that is not there.
fn cause(end: &End) -> Option<String> {
    let first = end.message.lines().next().filter(|first| !first.is_empty() && end.reason != "Error")?;
    Some(escape(first).into_owned())
}

/// The line for logs and pipes: `12:01:04 pod/migrate-9hq4d #1 failed exit=3 reason=Error next-retry=10s`.
fn plain_failed(attempt: &Attempt, next: &Next, now: Timestamp, screen: Screen) -> String {
    let end = attempt.end.clone().unwrap_or_default();
    let code = end.exit_code.map(|code| format!(" exit={code}")).unwrap_or_default();
    let then = match next {
        Next::Retry { number, limit, delay } => {
            let delay = delay.map(|delay| format!(" next-retry={}", duration::show(delay))).unwrap_or_default();
            format!("counted={number}/{}{delay}", limit_text(*limit))
        }
        Next::Nothing { limit } => format!("limit={}", limit_text(*limit)),
    };
    let (pod, label, reason) = (escape(&attempt.pod), attempt.label(screen.dot()), escape(&end.reason));
    // The server's own time of it: its clock may have jumped since it was last asked for the time.
    let at = clock(end.finished_at.unwrap_or(now));
    let message = cause(&end).map(|text| format!(": {text}")).unwrap_or_default();
    format!("{at} pod/{pod} {label} failed{code} reason={reason} {then}{message}")
}

/// The line that says on a pipe, every half minute, that nothing is forgotten.
pub(crate) fn heartbeat(job: &Job, now: Timestamp) -> String {
    let elapsed = facts::elapsed(job, now).map(api::time::human_duration).unwrap_or_default();
    format!(
        "{} job/{} {} completions={} active={} failed={} after {elapsed}",
        clock(now),
        escape(facts::name(job)),
        facts::state(job),
        facts::completions(job),
        facts::active(job),
        facts::failed(job),
    )
}

/// The last line of a Job that completed.
pub(crate) fn complete(job: &Job, now: Timestamp, screen: Screen) -> String {
    let after = facts::elapsed(job, now).map(|span| format!(" after {}", duration::show(span))).unwrap_or_default();
    let head = format!("{} Job {} Complete{after}", screen.good(), escape(facts::name(job)));
    let failed = match facts::failed(job) {
        0 => String::new(),
        failed => format!(", {failed} failed on the way"),
    };
    format!("{} {} {} succeeded{failed}", screen.tone(Tone::Good, &head), screen.dash(), facts::completions(job))
}

/// The time of day, in the zone of this machine.
fn clock(now: Timestamp) -> String {
    now.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::k8s::api::core::v1::Pod;
    use serde_json::{Value, json};

    const ASCII: Screen = Screen { ascii: true, live: true, ..Screen::PLAIN };

    fn job(spec: &Value, status: &Value) -> Job {
        let mut spec = spec.clone();
        spec["template"] = json!({"spec": {"restartPolicy": "Never", "containers": []}});
        serde_json::from_value(json!({"metadata": {"name": "index"}, "spec": spec, "status": status})).expect("a Job")
    }

    fn failed_pod(number: u32) -> Pod {
        let terminated = json!({"exitCode": 1, "reason": "Error", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:02Z"});
        let status = json!({"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": terminated}});
        serde_json::from_value(json!({
            "metadata": {"name": format!("p{number}"), "uid": number.to_string()},
            "status": {"phase": "Failed", "containerStatuses": [status]},
        }))
        .expect("a Pod")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + seconds).expect("a time")
    }

    #[test]
    fn the_live_line_tells_how_far_the_job_is() {
        let spec = json!({"completions": 8, "parallelism": 3, "activeDeadlineSeconds": 300});
        let status = json!({"succeeded": 5, "active": 3, "failed": 1, "startTime": "2026-01-01T00:00:00Z"});
        let expected = " index  ##########.......  5/8 done - 3 running - 1 failed - 14s - deadline in 4m46s";
        assert_eq!(footer(&job(&spec, &status), &Attempts::default(), at(14), ASCII), expected);
        let attempts = Attempts::of(&[failed_pod(1)]);
        let text = footer(&job(&spec, &json!({"failed": 1})), &attempts, at(5), ASCII);
        assert!(text.contains(" - 1 failed - retry in 7s - "), "{text}");
    }

    #[test]
    fn what_is_created_is_summed_up() {
        let spec = json!({"completions": 8, "parallelism": 3, "backoffLimit": 6, "completionMode": "Indexed"});
        let text = created(&job(&spec, &json!({})), ASCII);
        assert_eq!(text, "job.batch/index created - Indexed 8 - parallelism 3 - backoffLimit 6");
    }

    #[test]
    fn failures_tell_of_the_retry_until_the_limit_is_used_up() {
        let job = job(&json!({"completions": 1, "backoffLimit": 1}), &json!({}));
        let mut pods = vec![failed_pod(1)];
        let line = |pods: &[Pod]| {
            let attempts = Attempts::of(pods);
            let last = attempts.list().last().expect("one");
            anstream::adapter::strip_str(&failed(&job, &attempts, last, at(2), ASCII)).to_string()
        };
        assert_eq!(line(&pods), "#1 x exit 1 after 2s - retry 1 of 1 in 10s");
        pods.push(failed_pod(2));
        assert_eq!(line(&pods), "#2 x exit 1 after 2s - backoffLimit 1 is used up");
    }

    #[test]
    fn on_a_pipe_failures_are_words_and_equals_signs() {
        let job = job(&json!({"completions": 1, "backoffLimit": 2}), &json!({}));
        let attempts = Attempts::of(&[failed_pod(1)]);
        let text = failed(&job, &attempts, &attempts.list()[0], at(2), Screen { live: false, ..ASCII });
        assert!(text.starts_with(&clock(at(2))), "{text}");
        assert!(text.ends_with(" pod/p1 #1 failed exit=1 reason=Error counted=1/2 next-retry=10s"), "{text}");
    }

    #[test]
    fn the_last_line_counts_what_failed_on_the_way() {
        let status = json!({"succeeded": 1, "failed": 2, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:03Z"});
        let text = complete(&job(&json!({"completions": 1}), &status), at(60), ASCII);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(text, "ok Job index Complete after 3s - 1/1 succeeded, 2 failed on the way");
    }
}

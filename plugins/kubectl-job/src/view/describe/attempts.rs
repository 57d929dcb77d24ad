//! The attempts of a described Job: how each ended, how long it was waited for, and what it counted for.

use std::collections::HashMap;

use explain::Attempt;
use serde_json::{Value, json};

use super::{Reading, indent, policies};
use crate::duration;
use crate::view::facts;
use crate::view::table::lay_out;

const HEADINGS: [&str; 9] = ["#", "POD", "START", "RUN", "EXIT", "REASON", "BACKOFF", "COUNTED", "MESSAGE"];

/// The table.
pub(super) fn text(reading: &Reading<'_>) -> String {
    let attempts = explain::attempts(reading.given.story);
    if attempts.is_empty() {
        return "Attempts: <none>\n".to_owned();
    }
    let counted = counted(reading, &attempts);
    let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
    rows.extend(attempts.iter().zip(counted).map(|(attempt, counted)| row(reading, attempt, counted)));
    format!("Attempts:\n{}\n", indent(&lay_out(rows.iter().map(Vec::as_slice))))
}

/// The rows as a value.
pub(super) fn value(reading: &Reading<'_>) -> Value {
    let attempts = explain::attempts(reading.given.story);
    let counted = counted(reading, &attempts);
    let one = |(attempt, counted): (&Attempt, String)| {
        let end = attempt.end.as_ref();
        json!({
            "number": attempt.number,
            "index": attempt.index,
            "pod": attempt.pod,
            "restart": attempt.run,
            "startedAt": attempt.started_at,
            "finishedAt": end.and_then(|end| end.finished_at),
            "seconds": attempt.ran().map(|span| span.as_secs_f64()),
            "container": end.map(|end| end.container.as_str()),
            "exitCode": end.and_then(|end| end.exit_code),
            "reason": end.map(|end| end.reason.as_str()),
            "backoffSeconds": attempt.backoff.map(|backoff| backoff.as_secs()),
            "counted": counted,
        })
    };
    attempts.iter().zip(counted).map(one).collect()
}

fn row(reading: &Reading<'_>, attempt: &Attempt, counted: String) -> Vec<String> {
    let number =
        attempt.index.map_or_else(|| attempt.number.to_string(), |index| format!("idx{index}.{}", attempt.number));
    let start = attempt.started_at.map(|time| reading.clock(time)).unwrap_or_default();
    let running = || attempt.started_at.map(|start| reading.now().duration_since(start));
    let span = if attempt.end.is_some() { attempt.ran() } else { running() };
    let span = span.map(duration::show).unwrap_or_default();
    let (exit, reason, message) = match &attempt.end {
        Some(end) => {
            let code = end.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string());
            (code, end.reason.clone(), end.message.clone())
        }
        None => (String::new(), "Running".to_owned(), String::new()),
    };
    let backoff = attempt.backoff.map_or_else(|| "-".to_owned(), api::time::human_duration);
    vec![number, attempt.pod.clone(), start, span, exit, reason, backoff, counted, message]
}

/// What each attempt counted for: `yes 1/2`, `yes -> limit`, `no (Ignore)`; for a success, that it is one.
fn counted(reading: &Reading<'_>, attempts: &[Attempt]) -> Vec<String> {
    let spec = facts::spec(&reading.job);
    let per_index = spec.backoff_limit_per_index;
    let limit = per_index.unwrap_or_else(|| facts::backoff_limit(&reading.job));
    let shown = if limit == i32::MAX { "any".to_owned() } else { limit.to_string() };
    let mut counts: HashMap<Option<u32>, i32> = HashMap::new();
    let one = |attempt: &Attempt| {
        let Some(end) = &attempt.end else { return String::new() };
        if end.is_success() {
            return "success".to_owned();
        }
        let pod = reading.pods.iter().find(|pod| pod.metadata.uid.as_deref() == Some(&attempt.uid));
        let matched = pod.and_then(|pod| policies::matched(reading, pod));
        match matched.as_ref().map(|(_, action)| action.as_str()) {
            Some("Ignore") => return "no (Ignore)".to_owned(),
            Some("FailJob") => return format!("FailJob {} the end", reading.screen.arrow()),
            Some("FailIndex") => return format!("FailIndex {} the end", reading.screen.arrow()),
            _ => {}
        }
        let count = counts.entry(per_index.and(attempt.index)).or_insert(0);
        *count += 1;
        if *count > limit { format!("yes {} limit", reading.screen.arrow()) } else { format!("yes {count}/{shown}") }
    };
    attempts.iter().map(one).collect()
}

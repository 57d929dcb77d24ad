//! Rules about the spec of a CronJob.

use cron::Schedule;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::Sink;

/// How often a cluster's controller looks.
const LOOKS_EVERY_SECONDS: i64 = 10;
/// A day by which schedules are judged; any will do.
const REFERENCE: Timestamp = Timestamp::UNIX_EPOCH;

/// Checks a CronJob's spec.
pub(super) fn check(spec: &Value, sink: &mut Sink<'_>) {
    let Some(text) = spec["schedule"].as_str() else { return };
    // One that cannot be parsed is refused by the server, in its words.
    if let Ok(schedule) = Schedule::parse(text) {
        let times = first_two(&schedule);
        if times.is_none() {
            sink.add("cron-never", "spec.schedule", format!("{text:?} never comes"));
        }
        overlap(spec, times, sink);
        days(text, sink);
        steps(text, sink);
    }
    if spec["timeZone"].is_null() && !text.starts_with('@') {
        sink.add("cron-time-zone", "spec.schedule", "there is no timeZone");
    }
    let deadline = spec["startingDeadlineSeconds"].as_i64();
    if let Some(seconds) = deadline.filter(|seconds| *seconds < LOOKS_EVERY_SECONDS) {
        sink.add("cron-short-deadline", "spec.startingDeadlineSeconds", format!("it is {seconds} s"));
    }
    if spec["failedJobsHistoryLimit"] == 0 {
        sink.add("cron-no-failed-history", "spec.failedJobsHistoryLimit", "it is 0");
    }
    if spec["suspend"] == true {
        sink.add("suspended", "spec.suspend", "the CronJob is created suspended");
    }
}

fn first_two(schedule: &Schedule) -> Option<(Timestamp, Timestamp)> {
    let first = schedule.next(REFERENCE, &TimeZone::UTC)?;
    Some((first, schedule.next(first, &TimeZone::UTC)?))
}

/// Runs may overlap when nothing ends a Job before the next is due.
fn overlap(spec: &Value, times: Option<(Timestamp, Timestamp)>, sink: &mut Sink<'_>) {
    let policy = spec["concurrencyPolicy"].as_str();
    let Some((first, second)) = times.filter(|_| policy.unwrap_or("Allow") == "Allow") else { return };
    let interval = second.duration_since(first).as_secs();
    let deadline = spec.pointer("/jobTemplate/spec/activeDeadlineSeconds").and_then(Value::as_i64);
    if deadline.is_some_and(|seconds| seconds <= interval) {
        return;
    }
    let field = if policy.is_some() { "spec.concurrencyPolicy" } else { "spec" };
    let how = if policy.is_some() { "concurrencyPolicy is Allow" } else { "concurrencyPolicy is Allow by default" };
    let limit = match deadline {
        Some(seconds) => format!("a Job may take {seconds} s of {interval} s between two"),
        None => "nothing limits how long a Job takes".to_owned(),
    };
    sink.add("cron-overlap", field, format!("{how}, and {limit}"));
}

/// The five fields of a schedule; none for `@daily` and its like.
fn split(text: &str) -> Option<Vec<&str>> {
    let fields: Vec<&str> = text.split_whitespace().filter(|word| !word.contains("TZ=")).collect();
    (fields.len() == 5).then_some(fields)
}

fn days(text: &str, sink: &mut Sink<'_>) {
    let Some(fields) = split(text) else { return };
    let restricted = |field: &str| !field.starts_with('*') && field != "?";
    if restricted(fields[2]) && restricted(fields[4]) {
        let text = format!("day of month {:?} and day of week {:?} are both restricted", fields[2], fields[4]);
        sink.add("cron-days", "spec.schedule", text);
    }
}

fn steps(text: &str, sink: &mut Sink<'_>) {
    let Some(fields) = split(text) else { return };
    for (field, whole, unit) in [(fields[0], 60, "minutes"), (fields[1], 24, "hours")] {
        let step = field.strip_prefix("*/").and_then(|step| step.parse::<u32>().ok());
        if let Some(step) = step.filter(|step| *step > 0 && whole % step != 0) {
            sink.add(
                "cron-uneven-step",
                "spec.schedule",
                format!("{field} is every {step} {unit}, and {step} does not divide {whole}"),
            );
        }
    }
}

//! What is expected of a CronJob.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::Evidence;
use super::jobs::cron_job_of;
use crate::format::{CronExpect, Said};
use crate::report::Failure;
use crate::world::text;

/// The most activations that are counted.
const MOST: usize = 1_000_000;

pub(super) fn judge(evidence: &Evidence<'_>) -> Vec<Failure> {
    let Some(said) = &evidence.test.expect.cron else { return Vec::new() };
    let named = |job: &&Value| said.value.name.as_ref().is_none_or(|name| text(job, "/metadata/name") == name);
    let found: Vec<&Value> = evidence.world.cron_jobs.values().filter(named).collect();
    let [cron_job] = found[..] else {
        let want = said.value.name.as_ref().map_or_else(|| "one CronJob".to_owned(), |name| format!("CronJob {name}"));
        return vec![Failure::at(said.line, &said.field, want, format!("{} of them", found.len()))];
    };
    differences(evidence, said, cron_job)
}

fn differences(evidence: &Evidence<'_>, said: &Said<CronExpect>, cron_job: &Value) -> Vec<Failure> {
    let (wanted, world) = (&said.value, evidence.world);
    let name = text(cron_job, "/metadata/name");
    let own = world.jobs.iter().filter(|track| cron_job_of(track) == Some(name));
    let mut times: Vec<Timestamp> = own.map(|track| scheduled_at(&track.job).unwrap_or(track.created_at)).collect();
    times.sort_unstable();
    let fired = times.len();
    let due = activations(cron_job, world.start, world.now.max(evidence.machine.now()));
    let skipped = due.saturating_sub(fired);
    let why = reasons(evidence, cron_job, name);
    let mut failures = Vec::new();
    let mut fail = |field: &str, want: String, got: String| {
        failures.push(Failure::at(said.line, &format!("{}.{field}", said.field), want, got));
    };
    if let Some(want) = wanted.fired.filter(|want| *want as usize != fired) {
        let list: Vec<String> = times.iter().map(ToString::to_string).collect();
        fail("fired", want.to_string(), format!("{fired}: {}", list.join(", ")));
    }
    if let Some(want) = wanted.skipped.filter(|want| *want as usize != skipped) {
        fail("skipped", want.to_string(), format!("{skipped} of {due} that were due"));
    }
    if let Some(want) = wanted.reason.as_ref().filter(|want| !why.contains(want)) {
        let got = if why.is_empty() { "nothing kept it from firing".to_owned() } else { why.join(", ") };
        fail("reason", want.clone(), got);
    }
    if let Some(want) = wanted.times.as_ref().filter(|want| **want != times) {
        let show = |times: &[Timestamp]| times.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        fail("times", show(want), show(&times));
    }
    failures
}

/// The time that a Job of a CronJob stands for.
fn scheduled_at(job: &Value) -> Option<Timestamp> {
    let annotations = job.pointer("/metadata/annotations")?;
    annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"].as_str()?.parse().ok()
}

/// How often the schedule was due.
fn activations(cron_job: &Value, start: Timestamp, end: Timestamp) -> usize {
    let Ok(schedule) = cron::Schedule::parse(text(cron_job, "/spec/schedule")) else { return 0 };
    let zone = match text(cron_job, "/spec/timeZone") {
        "" => TimeZone::UTC,
        name => cron::load_zone(name).unwrap_or(TimeZone::UTC),
    };
    let next = |after: &Timestamp| schedule.next(*after, &zone).filter(|next| *next <= end);
    std::iter::successors(next(&start), next).take(MOST).count()
}

/// What kept the CronJob from firing, as the fields say it.
fn reasons(evidence: &Evidence<'_>, cron_job: &Value, name: &str) -> Vec<String> {
    let events = evidence.world.events();
    let has = |reason: &str| {
        events.iter().any(|event| text(event, "/reason") == reason && text(event, "/involvedObject/name") == name)
    };
    let mut why = Vec::new();
    if has("JobAlreadyActive") {
        why.push(format!("concurrencyPolicy={}", text(cron_job, "/spec/concurrencyPolicy")));
    }
    if cron_job["spec"]["suspend"] == true {
        why.push("suspend=true".to_owned());
    }
    if has("MissSchedule") {
        let seconds = &cron_job["spec"]["startingDeadlineSeconds"];
        why.push(format!("startingDeadlineSeconds={seconds}"));
    }
    if has("TooManyMissedTimes") {
        why.push("TooManyMissedTimes".to_owned());
    }
    why
}

//! Why a CronJob fired, or did not, and when it fires next.

use api::k8s::api::batch::v1::{CronJob, Job};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{Explanation, Reason, Telling, reason};
use crate::manifest::Source;
use crate::text::escape;
use crate::{Record, Story, facts};

/// Events that say why an activation came to nothing.
const EVENTS: [&str; 8] = [
    "JobAlreadyActive",
    "MissSchedule",
    "TooManyMissedTimes",
    "InvalidSchedule",
    "UnparseableSchedule",
    "UnknownTimeZone",
    "FailedCreate",
    "MissingJob",
];
/// Most of them that are told.
const MAX_EVENTS: usize = 3;

struct View<'a> {
    story: &'a Story,
    telling: &'a Telling<'a>,
    cron_job: CronJob,
    source: Source,
}

pub(super) fn explanation(story: &Story, telling: &Telling<'_>) -> Explanation {
    let cron_job: CronJob = serde_json::from_value(story.job.clone()).unwrap_or_default();
    let view = View { story, telling, cron_job, source: story.source() };
    let name = view.cron_job.metadata.name.clone().unwrap_or_default();
    let shown = escape(&name).into_owned();
    let (status, headline, mut reasons) = view.schedule(&shown);
    reasons.extend(view.last_fired());
    reasons.extend(view.held_back());
    Explanation {
        namespace: view.cron_job.metadata.namespace.clone().unwrap_or_default(),
        name,
        status: status.to_owned(),
        headline,
        reasons,
        hints: Vec::new(),
        last_lines: Vec::new(),
        inferred: story.records.is_none(),
        decisions: story.records.clone().unwrap_or_default(),
    }
}

impl View<'_> {
    fn reason(&self, rule: &str, field: &str, value: impl std::fmt::Display, text: &str) -> Reason {
        reason(&self.source, rule, field, value, text)
    }

    fn when(&self, time: Timestamp) -> String {
        self.telling.when(time, self.story.now)
    }

    fn newest(&self, rule: &str) -> Option<&Record> {
        self.story.records.as_deref().unwrap_or_default().iter().rev().find(|record| record.rule == rule)
    }

    /// Status, headline and what the schedule says.
    fn schedule(&self, name: &str) -> (&'static str, String, Vec<Reason>) {
        let spec = self.cron_job.spec.clone();
        if self.cron_job.metadata.deletion_timestamp.is_some() {
            return ("Terminating", format!("{name} starts nothing any more: it is being deleted."), Vec::new());
        }
        if spec.suspend == Some(true) {
            let reason = self.reason("suspend", "spec.suspend", "true", "{}: no activation starts a Job.");
            return ("Suspended", format!("{name} does not fire, because:"), vec![reason]);
        }
        let schedule = escape(&spec.schedule).into_owned();
        let next = match self.next(&spec.schedule, spec.time_zone.as_deref()) {
            Ok(next) => next,
            Err((rule, field, why)) => {
                let text = format!("{{}}: {}", escape(&why));
                let value = if field == "spec.timeZone" { spec.time_zone.unwrap_or_default() } else { spec.schedule };
                let reason = self.reason(rule, field, format!("{:?}", escape(&value)), &text);
                return ("Invalid", format!("{name} does not fire, because:"), vec![reason]);
            }
        };
        let Some(next) = next else {
            let text = "{} has no activation within five years.";
            let reason = self.reason("schedule", "spec.schedule", format!("{schedule:?}"), text);
            return ("Scheduled", format!("{name} does not fire, because:"), vec![reason]);
        };
        let zone = match (&spec.time_zone, &self.story.records) {
            (Some(zone), _) => format!(", in {}", escape(zone)),
            (None, None) => ", if its controller's time zone is UTC".to_owned(),
            (None, Some(_)) => String::new(),
        };
        let reason = self.reason("schedule", "spec.schedule", format!("{schedule:?}"), &format!("{{}}{zone}."));
        let headline = format!("{name} fires next at {}.", self.when(next));
        ("Scheduled", headline, vec![Reason { until: Some(next), ..reason }])
    }

    /// The next activation, as the controller says, or else by the schedule.
    fn next(
        &self,
        schedule: &str,
        zone: Option<&str>,
    ) -> Result<Option<Timestamp>, (&'static str, &'static str, String)> {
        let zone = match zone {
            Some(zone) => cron::load_zone(zone).map_err(|error| ("time-zone", "spec.timeZone", error.to_string()))?,
            None => TimeZone::UTC,
        };
        let parsed = cron::Schedule::parse(schedule);
        let parsed = parsed.map_err(|error| ("schedule", "spec.schedule", error.to_string()))?;
        let recorded = self.newest("schedule").and_then(|record| record.until).filter(|until| *until > self.story.now);
        Ok(recorded.or_else(|| parsed.next(self.story.now, &zone)))
    }

    fn last_fired(&self) -> Option<Reason> {
        let status = self.cron_job.status.as_ref();
        let Some(last) = status.and_then(|status| status.last_schedule_time.as_ref()) else {
            let created = self.cron_job.metadata.creation_timestamp.as_ref()?.0;
            let text = format!("It has not fired since it was created at {}.", self.when(created));
            return Some(Reason { text, rule: "schedule".to_owned(), ..Reason::default() });
        };
        let jobs: Vec<Job> =
            self.story.pods.iter().filter_map(|job| serde_json::from_value(job.clone()).ok()).collect();
        let newest = jobs.iter().max_by_key(|job| job.metadata.creation_timestamp.as_ref().map(|time| time.0));
        let job = newest.map(|job| format!("; its newest Job is {}, {}", escape(facts::name(job)), facts::state(job)));
        let text = format!("It last fired at {}{}.", self.when(last.0), job.unwrap_or_default());
        Some(Reason { text, rule: "schedule".to_owned(), ..Reason::default() })
    }

    /// Activations that came to nothing, and why.
    fn held_back(&self) -> Vec<Reason> {
        let spec = self.cron_job.spec.clone();
        let mut reasons = Vec::new();
        let active: Vec<String> = self
            .cron_job
            .status
            .iter()
            .flat_map(|status| status.active.iter().flatten())
            .map(|job| escape(job.name.as_deref().unwrap_or_default()).into_owned())
            .collect();
        let policy = spec.concurrency_policy.as_deref().unwrap_or("Allow");
        if !active.is_empty() && policy != "Allow" {
            let what = match policy {
                "Forbid" => "an activation starts no Job while it runs",
                _ => "the next activation deletes it first",
            };
            let text = format!("Job {} is active: {what}, since {{}}.", active.join(", "));
            reasons.push(self.reason("concurrency", "spec.concurrencyPolicy", policy, &text));
        }
        let told = self.story.events.iter().rev().filter(|event| {
            let reason = event["reason"].as_str().unwrap_or_default();
            event["involvedObject"]["kind"] == "CronJob" && EVENTS.contains(&reason)
        });
        for event in told.take(MAX_EVENTS) {
            reasons.push(self.told(event));
        }
        reasons
    }

    fn told(&self, event: &Value) -> Reason {
        let text = |field: &str| event[field].as_str().unwrap_or_default();
        let field = match text("reason") {
            "JobAlreadyActive" => Some("spec.concurrencyPolicy"),
            "MissSchedule" | "TooManyMissedTimes" => Some("spec.startingDeadlineSeconds"),
            "InvalidSchedule" | "UnparseableSchedule" => Some("spec.schedule"),
            "UnknownTimeZone" => Some("spec.timeZone"),
            _ => None,
        };
        let at = text("lastTimestamp").parse::<Timestamp>().ok().or_else(|| text("eventTime").parse().ok());
        let at = at.map(|at| format!("{}: ", self.when(at))).unwrap_or_default();
        let place = field.and_then(|field| self.source.place(field));
        let shown = place.as_ref().map(|place| format!(" ({})", escape(place))).unwrap_or_default();
        let text = format!("{at}{}: {}{shown}", escape(text("reason")), escape(text("message")));
        Reason { text, rule: "event".to_owned(), field: field.map(str::to_owned), place, until: None }
    }
}

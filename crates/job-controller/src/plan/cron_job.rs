//! What a CronJob needs next: `plan(cron_job, jobs, now, local zone)` answers with the Jobs to delete, the Job to start,
//! the status and the time of the next look (`pkg/controller/cronjob/cronjob_controllerv2.go`, v1.36).
//!
//! Pure. A Job is named after the minute of its schedule, so that no activation starts two, whatever gets lost; the
//! list of active Jobs is the status's own, as upstream's is.
//!
//! Differs: upstream asks the API server once more before it believes that an active Job is missing; here the shell
//! plans on a cache that is no older than its own writes. A Job that was let go by its CronJob is missing as well, since
//! nothing would ever take it off the list.

pub mod due;
mod history;
mod input;
#[cfg(test)]
mod tests;

use api::text::count;
use std::borrow::Cow;

use api::Uid;
use cron::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use due::Missed;
pub use input::{Concurrency, CronJob, End, JobView, Reference, SCHEDULED_TIMESTAMP, Status};

use super::{Note, Severity};

/// How long after an activation the next look is taken (`nextScheduleDelta`).
const PADDING: SignedDuration = SignedDuration::from_millis(100);

/// An event about the CronJob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Normal or Warning.
    pub severity: Severity,
    /// The reason, such as `SawCompletedJob`.
    pub reason: &'static str,
    /// The message.
    pub message: String,
}

/// A Job to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its name, which says the minute.
    pub name: String,
    /// The activation that it is for.
    pub scheduled: Timestamp,
    /// The activation in the CronJob's own zone, for the annotation.
    pub shown: String,
}

/// What to do, in this order: events; deletes; replacements; the start, unless one of these failed; the status, to which
/// a started Job is added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Events.
    pub events: Vec<Event>,
    /// Finished Jobs beyond the limits, to delete with their pods.
    pub deletes: Vec<(Uid, String)>,
    /// Active Jobs to delete with their pods before the start.
    pub replaces: Vec<(Uid, String)>,
    /// The Job to start.
    pub start: Option<Start>,
    /// The status, when it changes even without the start.
    pub status: Option<Status>,
    /// When to look again.
    pub wake_at: Option<Timestamp>,
    /// Why.
    pub notes: Vec<Note>,
}

/// Plans for one CronJob and all Jobs that it controls.
pub fn plan(cron_job: &CronJob, jobs: &[JobView], now: Timestamp, local: &TimeZone) -> Plan {
    let remembered = remember(cron_job, jobs);
    let current = remembered.as_ref().unwrap_or(cron_job);
    let mut planning = Planning { cron_job: current, now, status: current.status.clone(), plan: Plan::default() };
    if remembered.is_none() {
        let beyond = history::beyond_limits(cron_job, jobs);
        if !beyond.is_empty() {
            let field = "spec.successfulJobsHistoryLimit, spec.failedJobsHistoryLimit";
            planning.note("history", field, count(jobs.len(), "Job"), format!("delete {} of them", beyond.len()));
        }
        for job in beyond {
            planning.plan.deletes.push((job.uid.clone(), job.name.clone()));
            planning.status.active.retain(|active| active.uid != job.uid);
        }
    }
    planning.settle(jobs);
    // What was remembered is written before anything else is done, or it could be lost again.
    if remembered.is_none() {
        planning.schedule(local);
    }
    let Planning { status, mut plan, .. } = planning;
    plan.status = (status != cron_job.status).then_some(status);
    plan
}

/// The CronJob with the Jobs in its status that were started before their start could be written, if there are any.
///
/// Differs: upstream remembers such a Job only if no other activation has come since, and until then neither Forbid nor
/// Replace knows of it.
fn remember(cron_job: &CronJob, jobs: &[JobView]) -> Option<CronJob> {
    let forgotten: Vec<(&JobView, Timestamp)> =
        jobs.iter().filter_map(|job| Some((job, due::unrecorded(cron_job, job)?))).collect();
    let last = forgotten.iter().map(|(_, scheduled)| *scheduled).max()?;
    let mut remembered = cron_job.clone();
    let running = forgotten.iter().filter(|(job, _)| job.end.is_none());
    remembered.status.active.extend(running.map(|(job, _)| job.reference(&cron_job.namespace)));
    remembered.status.last_schedule = Some(last);
    Some(remembered)
}

struct Planning<'a> {
    cron_job: &'a CronJob,
    now: Timestamp,
    status: Status,
    plan: Plan,
}

impl Planning<'_> {
    fn event(&mut self, severity: Severity, reason: &'static str, message: impl Into<Cow<'static, str>>) {
        self.plan.events.push(Event { severity, reason, message: message.into().into_owned() });
    }

    fn note(&mut self, rule: &'static str, field: &'static str, inputs: String, decision: impl Into<String>) {
        let decision = decision.into();
        self.plan.notes.push(Note { rule, inputs, decision, field, waits_for: None, until: None });
    }

    /// Brings the status up to what became of the Jobs.
    fn settle(&mut self, jobs: &[JobView]) {
        for job in jobs {
            let active = self.status.active.iter().any(|active| active.uid == job.uid);
            match job.end {
                None if !active => self.event(
                    Severity::Warning,
                    "UnexpectedJob",
                    format!("Saw a job that the controller did not create or forgot: {}", job.name),
                ),
                None => {}
                Some(end) => self.finished(job, end, active),
            }
        }
        let known = |active: &Reference| jobs.iter().any(|job| job.uid == active.uid);
        let missing: Vec<String> =
            self.status.active.iter().filter(|active| !known(active)).map(|active| active.name.clone()).collect();
        self.status.active.retain(known);
        for name in missing {
            self.event(Severity::Normal, "MissingJob", format!("Active job went missing: {name}"));
        }
    }

    fn finished(&mut self, job: &JobView, end: End, active: bool) {
        if active {
            self.status.active.retain(|active| active.uid != job.uid);
            let message = format!("Saw completed job: {}, condition: {}", job.name, end.condition());
            self.event(Severity::Normal, "SawCompletedJob", message);
        }
        if end == End::Complete {
            self.status.last_successful = self.status.last_successful.max(job.completion);
        }
    }

    /// Starts what is due, unless something holds it back.
    fn schedule(&mut self, local: &TimeZone) {
        if self.cron_job.deleting {
            self.note("deleting", "metadata.deletionTimestamp", String::new(), "no Job is started");
            return;
        }
        let Some((schedule, zone)) = self.read_schedule(local) else { return };
        let scheduled = match due::unmet(self.cron_job, &schedule, &zone, self.now) {
            Ok((scheduled, missed)) => {
                if scheduled.is_some() && missed == Missed::Many {
                    let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
                    self.event(Severity::Warning, "TooManyMissedTimes", message);
                }
                scheduled
            }
            Err(error) => {
                let message = format!("invalid schedule: {} : {error}", self.cron_job.schedule);
                self.event(Severity::Warning, "InvalidSchedule", message);
                return;
            }
        };
        if let Some(scheduled) = scheduled {
            self.consider(scheduled, &zone);
        }
        let after_start = self.plan.start.as_ref().map(|start| start.scheduled);
        let next = due::next_look(self.cron_job, after_start, &schedule, &zone, self.now);
        self.plan.wake_at = next.and_then(|next| next.checked_add(PADDING).ok());
        self.plan.notes.push(Note {
            rule: "schedule",
            inputs: self.cron_job.schedule.clone(),
            decision: "nothing more is due".to_owned(),
            field: "spec.schedule",
            waits_for: Some(if next.is_some() { "the next activation" } else { "a schedule that has one" }),
            until: next,
        });
    }

    /// The schedule and the zone it is read in; `None` when nothing is to be scheduled.
    fn read_schedule(&mut self, local: &TimeZone) -> Option<(Schedule, TimeZone)> {
        let cron_job = self.cron_job;
        let zone = match cron_job.time_zone.as_deref().map(|name| (name, cron::load_zone(name))) {
            Some((name, Err(error))) => {
                self.note("time-zone", "spec.timeZone", name.to_owned(), "unknown: no Job is started");
                self.event(Severity::Warning, "UnknownTimeZone", format!("invalid timeZone: {name:?}: {error}"));
                return None;
            }
            Some((_, Ok(zone))) => zone,
            None => local.clone(),
        };
        if cron_job.suspend {
            self.note("suspend", "spec.suspend", String::new(), "no Job is started");
            return None;
        }
        let text = &cron_job.schedule;
        if text.contains("TZ") {
            let message = format!(
                "CRON_TZ or TZ used in schedule {text:?} is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            );
            self.event(Severity::Warning, "UnsupportedSchedule", message);
        }
        match Schedule::parse(text) {
            Ok(schedule) => Some((schedule, zone)),
            Err(error) => {
                self.note("schedule", "spec.schedule", text.clone(), "cannot be read: no Job is started");
                let message = format!("unparseable schedule: {text:?} : {error}");
                self.event(Severity::Warning, "UnparseableSchedule", message);
                None
            }
        }
    }

    /// Decides on the activation that is due.
    fn consider(&mut self, scheduled: Timestamp, zone: &TimeZone) {
        let cron_job = self.cron_job;
        let latest = cron_job.starting_deadline.and_then(|deadline| scheduled.checked_add(deadline).ok());
        if latest.is_some_and(|latest| latest < self.now) {
            self.note(
                "deadline",
                "spec.startingDeadlineSeconds",
                format!("activation {scheduled}"),
                "too late: skip it",
            );
            let when = scheduled.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
            self.event(Severity::Warning, "MissSchedule", format!("Missed scheduled time to start a job: {when}"));
            return;
        }
        let name = due::job_name(cron_job, scheduled);
        let started = self.status.active.iter().any(|active| active.name == name);
        if started || self.status.last_schedule == Some(scheduled) {
            return;
        }
        if cron_job.concurrency == Concurrency::Forbid && !self.status.active.is_empty() {
            let active = self.status.active.len();
            self.plan.notes.push(Note {
                rule: "concurrency",
                inputs: format!("activation {scheduled}, {active} active"),
                decision: "Forbid: start no Job".to_owned(),
                field: "spec.concurrencyPolicy",
                waits_for: Some("the active Job to end"),
                until: None,
            });
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            self.event(Severity::Normal, "JobAlreadyActive", message);
            return;
        }
        if cron_job.concurrency == Concurrency::Replace {
            let active = std::mem::take(&mut self.status.active);
            if !active.is_empty() {
                let inputs = format!("activation {scheduled}, {} active", active.len());
                self.note("concurrency", "spec.concurrencyPolicy", inputs, "Replace: delete them first");
            }
            self.plan.replaces = active.into_iter().map(|active| (active.uid, active.name)).collect();
        }
        self.note("schedule", "spec.schedule", format!("activation {scheduled}"), format!("start Job {name}"));
        let shown_in = if cron_job.time_zone.is_some() { zone.clone() } else { TimeZone::UTC };
        self.plan.start = Some(Start { name, scheduled, shown: rfc3339(scheduled, shown_in) });
    }
}

/// RFC 3339 as Go prints it: `Z` for UTC.
fn rfc3339(time: Timestamp, zone: TimeZone) -> String {
    let text = time.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    text.strip_suffix("+00:00").map_or(text.clone(), |utc| format!("{utc}Z"))
}

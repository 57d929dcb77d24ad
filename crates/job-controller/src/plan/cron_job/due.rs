//! Which activation is due, and when the next look is (`mostRecentScheduleTime`, `nextScheduleTimeDuration`).

use cron::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{CronJob, JobView};

/// From so many missed activations on, a warning says so.
const MANY: i64 = 100;

/// How many activations were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// None.
    None,
    /// Up to a hundred.
    Few,
    /// More.
    Many,
}

/// The schedule has no two activations, such as 30 February.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time difference between two schedules is less than 1 second")]
pub struct Never;

/// The newest activation that was not met yet.
struct Recent {
    earliest: Timestamp,
    scheduled: Option<Timestamp>,
    missed: Missed,
}

/// The name of the Job of an activation (`getJobName`).
pub(super) fn job_name(cron_job: &CronJob, scheduled: Timestamp) -> String {
    format!("{}-{}", cron_job.name, scheduled.as_second() / 60)
}

/// The activation that a Job of this CronJob was started for, if the status does not know of it yet.
pub(super) fn unrecorded(cron_job: &CronJob, job: &JobView) -> Option<Timestamp> {
    let known = cron_job.status.last_schedule.unwrap_or(cron_job.created);
    job.scheduled.filter(|scheduled| *scheduled > known && job.name == job_name(cron_job, *scheduled))
}

/// The activation to start now, if any, and how many were missed.
///
/// # Errors
/// When the schedule never activates.
pub(super) fn unmet(
    cron_job: &CronJob,
    schedule: &Schedule,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Missed), Never> {
    let mut earliest = since(cron_job, None);
    if let Some(deadline) = cron_job.starting_deadline {
        // Nothing older would be started anyway.
        earliest = earliest.max(now.saturating_sub(deadline).expect("seconds keep their unit"));
    }
    let recent = recent(earliest, schedule, zone, now)?;
    Ok((recent.scheduled, recent.missed))
}

/// The activation after which to look again. `started` is what this plan starts.
pub(super) fn next_look(
    cron_job: &CronJob,
    started: Option<Timestamp>,
    schedule: &Schedule,
    zone: &TimeZone,
    now: Timestamp,
) -> Option<Timestamp> {
    let from = match recent(since(cron_job, started), schedule, zone, now) {
        Err(Never) => now,
        Ok(Recent { scheduled: Some(scheduled), .. }) => scheduled,
        Ok(Recent { earliest, missed: Missed::None, .. }) => earliest,
        Ok(_) => now,
    };
    schedule.next(from, zone)
}

/// After which activation to count. Upstream waits for the next activation when a schedule is changed, as if what the
/// new one would have started before had been.
fn since(cron_job: &CronJob, started: Option<Timestamp>) -> Timestamp {
    let last = started.or(cron_job.status.last_schedule).unwrap_or(cron_job.created);
    last.max(cron_job.changed.unwrap_or(last))
}

fn recent(earliest: Timestamp, schedule: &Schedule, zone: &TimeZone, now: Timestamp) -> Result<Recent, Never> {
    let first = schedule.next(earliest, zone).ok_or(Never)?;
    if now < first {
        return Ok(Recent { earliest, scheduled: None, missed: Missed::None });
    }
    let second = schedule.next(first, zone).ok_or(Never)?;
    if now < second {
        return Ok(Recent { earliest, scheduled: Some(first), missed: Missed::None });
    }
    let interval = second.duration_since(first).as_secs();
    if interval < 1 {
        return Err(Never);
    }
    let count = now.duration_since(first).as_secs() / interval + 1;
    // One interval further back than it seems to be, for schedules whose intervals differ; from there on the schedule
    // itself is asked, so that an interval of `@every` keeps its phase.
    let back = SignedDuration::from_secs((count - 2).saturating_mul(interval));
    let from = first.saturating_add(back).expect("seconds keep their unit");
    let scheduled = last_before(from, schedule, zone, now).or_else(|| search_back(second, schedule, zone, now));
    Ok(Recent { earliest, scheduled, missed: if count > MANY { Missed::Many } else { Missed::Few } })
}

/// The last activation after `from` that is not after `now`.
fn last_before(from: Timestamp, schedule: &Schedule, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let mut last = None;
    let mut next = schedule.next(from, zone);
    while let Some(at) = next.filter(|at| *at <= now) {
        last = Some(at);
        next = schedule.next(at, zone);
    }
    last
}

/// The same for a schedule whose intervals differ so much that going back by the first of them was not enough: goes
/// back by twice as much each time, to `known` at most, which is an activation.
///
/// Differs: upstream finds nothing then, and leaves out the activation.
fn search_back(known: Timestamp, schedule: &Schedule, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let mut seconds = 60;
    loop {
        let from = now.saturating_sub(SignedDuration::from_secs(seconds)).expect("seconds keep their unit");
        if from <= known {
            return last_before(known, schedule, zone, now).or(Some(known));
        }
        if let Some(last) = last_before(from, schedule, zone, now) {
            return Some(last);
        }
        seconds *= 2;
    }
}

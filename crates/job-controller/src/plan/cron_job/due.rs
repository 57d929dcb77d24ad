//! Which activation is due, and when the next look is (`mostRecentScheduleTime`, `nextScheduleTimeDuration`).

use cron::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::CronJob;

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
    let mut next = schedule.next(first.saturating_add(back).expect("seconds keep their unit"), zone);
    let mut scheduled = None;
    while let Some(at) = next.filter(|at| *at <= now) {
        scheduled = Some(at);
        next = schedule.next(at, zone);
    }
    Ok(Recent { earliest, scheduled, missed: if count > MANY { Missed::Many } else { Missed::Few } })
}

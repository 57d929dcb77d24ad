//! When which story is written. Pure: the time is an argument.
//!
//! Bounds: [`WRITES_PER_SECOND`], beyond which stories wait; as many wait as the history would keep, and the oldest are left
//! out.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use api::Uid;
use tokio::time::Instant;

/// Most stories written in a second; as many may come at once.
const WRITES_PER_SECOND: u32 = 100;
const SECOND: Duration = Duration::from_secs(1);

/// The Jobs whose stories are to be written.
#[derive(Debug)]
pub(super) struct Schedule {
    due: BTreeSet<(Instant, Uid)>,
    by_job: HashMap<Uid, Instant>,
    max: usize,
    writes_left: u32,
    refilled_at: Instant,
}

impl Schedule {
    /// A schedule on which at most so many stories wait.
    pub(super) fn new(max: usize, now: Instant) -> Self {
        let (due, by_job) = (BTreeSet::new(), HashMap::new());
        Self { due, by_job, max: max.max(1), writes_left: WRITES_PER_SECOND, refilled_at: now }
    }

    /// Whether a Job's story is to be written.
    pub(super) fn has(&self, job: &Uid) -> bool {
        self.by_job.contains_key(job)
    }

    /// When the next one is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Has a story written then, or sooner if that was said before.
    pub(super) fn add(&mut self, job: &Uid, at: Instant) {
        if self.by_job.get(job).is_some_and(|before| *before <= at) {
            return;
        }
        self.remove(job);
        self.insert(job.clone(), at);
        // Those would be removed again as soon as they were written.
        while self.due.len() > self.max {
            let Some((_, oldest)) = self.due.pop_first() else { return };
            self.by_job.remove(&oldest);
        }
    }

    /// Has no story written of a Job.
    pub(super) fn remove(&mut self, job: &Uid) {
        if let Some(at) = self.by_job.remove(job) {
            self.due.remove(&(at, job.clone()));
        }
    }

    /// Takes the next one that is due, as far as the budget goes.
    pub(super) fn take(&mut self, now: Instant) -> Option<Uid> {
        if now.duration_since(self.refilled_at) >= SECOND {
            (self.writes_left, self.refilled_at) = (WRITES_PER_SECOND, now);
        }
        while self.next_at().is_some_and(|at| at <= now) {
            let (_, job) = self.due.pop_first()?;
            self.by_job.remove(&job);
            if self.writes_left > 0 {
                self.writes_left -= 1;
                return Some(job);
            }
            self.insert(job, self.refilled_at + SECOND);
        }
        None
    }

    fn insert(&mut self, job: Uid, at: Instant) {
        self.due.insert((at, job.clone()));
        self.by_job.insert(job, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: usize) -> Uid {
        Uid::from(format!("{number:04}").as_str())
    }

    fn taken(schedule: &mut Schedule, now: Instant) -> usize {
        std::iter::from_fn(|| schedule.take(now)).count()
    }

    #[test]
    fn a_story_is_written_once_at_the_sooner_of_two_times() {
        let now = Instant::now();
        let mut schedule = Schedule::new(10, now);
        schedule.add(&uid(1), now + SECOND);
        schedule.add(&uid(1), now);
        schedule.add(&uid(1), now + SECOND);
        assert_eq!(schedule.take(now), Some(uid(1)));
        assert_eq!((schedule.take(now + SECOND), schedule.has(&uid(1))), (None, false));
    }

    #[test]
    fn the_oldest_that_wait_are_left_out() {
        let now = Instant::now();
        let mut schedule = Schedule::new(2, now);
        (0..3).for_each(|number| schedule.add(&uid(number), now));
        assert_eq!((schedule.take(now), schedule.take(now), schedule.take(now)), (Some(uid(1)), Some(uid(2)), None));
    }

    #[test]
    fn what_is_beyond_the_budget_waits_for_the_next_second() {
        let now = Instant::now();
        let budget = WRITES_PER_SECOND as usize;
        let mut schedule = Schedule::new(1_000, now);
        (0..budget + 5).for_each(|number| schedule.add(&uid(number), now));
        assert_eq!(taken(&mut schedule, now), budget);
        assert_eq!(schedule.next_at(), Some(now + SECOND));
        assert_eq!(taken(&mut schedule, now + SECOND), 5);
    }
}

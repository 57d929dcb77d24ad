//! The back-off between a pod's failure and its replacement: 10 s, doubled with every failure since the last success,
//! at most 10 minutes (`pkg/controller/job/backoff_utils.go`).

use std::collections::BTreeSet;

use api::Uid;
use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::{Phase, PodView};

/// Seconds after the first failure.
pub const FIRST_DELAY_SECONDS: i64 = 10;
/// Seconds at most. Differs from the documentation, which says six minutes; agrees with upstream's code.
pub const MAX_DELAY_SECONDS: i64 = 600;

/// What the next plan has to know beyond the Job and its pods. Kept by the Job's UID, never by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Failed pods since the last one that succeeded.
    pub failures: u32,
    /// When the last of them finished.
    pub last_failure: Option<Timestamp>,
    /// Finished pods that are part of the above and still tracked: none is taken in twice.
    recorded: BTreeSet<Uid>,
}

impl Memory {
    /// Rebuilds the record from the pods that a restarted controller finds: those that are terminal and no longer
    /// tracked. Tracked ones are taken in by the next plan.
    ///
    /// Differs: upstream forgets the record when the controller restarts, and starts over at 10 s.
    pub fn recover<'a>(counted: impl IntoIterator<Item = &'a PodView>) -> Self {
        let mut ends: Vec<(Timestamp, bool)> = counted
            .into_iter()
            .filter(|pod| pod.phase.is_terminal() && !pod.tracked)
            .map(|pod| (pod.finished, pod.phase == Phase::Succeeded))
            .collect();
        ends.sort_unstable();
        let mut memory = Self::default();
        let last_success = ends.iter().filter(|(_, succeeded)| *succeeded).map(|(end, _)| *end).max();
        let after = |end: Timestamp| last_success.is_none_or(|success| end > success);
        memory.add(ends.iter().filter(|(end, succeeded)| !succeeded && after(*end)).map(|(end, _)| *end));
        memory
    }

    /// Takes in the pods that finished since the last plan. A success resets the record; of the failures beside it,
    /// only later ones count.
    pub(super) fn record(&mut self, context: &Context<'_>) {
        let finished = |pod: &&PodView| {
            let ended = pod.phase == Phase::Succeeded || context.is_failed(pod);
            ended && context.is_valid(pod)
        };
        let new: Vec<&PodView> =
            context.pods.ended().filter(finished).filter(|pod| !self.recorded.contains(&pod.uid)).collect();
        let last_success = new.iter().filter(|pod| pod.phase == Phase::Succeeded).map(|pod| pod.finished).max();
        if last_success.is_some() {
            self.failures = 0;
            self.last_failure = None;
        }
        let after = |end: Timestamp| last_success.is_none_or(|success| end > success);
        self.add(
            new.iter().filter(|pod| pod.phase != Phase::Succeeded).map(|pod| pod.finished).filter(|end| after(*end)),
        );
        self.recorded = context.pods.ended().filter(finished).map(|pod| pod.uid.clone()).collect();
    }

    fn add(&mut self, ends: impl Iterator<Item = Timestamp>) {
        for end in ends {
            self.failures = self.failures.saturating_add(1);
            self.last_failure = Some(self.last_failure.map_or(end, |last| last.max(end)));
        }
    }

    /// Until when no pod may be created, if that lies ahead.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        until(self.failures, self.last_failure?, now)
    }
}

/// Until when the replacement of the `failures`-th failure has to wait, if that lies ahead.
pub(super) fn until(failures: u32, last_failure: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let until = last_failure.saturating_add(delay(failures)).ok()?;
    (until > now).then_some(until)
}

/// The delay after so many failures.
pub fn delay(failures: u32) -> SignedDuration {
    let Some(doublings) = failures.checked_sub(1) else { return SignedDuration::ZERO };
    let seconds = FIRST_DELAY_SECONDS.checked_shl(doublings.min(30)).unwrap_or(MAX_DELAY_SECONDS);
    SignedDuration::from_secs(seconds.min(MAX_DELAY_SECONDS))
}

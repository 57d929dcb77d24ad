//! The wait between restarts of one container: 10 s doubling to 300 s, forgotten after 10 quiet minutes
//! (`k8s.io/client-go/util/flowcontrol/backoff.go` with the kubelet's settings). The first restart is immediate.

use jiff::{SignedDuration, Timestamp};

const FIRST_SECONDS: i64 = 10;
const LONGEST_SECONDS: i64 = 300;
/// Twice the longest wait.
const FORGET_AFTER_SECONDS: i64 = 600;

/// One container's back-off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BackOff {
    /// The wait after the next end; zero before the first restart.
    seconds: i64,
    /// When the container was last restarted.
    restarted_at: Option<Timestamp>,
    /// Whether people were told of the current wait.
    pub(super) announced: bool,
}

impl BackOff {
    /// Until when a container that ended then must wait; `None` when it need not.
    pub(super) fn until(&self, finished_at: Timestamp) -> Option<Timestamp> {
        if self.seconds == 0 || self.is_forgotten(finished_at) {
            return None;
        }
        finished_at.checked_add(SignedDuration::from_secs(self.seconds)).ok()
    }

    /// Notes a restart after an end.
    pub(super) fn restarted(&mut self, finished_at: Timestamp, now: Timestamp) {
        let forgotten = self.seconds == 0 || self.is_forgotten(finished_at);
        self.seconds = if forgotten { FIRST_SECONDS } else { (self.seconds * 2).min(LONGEST_SECONDS) };
        self.restarted_at = Some(now);
        self.announced = false;
    }

    fn is_forgotten(&self, finished_at: Timestamp) -> bool {
        self.restarted_at.is_some_and(|at| finished_at.duration_since(at).as_secs() > FORGET_AFTER_SECONDS)
    }

    /// The current wait as Go prints durations: `10s`, `1m20s`, `5m0s`.
    pub(super) fn text(&self) -> String {
        match (self.seconds / 60, self.seconds % 60) {
            (0, seconds) => format!("{seconds}s"),
            (minutes, seconds) => format!("{minutes}m{seconds}s"),
        }
    }
}

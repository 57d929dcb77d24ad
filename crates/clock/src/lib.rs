//! Time and randomness, the two things that pure code must be given: the [`Clock`] and [`Entropy`] traits and their
//! system, manual and skew implementations, and the [`Stepper`] that moves a clock when nothing else is left to do.
//!
//! All times are absolute. Children of a pod always see the real time, whatever clock the cluster runs on.

mod entropy;
mod manual;
mod skew;
mod stepper;
mod system;
mod timers;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use entropy::{Entropy, SeededEntropy, SystemEntropy, secret_hex};
use jiff::Timestamp;
pub use manual::ManualClock;
pub use skew::SkewClock;
pub use stepper::{Settled, Stepper};
pub use system::SystemClock;

/// A sleep in progress.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whether a wait is a reason for time to jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// Something unfinished waits: a back-off, a deadline, a grace period, a retry. A clock that moves by itself goes
    /// there when nothing else is left to do.
    #[default]
    Yes,
    /// A schedule or housekeeping: CronJobs, the age of Events, finished Jobs that are to go. It fires when time passes
    /// it, exactly, and is no reason for time to pass: else an idle cluster would race through the years.
    No,
}

/// Where components get the time from, and what they wait on.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Waits until the clock reads at least `deadline`; returns at once when it already does. [`Timestamp::MAX`] is
    /// never reached.
    fn wait_until(&self, deadline: Timestamp, pull: Pull) -> Sleep;

    /// Waits for something unfinished: [`Clock::wait_until`] with [`Pull::Yes`].
    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        self.wait_until(deadline, Pull::Yes)
    }
}

/// A clock that can be moved forward, and knows who waits on it.
pub trait Movable: Clock {
    /// The earliest time that somebody waits for.
    fn next_timer(&self) -> Option<Timestamp>;

    /// The earliest time that something unfinished waits for.
    fn next_pull(&self) -> Option<Timestamp>;

    /// Moves to `time` in one leap and wakes all whose time has come, in the order of their times. A time already past
    /// is ignored, since time never runs back.
    fn jump_to(&self, time: Timestamp);
}

/// A clock that components share.
pub type SharedClock = Arc<dyn Clock>;
/// A source of randomness that components share.
pub type SharedEntropy = Arc<dyn Entropy>;

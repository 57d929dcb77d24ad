//! Time and randomness, the two things that pure code must be given: the [`Clock`] and [`Entropy`] traits and their
//! system, manual and skew implementations.
//!
//! All times are absolute. Children of a pod always see the real time, whatever clock the cluster runs on.

mod entropy;
mod manual;
mod skew;
mod system;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use entropy::{Entropy, SeededEntropy, SystemEntropy, secret_hex};
use jiff::Timestamp;
pub use manual::ManualClock;
pub use skew::SkewClock;
pub use system::SystemClock;

/// A sleep in progress.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where components get the time from, and what they wait on.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Waits until the clock reads at least `deadline`; returns at once when it already does.
    fn sleep_until(&self, deadline: Timestamp) -> Sleep;
}

/// A clock that components share.
pub type SharedClock = Arc<dyn Clock>;
/// A source of randomness that components share.
pub type SharedEntropy = Arc<dyn Entropy>;

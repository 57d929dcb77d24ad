//! How the time of a test's cluster passes: its clock, what moves it, the runtime that it passes in, and how a cluster on it
//! ends.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clock::{ManualClock, Movable, SharedClock, SkewClock, Stepper, SystemClock};
use cluster::{Cluster, Config};
use futures::future::select;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::runtime::{Builder, Runtime};

use crate::cluster::ClockMode;

/// When virtual time begins: 2026-01-01T00:00:00Z, a Thursday.
const START_SECONDS: i64 = 1_767_225_600;
/// How long parts of a cluster may take to end when they wait for something real.
const END_PATIENCE: Duration = Duration::from_secs(20);

/// When virtual time begins, unless a test says otherwise.
pub(crate) fn start_time() -> Timestamp {
    Timestamp::from_second(START_SECONDS).expect("in range")
}

/// The time of one cluster.
pub(crate) struct Time {
    pub(crate) mode: ClockMode,
    pub(crate) clock: SharedClock,
    /// What moves it, if it can be moved.
    pub(crate) stepper: Option<Arc<Stepper>>,
    movable: Option<Arc<dyn Movable>>,
}

impl Time {
    /// Time that passes in this way; virtual time begins at `start`.
    pub(crate) fn new(mode: ClockMode, start: Timestamp) -> Self {
        let movable: Option<Arc<dyn Movable>> = match mode {
            ClockMode::Virtual => Some(Arc::new(ManualClock::new(start))),
            ClockMode::Hybrid => Some(Arc::new(SkewClock::default())),
            ClockMode::Real => None,
        };
        let stepper = movable.clone().map(Stepper::new);
        let clock = stepper.as_ref().map_or_else(|| Arc::new(SystemClock) as SharedClock, |stepper| stepper.clock());
        Self { mode, clock, stepper, movable }
    }

    /// A runtime of one thread, in which it passes.
    pub(crate) fn runtime(&self) -> io::Result<Runtime> {
        let mut runtime = Builder::new_current_thread();
        if let Some(stepper) = &self.stepper {
            stepper.install(&mut runtime);
        }
        runtime.enable_all().build()
    }

    /// Lets a cluster have this time, in UTC.
    pub(crate) fn rule(&self, config: &mut Config) {
        config.clock = self.clock.clone();
        config.stepper.clone_from(&self.stepper);
        config.time_zone = TimeZone::UTC;
    }

    /// The time that something unfinished draws it to; nothing when a server that moves by itself would stand still.
    pub(crate) fn drawn_to(&self) -> Option<Timestamp> {
        self.movable.as_ref()?.next_pull()
    }

    /// Ends a cluster, as far as it can be: a component that a fault holds back may wait for ever, and goes with the
    /// runtime.
    pub(crate) async fn end(&self, cluster: Cluster) {
        match &self.stepper {
            Some(stepper) if self.mode == ClockMode::Virtual => {
                select(pin!(cluster.shutdown()), pin!(stepper.stalled())).await;
            }
            _ => _ = tokio::time::timeout(END_PATIENCE, cluster.shutdown()).await,
        }
    }
}

//! What every controller is made of: a work queue, a runner that feeds it from observations and reconciles its keys, a
//! gate that keeps a controller from acting on a cache older than its own last write, and a recorder of Events.
//!
//! Flow: observation -> [`Controller::observe`] (synchronous, updates the controller's own state, wakes keys) ->
//! [`Queue`] -> [`Controller::reconcile`] (one flight per key) -> API. Nothing here knows a kind.

pub mod budget;
pub mod correlator;
pub mod freshness;
pub mod queue;
pub mod recorder;
pub mod runner;

pub use correlator::{Reference, Severity};
pub use freshness::Freshness;
pub use queue::Queue;
pub use recorder::{Recorder, RecorderTask};
pub use runner::{Controller, Outcome, Runner, RunnerHandle, SYNC_TARGET};

//! The ReplicationController controller: the shell, which observes ReplicationControllers and pods, plans when the cache
//! has caught up with this controller's own writes, and performs the plan. What is due is decided in [`plan`].
//!
//! Invariants: one flight per controller; no plan on a cache older than one's own last write (one freshness gate per
//! resource, and the UIDs of pods that were deleted, since the answer to a delete need not carry a revision); so there
//! is never a pod too many, nor one deleted for another. State is kept by UID.

mod apply;
mod cache;
pub mod plan;
pub mod pod;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::resource::PODS;
use api::{Gvr, Uid};
use client::{Client, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Recorder, Runner, RunnerHandle};
use jiff::Timestamp;
use parking_lot::Mutex;

use apply::{ApplyError, Flight};
use cache::{Cache, Sight};

/// `v1 replicationcontrollers`.
pub const REPLICATION_CONTROLLERS: Gvr = Gvr::known("", "v1", "replicationcontrollers");
/// The component that its events name.
pub const COMPONENT: &str = "replication-controller";

const CONTROLLER_SOURCE: usize = 0;

struct Replication {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    /// Never held across an await.
    cache: Mutex<Cache>,
}

/// Starts the controller; `recorder` speaks for [`COMPONENT`].
pub fn start(client: Client, clock: SharedClock, recorder: Recorder) -> RunnerHandle {
    let controllers = observe(client.clone(), clock.clone(), REPLICATION_CONTROLLERS, Selection::default());
    let pods = observe(client.clone(), clock.clone(), PODS, Selection::default());
    let replication = Replication { client, clock: clock.clone(), recorder, cache: Mutex::default() };
    Runner::new(Arc::new(replication), clock).source(controllers).source(pods).start()
}

impl Controller for Replication {
    type Key = Uid;
    type Error = ApplyError;

    fn name(&self) -> &'static str {
        "replication"
    }

    fn observe(&self, source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<Uid>) {
        let mut cache = self.cache.lock();
        let woken = if source == CONTROLLER_SOURCE {
            cache.observe_controller(observation)
        } else {
            cache.observe_pod(observation)
        };
        drop(cache);
        for uid in woken {
            queue.add(uid);
        }
    }

    fn keys(&self) -> Vec<Uid> {
        self.cache.lock().keys()
    }

    async fn reconcile(&self, uid: Uid) -> Result<Outcome, ApplyError> {
        let Some(sight) = self.cache.lock().sight(&uid) else { return Ok(Outcome::done()) };
        let Sight { object, input, pods } = sight;
        let plan = plan::plan(&input, &pods, self.clock.now());
        tracing::debug!(controller = %object.meta().key(), ?plan, "planned");
        let flight = Flight { client: &self.client, recorder: &self.recorder, cache: &self.cache, object };
        if flight.settle_ownership(&plan).await? {
            return Ok(Outcome::done());
        }
        let managed = flight.manage(&plan).await;
        let now = self.clock.now();
        let failure = managed.as_ref().err().map(ToString::to_string);
        if let Some(status) = plan::status(&input, &pods, failure.as_deref(), now) {
            flight.write_status(&status).await?;
        }
        managed?;
        Ok(Outcome::from(plan::next_look(&input, &pods, now)))
    }
}

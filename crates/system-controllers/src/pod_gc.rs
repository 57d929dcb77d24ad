//! The pod garbage collector (`pkg/controller/podgc`): deletes pods that nobody else will. The shell; what goes is
//! decided in [`census`].
//!
//! Each goes as upstream lets it go: first its status says `Failed`, unless it has ended, then the object is deleted
//! without grace. A pod that a finalizer holds is left to who holds it.
//!
//! Differs: upstream looks every 20 seconds at all pods; here a look follows a change, 20 seconds after the last one at
//! the earliest, and reads only the pods that changed, so that an idle cluster has no timer and a pod costs no more for
//! how many others there are.

pub mod census;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::{NODES, PODS};
use api::{Object, PatchType};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Runner, RunnerHandle};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::json;

use census::{Census, Doomed, Why};

/// The least time between two looks (`gcCheckPeriod`).
const PERIOD: SignedDuration = SignedDuration::from_secs(20);
/// How many pods that have ended may stay (`--terminated-pod-gc-threshold`).
pub const DEFAULT_THRESHOLD: usize = 12_500;
/// Most pods that are deleted at one time.
const MAX_CONCURRENT_CALLS: usize = 64;

const POD_SOURCE: usize = 0;

struct PodGc {
    client: Client,
    clock: SharedClock,
    state: Mutex<State>,
}

struct State {
    census: Census,
    looked_at: Option<Timestamp>,
}

/// Starts the collector. Of pods that have ended so many stay, with 0 all.
pub fn start(client: Client, clock: SharedClock, threshold: usize) -> RunnerHandle {
    let pods = observe(client.clone(), clock.clone(), PODS, Selection::default());
    let nodes = observe(client.clone(), clock.clone(), NODES, Selection::default());
    let state = Mutex::new(State { census: Census::new(threshold), looked_at: None });
    let collector = PodGc { client, clock: clock.clone(), state };
    Runner::new(Arc::new(collector), clock).workers(1).unhurried().source(pods).source(nodes).start()
}

impl Controller for PodGc {
    type Key = ();
    type Error = Error;

    fn name(&self) -> &'static str {
        "pod-garbage-collector"
    }

    fn observe(&self, source: usize, observation: Observation, now: Timestamp, queue: &mut Queue<()>) {
        let mut state = self.state.lock();
        let changed = match (source, observation) {
            (_, Observation::Reached(_)) => false,
            (POD_SOURCE, Observation::Restarted { objects, .. }) => state.census.replace_pods(objects),
            (POD_SOURCE, Observation::Applied(pod)) => state.census.apply_pod(pod),
            (POD_SOURCE, Observation::Deleted(pod)) => state.census.remove_pod(&pod.meta().uid),
            (_, Observation::Restarted { objects, .. }) => state.census.replace_nodes(&objects),
            (_, Observation::Applied(node)) => state.census.apply_node(&node),
            (_, Observation::Deleted(node)) => state.census.remove_node(&node.meta().name),
        };
        let earliest = state.looked_at.and_then(|time| time.checked_add(PERIOD).ok());
        if changed {
            queue.add_at((), earliest.map_or(now, |earliest| earliest.max(now)));
        }
    }

    fn keys(&self) -> Vec<()> {
        vec![()]
    }

    async fn reconcile(&self, (): ()) -> Result<Outcome, Error> {
        let now = self.clock.now();
        let look = {
            let mut state = self.state.lock();
            state.looked_at = Some(now);
            state.census.look(now)
        };
        let mut doomed = look.doomed;
        for node in &look.missing {
            match self.client.get(&NODES, None, node).await {
                Ok(_) => {}
                Err(error) if error.is_not_found() => doomed.extend(self.state.lock().census.orphans(node)),
                Err(error) => return Err(error),
            }
        }
        for batch in doomed.chunks(MAX_CONCURRENT_CALLS) {
            for result in join_all(batch.iter().map(|doomed| self.remove(doomed, now))).await {
                result?;
            }
            // Other controllers get their turn.
            tokio::task::yield_now().await;
        }
        Ok(Outcome::from(look.wake_at))
    }
}

impl PodGc {
    /// Marks a pod as failed, unless it has ended, and deletes it (`markFailedAndDeletePodWithCondition`).
    async fn remove(&self, doomed: &Doomed, now: Timestamp) -> Result<(), Error> {
        let meta = doomed.pod.meta();
        tracing::info!(pod = %meta.key(), why = ?doomed.why, "pod is deleted by force");
        let namespace = meta.namespace.as_deref();
        if !doomed.has_ended {
            let patch = (PatchType::StrategicMerge, failed(&doomed.pod, doomed.why, now));
            match self.client.patch(&PODS, namespace, &meta.name, Some("status"), patch).await {
                Err(error) if error.is_not_found() || error.is_conflict() => return Ok(()),
                other => drop(other?),
            }
        }
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: Some(meta.uid.to_string()), resource_version: None }),
            ..DeleteOptions::default()
        };
        match self.client.delete(&PODS, namespace, &meta.name, &options).await {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }
}

/// The patch that ends a pod, with the condition that says why.
fn failed(pod: &Object, why: Why, now: Timestamp) -> serde_json::Value {
    let meta = pod.meta();
    let mut status = json!({ "phase": "Failed", "observedGeneration": meta.generation });
    if why == Why::NodeGone {
        status["conditions"] = json!([{
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "observedGeneration": meta.generation,
            "lastTransitionTime": api::time::rfc3339(now),
        }]);
    }
    json!({ "metadata": { "uid": meta.uid.as_str() }, "status": status })
}

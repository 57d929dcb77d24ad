//! Deletes finished Jobs when their `spec.ttlSecondsAfterFinished` is over (`pkg/controller/ttlafterfinished`).
//!
//! Before it deletes, it reads the Job once more: the seconds may have been raised in the last moment. The Job goes in
//! the foreground, with its pods, and only if it still is that Job, not one of the same name, and as it was read.
//!
//! Differs: upstream binds the delete to the UID alone, so seconds that are raised between read and delete come too late.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::JOBS;
use api::{Object, ObjectKey, Uid};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Runner, RunnerHandle};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::decisions::{DecisionLog, Source};
use crate::plan::{Note, ttl};

/// A running TTL controller.
pub struct TtlController {
    runner: RunnerHandle,
}

impl TtlController {
    /// Starts the controller on the current tokio runtime.
    pub fn start(client: Client, clock: SharedClock, decisions: DecisionLog) -> Self {
        let jobs = observe(client.clone(), clock.clone(), JOBS, Selection::default());
        let inner = Arc::new(Inner { client, clock: clock.clone(), expiring: Mutex::default(), decisions });
        let runner = Runner::new(inner, clock).source(jobs).unhurried().start();
        Self { runner }
    }

    /// Waits until Jobs were listed once.
    pub async fn synced(&self) {
        self.runner.synced().await;
    }

    /// Stops.
    pub async fn shutdown(self) {
        self.runner.shutdown().await;
    }
}

struct Inner {
    client: Client,
    clock: SharedClock,
    /// The Jobs whose time runs.
    expiring: Mutex<BTreeMap<Uid, ObjectKey>>,
    decisions: DecisionLog,
}

/// The record of a Job whose time runs, or is over.
fn note(due: Timestamp, is_over: bool) -> Note {
    let decision = if is_over { "delete the Job" } else { "keep the Job" };
    Note {
        rule: "ttl",
        inputs: format!("over at {due}"),
        decision: decision.to_owned(),
        field: "spec.ttlSecondsAfterFinished",
        waits_for: (!is_over).then_some("its seconds after it finished to pass"),
        until: (!is_over).then_some(due),
    }
}

impl Inner {
    fn record(&self, job: &Uid, note: Note) {
        self.decisions.record(Source::Ttl, job, &[note], self.clock.now());
    }

    fn forget(&self, job: &Uid) {
        self.expiring.lock().remove(job);
    }

    fn apply(&self, job: &Object, queue: &mut Queue<Uid>) {
        let uid = &job.meta().uid;
        if let Some(due) = ttl::due(job) {
            self.record(uid, note(due, false));
            self.expiring.lock().insert(uid.clone(), job.meta().key());
            queue.add_at(uid.clone(), due);
        } else {
            self.expiring.lock().remove(uid);
        }
    }
}

impl Controller for Inner {
    type Key = Uid;
    type Error = Error;

    fn name(&self) -> &'static str {
        "ttl-after-finished"
    }

    fn observe(&self, _source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<Uid>) {
        match observation {
            Observation::Restarted { objects, .. } => {
                self.expiring.lock().clear();
                objects.iter().for_each(|job| self.apply(job, queue));
            }
            Observation::Applied(job) => self.apply(&job, queue),
            Observation::Deleted(job) => self.forget(&job.meta().uid),
            Observation::Reached(_) => {}
        }
    }

    fn keys(&self) -> Vec<Uid> {
        self.expiring.lock().keys().cloned().collect()
    }

    async fn reconcile(&self, uid: Uid) -> Result<Outcome, Error> {
        let Some(key) = self.expiring.lock().get(&uid).cloned() else { return Ok(Outcome::done()) };
        let job = match self.client.get(&JOBS, key.namespace.as_deref(), &key.name).await {
            Ok(job) if job.meta().uid == uid => job,
            Ok(_) => return Ok(Outcome::done()),
            Err(error) if error.is_not_found() => return Ok(Outcome::done()),
            Err(error) => return Err(error),
        };
        match ttl::due(&job) {
            None => return Ok(Outcome::done()),
            Some(due) if due > self.clock.now() => return Ok(Outcome::wake_at(due)),
            Some(due) => self.record(&uid, note(due, true)),
        }
        let options = DeleteOptions {
            preconditions: Some(Preconditions {
                uid: Some(uid.to_string()),
                resource_version: Some(job.meta().revision.to_string()),
            }),
            propagation_policy: Some("Foreground".to_owned()),
            ..DeleteOptions::default()
        };
        match self.client.delete(&JOBS, key.namespace.as_deref(), &key.name, &options).await {
            Ok(_) => Ok(Outcome::done()),
            // Gone, or changed since it was read: the change is looked at when it is observed.
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(Outcome::done()),
            Err(error) => Err(error),
        }
    }
}

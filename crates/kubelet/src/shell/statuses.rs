//! Writing a pod's status, and the delete that ends its grace period; both are tried again until the API takes them
//! (`pkg/kubelet/status/status_manager.go`).
//!
//! Statuses that people do not wait for are held back for [`STATUS_DELAY`], so that a container which ends at once costs
//! one write, not two. The terminal status is written at once.

use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::PODS;
use api::{Meta, ObjectKey, PatchType, Uid};
use client::Error;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::debug;

use super::Shared;
use super::entry::PodEntry;
use crate::plan;

/// How long a status that is not terminal waits for company.
const STATUS_DELAY: SignedDuration = SignedDuration::from_millis(10);
/// The wait after a write that the API did not take.
const WRITE_RETRY: SignedDuration = SignedDuration::from_secs(1);

/// What was written of a pod's status, and when the next write is due.
#[derive(Default)]
pub(super) struct Statuses {
    /// When the status that was not written yet is due.
    write_at: Option<Timestamp>,
    /// What was written last.
    written: Option<Value>,
}

impl Statuses {
    /// Whether nothing was written yet.
    pub(super) fn is_unwritten(&self) -> bool {
        self.written.is_none()
    }

    /// When the next write is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.write_at
    }

    /// The status may have changed: it is written a moment later.
    pub(super) fn changed(&mut self, now: Timestamp) {
        let due = now.saturating_add(STATUS_DELAY).unwrap_or(Timestamp::MAX);
        self.write_at.get_or_insert(due);
    }

    /// There is no object to write to any more.
    pub(super) fn give_up(&mut self) {
        self.write_at = None;
    }

    /// Writes what is due.
    pub(super) async fn write_if_due(&mut self, shared: &Shared, entry: &PodEntry) {
        let now = shared.clock.now();
        if self.write_at.is_none_or(|due| due > now) {
            return;
        }
        self.write_at = None;
        if !self.write(shared, entry).await {
            self.write_at = Some(now.saturating_add(WRITE_RETRY).unwrap_or(Timestamp::MAX));
        }
    }

    /// Writes the status now, however often it takes.
    pub(super) async fn write_last(&mut self, shared: &Shared, entry: &PodEntry) {
        while !self.write(shared, entry).await {
            pause(shared).await;
        }
    }

    /// Writes the status if it changed; `false` when that should be tried again.
    async fn write(&mut self, shared: &Shared, entry: &PodEntry) -> bool {
        let status = plan::status(&entry.facts, &mut entry.memory.lock(), &shared.node, shared.clock.now());
        if self.written.as_ref() == Some(&status) {
            return true;
        }
        // The UID makes the patch fail on a newer pod of the same name; others' conditions stay, as lists merge by key.
        let patch = (PatchType::StrategicMerge, json!({"metadata": {"uid": entry.uid.as_str()}, "status": status}));
        match shared.client.patch(&PODS, Some(entry.namespace()), &entry.key.name, Some("status"), patch).await {
            Ok(_) => {
                self.written = Some(status);
                true
            }
            // Gone, or another pod by now: the observation will say so.
            Err(error) if error.is_not_found() || error.is_conflict() => {
                self.written = Some(status);
                true
            }
            Err(error) => {
                debug!(pod = %entry.key, %error, "status not written yet");
                false
            }
        }
    }
}

async fn pause(shared: &Shared) {
    let until = shared.clock.now().saturating_add(WRITE_RETRY).unwrap_or(Timestamp::MAX);
    shared.clock.sleep_until(until).await;
}

/// Whether an object waits for its kubelet to end the grace period of its deletion.
pub(super) fn awaits_delete(meta: &Meta) -> bool {
    meta.is_deleting() && meta.deletion_grace_period_seconds != Some(0)
}

/// Ends the grace period of a deletion: the pod's processes are gone and its status says how they ended.
pub(super) async fn delete(shared: Arc<Shared>, uid: Uid, key: ObjectKey) {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: Some(uid.to_string()), resource_version: None }),
        ..DeleteOptions::default()
    };
    loop {
        match shared.client.delete(&PODS, Some(key.namespace_or_empty()), &key.name, &options).await {
            Ok(_) => return,
            Err(error) if error.is_not_found() || error.is_conflict() => return,
            Err(error @ (Error::Transport(_) | Error::Status(_))) => {
                debug!(pod = %key, %error, "pod not deleted yet");
                pause(&shared).await;
            }
            Err(error) => return debug!(pod = %key, %error, "the answer to a delete cannot be read"),
        }
    }
}

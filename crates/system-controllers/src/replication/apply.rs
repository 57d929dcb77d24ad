//! Performs a plan. It chooses nothing: what is refused is left undone and planned anew.
//!
//! Invariant: the revision of every write is noted before the flight ends, so that the next plan is made on a cache that
//! has seen it.

use std::sync::Arc;

use api::k8s::api::core::v1::ReplicationControllerStatus as Status;
use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::PODS;
use api::{Object, PatchType, Response};
use client::{Client, Error};
use controller::{Recorder, Severity};
use futures::future::join_all;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::REPLICATION_CONTROLLERS;
use super::cache::Cache;
use super::plan::{Plan, PodRef};

/// Most calls of one plan that are on their way at a time.
const MAX_CONCURRENT_CALLS: usize = 64;

/// Why a plan was not performed to its end. The texts of failed creates and deletes are those that upstream writes into
/// the condition.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// A pod could not be adopted or released.
    #[error("change the owner of pod {1}: {0}")]
    Ownership(Error, String),
    /// A pod could not be created.
    #[error("{0}")]
    Create(Error),
    /// A pod could not be deleted.
    #[error("unable to delete pods: {0}")]
    Delete(Error),
    /// The status was refused.
    #[error("write the status: {0}")]
    Status(Error),
}

/// One flight: a ReplicationController and the means to act for it.
pub(super) struct Flight<'a> {
    pub(super) client: &'a Client,
    pub(super) recorder: &'a Recorder,
    pub(super) cache: &'a Mutex<Cache>,
    pub(super) object: Arc<Object>,
}

impl Flight<'_> {
    fn namespace(&self) -> Option<&str> {
        self.object.meta().namespace.as_deref()
    }

    fn event(&self, severity: Severity, reason: &str, message: String) {
        self.recorder.event(self.object.meta(), severity, reason, message);
    }

    /// Adopts and releases, the former only after a look at the live controller. Whether there was anything to settle.
    pub(super) async fn settle_ownership(&self, plan: &Plan) -> Result<bool, ApplyError> {
        let meta = self.object.meta();
        let failed = |pod: &PodRef| {
            let name = pod.name.clone();
            |error| ApplyError::Ownership(error, name)
        };
        if let Some(first) = plan.adoptions.first() {
            let live = self.client.get(&REPLICATION_CONTROLLERS, self.namespace(), &meta.name).await;
            match live {
                Ok(live) if live.meta().uid == meta.uid && !live.meta().is_deleting() => {}
                // The observation of its end is on its way.
                Ok(_) => return Ok(true),
                Err(error) if error.is_not_found() => return Ok(true),
                Err(error) => return Err(failed(first)(error)),
            }
        }
        for pod in &plan.adoptions {
            let metadata = json!({ "uid": pod.uid, "ownerReferences": [owner_reference(&self.object)] });
            self.patch(pod, json!({ "metadata": metadata })).await.map_err(failed(pod))?;
        }
        for pod in &plan.releases {
            let references = json!([{ "$patch": "delete", "uid": meta.uid }]);
            let metadata = json!({ "uid": pod.uid, "ownerReferences": references });
            self.patch(pod, json!({ "metadata": metadata })).await.map_err(failed(pod))?;
        }
        Ok(!plan.adoptions.is_empty() || !plan.releases.is_empty())
    }

    /// Patches a pod; one that is gone, or has a successor of its name, needs no patch.
    async fn patch(&self, pod: &PodRef, patch: Value) -> Result<(), Error> {
        let patch = (PatchType::StrategicMerge, patch);
        match self.client.patch(&PODS, self.namespace(), &pod.name, None, patch).await {
            Ok(object) => self.cache.lock().wrote_pod(&self.object.meta().uid, object.meta().revision),
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Creates or deletes pods.
    pub(super) async fn manage(&self, plan: &Plan) -> Result<(), ApplyError> {
        if plan.creates > 0 {
            self.create_pods(plan.creates).await?;
        }
        for batch in plan.deletes.chunks(MAX_CONCURRENT_CALLS) {
            for result in join_all(batch.iter().map(|pod| self.delete(pod))).await {
                result?;
            }
        }
        Ok(())
    }

    /// Creates in batches, each twice as large as the one before: what fails for all fails for few (`slowStartBatch`).
    async fn create_pods(&self, count: usize) -> Result<(), ApplyError> {
        let pod = pod(&self.object);
        let (mut rest, mut size) = (count, 1);
        while rest > 0 {
            let batch = size.min(rest);
            for result in join_all((0..batch).map(|_| self.create(pod.clone()))).await {
                result?;
            }
            (rest, size) = (rest - batch, (size * 2).min(MAX_CONCURRENT_CALLS));
            // Other controllers get their turn.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn create(&self, pod: Value) -> Result<(), ApplyError> {
        match self.client.create(&PODS, self.namespace(), pod).await {
            Ok(pod) => {
                self.cache.lock().wrote_pod(&self.object.meta().uid, pod.meta().revision);
                self.event(Severity::Normal, "SuccessfulCreate", format!("Created pod: {}", pod.meta().name));
                Ok(())
            }
            Err(error) if crate::namespace_terminates(&error) => Ok(()),
            Err(error) => {
                self.event(Severity::Warning, "FailedCreate", format!("Error creating: {error}"));
                Err(ApplyError::Create(error))
            }
        }
    }

    async fn delete(&self, pod: &PodRef) -> Result<(), ApplyError> {
        self.cache.lock().doom(&pod.uid);
        let preconditions = Preconditions { uid: Some(pod.uid.to_string()), resource_version: None };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        match self.client.delete(&PODS, self.namespace(), &pod.name, &options).await {
            Ok(response) => {
                if let Response::Object { object, .. } = response {
                    self.cache.lock().wrote_pod(&self.object.meta().uid, object.meta().revision);
                }
                self.event(Severity::Normal, "SuccessfulDelete", format!("Deleted pod: {}", pod.name));
                Ok(())
            }
            // It is gone, which is observed soon if it was not.
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            Err(error) => {
                self.cache.lock().spare(&pod.uid);
                self.event(Severity::Warning, "FailedDelete", format!("Error deleting: {error}"));
                Err(ApplyError::Delete(error))
            }
        }
    }

    pub(super) async fn write_status(&self, status: &Status) -> Result<(), ApplyError> {
        let meta = self.object.meta();
        let mut value = self.object.to_value();
        value["status"] = serde_json::to_value(status).expect("a status is plain data");
        let (resource, namespace) = (REPLICATION_CONTROLLERS, self.namespace());
        match self.client.update(&resource, namespace, &meta.name, Some("status"), value).await {
            Ok(written) => {
                self.cache.lock().wrote_controller(&meta.uid, written.meta().revision);
                Ok(())
            }
            // It changed meanwhile: the change is on its way and plans anew.
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            Err(error) => Err(ApplyError::Status(error)),
        }
    }
}

fn owner_reference(controller: &Object) -> Value {
    let meta = controller.meta();
    json!({
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "name": meta.name,
        "uid": meta.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// A pod of the controller's template (`GetPodFromTemplate`).
fn pod(controller: &Object) -> Value {
    let meta = controller.meta();
    let template = controller.field("/spec/template").unwrap_or_default();
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(found) = template["metadata"].get(field).filter(|found| !found.is_null()) {
            metadata.insert(field.to_owned(), found.clone());
        }
    }
    metadata.insert("generateName".to_owned(), format!("{}-", meta.name).into());
    metadata.insert("namespace".to_owned(), meta.namespace.clone().into());
    metadata.insert("ownerReferences".to_owned(), json!([owner_reference(controller)]));
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] })
}

//! Performs a plan, in the plan's one fixed order: ownership; status; finalizers; deletes; creates. It chooses
//! nothing: when a write is refused the rest is left undone and planned anew.
//!
//! Invariant: the revision of every write is noted in the freshness gate before the flight ends, so that the next plan
//! of the Job is made on a cache that has seen it. A create whose answer was lost on the way (HTTP only) cannot be
//! noted; the retry a second later finds it in the cache.

use std::future::Future;
use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::{JOB_TRACKING_FINALIZER, JOBS, PODS};
use api::{Object, PatchType, Response, Revision};
use client::{Client, Error};
use controller::{Recorder, Reference, Severity};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::plan::{self, Delete, Plan, PodRef};
use crate::template::{Template, owner_reference};

/// Most calls of one plan that are on their way at a time.
const MAX_CONCURRENT_CALLS: usize = 64;

/// Why a plan was not performed to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// A pod could not be taken over or let go.
    #[error("change the owner of pod {1}: {0}")]
    Ownership(Error, Arc<str>),
    /// The status was refused.
    #[error("write the status: {0}")]
    Status(Error),
    /// A finalizer could not be removed.
    #[error("release pod {1}: {0}")]
    Release(Error, Arc<str>),
    /// A pod could not be deleted.
    #[error("delete pod {1}: {0}")]
    Delete(Error, Arc<str>),
    /// A pod could not be created.
    #[error("create a pod: {0}")]
    Create(Error),
    /// The Job changed while the plan was made: the change is on its way and plans anew.
    #[error("the Job has changed")]
    Outdated,
}

/// Where a flight notes the revisions it wrote.
pub(crate) trait Ledger: Sync {
    /// The Job was written.
    fn wrote_job(&self, revision: Revision);
    /// A pod was written.
    fn wrote_pod(&self, revision: Revision);
    /// A pod was refused.
    fn refused_pod(&self, error: &Error);
}

/// One flight: a Job and the means to act for it.
pub(crate) struct Flight<'a, L> {
    pub(crate) client: &'a Client,
    pub(crate) recorder: &'a Recorder,
    pub(crate) ledger: &'a L,
    pub(crate) job: Arc<Object>,
    pub(crate) template: Option<Arc<Template>>,
}

impl<L: Ledger> Flight<'_, L> {
    /// Performs the plan.
    ///
    /// # Errors
    /// The first write that was refused, other than for an object that is gone.
    pub(crate) async fn apply(&self, plan: &Plan) -> Result<(), ApplyError> {
        if !plan.adoptions.is_empty() || !plan.releases.is_empty() {
            return self.settle_ownership(plan).await;
        }
        if let Some(status) = &plan.status {
            self.write_status(&serde_json::to_value(status).expect("a status is plain data")).await?;
        }
        for event in &plan.events {
            let severity = match event.severity {
                plan::Severity::Normal => Severity::Normal,
                plan::Severity::Warning => Severity::Warning,
            };
            self.event(severity, &event.reason, event.message.to_string());
        }
        self.release_finalizers(&plan.finalizer_releases).await?;
        in_batches(&plan.deletes, MAX_CONCURRENT_CALLS, |delete| self.delete(delete)).await?;
        in_batches(&plan.creates, 1, |create| self.create(create)).await
    }

    fn namespace(&self) -> Option<&str> {
        self.job.meta().namespace.as_deref()
    }

    fn event(&self, severity: Severity, reason: &str, message: String) {
        self.recorder.report(Reference::of(self.job.meta()), severity, reason, message);
    }

    async fn write_status(&self, status: &Value) -> Result<(), ApplyError> {
        let mut job = self.job.to_value();
        job["status"] = status.clone();
        let written = self.client.update(&JOBS, self.namespace(), &self.job.meta().name, Some("status"), job).await;
        match written {
            Ok(job) => {
                self.ledger.wrote_job(job.meta().revision);
                Ok(())
            }
            // The observation of the change plans anew.
            Err(error) if error.is_not_found() => Err(ApplyError::Outdated),
            // So it does here, but a refusal that nothing follows must not be the last word: tried again, as upstream does.
            Err(error) => Err(ApplyError::Status(error)),
        }
    }

    /// Takes the tracking finalizer off pods.
    pub(crate) async fn release_finalizers(&self, pods: &[PodRef]) -> Result<(), ApplyError> {
        in_batches(pods, MAX_CONCURRENT_CALLS, |pod| async move {
            let released = self.patch(pod, finalizer_patch(pod)).await;
            released.map_err(|error| ApplyError::Release(error, pod.name.clone()))
        })
        .await
    }

    /// Patches a pod; one that is gone, or has a successor of its name, needs no patch.
    async fn patch(&self, pod: &PodRef, patch: Value) -> Result<(), Error> {
        let patch = (PatchType::StrategicMerge, patch);
        match self.client.patch(&PODS, self.namespace(), &pod.name, None, patch).await {
            Ok(object) => self.ledger.wrote_pod(object.meta().revision),
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn delete(&self, delete: &Delete) -> Result<(), ApplyError> {
        let pod = &delete.pod;
        match self.try_delete(delete).await {
            Ok(true) => self.event(Severity::Normal, "SuccessfulDelete", format!("Deleted pod: {}", pod.name)),
            Ok(false) => {}
            Err(error) => {
                self.event(Severity::Warning, "FailedDelete", format!("Error deleting: {error}"));
                return Err(ApplyError::Delete(error, pod.name.clone()));
            }
        }
        Ok(())
    }

    /// False when the pod is gone already.
    async fn try_delete(&self, delete: &Delete) -> Result<bool, Error> {
        let pod = &delete.pod;
        if delete.untracked {
            self.patch(pod, finalizer_patch(pod)).await?;
        }
        let preconditions = Preconditions { uid: Some(pod.uid.to_string()), resource_version: None };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        match self.client.delete(&PODS, self.namespace(), &pod.name, &options).await {
            Ok(Response::Object { object, .. }) => self.ledger.wrote_pod(object.meta().revision),
            Ok(Response::Status(_) | Response::List(_)) => {}
            Err(error) if error.is_not_found() || error.is_conflict() => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    async fn create(&self, create: &plan::Create) -> Result<(), ApplyError> {
        let Some(template) = &self.template else { return Ok(()) };
        match self.client.create(&PODS, self.namespace(), template.pod(create)).await {
            Ok(pod) => {
                self.ledger.wrote_pod(pod.meta().revision);
                self.event(Severity::Normal, "SuccessfulCreate", format!("Created pod: {}", pod.meta().name));
                Ok(())
            }
            Err(error) if namespace_ends(&error) => Ok(()),
            Err(error) => {
                self.event(Severity::Warning, "FailedCreate", format!("Error creating: {error}"));
                self.ledger.refused_pod(&error);
                Err(ApplyError::Create(error))
            }
        }
    }

    /// Adopts and releases, the former only after a look at the live Job.
    async fn settle_ownership(&self, plan: &Plan) -> Result<(), ApplyError> {
        if !plan.adoptions.is_empty() {
            let meta = self.job.meta();
            let live = self.client.get(&JOBS, self.namespace(), &meta.name).await.map_err(ApplyError::Status)?;
            if live.meta().uid != meta.uid || live.meta().is_deleting() {
                return Err(ApplyError::Outdated);
            }
        }
        let owner = owner_reference(&self.job);
        for pod in &plan.adoptions {
            let finalizers = json!([JOB_TRACKING_FINALIZER]);
            let metadata = json!({ "uid": pod.uid, "ownerReferences": [owner], "finalizers": finalizers });
            self.own(pod, json!({ "metadata": metadata })).await?;
        }
        for pod in &plan.releases {
            let mut patch = finalizer_patch(pod);
            patch["metadata"]["ownerReferences"] = json!([{ "$patch": "delete", "uid": self.job.meta().uid }]);
            self.own(pod, patch).await?;
        }
        Ok(())
    }

    async fn own(&self, pod: &PodRef, patch: Value) -> Result<(), ApplyError> {
        self.patch(pod, patch).await.map_err(|error| ApplyError::Ownership(error, pod.name.clone()))
    }
}

/// The patch that takes the tracking finalizer off one pod, and off no successor of its name.
pub(crate) fn finalizer_patch(pod: &PodRef) -> Value {
    json!({ "metadata": { "uid": pod.uid, "$deleteFromPrimitiveList/finalizers": [JOB_TRACKING_FINALIZER] } })
}

/// In a namespace that is being deleted every create fails; that is nobody's fault (`NamespaceTerminatingCause`).
pub(crate) fn namespace_ends(error: &Error) -> bool {
    let details = error.status().and_then(|status| status.details.as_ref());
    details.is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
}

/// Calls in batches, each twice as large as the one before up to [`MAX_CONCURRENT_CALLS`]: what fails for all fails
/// for few (`slowStartBatch`). Lets other Jobs in between; stops after the first batch with an error.
async fn in_batches<'a, T, F>(items: &'a [T], first_batch: usize, call: impl Fn(&'a T) -> F) -> Result<(), ApplyError>
where
    F: Future<Output = Result<(), ApplyError>>,
{
    let (mut rest, mut size) = (items, first_batch);
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(size.min(rest.len()));
        for result in join_all(batch.iter().map(&call)).await {
            result?;
        }
        tokio::task::yield_now().await;
        (rest, size) = (later, (size * 2).min(MAX_CONCURRENT_CALLS));
    }
    Ok(())
}

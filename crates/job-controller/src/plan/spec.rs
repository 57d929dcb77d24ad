//! The Job as the plan reads it: the spec's few fields that decide anything, decoded straight from the object's bytes.
//!
//! The pod template is not decoded beyond its restart policy: who creates pods reads the template for itself.

use api::k8s::api::batch::v1::{JobStatus, PodFailurePolicy, SuccessPolicy};
use api::k8s::apimachinery::pkg::apis::meta::v1::LabelSelector;
use api::{Object, Revision, Uid};
use serde::Deserialize;

use super::CONTROLLER_NAME;

/// One revision of one Job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobInput {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.resourceVersion`.
    pub revision: Revision,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The spec.
    pub spec: Spec,
    /// The status.
    pub status: JobStatus,
}

/// The fields of `JobSpec` that decide anything. Absent fields read as the API server's defaults.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// `parallelism`.
    pub parallelism: Option<i32>,
    /// `completions`; `None` is a work queue.
    pub completions: Option<i32>,
    /// `backoffLimit`.
    pub backoff_limit: Option<i32>,
    /// `backoffLimitPerIndex`.
    pub backoff_limit_per_index: Option<i32>,
    /// `maxFailedIndexes`.
    pub max_failed_indexes: Option<i32>,
    /// `activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<i64>,
    /// `completionMode`.
    pub completion_mode: Option<String>,
    /// `suspend`.
    pub suspend: Option<bool>,
    /// `selector`.
    pub selector: Option<LabelSelector>,
    /// `managedBy`.
    pub managed_by: Option<String>,
    /// `podFailurePolicy`.
    pub pod_failure_policy: Option<PodFailurePolicy>,
    /// `podReplacementPolicy`.
    pub pod_replacement_policy: Option<String>,
    /// `successPolicy`.
    pub success_policy: Option<SuccessPolicy>,
    /// The little of `template` that decides anything.
    pub template: TemplateView,
}

/// `template`, as far as the plan reads it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateView {
    /// `template.spec`.
    pub spec: TemplateSpecView,
}

/// `template.spec`, as far as the plan reads it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateSpecView {
    /// `restartPolicy`.
    pub restart_policy: Option<String>,
}

impl JobInput {
    /// Reads a Job.
    ///
    /// # Errors
    /// When the object is not a Job.
    pub fn read(object: &Object) -> Result<Self, serde_json::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Raw {
            spec: Spec,
            status: Option<JobStatus>,
        }
        let raw: Raw = object.view()?;
        let meta = object.meta();
        Ok(Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            revision: meta.revision,
            deleting: meta.is_deleting(),
            spec: raw.spec,
            status: raw.status.unwrap_or_default(),
        })
    }

    /// The value of `spec.managedBy`, if it names a controller other than this one.
    pub fn foreign_manager(&self) -> Option<&str> {
        self.spec.managed_by.as_deref().filter(|manager| *manager != CONTROLLER_NAME)
    }
}

impl Spec {
    /// `parallelism`, never negative.
    pub fn parallelism(&self) -> i32 {
        self.parallelism.unwrap_or(1).max(0)
    }

    /// Whether pods carry completion indexes.
    pub fn is_indexed(&self) -> bool {
        self.completion_mode.as_deref() == Some("Indexed")
    }

    /// Whether the completion mode is one that this controller knows; upstream skips the sync of others.
    pub fn has_known_completion_mode(&self) -> bool {
        matches!(self.completion_mode.as_deref(), None | Some("Indexed" | "NonIndexed"))
    }

    /// Whether the Job is to have no pods for now.
    pub fn is_suspended(&self) -> bool {
        self.suspend == Some(true)
    }

    /// `backoffLimit`.
    pub fn backoff_limit(&self) -> i32 {
        self.backoff_limit.unwrap_or(if self.backoff_limit_per_index.is_some() { i32::MAX } else { 6 })
    }

    /// Whether a pod is replaced only when it has reached a terminal phase (`onlyReplaceFailedPods`).
    pub fn only_replaces_failed_pods(&self) -> bool {
        self.pod_replacement_policy.as_deref() == Some("Failed") || self.pod_failure_policy.is_some()
    }

    /// Whether failed containers are restarted within their pod.
    pub fn restarts_on_failure(&self) -> bool {
        self.template.spec.restart_policy.as_deref() == Some("OnFailure")
    }

    /// Completions of an Indexed Job, which validation requires to be set; never negative.
    pub(super) fn indexes(&self) -> u32 {
        u32::try_from(self.completions.unwrap_or(0)).unwrap_or(0)
    }
}

/// What of a spec this controller would pass over: empty, unless a field holds a value it does not know.
pub fn unsupported(spec: &Spec) -> Vec<String> {
    let mut found = Vec::new();
    if !spec.has_known_completion_mode() {
        found.push(format!("spec.completionMode: {}", spec.completion_mode.as_deref().unwrap_or_default()));
    }
    let policy = spec.pod_replacement_policy.as_deref().unwrap_or("Failed");
    if !matches!(policy, "Failed" | "TerminatingOrFailed") {
        found.push(format!("spec.podReplacementPolicy: {policy}"));
    }
    for (index, rule) in spec.pod_failure_policy.iter().flat_map(|policy| &policy.rules).enumerate() {
        if !matches!(rule.action.as_str(), "Count" | "FailIndex" | "FailJob" | "Ignore") {
            found.push(format!("spec.podFailurePolicy.rules[{index}].action: {}", rule.action));
        }
    }
    found
}

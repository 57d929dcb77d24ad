//! What a plan reads of a CronJob and of its Jobs.

use api::{Object, Uid};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The annotation that says for which activation a Job was started.
pub const SCHEDULED_TIMESTAMP: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// `spec.concurrencyPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Concurrency {
    /// Start whatever runs.
    #[default]
    Allow,
    /// Wait for what runs.
    Forbid,
    /// Replace what runs.
    Replace,
}

/// A CronJob.
#[derive(Clone, Debug, PartialEq)]
pub struct CronJob {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// Whether it is on its way out.
    pub deleting: bool,
    /// `spec.schedule`.
    pub schedule: String,
    /// `spec.timeZone`.
    pub time_zone: Option<String>,
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.startingDeadlineSeconds`.
    pub starting_deadline: Option<SignedDuration>,
    /// `spec.concurrencyPolicy`.
    pub concurrency: Concurrency,
    /// `spec.successfulJobsHistoryLimit`.
    pub successful_limit: Option<i64>,
    /// `spec.failedJobsHistoryLimit`.
    pub failed_limit: Option<i64>,
    /// `status`.
    pub status: Status,
    /// When the schedule or its zone was seen to change: what was due before then is not made up.
    pub changed: Option<Timestamp>,
}

/// `status` of a CronJob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The Jobs that run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<Reference>,
    /// The activation that was started last.
    #[serde(rename = "lastScheduleTime", skip_serializing_if = "Option::is_none")]
    pub last_schedule: Option<Timestamp>,
    /// When a Job succeeded last.
    #[serde(rename = "lastSuccessfulTime", skip_serializing_if = "Option::is_none")]
    pub last_successful: Option<Timestamp>,
}

/// An entry of `status.active`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reference {
    /// `Job`.
    pub kind: String,
    /// The Job's namespace.
    pub namespace: String,
    /// The Job's name.
    pub name: String,
    /// The Job's UID.
    pub uid: Uid,
    /// `batch/v1`.
    pub api_version: String,
    /// The Job's revision when it was started.
    pub resource_version: String,
}

impl Reference {
    /// A reference to a Job.
    pub fn of(job: &Object) -> Self {
        let meta = job.meta();
        Self {
            kind: "Job".to_owned(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone(),
            uid: meta.uid.clone(),
            api_version: "batch/v1".to_owned(),
            resource_version: meta.revision.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    schedule: String,
    time_zone: Option<String>,
    #[serde(default)]
    suspend: Option<bool>,
    starting_deadline_seconds: Option<i64>,
    #[serde(default)]
    concurrency_policy: Concurrency,
    successful_jobs_history_limit: Option<i64>,
    failed_jobs_history_limit: Option<i64>,
}

#[derive(Deserialize)]
struct Body {
    spec: Spec,
    #[serde(default)]
    status: Status,
}

impl CronJob {
    /// Reads a CronJob.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(object: &Object) -> Result<Self, serde_json::Error> {
        let Body { spec, status } = object.decode()?;
        let meta = object.meta();
        Ok(Self {
            name: meta.name.clone(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            created: meta.creation_timestamp.unwrap_or(Timestamp::UNIX_EPOCH),
            deleting: meta.is_deleting(),
            schedule: spec.schedule,
            time_zone: spec.time_zone,
            suspend: spec.suspend.unwrap_or_default(),
            starting_deadline: spec.starting_deadline_seconds.map(SignedDuration::from_secs),
            concurrency: spec.concurrency_policy,
            successful_limit: spec.successful_jobs_history_limit,
            failed_limit: spec.failed_jobs_history_limit,
            status,
            changed: None,
        })
    }
}

/// How a Job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is `Complete`.
    Complete,
    /// It is `Failed`.
    Failed,
}

impl End {
    /// The condition that says so.
    pub fn condition(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Failed => "Failed",
        }
    }
}

/// A Job as a CronJob's plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.name`.
    pub name: String,
    /// The activation that its annotation names.
    pub scheduled: Option<Timestamp>,
    /// `metadata.resourceVersion`.
    pub revision: String,
    /// Whether it is on its way out.
    pub deleting: bool,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// `status.startTime`.
    pub started: Option<Timestamp>,
    /// `status.completionTime`.
    pub completion: Option<Timestamp>,
}

impl JobView {
    /// Reads a Job.
    pub fn read(job: &Object) -> Self {
        let status = job.field("/status").unwrap_or_default();
        let time = |name: &str| status.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok());
        let is_true = |condition: &str| {
            let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
            conditions.into_iter().any(|entry| entry["type"] == condition && entry["status"] == "True")
        };
        let end = [End::Complete, End::Failed].into_iter().find(|end| is_true(end.condition()));
        let meta = job.meta();
        let annotations = job.field("/metadata/annotations").unwrap_or_default();
        let scheduled = annotations.get(SCHEDULED_TIMESTAMP).and_then(Value::as_str);
        Self {
            uid: meta.uid.clone(),
            name: meta.name.clone(),
            scheduled: scheduled.and_then(|text| text.parse().ok()),
            revision: meta.revision.to_string(),
            deleting: meta.is_deleting(),
            end,
            started: time("startTime"),
            completion: time("completionTime"),
        }
    }

    /// The Job as the status names it.
    pub fn reference(&self, namespace: &str) -> Reference {
        Reference {
            kind: "Job".to_owned(),
            namespace: namespace.to_owned(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            api_version: "batch/v1".to_owned(),
            resource_version: self.revision.clone(),
        }
    }
}

//! What is known of a Job, from wherever it was learnt.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::manifest::{self, Source};

/// One decision of a controller: the rule, what it looked at, what it decided, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When it was first made.
    pub at: Timestamp,
    /// The rule that decided, such as `backoff`.
    pub rule: String,
    /// What the rule looked at.
    pub inputs: String,
    /// What it decided.
    pub decision: String,
    /// The field that caused it, such as `spec.backoffLimit`.
    pub field: String,
    /// What has to happen before anything more can be done, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When the wait ends by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A manifest as it was read: the file's name as given, and its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The file, as it was named.
    pub file: String,
    /// Its text; may hold several objects.
    pub text: String,
}

/// The last lines that an attempt wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogTail {
    /// The name of the pod.
    pub pod: String,
    /// How often its container had restarted.
    pub run: u32,
    /// The container.
    pub container: String,
    /// Oldest first.
    pub lines: Vec<String>,
}

/// All that is known of one Job (or CronJob).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// The Job as it was seen last.
    pub job: Value,
    /// Every pod that ever was, as it was seen last, those that are gone too. [`crate::Collector`] makes the list; of a
    /// CronJob these are its Jobs.
    pub pods: Vec<Value>,
    /// Events about the Job and its pods, oldest first.
    pub events: Vec<Value>,
    /// The controllers' decisions, oldest first; `None` where the server keeps none, so that reasons are inferred.
    pub records: Option<Vec<Record>>,
    /// The manifest, for line numbers.
    pub manifest: Option<Manifest>,
    /// The last lines of attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogTail>,
    /// The time on the server.
    pub now: Timestamp,
}

impl Story {
    /// The Job with its type; one without content when it cannot be read as a Job.
    pub(crate) fn typed_job(&self) -> Job {
        serde_json::from_value(self.job.clone()).unwrap_or_default()
    }

    /// The pods with their type, without those that cannot be read as one.
    pub(crate) fn typed_pods(&self) -> Vec<Pod> {
        self.pods.iter().filter_map(|pod| serde_json::from_value(pod.clone()).ok()).collect()
    }

    /// Where the values of the Job's manifest stand; knows no place when there is no manifest, or none for this Job.
    pub fn source(&self) -> Source {
        let Some(Manifest { file, text }) = &self.manifest else { return Source::default() };
        let documents = manifest::parse(file, text).unwrap_or_default();
        let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let name = text(&self.job, "/metadata/name").unwrap_or_default();
        let kind = text(&self.job, "/kind").unwrap_or_else(|| "Job".to_owned());
        let of_kind = |document: &&manifest::Document| text(&document.value, "/kind").as_deref() == Some(&*kind);
        let is_named = |document: &&manifest::Document| match text(&document.value, "/metadata/name") {
            Some(own) => own == name,
            None => text(&document.value, "/metadata/generateName").is_some_and(|prefix| name.starts_with(&prefix)),
        };
        let found = documents.iter().filter(of_kind).find(is_named);
        found.map(|document| document.source.clone()).unwrap_or_default()
    }

    /// The last lines of one run of a pod's container.
    pub(crate) fn tail(&self, pod: &str, run: u32, container: &str) -> &[String] {
        let of_run = |tail: &&LogTail| tail.pod == pod && tail.run == run;
        let exact = self.logs.iter().find(|tail| of_run(tail) && tail.container == container);
        exact.or_else(|| self.logs.iter().find(of_run)).map(|tail| tail.lines.as_slice()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_line_of_a_field_is_that_of_the_jobs_own_document() {
        let text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: other}\nspec:\n  backoffLimit: 1\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: pi-}\nspec:\n  backoffLimit: 2\n";
        let manifest = Some(Manifest { file: "all.yaml".to_owned(), text: text.to_owned() });
        let place = |name: &str| {
            let job = json!({"kind": "Job", "metadata": {"name": name}});
            let manifest = manifest.clone();
            let now = Timestamp::UNIX_EPOCH;
            let story = Story { job, pods: vec![], events: vec![], records: None, manifest, logs: vec![], now };
            story.source().place("spec.backoffLimit")
        };
        assert_eq!(place("other").as_deref(), Some("all.yaml:5"));
        assert_eq!(place("pi-x7k2p").as_deref(), Some("all.yaml:11"));
        assert_eq!(place("third"), None);
    }
}

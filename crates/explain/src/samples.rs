//! Stories for this crate's tests, in a few words each. Times are seconds since the Job's creation.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{Manifest, Record, Story};

/// 2026-01-01T12:00:00Z, and so many seconds.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_268_800 + second).expect("a time")
}

/// A Job called `job` of this spec and status, at this second.
pub(crate) fn story(spec: Value, status: Value, now: i64) -> Story {
    let mut spec = spec;
    if spec["template"].is_null() {
        spec["template"] = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "app"}]}});
    }
    let metadata = json!({"name": "job", "namespace": "default", "uid": "j", "creationTimestamp": at(0)});
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec, "status": status});
    Story { job, pods: Vec::new(), events: Vec::new(), records: None, manifest: None, logs: Vec::new(), now: at(now) }
}

/// A pod that began at one second and, unless it runs, ended at another with this code.
pub(crate) fn pod(name: &str, index: Option<u32>, start: i64, end: Option<(i64, i32)>) -> Value {
    let (phase, state) = match end {
        None => ("Running", json!({"running": {"startedAt": at(start)}})),
        Some((end, code)) => {
            let (phase, reason) = if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
            let (start, end) = (at(start), at(end));
            (phase, json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": start, "finishedAt": end}}))
        }
    };
    let status = json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
    let annotations = index.map(|index| json!({"batch.kubernetes.io/job-completion-index": index.to_string()}));
    json!({
        "metadata": {"name": name, "uid": name, "creationTimestamp": at(start), "annotations": annotations},
        "spec": {"restartPolicy": "Never", "containers": []},
        "status": {"phase": phase, "startTime": at(start), "containerStatuses": [status]},
    })
}

/// A true condition.
pub(crate) fn condition(name: &str, reason: &str, second: i64) -> Value {
    json!({"type": name, "status": "True", "reason": reason, "message": "as it says", "lastTransitionTime": at(second)})
}

/// A record.
pub(crate) fn record(second: i64, rule: &str, field: &str, decision: &str, until: Option<i64>) -> Record {
    Record {
        at: at(second),
        rule: rule.to_owned(),
        inputs: String::new(),
        decision: decision.to_owned(),
        field: field.to_owned(),
        waits_for: until.map(|_| "its time".to_owned()),
        until: until.map(at),
    }
}

/// `job.yaml` with one field of the spec a line, from line 6 on.
pub(crate) fn manifest(fields: &[&str]) -> Option<Manifest> {
    let fields: String = fields.iter().map(|field| format!("  {field}\n")).collect();
    let text = format!("apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: job\nspec:\n{fields}");
    Some(Manifest { file: "job.yaml".to_owned(), text })
}

/// A span of seconds.
pub(crate) fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

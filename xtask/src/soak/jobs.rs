//! Jobs and pods of the soak, as values, and what comes of them.

use anyhow::ensure;
use serde_json::{Value, json};

use crate::https::Endpoint;

pub(super) const PODS: &str = "/api/v1/namespaces/default/pods";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

/// Which kind of runtime the pods of a Job need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A plain process.
    Process,
    /// A sandbox for a host name, as every Indexed Job has.
    Named,
    /// A sandbox with a volume, in namespaces of its own.
    Volume,
}

/// A Job of one shell script.
pub(super) fn job(name: &str, kind: Kind, completions: usize, parallelism: usize, script: &str) -> Value {
    let mut container = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", script]});
    let mut pod = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 0});
    let mut spec = json!({"completions": completions, "parallelism": parallelism});
    if kind != Kind::Process {
        spec["completionMode"] = "Indexed".into();
    }
    if kind == Kind::Volume {
        pod["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
        container["volumeMounts"] = json!([{"name": "v", "mountPath": "/soak-volume"}]);
    }
    pod["containers"] = json!([container]);
    spec["template"] = json!({"spec": pod});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
}

/// Creates a Job.
///
/// # Errors
/// When the server refuses it.
pub(super) fn create(endpoint: &Endpoint, job: &Value) -> anyhow::Result<()> {
    let answer = endpoint.connect()?.post(JOBS, job.to_string().as_bytes())?;
    ensure!(answer.status == 201, "creating the Job: {}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

/// Creates a Job and waits for its end.
///
/// # Errors
/// When the server refuses it or breaks off.
pub(super) fn finish(endpoint: &Endpoint, job: &Value) -> anyhow::Result<Value> {
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let mut events = endpoint.connect()?.watch(&format!("{JOBS}?watch=true&fieldSelector=metadata.name={name}"))?;
    create(endpoint, job)?;
    events.until(|job| {
        let conditions = job["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Complete" || one["type"] == "Failed"))
    })
}

/// The pods of a Job.
///
/// # Errors
/// When the server breaks off.
pub(super) fn pods(endpoint: &Endpoint, job: &str) -> anyhow::Result<Vec<Value>> {
    let answer = endpoint.connect()?.get(&format!("{PODS}?labelSelector=job-name%3D{job}"))?;
    ensure!(answer.status == 200, "listing pods: {}", String::from_utf8_lossy(&answer.body));
    Ok(answer.json()["items"].as_array().cloned().unwrap_or_default())
}

/// A pod's completion index.
pub(super) fn index(pod: &Value) -> Option<usize> {
    pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"].as_str()?.parse().ok()
}

/// A pod's name.
pub(super) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

//! Jobs of `true`: how long one takes from its creation to Complete, and how many pods per second a big one runs.

use std::time::Instant;

use anyhow::ensure;
use serde_json::{Value, json};

use super::table::{Table, milliseconds, percentile};
use crate::https::Endpoint;

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
/// How many one-pod Jobs are timed.
const SINGLES: usize = 20;

/// From sending the create of a one-pod Job to reading Complete on a watch that was open before.
///
/// # Errors
/// When the server breaks off.
pub(super) fn latency(endpoint: &Endpoint, table: &mut Table) -> anyhow::Result<()> {
    let mut link = endpoint.connect()?;
    let mut events = endpoint.connect()?.watch(&format!("{JOBS}?watch=true"))?;
    let mut seconds = Vec::new();
    for number in 0..SINGLES {
        let name = format!("single-{number}");
        let body = job(&name, 1, 1).to_string();
        let started = Instant::now();
        let answer = link.post(JOBS, body.as_bytes())?;
        ensure!(answer.status == 201, "creating {name}: {}", String::from_utf8_lossy(&answer.body));
        events.until(|job| job["metadata"]["name"] == name.as_str() && has_condition(job, "Complete"))?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let figure =
        format!("{} (slowest {})", milliseconds(percentile(&seconds, 0.5)), milliseconds(seconds[SINGLES - 1]));
    table.row(&format!("one-pod Job, create to Complete, median of {SINGLES}"), &figure, "50 ms");
    Ok(())
}

/// What the pods of a Job need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but to run.
    Process,
    /// A host name, as in an Indexed Job.
    Named,
    /// A volume.
    Volume,
}

/// Pods per second of one big Job, from its creation to Complete.
///
/// # Errors
/// When the server breaks off or the Job does not complete.
pub(super) fn throughput(
    endpoint: &Endpoint,
    name: &str,
    kind: Kind,
    completions: usize,
    parallelism: usize,
) -> anyhow::Result<f64> {
    let mut events = endpoint.connect()?.watch(&format!("{JOBS}?watch=true&fieldSelector=metadata.name={name}"))?;
    let mut link = endpoint.connect()?;
    let mut body = job(name, completions, parallelism);
    let spec = &mut body["spec"];
    match kind {
        Kind::Process => {}
        Kind::Named => spec["completionMode"] = "Indexed".into(),
        Kind::Volume => {
            let pod = &mut spec["template"]["spec"];
            pod["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
            pod["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/bench-volume"}]);
        }
    }
    let started = Instant::now();
    let answer = link.post(JOBS, body.to_string().as_bytes())?;
    ensure!(answer.status == 201, "creating the Job: {}", String::from_utf8_lossy(&answer.body));
    let ended = events.until(|job| has_condition(job, "Complete") || has_condition(job, "Failed"))?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(ended["status"]["succeeded"] == completions, "the Job ended so: {}", ended["status"]);
    Ok(completions as f64 / seconds)
}

/// A Job of `true`.
pub(super) fn job(name: &str, completions: usize, parallelism: usize) -> Value {
    let container = json!({"name": "c", "image": "busybox", "command": ["true"]});
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {
            "completions": completions, "parallelism": parallelism,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    })
}

fn has_condition(job: &Value, name: &str) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|condition| condition["type"] == name && condition["status"] == "True"))
}

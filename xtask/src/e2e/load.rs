//! A Job of 1,000 completions at parallelism 50, as real processes: exactly 1,000 run, exactly 1,000 are counted.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use super::Context;
use super::report::Report;
use crate::server::Server;

const COMPLETIONS: usize = 1000;
const PARALLELISM: usize = 50;
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

/// Runs the suite.
///
/// # Errors
/// When the server does not start or breaks off.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("1,000 completions at parallelism 50");
    let server = Server::start(&context.binary, &[])?;
    let endpoint = server.endpoint()?;
    let folder = tempfile::tempdir()?;
    let tally = folder.path().join("tally");
    let watch = format!("{JOBS}?watch=true&fieldSelector=metadata.name=many");
    let mut events = endpoint.connect()?.watch(&watch)?;
    let started = Instant::now();
    let created =
        endpoint.connect()?.post(JOBS, job(&format!("echo x >> {}", tally.display())).to_string().as_bytes())?;
    anyhow::ensure!(created.status == 201, "creating the Job: {}", String::from_utf8_lossy(&created.body));
    let mut most_active = 0;
    let finished = events.until(|job| {
        most_active = most_active.max(job["status"]["active"].as_u64().unwrap_or(0));
        is_finished(job)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    report.note(&format!("{seconds:.2} s, {:.0} pods/s, at most {most_active} active", COMPLETIONS as f64 / seconds));
    let status = &finished["status"];
    report.check("the Job is Complete with 1,000 succeeded and none failed", counted(status));
    let within = most_active <= PARALLELISM as u64;
    report.check("never more than 50 were active", if within { Ok(()) } else { Err(format!("{most_active} were")) });
    let lines = fs::read_to_string(&tally)?.lines().count();
    report
        .check("exactly 1,000 processes ran", if lines == COMPLETIONS { Ok(()) } else { Err(format!("{lines} ran")) });
    let pods = endpoint.connect()?.get("/api/v1/namespaces/default/pods?labelSelector=job-name%3Dmany")?.json();
    report.check("exactly 1,000 pods exist, each Succeeded and released", released(&pods));
    server.stop()
}

fn job(script: &str) -> Value {
    let container = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", script]});
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "many"},
        "spec": {
            "completions": COMPLETIONS, "parallelism": PARALLELISM,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    })
}

/// Whether a Job has ended, well or badly.
fn is_finished(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    let ends = |condition: &Value| {
        condition["status"] == "True" && (condition["type"] == "Complete" || condition["type"] == "Failed")
    };
    conditions.is_some_and(|conditions| conditions.iter().any(ends))
}

fn counted(status: &Value) -> Result<(), String> {
    let complete = status["conditions"].as_array().is_some_and(|all| all.iter().any(|one| one["type"] == "Complete"));
    let none = |name: &str| status[name].as_u64().unwrap_or(0) == 0;
    if complete && status["succeeded"] == COMPLETIONS && none("failed") && none("active") && none("terminating") {
        return Ok(());
    }
    Err(status.to_string())
}

fn released(list: &Value) -> Result<(), String> {
    let pods = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let good = pods
        .iter()
        .filter(|pod| pod["status"]["phase"] == "Succeeded" && pod["metadata"]["finalizers"].is_null())
        .count();
    if pods.len() == COMPLETIONS && good == COMPLETIONS {
        Ok(())
    } else {
        Err(format!("{} pods, {good} of them as they should be", pods.len()))
    }
}

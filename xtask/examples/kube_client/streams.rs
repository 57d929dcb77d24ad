//! What flows while it lasts: exec, attach, followed logs.

use std::time::Duration;

use futures::{AsyncBufReadExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{AttachParams, AttachedProcess, DeleteParams, LogParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Result, check};

/// How long anything may take to come true.
const LIMIT: Duration = Duration::from_secs(30);
const NAME: &str = "rust-streams";

pub(super) async fn run(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    // It says `ready`, then repeats its input: what is attached to it comes back.
    let container = json!({
        "name": "c", "image": "busybox", "command": ["sh", "-c", "echo ready; cat; echo over"],
        "stdin": true, "stdinOnce": true,
    });
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": NAME},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]},
    }))?;
    pods.create(&PostParams::default(), &pod).await?;
    timeout(LIMIT, running(&pods)).await??;
    let logs = pods.log_stream(NAME, &LogParams { follow: true, ..LogParams::default() }).await?;
    exec(&pods).await?;
    attach(&pods).await?;
    let lines: Vec<String> = timeout(LIMIT, logs.lines().try_collect()).await??;
    check("a followed log ends with the pod", lines == ["ready", "hello", "over"], &lines)?;
    pods.delete(NAME, &DeleteParams::default()).await?;
    Ok(())
}

/// Watches until the pod runs.
async fn running(pods: &Api<Pod>) -> Result<()> {
    let selector = WatchParams::default().fields(&format!("metadata.name={NAME}"));
    let mut events = Box::pin(pods.watch(&selector, "0").await?);
    while let Some(event) = events.try_next().await? {
        let (WatchEvent::Added(pod) | WatchEvent::Modified(pod)) = event else { continue };
        if pod.status.and_then(|status| status.phase).as_deref() == Some("Running") {
            return Ok(());
        }
    }
    Err("the watch ended before the pod ran".into())
}

async fn exec(pods: &Api<Pod>) -> Result<()> {
    let parameters = AttachParams::default().stdin(true).stdout(true).stderr(true);
    let script = "read line; echo \"got $line\"; echo no >&2; exit 3";
    let mut process = pods.exec(NAME, ["sh", "-c", script], &parameters).await?;
    let mut input = process.stdin().ok_or("no stdin")?;
    input.write_all(b"a line\n").await?;
    let (out, err, status) = timeout(LIMIT, ended(process)).await??;
    check(
        "exec passes input and keeps stderr apart",
        (out.as_str(), err.as_str()) == ("got a line\n", "no\n"),
        (&out, &err),
    )?;
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let code = causes
        .iter()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .and_then(|cause| cause.message.as_deref());
    check("exec tells the exit code", code == Some("3"), &status)?;
    let process = pods.exec(NAME, ["true"], &AttachParams::default()).await?;
    let (_, _, status) = timeout(LIMIT, ended(process)).await??;
    check("exec tells success", status.status.as_deref() == Some("Success"), &status)?;
    let missing = pods.exec(NAME, ["true"], &AttachParams::default().container("none")).await;
    check("exec into no container is refused", missing.is_err(), ())
}

/// Reads a process to its end: its output and its Status.
async fn ended(mut process: AttachedProcess) -> Result<(String, String, Status)> {
    let (mut out, mut err) = (String::new(), String::new());
    let status = process.take_status().ok_or("no status")?;
    if let Some(mut stdout) = process.stdout() {
        stdout.read_to_string(&mut out).await?;
    }
    if let Some(mut stderr) = process.stderr() {
        stderr.read_to_string(&mut err).await?;
    }
    let status = status.await.ok_or("the process ended without a Status")?;
    process.join().await?;
    Ok((out, err, status))
}

async fn attach(pods: &Api<Pod>) -> Result<()> {
    let parameters = AttachParams::default().stdin(true).stdout(true).stderr(false);
    let mut process = pods.attach(NAME, &parameters).await?;
    let (mut input, mut output) = (process.stdin().ok_or("no stdin")?, process.stdout().ok_or("no stdout")?);
    input.write_all(b"hello\n").await?;
    let mut seen = String::new();
    let mut buffer = [0; 256];
    while !seen.contains("hello\n") {
        let length = timeout(LIMIT, output.read(&mut buffer)).await??;
        seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        if length == 0 {
            break;
        }
    }
    check("attach passes input and output", seen.contains("hello\n"), &seen)?;
    // The pod's own end follows from the end of its input.
    input.shutdown().await?;
    drop(input);
    Ok(())
}

//! The same scenario over both transports gives the same result.

use serde_json::{Value, json};

use super::common::{create, finished, http_client, job, log, pods, start};
use client::Client;

/// Runs a Job that fails once and then succeeds by index, and tells what came of it, without names and times.
async fn scenario(client: &Client) -> Value {
    let script = "echo run $JOB_COMPLETION_INDEX; exit 0";
    let spec = json!({"completions": 3, "parallelism": 2, "completionMode": "Indexed", "backoffLimit": 1});
    create(client, job("same", script, spec)).await;
    let done = finished(client, "same").await;
    let mut logs = Vec::new();
    for pod in pods(client, "same").await {
        logs.push(log(client, pod["metadata"]["name"].as_str().expect("a name")).await);
    }
    logs.sort();
    let conditions: Vec<Value> = done["status"]["conditions"]
        .as_array()
        .expect("conditions")
        .iter()
        .map(|condition| json!([condition["type"], condition["status"], condition["reason"], condition["message"]]))
        .collect();
    let missing = client.get(&super::common::JOBS, Some("default"), "missing").await.expect_err("refused");
    let status = &done["status"];
    json!({
        "succeeded": status["succeeded"], "indexes": status["completedIndexes"], "conditions": conditions,
        "logs": logs, "labels": done["metadata"]["labels"].as_object().map(serde_json::Map::len),
        "missing": missing.status().expect("a Status").message,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_ends_alike_in_process_and_over_https() {
    let own = start().await;
    let in_process = scenario(&own.cluster.client()).await;
    own.cluster.shutdown().await;
    let own = start().await;
    let client = http_client(&own).await;
    let over_https = scenario(&client).await;
    own.cluster.shutdown().await;
    assert_eq!(in_process, over_https);
    assert_eq!(in_process["succeeded"], 3);
    assert_eq!(in_process["missing"], "jobs.batch \"missing\" not found");
}

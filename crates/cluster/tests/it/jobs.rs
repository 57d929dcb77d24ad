//! Jobs run to their end with real processes, and are counted exactly.

use jiff::SignedDuration;
use serde_json::json;

use super::common::{PODS, condition, create, finished, job, log, pods, start, until, until_none};

#[tokio::test]
async fn a_job_of_one_pod_completes_and_keeps_its_log() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("one", "echo hello; echo world >&2", json!({}))).await;
    let done = finished(&client, "one").await;
    assert!(condition(&done, "Complete").is_some() && condition(&done, "SuccessCriteriaMet").is_some());
    assert_eq!(done["status"]["succeeded"], 1);
    assert!(done["status"]["completionTime"].is_string());
    let pods = pods(&client, "one").await;
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0]["status"]["phase"], "Succeeded");
    let text = log(&client, pods[0]["metadata"]["name"].as_str().expect("a name")).await;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["hello", "world"]);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_thousand_completions_at_parallelism_fifty_are_counted_exactly() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("many", "exit 0", json!({"completions": 1000, "parallelism": 50}))).await;
    let done = finished(&client, "many").await;
    assert!(condition(&done, "Complete").is_some());
    assert_eq!(done["status"]["succeeded"], 1000);
    assert!(done["status"].get("failed").is_none() && done["status"].get("active").is_none(), "{}", done["status"]);
    assert_eq!(pods(&client, "many").await.len(), 1000);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn each_index_of_an_indexed_job_succeeds_once() {
    let own = start().await;
    let client = own.cluster.client();
    let spec = json!({"completions": 7, "parallelism": 3, "completionMode": "Indexed"});
    create(&client, job("indexed", "echo $JOB_COMPLETION_INDEX", spec)).await;
    let done = finished(&client, "indexed").await;
    assert_eq!(done["status"]["completedIndexes"], "0-6");
    let mut said = Vec::new();
    for pod in pods(&client, "indexed").await {
        said.push(log(&client, pod["metadata"]["name"].as_str().expect("a name")).await.trim().to_owned());
    }
    said.sort();
    assert_eq!(said, ["0", "1", "2", "3", "4", "5", "6"]);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_failing_job_climbs_the_ladder_and_fails_with_its_reason() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("bad", "exit 3", json!({"backoffLimit": 2}))).await;
    for (failures, wait_seconds) in [(1, 10), (2, 20)] {
        until(&client, &super::common::JOBS, "bad", |job| job["status"]["failed"] == failures).await;
        assert_eq!(pods(&client, "bad").await.len(), failures as usize, "the next pod waits for its back-off");
        own.clock.skip(SignedDuration::from_secs(wait_seconds));
    }
    let done = finished(&client, "bad").await;
    let failed = condition(&done, "Failed").expect("failed");
    assert_eq!(failed["reason"], "BackoffLimitExceeded");
    assert_eq!(failed["message"], "Job has reached the specified backoff limit");
    assert_eq!(done["status"]["failed"], 3);
    let code =
        |pod: &serde_json::Value| pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"].clone();
    assert_eq!(pods(&client, "bad").await.iter().map(code).collect::<Vec<_>>(), [3, 3, 3]);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_deadline_ends_a_job_and_its_processes() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("late", "sleep 1000", json!({"activeDeadlineSeconds": 100}))).await;
    until(&client, &super::common::JOBS, "late", |job| job["status"]["ready"] == 1).await;
    own.clock.skip(SignedDuration::from_secs(100));
    let done = finished(&client, "late").await;
    assert_eq!(condition(&done, "Failed").expect("failed")["reason"], "DeadlineExceeded");
    assert_eq!(own.cluster.running_containers(), 0);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_work_queue_completes_after_the_first_success_when_all_pods_have_ended() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("queue", "exit 0", json!({"parallelism": 4}))).await;
    let done = finished(&client, "queue").await;
    assert!(condition(&done, "Complete").is_some());
    let succeeded = done["status"]["succeeded"].as_i64().expect("a count");
    assert!((1..=4).contains(&succeeded), "{succeeded}");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn parallelism_zero_pauses_and_more_than_is_left_does_no_harm() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("paused", "exit 0", json!({"parallelism": 0, "completions": 2}))).await;
    let paused = until(&client, &super::common::JOBS, "paused", |job| job["status"]["startTime"].is_string()).await;
    assert!(paused["status"].get("active").is_none());
    let patch = (api::PatchType::Merge, json!({"spec": {"parallelism": 10}}));
    client.patch(&super::common::JOBS, Some("default"), "paused", None, patch).await.expect("patched");
    let done = finished(&client, "paused").await;
    assert_eq!(done["status"]["succeeded"], 2);
    assert_eq!(pods(&client, "paused").await.len(), 2);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn deleting_a_job_in_the_background_takes_its_pods_and_processes_along() {
    let own = start().await;
    let client = own.cluster.client();
    create(&client, job("gone", "sleep 1000", json!({"parallelism": 3}))).await;
    until(&client, &super::common::JOBS, "gone", |job| job["status"]["ready"] == 3).await;
    let options = api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions {
        propagation_policy: Some("Background".to_owned()),
        ..Default::default()
    };
    client.delete(&super::common::JOBS, Some("default"), "gone", &options).await.expect("deleted");
    until_none(&client, &PODS, "job-name=gone").await;
    assert_eq!(own.cluster.running_containers(), 0);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_a_start_error_that_fails_the_job() {
    let own = start().await;
    let client = own.cluster.client();
    let mut nothing = job("nothing", "", json!({"backoffLimit": 0}));
    nothing["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["no-such-program-here"]);
    create(&client, nothing).await;
    let done = finished(&client, "nothing").await;
    assert_eq!(condition(&done, "Failed").expect("failed")["reason"], "BackoffLimitExceeded");
    let pods = pods(&client, "nothing").await;
    let terminated = &pods[0]["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(terminated["reason"], "StartError");
    assert_eq!(terminated["exitCode"], 128);
    assert!(terminated["message"].as_str().expect("a message").contains("no-such-program-here"));
    own.cluster.shutdown().await;
}

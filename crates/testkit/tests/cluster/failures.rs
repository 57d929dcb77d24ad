//! A test that fails says why.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::json;
use testkit::{Cluster, Run, cron_job, job, minutes, seconds};

/// The message of a panic.
async fn panic_of<T>(future: impl Future<Output = T>) -> String {
    let panic = AssertUnwindSafe(future).catch_unwind().await.err().expect("it panics");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).expect("a text")
}

async fn failing() -> Cluster {
    let script = |_: &testkit::Attempt| Run::exits(3, seconds(1)).prints("connecting").prints("db not ready");
    let cluster = Cluster::builder().seed(42).script(script).start().await;
    cluster.apply(&job("migrate", json!({"backoffLimit": 1})).to_string()).await.expect("applied");
    cluster
}

#[tokio::test]
async fn an_assertion_that_fails_tells_why_and_how_to_see_it_again() {
    let cluster = failing().await;
    let outcome = cluster.finished("migrate").await;
    let told = panic_of(async { outcome.assert_complete() }).await;
    for part in [
        "Job default/migrate: it is Failed (BackoffLimitExceeded",
        "Last lines of attempt #1 (pod migrate-",
        "Last lines of attempt #2 (pod migrate-",
        "  | db not ready",
        "exit 3",
        "seed 42 (Cluster::builder().seed(42))",
    ] {
        assert!(told.contains(part), "{part:?} is missing:\n{told}");
    }
    assert!(told.contains(outcome.why().trim()) && told.contains(outcome.timeline().trim()), "{told}");
    assert!(!outcome.decisions().is_empty());
}

#[tokio::test]
async fn a_job_that_does_not_finish_is_explained() {
    let cluster = Cluster::builder().script(|_| Run::never_ends().prints("waiting for godot")).start().await;
    cluster.apply(&job("endless", json!({})).to_string()).await.expect("applied");
    let told = panic_of(cluster.job("endless").finished_within(minutes(5))).await;
    assert!(told.starts_with("Job default/endless has not finished after 5m"), "{told}");
    let told = panic_of(cluster.job("nobody").finished_within(minutes(5))).await;
    assert!(told.starts_with("Job default/nobody is not there after 5m"), "{told}");
}

#[tokio::test]
async fn what_must_never_be_so_is_looked_at_after_every_commit() {
    let cluster = failing().await;
    cluster.never(|now| now.active_pods("migrate") > 1);
    cluster.never(|now| now.pods("migrate").iter().any(|pod| pod["status"]["phase"] == "Failed"));
    let told = panic_of(cluster.finished("migrate")).await;
    assert!(told.contains("came true at revision") && told.contains("after MODIFIED pods default/migrate-"), "{told}");
    assert!(told.contains("never at crates/testkit/tests/cluster/failures.rs:"), "{told}");
    // It ran no further than that.
    assert_eq!(cluster.elapsed(), seconds(1));
}

#[tokio::test]
async fn what_was_so_before_it_was_forbidden_is_found() {
    let cluster = failing().await;
    cluster.finished("migrate").await;
    let told = panic_of(async { cluster.never(|now| now.active_pods("migrate") > 0) }).await;
    assert!(told.contains("after ADDED pods default/migrate-"), "{told}");
}

#[tokio::test]
async fn a_cluster_does_not_end_in_silence_when_what_must_never_be_so_was() {
    let cluster = failing().await;
    cluster.never(|now| now.job("late").is_some());
    let client = cluster.client();
    let jobs: testkit::kube::Api<testkit::k8s::api::batch::v1::Job> = testkit::kube::Api::default_namespaced(client);
    let late = serde_json::from_value(job("late", json!({}))).expect("a Job");
    jobs.create(&Default::default(), &late).await.expect("created");
    let told = panic_of(async { drop(cluster) }).await;
    assert!(told.contains("after ADDED jobs default/late"), "{told}");
}

#[tokio::test]
async fn manifests_and_schedules_that_are_wrong_are_told_apart() {
    let cluster = Cluster::start().await;
    let mut typo = job("typo", json!({"backofLimit": 1}));
    let error = cluster.apply(&typo.to_string()).await.expect_err("refused").to_string();
    assert!(error.contains("Job typo") && error.contains("backofLimit"), "{error}");
    typo["kind"] = json!("Jop");
    let error = cluster.apply(&typo.to_string()).await.expect_err("refused").to_string();
    assert!(error.contains("no matches for kind \"Jop\" in version \"batch/v1\""), "{error}");
    let error = cluster.apply("kind: [").await.expect_err("refused").to_string();
    assert!(error.contains("manifest:1"), "{error}");
    let suspended = cron_job("off", "* * * * *", json!({"suspend": true}));
    cluster.apply(&suspended.to_string()).await.expect("applied");
    let told = panic_of(async { cluster.cron("off").fire_next().await.name().to_owned() }).await;
    assert!(told.starts_with("CronJob default/off is suspended and starts no Job"), "{told}");
}

#[tokio::test]
async fn an_evicted_pod_is_replaced() {
    let cluster = Cluster::builder().script(|_| Run::exits(0, seconds(60))).start().await;
    cluster.apply(&job("moves", json!({})).to_string()).await.expect("applied");
    cluster.settle().await;
    let pod = cluster.look(|now| now.pods("moves")[0]["metadata"]["name"].as_str().expect("a name").to_owned()).await;
    cluster.evict(&pod).await;
    let outcome = cluster.finished("moves").await;
    outcome.assert_complete().assert_attempts(2);
    assert_eq!(outcome.pods()[0]["metadata"]["name"], pod, "it is remembered");
}

//! The shell of the Job controller against a small API server: effects reach it once, in order, and never on a stale
//! cache.

mod door;

use std::sync::Arc;

use api::Uid;
use clock::{Clock, ManualClock, SharedClock, SystemClock};
use door::TestDoor;
use jiff::{SignedDuration, Timestamp};
use job_controller::{DecisionLog, JobController};
use serde_json::{Value, json};

fn job(name: &str, uid: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["selector"] = json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } });
    spec["template"] = json!({
        "metadata": { "labels": { "batch.kubernetes.io/controller-uid": uid, "job-name": name } },
        "spec": { "restartPolicy": "Never", "containers": [{ "name": "main", "image": "true" }] },
    });
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": name, "namespace": "default", "uid": uid, "generation": 1 },
        "spec": spec,
    })
}

fn system() -> SharedClock {
    Arc::new(SystemClock)
}

fn is_true(job: &Option<Value>, condition: &str) -> bool {
    job.as_ref().is_some_and(|job| api::conditions::is_true(job, condition))
}

/// The kubelet: brings all pods that have not ended to a phase.
fn end_pods(door: &TestDoor, phase: &str) -> usize {
    let mut ended = 0;
    for pod in door.list("pods") {
        if pod["status"]["phase"].is_null() {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            door.edit("pods", name, |pod| pod["status"] = json!({ "phase": phase }));
            ended += 1;
        }
    }
    ended
}

async fn run_to_end(door: &TestDoor, name: &str) {
    loop {
        door.until("pods to end, or the Job's end", |door| {
            let running = door.list("pods").iter().any(|pod| pod["status"]["phase"].is_null());
            running || is_true(&door.get("jobs", name), "Complete")
        })
        .await;
        if end_pods(door, "Succeeded") == 0 {
            return;
        }
    }
}

#[tokio::test]
async fn a_job_runs_to_complete_with_events_and_decisions() {
    let (door, client) = TestDoor::start();
    door.put("jobs", job("pi", "u1", json!({ "completions": 1, "parallelism": 1 })));
    let decisions = DecisionLog::default();
    let controller = JobController::start(client, system(), decisions.clone());
    run_to_end(&door, "pi").await;
    let status = door.get("jobs", "pi").expect("present")["status"].clone();
    assert_eq!((&status["succeeded"], status.get("active")), (&json!(1), None));
    assert_eq!(status["uncountedTerminatedPods"], json!({}));
    let pod = &door.list("pods")[0];
    assert_eq!(pod["metadata"]["finalizers"], json!([]));
    let rules: Vec<&str> = decisions.of(&Uid::from("u1")).iter().map(|decision| decision.note.rule).collect();
    assert!(rules.contains(&"scale-up") && rules.contains(&"terminal"), "{rules:?}");
    controller.shutdown().await;
    let mut reasons: Vec<String> = door.list("events").iter().map(|event| event["reason"].to_string()).collect();
    reasons.sort();
    assert_eq!(reasons, ["\"Completed\"", "\"SuccessfulCreate\""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_completions_create_exactly_as_many_pods_and_never_too_many_at_once() {
    for mode in ["NonIndexed", "Indexed"] {
        let (door, client) = TestDoor::start();
        let spec = json!({ "completions": 300, "parallelism": 20, "completionMode": mode });
        door.put("jobs", job("many", "u1", spec));
        let controller = JobController::start(client, system(), DecisionLog::default());
        run_to_end(&door, "many").await;
        assert_eq!(door.get("jobs", "many").expect("present")["status"]["succeeded"], 300);
        let (created, most_active) = door.pods_created();
        assert!(created == 300 && most_active <= 20, "{mode}: {created} created, {most_active} at once");
        assert!(door.list("pods").iter().all(|pod| pod["metadata"]["finalizers"] == json!([])));
        controller.shutdown().await;
    }
}

#[tokio::test]
async fn a_lagging_cache_creates_no_pod_twice() {
    let (door, client) = TestDoor::start();
    door.put("jobs", job("pi", "u1", json!({ "completions": 3, "parallelism": 3 })));
    door.horizon.send_replace(0);
    let controller = JobController::start(client, system(), DecisionLog::default());
    door.until("three pods", |door| door.pods_created().0 == 3).await;
    for horizon in 1..12 {
        door.horizon.send_replace(horizon);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(door.pods_created().0, 3, "the watch has delivered {horizon} changes");
    }
    door.horizon.send_replace(usize::MAX);
    run_to_end(&door, "pi").await;
    assert_eq!(door.pods_created(), (3, 3));
    controller.shutdown().await;
}

#[tokio::test]
async fn a_restarted_controller_goes_on_where_the_last_one_stopped() {
    let (door, client) = TestDoor::start();
    door.put("jobs", job("pi", "u1", json!({ "completions": 40, "parallelism": 4 })));
    while !is_true(&door.get("jobs", "pi"), "Complete") {
        let controller = JobController::start(client.clone(), system(), DecisionLog::default());
        let before = door.get("jobs", "pi").expect("present")["status"]["succeeded"].as_i64().unwrap_or(0);
        door.until("progress", |door| {
            end_pods(door, "Succeeded");
            let job = door.get("jobs", "pi");
            let succeeded = job.as_ref().expect("present")["status"]["succeeded"].as_i64().unwrap_or(0);
            succeeded > before || is_true(&job, "Complete")
        })
        .await;
        controller.shutdown().await;
    }
    assert_eq!(door.get("jobs", "pi").expect("present")["status"]["succeeded"], 40);
    let (created, most_active) = door.pods_created();
    assert!(created == 40 && most_active <= 4, "{created} created, {most_active} at once");
}

#[tokio::test]
async fn failed_pods_are_replaced_when_the_clock_says_so() {
    let (door, client) = TestDoor::start();
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).expect("in range")));
    door.put("jobs", job("flaky", "u1", json!({ "completions": 1, "parallelism": 1, "backoffLimit": 2 })));
    let controller = JobController::start(client, clock.clone(), DecisionLog::default());
    for created in 1..=3 {
        door.until("a pod", |door| door.pods_created().0 == created).await;
        let pod = door.list("pods").into_iter().find(|pod| pod["status"]["phase"].is_null()).expect("a pod");
        let finished = api::time::rfc3339(clock.now());
        door.edit("pods", pod["metadata"]["name"].as_str().expect("a name"), |pod| {
            let terminated = json!({ "exitCode": 1, "finishedAt": finished });
            let container = json!({ "name": "main", "state": { "terminated": terminated } });
            pod["status"] = json!({ "phase": "Failed", "containerStatuses": [container] });
        });
        door.until("the failure to be counted", |door| {
            door.get("jobs", "flaky").expect("present")["status"]["failed"] == created
        })
        .await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(door.pods_created().0, created, "no pod before the back-off has passed");
        clock.advance_to(clock.now() + SignedDuration::from_secs(10 << (created - 1)));
    }
    door.until("the Job to fail", |door| is_true(&door.get("jobs", "flaky"), "Failed")).await;
    assert_eq!(door.pods_created().0, 3);
    controller.shutdown().await;
}

#[tokio::test]
async fn refused_creates_are_reported_and_tried_again() {
    let (door, client) = TestDoor::start();
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).expect("in range")));
    door.refuse_creates(2);
    door.put("jobs", job("pi", "u1", json!({ "completions": 1, "parallelism": 1 })));
    let controller = JobController::start(client, clock.clone(), DecisionLog::default());
    let failed = |door: &TestDoor| {
        door.list("events")
            .iter()
            .filter(|event| event["reason"] == "FailedCreate")
            .map(|event| event["message"].clone())
            .next()
    };
    door.until("a warning", |door| failed(door).is_some()).await;
    assert_eq!(failed(&door), Some(json!("Error creating: pods is forbidden: exceeded quota")));
    while door.pods_created().0 == 0 {
        clock.advance_to(clock.now() + SignedDuration::from_secs(1));
        tokio::task::yield_now().await;
    }
    run_to_end(&door, "pi").await;
    controller.shutdown().await;
}

#[tokio::test]
async fn pods_of_a_job_that_is_gone_are_let_go_and_its_namesake_starts_afresh() {
    let (door, client) = TestDoor::start();
    door.put("jobs", job("pi", "u1", json!({ "completions": 1, "parallelism": 1 })));
    let controller = JobController::start(client, system(), DecisionLog::default());
    door.until("a pod", |door| door.pods_created().0 == 1).await;
    door.remove("jobs", "pi");
    door.put("jobs", job("pi", "u2", json!({ "completions": 1, "parallelism": 1 })));
    door.until("the old pod to be let go and a new one to come", |door| {
        let pods = door.list("pods");
        let of = |uid: &str| pods.iter().find(|pod| pod["metadata"]["ownerReferences"][0]["uid"] == uid).cloned();
        of("u2").is_some() && of("u1").is_some_and(|pod| pod["metadata"]["finalizers"] == json!([]))
    })
    .await;
    controller.shutdown().await;
}

#[tokio::test]
async fn a_tracked_pod_without_owner_or_job_is_let_go_and_a_matching_one_is_adopted() {
    let (door, client) = TestDoor::start();
    let pod = |name: &str, label: &str, finalizers: Value| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "uid": name, "labels": { "batch.kubernetes.io/controller-uid": label },
                "finalizers": finalizers, "creationTimestamp": "2026-01-01T00:00:00Z",
            },
        })
    };
    door.put("pods", pod("stray", "nobody", json!(["batch.kubernetes.io/job-tracking"])));
    door.put("pods", pod("orphan", "u1", json!([])));
    door.put("jobs", job("pi", "u1", json!({ "completions": 1, "parallelism": 1 })));
    let controller = JobController::start(client, system(), DecisionLog::default());
    door.until("both to be settled", |door| {
        let finalizers = |name: &str| door.get("pods", name).expect("present")["metadata"]["finalizers"].clone();
        finalizers("stray") == json!([]) && finalizers("orphan") != json!([])
    })
    .await;
    run_to_end(&door, "pi").await;
    assert_eq!(door.pods_created().0, 0, "the adopted pod was enough");
    controller.shutdown().await;
}

//! Time passes when the test lets it, and never behind its back.

use std::time::Duration;

use serde_json::json;
use testkit::{ClockMode, Cluster, JOBS, Run, minutes, seconds};

const MANIFEST: &str = "
apiVersion: batch/v1
kind: Job
metadata:
  name: fails
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: scripted}
";

const SCHEDULE: &str = "
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: 30 2 * * *
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - {name: main, image: scripted}
";

#[tokio::test]
async fn six_default_retries_take_ten_and_a_half_minutes_of_virtual_time() {
    let cluster = Cluster::builder().script(|_| Run::exits(3, seconds(0))).start().await;
    cluster.apply(MANIFEST).await.expect("applied");
    let outcome = cluster.finished("fails").await;
    outcome.assert_failed("BackoffLimitExceeded").assert_attempts(7).assert_exit_codes([3; 7]);
    outcome.assert_back_offs([10, 20, 40, 80, 160, 320].map(seconds));
    assert_eq!(outcome.elapsed(), seconds(630));
}

#[tokio::test]
async fn a_schedule_fires_when_the_test_asks_for_it() {
    let cluster = Cluster::start().await;
    cluster.apply(SCHEDULE).await.expect("applied");
    for day in 1..=3 {
        let job = cluster.cron("nightly").fire_next().await;
        let now = cluster.now().to_string();
        assert!(now.starts_with(&format!("2026-01-0{day}T02:30:00")), "{now}");
        job.finished().await.assert_complete();
    }
}

#[tokio::test]
async fn time_goes_from_timer_to_timer() {
    let cluster = Cluster::builder().script(|_| Run::exits(0, seconds(90))).start().await;
    cluster.apply(MANIFEST).await.expect("applied");
    while cluster.look(|now| now.active_pods("fails")).await > 0 {
        cluster.advance_to_next_timer().await.expect("a pod runs");
    }
    assert_eq!(cluster.elapsed(), seconds(90));
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_moves_no_time() {
    let cluster = Cluster::builder().script(|_| Run::never_ends()).start().await;
    cluster.apply(MANIFEST).await.expect("applied");
    {
        let mut endless = std::pin::pin!(cluster.advance(minutes(60 * 24 * 365 * 1000)));
        // Polled once, and then dropped.
        assert!(futures::poll!(&mut endless).is_pending());
    }
    cluster.settle().await;
    let then = cluster.now();
    cluster.settle().await;
    assert_eq!(cluster.now(), then);
}

#[test]
fn tasks_of_a_test_around_which_the_cluster_lives_hold_time() {
    let seen = Cluster::builder().script(|_| Run::exits(0, minutes(10))).run(async |cluster| {
        cluster.apply(MANIFEST).await.expect("applied");
        // An operator that has much to do at the time at which it hears of a pod.
        let client = cluster.client();
        let operator = tokio::spawn(async move {
            let jobs: testkit::kube::Api<testkit::k8s::api::batch::v1::Job> =
                testkit::kube::Api::default_namespaced(client);
            for round in 0..20 {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                let patch =
                    testkit::kube::api::Patch::Merge(json!({"metadata": {"labels": {"round": format!("{round}")}}}));
                jobs.patch("fails", &Default::default(), &patch).await.expect("patched");
            }
        });
        cluster.finished("fails").await.assert_complete();
        operator.await.expect("it ends");
        let first = |line: &&str| line.contains("jobs") && line.contains("\"round\":\"19\"");
        let log = cluster.event_log().await;
        log.lines().find(first).expect("all rounds").split(' ').nth(1).expect("a time").to_owned()
    });
    assert_eq!(seen, "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn the_machines_clock_is_waited_for() {
    let cluster = Cluster::builder().clock(ClockMode::Real).script(|_| Run::exits(0, seconds(1))).start().await;
    cluster.apply(MANIFEST).await.expect("applied");
    let begin = std::time::Instant::now();
    cluster.finished("fails").await.assert_complete();
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
    let job = cluster.look(|now| now.get(&JOBS, Some("default"), "fails")).await.expect("there");
    assert_eq!(job["status"]["succeeded"], 1);
}

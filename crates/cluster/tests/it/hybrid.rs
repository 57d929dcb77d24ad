//! Hybrid time: real processes, and waits that are jumped over when none runs.

use std::sync::Arc;
use std::time::Instant;

use clock::{Clock, SkewClock, Stepper};
use cluster::{Cluster, Config, SupervisorCommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::common::{condition, create, finished, job, log, pods};

/// Runs a test on a runtime of one thread whose clock jumps by itself.
fn hybrid<F: Future<Output = ()>>(test: impl FnOnce(Arc<SkewClock>, Cluster) -> F) {
    let clock = Arc::new(SkewClock::default());
    let stepper = Stepper::automatic(clock.clone());
    let mut builder = tokio::runtime::Builder::new_current_thread();
    stepper.install(&mut builder);
    let runtime = builder.enable_all().build().expect("a runtime");
    let state = tempfile::tempdir().expect("a directory");
    runtime.block_on(async {
        let program = env!("CARGO_BIN_EXE_cluster-supervisor").into();
        let mut config = Config::new(state.path().to_owned(), SupervisorCommand { program, args: Vec::new() });
        config.clock = clock.clone();
        config.stepper = Some(stepper);
        test(clock, Cluster::start(config).await.expect("the cluster starts")).await;
    });
}

fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time")
}

#[test]
fn six_default_retries_are_not_waited_for_and_their_gaps_are_exact() {
    hybrid(|clock, cluster| async move {
        let client = cluster.client();
        let (begin, before) = (Instant::now(), clock.now());
        create(&client, job("fails", "exit 3", json!({}))).await;
        let failed = finished(&client, "fails").await;
        let (took, passed) = (begin.elapsed(), clock.now().duration_since(before));
        assert_eq!(condition(&failed, "Failed").expect("failed")["reason"], "BackoffLimitExceeded");
        let mut pods = pods(&client, "fails").await;
        pods.sort_by_key(|pod| time(&pod["metadata"]["creationTimestamp"]));
        let created = |pod: &Value| time(&pod["metadata"]["creationTimestamp"]);
        let ended = |pod: &Value| time(&pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"]);
        let gaps: Vec<i64> =
            pods.windows(2).map(|pair| created(&pair[1]).duration_since(ended(&pair[0])).as_secs()).collect();
        assert_eq!(gaps, [10, 20, 40, 80, 160, 320]);
        // Back-offs count from the whole second in which a container ended.
        assert!(passed >= SignedDuration::from_secs(629), "{passed:#}");
        // Jumped over, not waited for, on however slow a machine; how long it takes is the bench's to say.
        assert!(SignedDuration::try_from(took * 10).expect("short") < passed, "{took:?}");
        cluster.shutdown().await;
    });
}

#[test]
fn time_is_held_while_a_process_runs() {
    hybrid(|clock, cluster| async move {
        let client = cluster.client();
        let begin = (Instant::now(), clock.now());
        // Its deadline pulls, but the process has real time to live.
        create(&client, job("runs", "sleep 0.3; echo done", json!({"activeDeadlineSeconds": 1000}))).await;
        let done = finished(&client, "runs").await;
        let events = cluster.view().list(&api::resource::EVENTS, None, "");
        let told: Vec<Value> = events.iter().map(|event| event.to_value()["message"].clone()).collect();
        assert!(condition(&done, "Complete").is_some(), "{done} {told:?}");
        let ahead = clock.now().duration_since(begin.1) - SignedDuration::try_from(begin.0.elapsed()).expect("short");
        assert!(ahead < SignedDuration::from_secs(1), "{ahead:#}");
        let name = pods(&client, "runs").await[0]["metadata"]["name"].as_str().expect("a name").to_owned();
        assert_eq!(log(&client, &name).await, "done\n");
        cluster.shutdown().await;
    });
}

#[test]
fn a_schedule_is_no_reason_for_time_to_pass_and_no_tick_of_it_is_missed() {
    hybrid(|clock, cluster| async move {
        let client = cluster.client();
        let template = job("unnamed", "exit 0", json!({}))["spec"].clone();
        let cron_job = json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "often"},
            "spec": {
                "schedule": "*/10 * * * *", "timeZone": "UTC", "successfulJobsHistoryLimit": 10,
                "jobTemplate": {"spec": template},
            },
        });
        client.create(&api::resource::CRON_JOBS, Some("default"), cron_job).await.expect("created");
        let begin = clock.now();
        cluster.run_until(begin + SignedDuration::from_millis(300), |_| false).await;
        assert!(clock.now().duration_since(begin) < SignedDuration::from_secs(1), "nothing but the schedule waits");
        cluster.advance_to(begin + SignedDuration::from_hours(1)).await.expect("it can be moved");
        let jobs = cluster.view().list(&api::resource::JOBS, Some("default"), "");
        assert_eq!(jobs.len(), 6);
        assert!(jobs.iter().all(|job| condition(&job.to_value(), "Complete").is_some()));
        cluster.shutdown().await;
    });
}

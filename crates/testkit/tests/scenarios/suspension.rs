//! Suspending and resuming, and what a suspended Job may change.

use serde_json::json;
use testkit::{Component, JOBS, PODS, Run, condition, job, minutes, seconds};

use crate::harness::{both, count, reason, reasons, starts};

#[test]
fn a_job_created_suspended_starts_with_its_resumption() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("asleep", json!({"suspend": true, "activeDeadlineSeconds": 20})));
            sim.advance(minutes(5));
            let asleep = sim.get(&JOBS, "asleep");
            assert_eq!(reason(&asleep, "Suspended").as_deref(), Some("JobSuspended"));
            assert!(asleep["status"]["startTime"].is_null() && sim.pods("asleep").is_empty());
            sim.patch(&JOBS, "asleep", json!({"spec": {"suspend": false}}));
            let done = sim.finished("asleep", seconds(10));
            assert!(condition(&done, "Complete").is_some(), "the deadline counts from the resumption");
            assert_eq!(done["status"]["startTime"], "2026-01-01T00:05:00Z");
            assert_eq!(reasons(sim, "asleep"), ["Suspended", "Resumed", "SuccessfulCreate", "Completed"]);
        },
    );
}

/// The status was refused for ever: kubernetes/kubernetes#134521.
#[test]
fn a_job_suspended_and_resumed_with_uncounted_pods_goes_on() {
    for writes in 3..8 {
        both(
            |attempt| Run::exits(0, seconds(if attempt.number == 0 { 5 } else { 20 })),
            |sim| {
                sim.faults().cut_after(Component::Jobs, writes);
                sim.create(&JOBS, job("naps", json!({"completions": 3, "parallelism": 2})));
                sim.advance(seconds(7));
                sim.patch(&JOBS, "naps", json!({"spec": {"suspend": true}}));
                sim.advance(seconds(7));
                sim.crash(Component::Jobs);
                sim.advance(seconds(40));
                let asleep = sim.get(&JOBS, "naps");
                assert!(condition(&asleep, "Suspended").is_some(), "after {writes} writes: {asleep:#}");
                assert!(asleep["status"]["startTime"].is_null());
                sim.patch(&JOBS, "naps", json!({"spec": {"suspend": false}}));
                let done = sim.finished("naps", minutes(10));
                assert_eq!(count(&done, "succeeded"), 3, "after {writes} writes");
                assert_eq!(done["status"]["startTime"], "2026-01-01T00:00:54Z");
            },
        );
    }
}

#[test]
fn a_hundred_flips_let_the_deadline_count_the_last_run_only() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&JOBS, job("flips", json!({"activeDeadlineSeconds": 60})));
            for _ in 0..100 {
                sim.advance(seconds(5));
                sim.patch(&JOBS, "flips", json!({"spec": {"suspend": true}}));
                sim.settle();
                sim.patch(&JOBS, "flips", json!({"spec": {"suspend": false}}));
            }
            let begun = sim.elapsed();
            let failed = sim.finished("flips", minutes(5));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("DeadlineExceeded"));
            assert_eq!((sim.elapsed() - begun, count(&failed, "failed")), (seconds(60), 1));
        },
    );
}

#[test]
fn suspended_pods_are_ended_and_do_not_count_as_failed() {
    both(
        |_| Run::exits(0, seconds(30)),
        |sim| {
            sim.create(&JOBS, job("held", json!({"completions": 2, "parallelism": 2, "backoffLimit": 0})));
            sim.advance(seconds(5));
            sim.patch(&JOBS, "held", json!({"spec": {"suspend": true}}));
            sim.advance(minutes(2));
            let held = sim.get(&JOBS, "held");
            assert_eq!((count(&held, "active"), count(&held, "failed"), sim.pods("held").len()), (0, 0, 0));
            sim.patch(&JOBS, "held", json!({"spec": {"suspend": false}}));
            let done = sim.finished("held", minutes(1));
            assert_eq!((count(&done, "succeeded"), count(&done, "failed"), starts(sim, "held").len()), (2, 0, 4));
        },
    );
}

/// Mutable scheduling directives, and resources, of suspended Jobs.
#[test]
fn a_suspended_job_takes_new_scheduling_and_resources_and_its_pods_have_them() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("queued", json!({"suspend": true})));
            sim.settle();
            let resources = json!({"requests": {"cpu": "100m"}});
            let containers = json!([{"name": "main", "image": "scripted", "resources": resources}]);
            let spec = json!({"tolerations": [{"key": "a", "operator": "Exists"}], "containers": containers});
            let metadata = json!({"labels": {"queue": "fast"}, "annotations": {"admitted": "yes"}});
            sim.patch(&JOBS, "queued", json!({"spec": {"template": {"spec": spec, "metadata": metadata}}}));
            sim.patch(&JOBS, "queued", json!({"spec": {"suspend": false}}));
            sim.finished("queued", seconds(10));
            let pod = &sim.pods("queued")[0];
            assert_eq!(pod["spec"]["containers"][0]["resources"], resources);
            assert_eq!(
                (&pod["metadata"]["labels"]["queue"], &pod["metadata"]["annotations"]["admitted"]),
                (&json!("fast"), &json!("yes"))
            );
            assert!(pod["spec"]["tolerations"].as_array().expect("some").iter().any(|it| it["key"] == "a"));
        },
    );
}

#[test]
fn a_running_job_refuses_new_scheduling() {
    both(
        |_| Run::exits(0, seconds(50)),
        |sim| {
            sim.create(&JOBS, job("runs", json!({})));
            sim.advance(seconds(5));
            let patch = json!({"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}});
            let (client, jobs) = (sim.client(), JOBS);
            let patched = client.patch(&jobs, Some("default"), "runs", None, (api::PatchType::Merge, patch));
            let refused = sim.block_on(patched).expect_err("refused").to_string();
            assert!(refused.contains("field is immutable"), "{refused}");
            assert_eq!(sim.list(&PODS, "").len(), 1);
        },
    );
}

//! How often and when failed pods are tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use testkit::{Component, JOBS, Run, job, minutes, seconds};

use crate::harness::{both, count, gaps, reason, starts};

/// Upstream made 64: kubernetes/kubernetes#70251.
#[test]
fn ten_pods_that_all_fail_make_no_more_than_limit_and_parallelism_allow() {
    both(
        |_| Run::exits(1, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("fails", json!({"parallelism": 10, "completions": 10, "backoffLimit": 10})));
            let failed = sim.finished("fails", minutes(60));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("BackoffLimitExceeded"));
            assert!(count(&failed, "failed") <= 20, "{failed:#}");
            assert_eq!(count(&failed, "failed"), i64::try_from(sim.pods("fails").len()).expect("few"));
        },
    );
}

/// kubernetes/kubernetes#54870, #95433, #67848, #92245.
#[test]
fn restarts_count_towards_the_limit_exactly() {
    // With OnFailure the limit counts restarts, and 0 allows none: the one that shows is one too many.
    let expected = BTreeMap::from([
        (("Never", 0), (1, 1)),
        (("Never", 1), (2, 2)),
        (("Never", 6), (7, 7)),
        (("OnFailure", 0), (1, 2)),
        (("OnFailure", 1), (1, 2)),
        (("OnFailure", 6), (1, 7)),
    ]);
    for ((policy, limit), (pods, runs)) in expected {
        let started = Arc::new(AtomicU32::new(0));
        let counter = started.clone();
        let script = move |_: &testkit::Attempt| {
            counter.fetch_add(1, Ordering::Relaxed);
            Run::exits(1, seconds(1))
        };
        both(script, |sim| {
            started.store(0, Ordering::Relaxed);
            let template = json!({"spec": {"restartPolicy": policy}});
            sim.create(&JOBS, job("retries", json!({"backoffLimit": limit, "template": template})));
            let failed = sim.finished("retries", minutes(60));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("BackoffLimitExceeded"));
            assert_eq!(starts(sim, "retries").len(), pods, "{policy} {limit}");
            assert_eq!(started.load(Ordering::Relaxed), runs, "{policy} {limit}");
        });
    }
}

/// Other changes of failed pods, such as the end of their finalizers, restart no wait: kubernetes/kubernetes#114391.
#[test]
fn the_ladder_is_ten_twenty_forty_seconds_whatever_happens_to_failed_pods() {
    both(
        |_| Run::exits(1, seconds(3)),
        |sim| {
            sim.create(&JOBS, job("ladder", json!({"backoffLimit": 4})));
            for round in 0..30 {
                sim.advance(seconds(5));
                for pod in sim.pods("ladder") {
                    let note = json!({"metadata": {"annotations": {"round": round.to_string()}}});
                    sim.patch(&testkit::PODS, crate::harness::name(&pod), note);
                }
            }
            sim.finished("ladder", minutes(10));
            assert_eq!(gaps(&starts(sim, "ladder")), [13, 23, 43, 83]);
        },
    );
}

/// kubernetes/kubernetes#114650.
#[test]
fn a_restart_in_the_middle_of_a_back_off_keeps_the_rest_of_it() {
    both(
        |_| Run::exits(1, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("waits", json!({"backoffLimit": 4})));
            for pause in [5, 15, 25, 60] {
                sim.advance(seconds(pause));
                sim.crash(Component::Jobs);
            }
            sim.finished("waits", minutes(10));
            assert_eq!(gaps(&starts(sim, "waits")), [10, 20, 40, 80]);
        },
    );
}

#[test]
fn a_success_between_failures_starts_the_ladder_anew() {
    both(
        // The second pod succeeds, all others fail.
        |attempt| Run::exits(i32::from(attempt.number != 2), seconds(0)),
        |sim| {
            sim.create(&JOBS, job("mixed", json!({"completions": 5, "backoffLimit": 4})));
            sim.finished("mixed", minutes(20));
            assert_eq!(gaps(&starts(sim, "mixed")), [10, 20, 0, 10, 20]);
        },
    );
}

/// kubernetes/kubernetes#139457: the API server refuses fewer active pods than ready ones.
#[test]
fn active_pods_are_counted_while_a_back_off_is_pending() {
    both(
        |attempt| if attempt.index() == Some(0) { Run::exits(1, seconds(5)) } else { Run::exits(0, seconds(100)) },
        |sim| {
            let spec = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimit": 3});
            sim.create(&JOBS, job("partly", spec));
            sim.advance(seconds(10));
            let job = sim.get(&JOBS, "partly");
            assert_eq!((count(&job, "active"), count(&job, "ready"), count(&job, "failed")), (2, 2, 1));
        },
    );
}

#[test]
fn the_back_off_grows_to_ten_minutes_and_no_further() {
    both(
        |_| Run::exits(1, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("long", json!({"backoffLimit": 9})));
            sim.finished("long", minutes(100));
            assert_eq!(gaps(&starts(sim, "long")), [10, 20, 40, 80, 160, 320, 600, 600, 600]);
        },
    );
}

//! Jobs that are deleted when their time is over, and Jobs that another controller manages.

use serde_json::json;
use testkit::{Component, JOBS, PODS, Run, condition, job, minutes, seconds};

use crate::harness::both;

#[test]
fn a_time_to_live_of_zero_deletes_the_job_and_its_pods_at_once() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("brief", json!({"ttlSecondsAfterFinished": 0})));
            sim.advance(seconds(6));
            assert!(sim.get(&JOBS, "brief").is_null() && sim.list(&PODS, "").is_empty());
        },
    );
}

#[test]
fn a_time_to_live_raised_in_the_last_moment_holds() {
    both(
        |_| Run::exits(0, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("kept", json!({"ttlSecondsAfterFinished": 60})));
            sim.finished("kept", seconds(1));
            sim.advance(seconds(59));
            sim.patch(&JOBS, "kept", json!({"spec": {"ttlSecondsAfterFinished": 120}}));
            sim.advance(seconds(60));
            assert!(!sim.get(&JOBS, "kept").is_null());
            sim.advance(seconds(2));
            assert!(sim.get(&JOBS, "kept").is_null());
        },
    );
}

/// The controller has not heard of the change when the time comes: it reads the live Job before it deletes.
#[test]
fn a_raised_time_to_live_wins_over_a_stale_view() {
    both(
        |_| Run::exits(0, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("stale", json!({"ttlSecondsAfterFinished": 60})));
            sim.finished("stale", seconds(1));
            sim.advance(seconds(30));
            sim.faults().hold_watches(Component::Expiry, &JOBS);
            sim.patch(&JOBS, "stale", json!({"spec": {"ttlSecondsAfterFinished": 600}}));
            sim.advance(seconds(60));
            assert!(!sim.get(&JOBS, "stale").is_null());
            sim.faults().release_watches(Component::Expiry);
            sim.advance(minutes(10));
            assert!(sim.get(&JOBS, "stale").is_null());
        },
    );
}

#[test]
fn a_namesake_is_not_deleted_for_its_predecessor() {
    both(
        |_| Run::exits(0, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("twin", json!({"ttlSecondsAfterFinished": 60})));
            sim.finished("twin", seconds(1));
            sim.faults().hold_watches(Component::Expiry, &JOBS);
            sim.advance(seconds(30));
            sim.delete(&JOBS, "twin", "Background");
            sim.create(&JOBS, job("twin", json!({"ttlSecondsAfterFinished": 600})));
            sim.advance(minutes(2));
            assert!(condition(&sim.get(&JOBS, "twin"), "Complete").is_some(), "the second one is still there");
        },
    );
}

#[test]
fn a_finished_job_whose_time_passed_while_the_controller_was_away_goes_when_it_is_back() {
    both(
        |_| Run::exits(0, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("missed", json!({"ttlSecondsAfterFinished": 60})));
            sim.finished("missed", seconds(1));
            sim.stop(Component::Expiry);
            sim.advance(minutes(10));
            sim.resume(Component::Expiry);
            sim.settle();
            assert!(sim.get(&JOBS, "missed").is_null());
        },
    );
}

#[test]
fn a_job_of_another_manager_is_left_to_it() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("theirs", json!({"managedBy": "example.com/queue"})));
            sim.advance(minutes(5));
            let theirs = sim.get(&JOBS, "theirs");
            assert_eq!((theirs["status"].clone(), sim.list(&PODS, "").len()), (json!({}), 0));
            sim.delete(&JOBS, "theirs", "Background");
        },
    );
}

#[test]
fn a_finished_job_of_another_manager_goes_in_time() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("theirs", json!({"managedBy": "example.com/queue", "ttlSecondsAfterFinished": 60})));
            let time = "2026-01-01T00:00:00Z";
            let conditions = json!([
                {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": time},
                {"type": "Complete", "status": "True", "lastTransitionTime": time},
            ]);
            let status = json!({"status": {"startTime": time, "completionTime": time, "conditions": conditions}});
            let client = sim.client();
            let patch = (api::PatchType::Merge, status);
            sim.block_on(client.patch(&JOBS, Some("default"), "theirs", Some("status"), patch)).expect("patched");
            sim.advance(seconds(59));
            assert!(!sim.get(&JOBS, "theirs").is_null());
            sim.advance(seconds(2));
            assert!(sim.get(&JOBS, "theirs").is_null());
        },
    );
}

#[test]
fn an_expired_job_stays_for_the_finalizer_of_a_user() {
    both(
        |_| Run::exits(0, seconds(0)),
        |sim| {
            let mut held = job("held", json!({"ttlSecondsAfterFinished": 60}));
            held["metadata"]["finalizers"] = json!(["example.com/held"]);
            sim.create(&JOBS, held);
            sim.advance(minutes(5));
            let held = sim.get(&JOBS, "held");
            assert!(!held["metadata"]["deletionTimestamp"].is_null() && sim.list(&PODS, "").is_empty(), "{held:#}");
            sim.patch(&JOBS, "held", json!({"metadata": {"finalizers": null}}));
            sim.settle();
            assert!(sim.get(&JOBS, "held").is_null());
        },
    );
}

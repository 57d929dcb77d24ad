//! What the controller sees is late: it never makes a pod too many, nor mistakes a Job for its namesake.

use serde_json::json;
use testkit::{Component, JOBS, PODS, Run, Simulation, job, minutes, seconds};

use crate::harness::{both, count, gaps, in_phase, starts};

/// Many syncs while the view of pods stands still: kubernetes/kubernetes#137210, #120790.
#[test]
fn ten_syncs_on_a_frozen_view_of_pods_create_each_pod_once() {
    both(
        |_| Run::exits(0, seconds(40)),
        |sim| {
            sim.faults().hold_watches(Component::Jobs, &PODS);
            sim.create(&JOBS, job("frozen", json!({"completions": 8, "parallelism": 5})));
            for round in 0..10 {
                sim.advance(seconds(3));
                sim.patch(&JOBS, "frozen", json!({"metadata": {"annotations": {"round": round.to_string()}}}));
            }
            assert_eq!(sim.pods("frozen").len(), 5);
            sim.faults().release_watches(Component::Jobs);
            let done = sim.finished("frozen", minutes(3));
            assert_eq!((count(&done, "succeeded"), sim.pods("frozen").len()), (8, 8));
        },
    );
}

/// A pod's end is seen before the Job's own status: upstream's `TestDelayedJobUpdateEvent`.
#[test]
fn a_success_seen_before_the_jobs_own_status_starts_no_pod() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.faults().hold_watches(Component::Jobs, &JOBS);
            sim.create(&JOBS, job("delayed", json!({})));
            sim.advance(seconds(2));
            sim.faults().release_watches(Component::Jobs);
            sim.settle();
            sim.faults().hold_watches(Component::Jobs, &JOBS);
            sim.advance(seconds(30));
            assert_eq!((sim.pods("delayed").len(), in_phase(sim, "delayed", "Succeeded")), (1, 1));
            sim.faults().release_watches(Component::Jobs);
            let done = sim.finished("delayed", seconds(1));
            assert_eq!((count(&done, "succeeded"), sim.pods("delayed").len()), (1, 1));
        },
    );
}

/// kubernetes/kubernetes#131917.
#[test]
fn a_recreated_job_gets_its_pod_though_events_of_its_namesake_come_late() {
    both(
        |_| Run::never_ends(),
        |sim| {
            let first = sim.create(&JOBS, job("again", json!({})));
            sim.settle();
            sim.faults().hold_watches(Component::Jobs, &PODS);
            sim.delete(&JOBS, "again", "Background");
            let second = sim.create(&JOBS, job("again", json!({})));
            assert_ne!(first["metadata"]["uid"], second["metadata"]["uid"]);
            sim.advance(seconds(1));
            sim.faults().release_watches(Component::Jobs);
            sim.advance(seconds(1));
            let of_second = |sim: &Simulation| {
                let owner = |pod: &serde_json::Value| pod["metadata"]["ownerReferences"][0]["uid"].clone();
                sim.pods("again").iter().filter(|pod| owner(pod) == second["metadata"]["uid"]).count()
            };
            assert_eq!(of_second(sim), 1);
            sim.advance(seconds(60));
            assert_eq!((of_second(sim), sim.pods("again").len()), (1, 1), "the first one's pod is gone");
        },
    );
}

/// kubernetes/kubernetes#132042.
#[test]
fn a_recreated_job_inherits_no_back_off() {
    both(
        |_| Run::exits(1, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("fails", json!({})));
            sim.advance(seconds(75));
            assert_eq!(starts(sim, "fails"), [0, 10, 30, 70], "the next would come 80 s later");
            sim.delete(&JOBS, "fails", "Background");
            sim.create(&JOBS, job("fails", json!({"backoffLimit": 2})));
            sim.finished("fails", seconds(40));
            assert_eq!(gaps(&starts(sim, "fails")[4..]), [10, 20]);
            assert_eq!(starts(sim, "fails")[4], 75, "at once");
        },
    );
}

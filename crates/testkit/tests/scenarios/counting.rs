//! Each pod is counted once, whatever stops, is deleted or taken away in between; and nothing stays behind.

use serde_json::{Value, json};
use testkit::{Attempt, CRON_JOBS, Component, JOBS, NAMESPACES, OnTerm, PODS, Run, cron_job, job, minutes, seconds};

use crate::harness::{acted, acting, both, count, in_phase, tracked};

fn one_fails_first(attempt: &Attempt) -> Run {
    let fails = attempt.index().unwrap_or(0) == 0 && attempt.number == 0;
    Run::exits(i32::from(fails), seconds(5))
}

/// Between each two writes of the counting protocol: kubernetes/kubernetes#109164, KEP-2307.
#[test]
fn a_crash_after_any_write_loses_and_doubles_no_count() {
    for mode in ["NonIndexed", "Indexed"] {
        for writes in 0..14 {
            both(one_fails_first, |sim| {
                sim.faults().cut_after(Component::Jobs, writes);
                let spec = json!({"completions": 3, "parallelism": 2, "completionMode": mode});
                sim.create(&JOBS, job("counted", spec));
                sim.advance(seconds(60));
                sim.crash(Component::Jobs);
                let done = sim.finished("counted", minutes(10));
                let counts = (count(&done, "succeeded"), count(&done, "failed"), sim.pods("counted").len());
                assert_eq!(counts, (3, 1, 4), "{mode} after {writes} writes");
                assert_eq!(done["status"]["uncountedTerminatedPods"], json!({}));
                assert_eq!(tracked(sim), 0);
            });
        }
    }
}

/// From the status that lists the last pod to `Complete` it takes no second after a restart: KEP-2307.
#[test]
fn uncounted_pods_drain_at_once_after_a_restart() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            // Status, pod, and the status that lists it: the finalizer is still there.
            sim.faults().cut_after(Component::Jobs, 3);
            sim.create(&JOBS, job("drains", json!({})));
            sim.advance(seconds(30));
            assert_eq!((in_phase(sim, "drains", "Succeeded"), tracked(sim)), (1, 1));
            sim.crash(Component::Jobs);
            let done = sim.finished("drains", seconds(1));
            assert_eq!((count(&done, "succeeded"), tracked(sim)), (1, 0));
        },
    );
}

/// kubernetes/kubernetes#109429, #119159.
#[test]
fn a_job_that_expires_at_once_leaves_nothing_behind() {
    for writes in [None, Some(3), Some(4), Some(5)] {
        both(
            |_| Run::exits(0, seconds(5)),
            |sim| {
                if let Some(writes) = writes {
                    sim.faults().cut_after(Component::Jobs, writes);
                }
                sim.create(
                    &JOBS,
                    job("brief", json!({"ttlSecondsAfterFinished": 0, "completions": 2, "parallelism": 2})),
                );
                sim.advance(seconds(20));
                if writes.is_some() {
                    sim.crash(Component::Jobs);
                }
                sim.run_until(seconds(5), "the Job and its pods are gone", |view| {
                    let left = |resource| view.list(resource, Some("default"), "").len();
                    left(&JOBS) + left(&PODS) == 0
                });
            },
        );
    }
}

/// A foreground delete while pods run and the controller is away: kubernetes/kubernetes#109429.
#[test]
fn a_job_deleted_in_the_foreground_goes_with_its_pods_once_the_controller_is_back() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&JOBS, job("going", json!({"parallelism": 3, "completions": 3})));
            sim.advance(seconds(5));
            sim.stop(Component::Jobs);
            sim.delete(&JOBS, "going", "Foreground");
            sim.advance(seconds(60));
            assert!(!sim.get(&JOBS, "going").is_null(), "its pods are still tracked");
            sim.resume(Component::Jobs);
            sim.run_until(seconds(40), "all is gone", |view| {
                view.list(&JOBS, Some("default"), "").is_empty() && view.list(&PODS, Some("default"), "").is_empty()
            });
        },
    );
}

/// kubernetes/kubernetes#108645, #108752.
#[test]
fn orphaned_pods_keep_no_finalizer_even_when_they_are_being_deleted() {
    both(
        |_| Run::never_ends().on_term(OnTerm::Ignores),
        |sim| {
            sim.create(&JOBS, job("old", json!({"parallelism": 2, "completions": 2})));
            sim.advance(seconds(5));
            let pod = crate::harness::name(&sim.pods("old")[0]).to_owned();
            sim.delete(&PODS, &pod, "Background");
            sim.delete(&JOBS, "old", "Orphan");
            sim.advance(seconds(1));
            assert!(sim.get(&JOBS, "old").is_null());
            assert_eq!(tracked(sim), 0);
            sim.advance(seconds(40));
            assert_eq!(sim.pods("old").len(), 1, "the one that was deleted is gone, the other runs");
        },
    );
}

/// kubernetes/kubernetes#108297, #121828.
#[test]
fn a_namespace_goes_with_the_running_job_of_its_cron_job() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&NAMESPACES, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "work"}}));
            sim.settle();
            let mut cron_job = cron_job("ticks", "* * * * *", json!({}));
            cron_job["metadata"]["namespace"] = json!("work");
            sim.create(&CRON_JOBS, cron_job);
            sim.advance(seconds(90));
            let client = sim.client();
            let options = api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions::default();
            sim.block_on(client.delete(&NAMESPACES, None, "work", &options)).expect("deleted");
            sim.run_until(minutes(2), "the namespace is gone", |view| view.get(&NAMESPACES, None, "work").is_none());
        },
    );
}

/// kubernetes/kubernetes#127917.
#[test]
fn all_finalizers_of_a_pod_can_be_patched_away() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            let spec = json!({"containers": [{"name": "c", "image": "scripted"}], "restartPolicy": "Never"});
            let metadata = json!({"name": "held", "namespace": "default", "finalizers": ["example.com/held"]});
            sim.create(&PODS, json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}));
            sim.advance(seconds(10));
            sim.delete(&PODS, "held", "Background");
            sim.advance(seconds(40));
            assert_eq!(sim.get(&PODS, "held")["status"]["phase"], "Succeeded");
            sim.patch(&PODS, "held", json!({"metadata": {"finalizers": null}}));
            assert_eq!(sim.get(&PODS, "held"), Value::Null);
        },
    );
}

/// kubernetes/kubernetes#78721.
#[test]
fn finished_pods_that_a_user_deletes_before_they_are_counted_count() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("swept", json!({"completions": 3, "parallelism": 3})));
            sim.settle();
            sim.faults().hold_watches(Component::Jobs, &PODS);
            sim.advance(seconds(10));
            for pod in sim.pods("swept") {
                sim.delete(&PODS, crate::harness::name(&pod), "Background");
            }
            sim.advance(seconds(5));
            assert_eq!(sim.pods("swept").len(), 3, "finalizers keep them");
            sim.faults().release_watches(Component::Jobs);
            let done = sim.finished("swept", seconds(5));
            assert_eq!((count(&done, "succeeded"), count(&done, "failed")), (3, 0));
            sim.settle();
            assert_eq!(sim.pods("swept").len(), 0);
        },
    );
}

/// Pods vanish while the Job shrinks: kubernetes/kubernetes#122235, #113852.
#[test]
fn pods_that_vanish_while_the_job_shrinks_harm_nothing() {
    both(acted, |sim| {
        let spec = json!({"completions": 10, "parallelism": 10, "backoffLimit": 100});
        sim.create(&JOBS, acting("shrinks", spec, &[("run", "5m"), ("term", "10s:143")]));
        sim.advance(seconds(5));
        sim.patch(&JOBS, "shrinks", json!({"spec": {"parallelism": 2}}));
        sim.settle();
        for pod in &sim.pods("shrinks") {
            sim.delete(&PODS, crate::harness::name(pod), "Background");
        }
        sim.advance(seconds(1));
        sim.patch(&JOBS, "shrinks", json!({"spec": {"parallelism": 10}}));
        let done = sim.finished("shrinks", minutes(180));
        assert_eq!(count(&done, "succeeded"), 10);
    });
}

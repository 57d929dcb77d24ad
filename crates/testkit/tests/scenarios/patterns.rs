//! The patterns of the documentation's page on Jobs, each as a whole.

use serde_json::{Value, json};
use testkit::{JOBS, PODS, Run, condition, job, minutes, seconds};

use crate::harness::{both, count, in_phase, reason, reasons, starts, tracked};

#[test]
fn a_job_of_one_pod_completes_with_it() {
    both(
        |_| Run::exits(0, seconds(12)),
        |sim| {
            sim.create(&JOBS, job("pi", json!({"backoffLimit": 4})));
            let done = sim.finished("pi", minutes(1));
            assert_eq!(
                (done["status"]["completionTime"].as_str(), count(&done, "succeeded")),
                (Some("2026-01-01T00:00:12Z"), 1)
            );
            assert_eq!(reasons(sim, "pi"), ["SuccessfulCreate", "Completed"]);
            let labels = &sim.pods("pi")[0]["metadata"]["labels"];
            let uid = &done["metadata"]["uid"];
            for key in ["controller-uid", "batch.kubernetes.io/controller-uid"] {
                assert_eq!(&labels[key], uid);
            }
            for key in ["job-name", "batch.kubernetes.io/job-name"] {
                assert_eq!(labels[key], "pi");
            }
        },
    );
}

#[test]
fn a_fixed_number_of_completions_runs_so_many_at_a_time() {
    both(
        |_| Run::exits(0, seconds(10)),
        |sim| {
            sim.create(&JOBS, job("seven", json!({"completions": 7, "parallelism": 3})));
            let done = sim.finished("seven", minutes(5));
            assert_eq!((count(&done, "succeeded"), starts(sim, "seven")), (7, vec![0, 0, 0, 10, 10, 10, 20]));
        },
    );
}

#[test]
fn more_parallelism_than_completions_starts_no_pod_too_many() {
    both(
        |_| Run::exits(0, seconds(10)),
        |sim| {
            sim.create(&JOBS, job("eager", json!({"completions": 2, "parallelism": 9})));
            sim.finished("eager", minutes(5));
            assert_eq!(starts(sim, "eager"), [0, 0]);
        },
    );
}

/// The first success ends the intake; the others may finish, and the Job ends with the last.
#[test]
fn a_work_queue_ends_after_the_first_success_when_all_pods_have() {
    both(
        |attempt| Run::exits(0, seconds(10 + 10 * i64::from(attempt.number))),
        |sim| {
            sim.create(&JOBS, job("queue", json!({"parallelism": 3})));
            sim.advance(seconds(12));
            let job = sim.get(&JOBS, "queue");
            assert_eq!((count(&job, "succeeded"), count(&job, "active"), condition(&job, "Complete")), (1, 2, None));
            let done = sim.finished("queue", minutes(5));
            assert_eq!((count(&done, "succeeded"), starts(sim, "queue").len()), (3, 3));
            assert!(done["spec"]["completions"].is_null());
        },
    );
}

#[test]
fn a_failure_after_the_first_success_of_a_work_queue_is_not_replaced() {
    both(
        |attempt| Run::exits(i32::from(attempt.number == 1), seconds(10 + 10 * i64::from(attempt.number))),
        |sim| {
            sim.create(&JOBS, job("queue", json!({"parallelism": 3})));
            let done = sim.finished("queue", minutes(5));
            assert_eq!((count(&done, "succeeded"), count(&done, "failed"), starts(sim, "queue").len()), (2, 1, 3));
        },
    );
}

#[test]
fn parallelism_of_zero_pauses_the_job() {
    both(
        |_| Run::exits(0, seconds(30)),
        |sim| {
            sim.create(&JOBS, job("paused", json!({"completions": 2, "parallelism": 0})));
            sim.advance(minutes(5));
            assert!(sim.pods("paused").is_empty());
            sim.patch(&JOBS, "paused", json!({"spec": {"parallelism": 1}}));
            sim.advance(seconds(35));
            sim.patch(&JOBS, "paused", json!({"spec": {"parallelism": 0}}));
            sim.advance(minutes(5));
            let job = sim.get(&JOBS, "paused");
            assert_eq!((count(&job, "succeeded"), count(&job, "active"), count(&job, "failed")), (1, 0, 0));
            sim.patch(&JOBS, "paused", json!({"spec": {"parallelism": 1}}));
            sim.finished("paused", minutes(1));
        },
    );
}

#[test]
fn a_job_without_completions_is_complete_at_once() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("empty", json!({"completions": 0})));
            let done = sim.finished("empty", seconds(0));
            assert_eq!(
                (reason(&done, "Complete").as_deref(), sim.pods("empty").len()),
                (Some("CompletionsReached"), 0)
            );
        },
    );
}

/// The page's handover: `old` is deleted and leaves its pods, `new` asks for the same ones with a selector of its own.
#[test]
fn a_new_job_takes_over_the_pods_that_the_old_one_left() {
    both(
        |_| Run::exits(0, seconds(100)),
        |sim| {
            let old = sim.create(&JOBS, job("old", json!({"completions": 2, "parallelism": 2})));
            sim.advance(seconds(10));
            let uids = |sim: &testkit::Simulation| -> Vec<Value> {
                sim.list(&PODS, "").iter().map(|pod| pod["metadata"]["uid"].clone()).collect()
            };
            let before = uids(sim);
            sim.delete(&JOBS, "old", "Orphan");
            sim.settle();
            assert!(sim.get(&JOBS, "old").is_null());
            assert!(sim.list(&PODS, "").iter().all(|pod| pod["metadata"]["ownerReferences"].is_null()));
            let labels = json!({"batch.kubernetes.io/controller-uid": old["metadata"]["uid"]});
            let mut new = job(
                "new",
                json!({"completions": 2, "parallelism": 2, "manualSelector": true, "selector": {"matchLabels": labels}}),
            );
            new["spec"]["template"]["metadata"] = json!({ "labels": labels });
            let new = sim.create(&JOBS, new);
            sim.settle();
            let owned = |pod: &Value| pod["metadata"]["ownerReferences"][0]["uid"] == new["metadata"]["uid"];
            assert!(sim.list(&PODS, "").iter().all(owned));
            assert_eq!((uids(sim), tracked(sim)), (before.clone(), 2), "the same pods, and no others");
            let done = sim.finished("new", minutes(3));
            assert_eq!((count(&done, "succeeded"), uids(sim)), (2, before));
        },
    );
}

#[test]
fn a_pod_relabelled_away_is_let_go_and_replaced() {
    both(
        |_| Run::exits(0, seconds(60)),
        |sim| {
            sim.create(&JOBS, job("loses", json!({})));
            sim.advance(seconds(5));
            let pod = crate::harness::name(&sim.pods("loses")[0]).to_owned();
            sim.patch(&PODS, &pod, json!({"metadata": {"labels": {"batch.kubernetes.io/controller-uid": "other"}}}));
            sim.settle();
            let free = sim.get(&PODS, &pod);
            assert!(
                free["metadata"]["ownerReferences"].is_null() && free["metadata"]["finalizers"].is_null(),
                "{free:#}"
            );
            let done = sim.finished("loses", minutes(3));
            assert_eq!(
                (count(&done, "succeeded"), count(&done, "failed"), in_phase(sim, "loses", "Succeeded")),
                (1, 0, 2)
            );
        },
    );
}

#[test]
fn on_failure_restarts_the_container_in_its_pod() {
    both(
        |attempt| Run::exits(i32::from(attempt.number < 2), seconds(5)),
        |sim| {
            sim.create(&JOBS, job("restarts", json!({"template": {"spec": {"restartPolicy": "OnFailure"}}})));
            let done = sim.finished("restarts", minutes(5));
            assert_eq!((count(&done, "succeeded"), count(&done, "failed"), starts(sim, "restarts").len()), (1, 0, 1));
            assert_eq!(sim.pods("restarts")[0]["status"]["containerStatuses"][0]["restartCount"], 2);
        },
    );
}

/// The page's warning about bare pods: nobody replaces them, where a Job starts another.
#[test]
fn a_bare_pod_is_not_replaced_and_a_jobs_pod_is() {
    both(
        |_| Run::never_ends(),
        |sim| {
            let spec = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "scripted"}]});
            let metadata = json!({"name": "bare", "namespace": "default"});
            sim.create(&PODS, json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}));
            sim.create(&JOBS, job("kept", json!({})));
            sim.advance(seconds(5));
            for pod in sim.list(&PODS, "") {
                sim.delete(&PODS, crate::harness::name(&pod), "Background");
            }
            sim.advance(minutes(2));
            assert!(sim.get(&PODS, "bare").is_null());
            assert_eq!((in_phase(sim, "kept", "Running"), starts(sim, "kept").len()), (1, 2));
        },
    );
}

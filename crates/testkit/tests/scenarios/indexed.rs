//! Indexed Jobs: one success for each index, limits for each, and Jobs that change their size.

use serde_json::{Value, json};
use testkit::{Component, JOBS, PODS, Run, job, minutes, seconds};

use crate::harness::{both, count, gaps, in_phase, name, reason, starts};

fn indexed(completions: i64, parallelism: i64, more: Value) -> Value {
    let mut spec = json!({"completionMode": "Indexed", "completions": completions, "parallelism": parallelism});
    for (key, value) in more.as_object().expect("fields") {
        spec[key] = value.clone();
    }
    spec
}

#[test]
fn each_index_runs_in_order_and_knows_itself() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&JOBS, job("five", indexed(5, 2, json!({}))));
            let done = sim.finished("five", minutes(1));
            assert_eq!(done["status"]["completedIndexes"], "0-4");
            let mut pods = sim.pods("five");
            pods.sort_by_key(|pod| name(pod).to_owned());
            for (index, pod) in pods.iter().enumerate() {
                let key = "batch.kubernetes.io/job-completion-index";
                assert_eq!(pod["metadata"]["annotations"][key], index.to_string());
                assert_eq!(pod["metadata"]["labels"][key], index.to_string());
                assert_eq!(pod["spec"]["hostname"], format!("five-{index}"));
                assert_eq!(pod["spec"]["containers"][0]["env"][0]["name"], "JOB_COMPLETION_INDEX");
            }
            assert_eq!(starts(sim, "five"), [0, 0, 5, 5, 10]);
        },
    );
}

/// kubernetes/kubernetes#118085, #118420; `large` plays it with 100,000 indexes.
#[test]
fn every_other_index_of_a_large_job_fails_and_both_lists_are_exact() {
    const COMPLETIONS: i64 = 1_000;
    let every_other =
        |from| (from..COMPLETIONS).step_by(2).map(|index| index.to_string()).collect::<Vec<_>>().join(",");
    both(
        |attempt| Run::exits(i32::from(attempt.index().is_some_and(|index| index % 2 == 1)), seconds(1)),
        |sim| {
            sim.create(&JOBS, job("many", indexed(COMPLETIONS, 100, json!({"backoffLimitPerIndex": 0}))));
            let failed = sim.finished("many", minutes(60));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("FailedIndexes"));
            assert_eq!((count(&failed, "succeeded"), count(&failed, "failed")), (COMPLETIONS / 2, COMPLETIONS / 2));
            assert_eq!(failed["status"]["completedIndexes"], every_other(0));
            assert_eq!(failed["status"]["failedIndexes"], every_other(1));
        },
    );
}

/// kubernetes/kubernetes#99865, #99789.
#[test]
fn two_successes_of_one_index_do_not_stand_for_another() {
    both(
        |attempt| Run::exits(0, seconds(if attempt.index() == Some(1) { 5 } else { 30 })),
        |sim| {
            let created = sim.create(&JOBS, job("twice", indexed(3, 3, json!({}))));
            sim.settle();
            sim.stop(Component::Jobs);
            let mut double =
                sim.pods("twice").into_iter().find(|pod| name(pod).starts_with("twice-1-")).expect("index 1");
            let metadata = &mut double["metadata"];
            let fields = ["labels", "annotations", "finalizers", "ownerReferences"];
            let mut kept = json!({"name": "double", "namespace": "default"});
            for field in fields {
                kept[field] = metadata[field].take();
            }
            let spec = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "scripted"}]});
            assert_eq!(kept["ownerReferences"][0]["uid"], created["metadata"]["uid"]);
            sim.create(&PODS, json!({"apiVersion": "v1", "kind": "Pod", "metadata": kept, "spec": spec}));
            sim.advance(seconds(10));
            assert_eq!(in_phase(sim, "twice", "Succeeded"), 2);
            sim.resume(Component::Jobs);
            sim.settle();
            let job = sim.get(&JOBS, "twice");
            assert_eq!((count(&job, "succeeded"), job["status"]["completedIndexes"].as_str()), (1, Some("1")));
            let done = sim.finished("twice", minutes(1));
            assert_eq!((count(&done, "succeeded"), done["status"]["completedIndexes"].as_str()), (3, Some("0-2")));
        },
    );
}

#[test]
fn a_second_pod_of_an_active_index_is_removed() {
    both(
        |_| Run::exits(0, seconds(30)),
        |sim| {
            sim.create(&JOBS, job("pair", indexed(2, 2, json!({}))));
            sim.advance(seconds(5));
            let mut double =
                sim.pods("pair").into_iter().find(|pod| name(pod).starts_with("pair-1-")).expect("index 1");
            let mut metadata = json!({"name": "double", "namespace": "default"});
            for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
                metadata[field] = double["metadata"][field].take();
            }
            let spec = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "scripted"}]});
            sim.create(&PODS, json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}));
            let done = sim.finished("pair", minutes(2));
            assert_eq!((count(&done, "succeeded"), count(&done, "failed")), (2, 0));
            assert!(sim.get(&PODS, "double").is_null(), "the younger one went");
        },
    );
}

#[test]
fn an_elastic_job_shrinks_and_grows() {
    both(
        |attempt| Run::exits(0, seconds(if attempt.index().unwrap_or(0) < 2 { 5 } else { 60 })),
        |sim| {
            sim.create(&JOBS, job("elastic", indexed(4, 4, json!({}))));
            sim.advance(seconds(10));
            assert_eq!(sim.get(&JOBS, "elastic")["status"]["completedIndexes"], "0,1");
            sim.patch(&JOBS, "elastic", json!({"spec": {"completions": 1, "parallelism": 1}}));
            let done = sim.finished("elastic", minutes(2));
            assert_eq!((count(&done, "succeeded"), done["status"]["completedIndexes"].as_str()), (1, Some("0")));
            sim.create(&JOBS, job("grows", indexed(1, 1, json!({}))));
            sim.advance(seconds(2));
            sim.patch(&JOBS, "grows", json!({"spec": {"completions": 3, "parallelism": 3}}));
            let done = sim.finished("grows", minutes(3));
            assert_eq!(done["status"]["completedIndexes"], "0-2");
        },
    );
}

/// The status was refused for ever, since the count may fall only while completions and parallelism are equal.
#[test]
fn a_shrunken_job_whose_parallelism_changes_before_it_was_seen_goes_on() {
    both(
        |attempt| Run::exits(0, seconds(if attempt.index().unwrap_or(0) > 1 { 5 } else { 60 })),
        |sim| {
            sim.create(&JOBS, job("stuck", indexed(4, 4, json!({}))));
            sim.advance(seconds(10));
            assert_eq!(sim.get(&JOBS, "stuck")["status"]["completedIndexes"], "2,3");
            sim.stop(Component::Jobs);
            sim.patch(&JOBS, "stuck", json!({"spec": {"completions": 2, "parallelism": 2}}));
            sim.patch(&JOBS, "stuck", json!({"spec": {"parallelism": 3}}));
            sim.resume(Component::Jobs);
            let done = sim.finished("stuck", minutes(5));
            assert_eq!(done["status"]["completedIndexes"], "0,1");
        },
    );
}

#[test]
fn each_index_has_a_ladder_of_its_own() {
    both(
        |attempt| Run::exits(i32::from(attempt.index() == Some(1)), seconds(0)),
        |sim| {
            sim.create(&JOBS, job("apart", indexed(3, 1, json!({"backoffLimitPerIndex": 2}))));
            let failed = sim.finished("apart", minutes(10));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("FailedIndexes"));
            let lists = (failed["status"]["completedIndexes"].as_str(), failed["status"]["failedIndexes"].as_str());
            assert_eq!(lists, (Some("0,2"), Some("1")));
            let mut failures: Vec<String> = sim
                .pods("apart")
                .iter()
                .filter(|pod| pod["status"]["phase"] == "Failed")
                .map(|pod| pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"].to_string())
                .collect();
            failures.sort();
            assert_eq!(failures, ["\"0\"", "\"1\"", "\"2\""]);
        },
    );
}

#[test]
fn the_wait_of_one_index_does_not_hold_back_another_and_too_many_failed_ones_end_the_job() {
    both(
        |attempt| Run::exits(i32::from(attempt.index().unwrap_or(0) % 2 == 1), seconds(0)),
        |sim| {
            let spec = indexed(6, 6, json!({"backoffLimitPerIndex": 1, "maxFailedIndexes": 1}));
            sim.create(&JOBS, job("capped", spec));
            let failed = sim.finished("capped", minutes(10));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("MaxFailedIndexesExceeded"));
            assert_eq!(failed["status"]["completedIndexes"], "0,2,4");
            assert_eq!(gaps(&starts(sim, "capped"))[5], 10, "the second try of each odd index");
        },
    );
}

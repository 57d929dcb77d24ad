//! Pod failure policies and replacement policies.

use serde_json::{Value, json};
use testkit::{Component, JOBS, PODS, Run, job, minutes, seconds};

use crate::harness::{acted, acting, both, count, gaps, name, reason, starts};

fn on_exit(action: &str, values: &[i32]) -> Value {
    json!({"action": action, "onExitCodes": {"operator": "In", "values": values}})
}

/// kubernetes/kubernetes#115844, KEP-3939.
#[test]
fn a_pod_with_a_long_grace_is_replaced_when_its_policy_says() {
    for (policy, expected) in [("TerminatingOrFailed", [5, 6]), ("Failed", [5, 65])] {
        both(acted, |sim| {
            let mut spec = json!({"podReplacementPolicy": policy, "backoffLimit": 6});
            spec["template"]["spec"]["terminationGracePeriodSeconds"] = json!(60);
            sim.create(&JOBS, acting("graceful", spec, &[("run", "forever"), ("term", "ignores")]));
            sim.advance(seconds(5));
            let pod = name(&sim.pods("graceful")[0]).to_owned();
            sim.delete(&PODS, &pod, "Background");
            sim.advance(minutes(2));
            let starts = starts(sim, "graceful");
            assert_eq!(starts.len(), 2, "{policy}");
            // A back-off of ten seconds counts from the moment the pod counts as failed.
            let ended = if policy == "Failed" { expected[1] } else { expected[0] };
            assert_eq!(starts[1], ended + 10, "{policy}: {starts:?}");
        });
    }
}

/// kubernetes/kubernetes#115688, #113855, #116858.
#[test]
fn a_pod_that_exits_zero_while_it_is_deleted_has_not_failed() {
    both(acted, |sim| {
        let spec = json!({"podFailurePolicy": {"rules": [on_exit("FailJob", &[42])]}, "backoffLimit": 0});
        sim.create(&JOBS, acting("neat", spec, &[("run", "forever"), ("term", "5s:0")]));
        sim.advance(seconds(5));
        let pod = name(&sim.pods("neat")[0]).to_owned();
        sim.delete(&PODS, &pod, "Background");
        let done = sim.finished("neat", minutes(1));
        assert_eq!((count(&done, "succeeded"), count(&done, "failed")), (1, 0));
    });
}

/// Upstream's `TestJobPodFailurePolicyWithFailedPodDeletedDuringControllerRestart`.
#[test]
fn a_rule_is_applied_once_though_its_pod_is_deleted_while_the_controller_is_away() {
    for (action, ended) in [("FailJob", Some("PodFailurePolicy")), ("Ignore", None)] {
        both(acted, |sim| {
            let rules = [on_exit(action, &[42])];
            let spec = json!({"podFailurePolicy": {"rules": rules}, "backoffLimit": 0, "parallelism": 1});
            sim.create(&JOBS, acting("away", spec, &[("run", "5s,forever"), ("exit", "42,0")]));
            sim.advance(seconds(2));
            sim.stop(Component::Jobs);
            sim.advance(seconds(10));
            let pod = name(&sim.pods("away")[0]).to_owned();
            sim.delete(&PODS, &pod, "Background");
            sim.advance(seconds(10));
            sim.resume(Component::Jobs);
            sim.advance(seconds(20));
            let job = sim.get(&JOBS, "away");
            assert_eq!(reason(&job, "Failed").as_deref(), ended, "{action}");
            assert_eq!(count(&job, "failed"), i64::from(ended.is_some()), "{action}");
            assert_eq!(starts(sim, "away").len(), if ended.is_some() { 1 } else { 2 }, "{action}");
        });
    }
}

#[test]
fn a_fail_job_rule_ends_the_job_at_its_first_match() {
    both(
        |attempt| Run::exits(if attempt.index() == Some(2) { 42 } else { 1 }, seconds(5)),
        |sim| {
            let rules = [on_exit("Ignore", &[7]), on_exit("FailJob", &[42])];
            let spec = json!({"completions": 4, "parallelism": 4, "completionMode": "Indexed", "backoffLimit": 10, "podFailurePolicy": {"rules": rules}});
            sim.create(&JOBS, job("fatal", spec));
            let failed = sim.finished("fatal", minutes(1));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("PodFailurePolicy"));
            let message =
                testkit::condition(&failed, "Failed").expect("failed")["message"].as_str().expect("words").to_owned();
            assert!(message.starts_with("Container main for pod default/fatal-2-"), "{message}");
            assert!(message.ends_with(" failed with exit code 42 matching FailJob rule at index 1"), "{message}");
        },
    );
}

#[test]
fn ignored_failures_use_up_no_retries_but_back_off() {
    both(
        |attempt| Run::exits(if attempt.number < 3 { 7 } else { 0 }, seconds(0)),
        |sim| {
            let spec = json!({"backoffLimit": 0, "podFailurePolicy": {"rules": [on_exit("Ignore", &[7])]}});
            sim.create(&JOBS, job("patient", spec));
            let done = sim.finished("patient", minutes(5));
            assert_eq!((count(&done, "succeeded"), count(&done, "failed")), (1, 0));
            assert_eq!(gaps(&starts(sim, "patient")), [10, 20, 40]);
        },
    );
}

/// The documentation's example for disruptions.
#[test]
fn an_evicted_pod_is_ignored_by_a_rule_on_its_condition() {
    both(
        |attempt| if attempt.number == 0 { Run::never_ends() } else { Run::exits(0, seconds(5)) },
        |sim| {
            let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]});
            sim.create(&JOBS, job("evicted", json!({"backoffLimit": 0, "podFailurePolicy": {"rules": [rule]}})));
            sim.advance(seconds(5));
            let pod = name(&sim.pods("evicted")[0]).to_owned();
            let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "default"}});
            let request = api::Request::new(api::Verb::Create, PODS, Some("default"), Some(&pod));
            let request = request.subresource("eviction").body(api::Body::Object(body));
            let client = sim.client();
            sim.block_on(client.call(request)).expect("evicted");
            let done = sim.finished("evicted", minutes(2));
            assert_eq!((count(&done, "succeeded"), count(&done, "failed")), (1, 0));
        },
    );
}

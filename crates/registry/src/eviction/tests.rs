//! Which pods need leave, and what budgets answer, in upstream's words.

use serde_json::{Value, json};

use super::*;
use crate::fixtures::with;

fn pod(patch: Value) -> Value {
    let ready = json!([{"type": "Ready", "status": "True"}]);
    with(json!({"metadata": {"name": "p"}, "status": {"phase": "Running", "conditions": ready}}), &patch)
}

fn budget(status: Value) -> Value {
    let spec = json!({"selector": {"matchLabels": {"app": "a"}}});
    let status = with(json!({"observedGeneration": 1}), &status);
    json!({"metadata": {"name": "b", "generation": 1}, "spec": spec, "status": status})
}

fn cause(mut budget: Value) -> String {
    let status = take(&mut budget, "p", Timestamp::UNIX_EPOCH).expect_err("refused");
    assert_eq!(status.code, 429);
    assert_eq!(status.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    let details = status.details.expect("details");
    assert_eq!(details.causes[0].reason, "DisruptionBudget");
    details.causes[0].message.clone()
}

#[test]
fn pods_that_ended_or_never_ran_or_are_going_need_no_leave() {
    assert!(!needs_no_leave(&pod(json!({}))));
    for phase in ["Pending", "Succeeded", "Failed"] {
        assert!(needs_no_leave(&pod(json!({"status": {"phase": phase}}))), "{phase}");
    }
    assert!(needs_no_leave(&pod(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))));
    assert!(!is_going(&pod(json!({"status": {"phase": "Pending"}}))));
}

#[test]
fn a_budget_covers_what_its_selector_selects() {
    let labels = |app: &str| BTreeMap::from([("app".to_owned(), app.to_owned())]);
    assert!(covers(&budget(json!({})), &labels("a")));
    assert!(!covers(&budget(json!({})), &labels("b")));
    assert!(!covers(&json!({"spec": {}}), &labels("a")));
    assert!(covers(&json!({"spec": {"selector": {}}}), &labels("a")));
}

#[test]
fn a_disruption_is_taken_once_and_remembered() {
    let mut budget = budget(json!({"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1}));
    take(&mut budget, "p", Timestamp::UNIX_EPOCH).expect("allowed");
    let status = &budget["status"];
    assert_eq!(status["disruptionsAllowed"], 0);
    assert_eq!(status["disruptedPods"], json!({"p": "1970-01-01T00:00:00Z"}));
    assert_eq!(status["conditions"][0]["reason"], "InsufficientPods");
    assert!(take(&mut budget, "q", Timestamp::UNIX_EPOCH).is_err());
}

#[test]
fn refusals_say_why() {
    assert_eq!(
        cause(budget(json!({"currentHealthy": 1, "desiredHealthy": 2}))),
        "The disruption budget b needs 2 healthy pods and has 1 currently"
    );
    let condition =
        |reason: &str| json!([{"type": "DisruptionAllowed", "status": "False", "reason": reason, "message": "why"}]);
    assert_eq!(
        cause(budget(json!({"conditions": condition("SyncFailed")}))),
        "The disruption budget b does not allow evicting pods currently because it failed sync: why"
    );
    assert_eq!(
        cause(budget(json!({"currentHealthy": 1, "conditions": condition("Other")}))),
        "The disruption budget b does not allow evicting pods currently (Other): why"
    );
    assert_eq!(
        cause(budget(json!({"currentHealthy": 1}))),
        "The disruption budget b does not allow evicting pods currently"
    );
    assert_eq!(
        cause(budget(json!({"observedGeneration": 0, "disruptionsAllowed": 1}))),
        "The disruption budget b is still being processed by the server."
    );
}

#[test]
fn unhealthy_pods_go_when_the_budget_is_met_or_says_always() {
    assert!(!lets_unhealthy_go(&budget(json!({}))));
    assert!(lets_unhealthy_go(&budget(json!({"currentHealthy": 2, "desiredHealthy": 2}))));
    let mut always = budget(json!({}));
    always["spec"]["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
    assert!(lets_unhealthy_go(&always));
}

#[test]
fn an_evicted_pod_is_a_disruption_target_once() {
    let mut pod = pod(json!({}));
    assert!(mark(&mut pod, Timestamp::UNIX_EPOCH));
    assert!(!mark(&mut pod, Timestamp::from_second(9).expect("a time")));
    let condition = &pod["status"]["conditions"][1];
    assert_eq!(condition["reason"], "EvictionByEvictionAPI");
    assert_eq!(condition["lastTransitionTime"], "1970-01-01T00:00:00Z");
}

//! Budgets over pods that come, get ready, are evicted and go.

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).expect("a time")
}

fn pod(name: &str, ready: bool, deleting: bool) -> Object {
    let mut value = json!({
        "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
    });
    if deleting {
        value["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    Object::from_value(&value).expect("a pod")
}

fn budget(spec: Value, status: Value) -> Value {
    json!({"metadata": {"name": "b", "generation": 2}, "spec": spec, "status": status})
}

fn status(plan: Plan) -> Value {
    plan.status.expect("a new status")
}

#[test]
fn ready_pods_that_stay_are_healthy() {
    let pods = [pod("a", true, false), pod("b", true, true), pod("c", false, false), pod("d", true, false)];
    let pods: Vec<&Object> = pods.iter().collect();
    let budget = budget(json!({"minAvailable": 1}), json!({}));
    let counts = expected(&budget, pods.len(), 0).expect("counts");
    let status = status(plan(&budget, &pods, counts, now()));
    assert_eq!(status["currentHealthy"], 2);
    assert_eq!((&status["expectedPods"], &status["desiredHealthy"]), (&json!(4), &json!(1)));
    assert_eq!((&status["disruptionsAllowed"], &status["observedGeneration"]), (&json!(1), &json!(2)));
    assert_eq!(status["conditions"][0]["reason"], "SufficientPods");
}

#[test]
fn a_status_that_says_all_is_not_written_again() {
    let pods = [pod("a", true, false)];
    let pods: Vec<&Object> = pods.iter().collect();
    let first = budget(json!({"minAvailable": 1}), json!({}));
    let written = status(plan(&first, &pods, (1, 1), now()));
    let again = budget(json!({"minAvailable": 1}), written);
    let later = now().checked_add(SignedDuration::from_secs(60)).expect("a time");
    assert_eq!(plan(&again, &pods, (1, 1), later).status, None);
}

#[test]
fn numbers_and_percentages_are_scaled_up() {
    let counts = |spec: Value, scale| expected(&budget(spec, json!({})), 3, scale).expect("counts");
    assert_eq!(counts(json!({"minAvailable": "50%"}), 5), (5, 3));
    assert_eq!(counts(json!({"maxUnavailable": "50%"}), 5), (5, 2));
    assert_eq!(counts(json!({"maxUnavailable": 9}), 5), (5, 0));
    assert_eq!(counts(json!({"minAvailable": 2}), 0), (3, 2));
    assert!(needs_scale(&budget(json!({"maxUnavailable": 1}), json!({}))));
    assert!(!needs_scale(&budget(json!({"minAvailable": 1}), json!({}))));
    assert!(expected(&budget(json!({"minAvailable": "many"}), json!({})), 3, 5).is_err());
}

#[test]
fn an_evicted_pod_is_not_counted_until_it_has_had_its_time() {
    let pods = [pod("a", true, false), pod("b", true, false)];
    let pods: Vec<&Object> = pods.iter().collect();
    let evicted = |seconds: i64| {
        let time = now().checked_sub(SignedDuration::from_secs(seconds)).expect("a time");
        budget(json!({"minAvailable": 1}), json!({"disruptedPods": {"a": rfc3339(time)}}))
    };
    let fresh = plan(&evicted(60), &pods, (2, 1), now());
    assert_eq!(fresh.wake_at, now().checked_add(SignedDuration::from_secs(60)).ok());
    let fresh = status(fresh);
    assert_eq!((&fresh["currentHealthy"], &fresh["disruptionsAllowed"]), (&json!(1), &json!(0)));
    assert!(fresh["disruptedPods"]["a"].is_string());
    let stale = plan(&evicted(121), &pods, (2, 1), now());
    assert_eq!((stale.wake_at, stale.not_deleted.as_slice()), (None, ["a".to_owned()].as_slice()));
    let stale = status(stale);
    assert_eq!((&stale["currentHealthy"], stale.get("disruptedPods")), (&json!(2), None));
}

#[test]
fn without_expected_pods_nothing_may_be_disrupted() {
    let status = status(plan(&budget(json!({"minAvailable": 0}), json!({})), &[], (0, 0), now()));
    assert_eq!(status["disruptionsAllowed"], 0);
    assert_eq!(status["conditions"][0]["status"], "False");
}

#[test]
fn a_failure_forbids_disruptions_and_says_why() {
    let status = fail_safe(&budget(json!({}), json!({"disruptionsAllowed": 3, "currentHealthy": 4})), "why", now());
    assert_eq!((&status["disruptionsAllowed"], &status["currentHealthy"]), (&json!(0), &json!(4)));
    assert_eq!(
        (&status["conditions"][0]["reason"], &status["conditions"][0]["message"]),
        (&json!("SyncFailed"), &json!("why"))
    );
}

#[test]
fn selectors_are_shown_as_go_shows_them() {
    let selector = json!({
        "matchLabels": {"app": "a"},
        "matchExpressions": [{"key": "k", "operator": "In", "values": ["x", "y"]}],
    });
    assert_eq!(
        shown_selector(&selector),
        "&LabelSelector{MatchLabels:map[string]string{app: a,},\
         MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[x y],},},}"
    );
}

//! What goes and what stays, and that it goes as upstream lets it go.

use std::sync::Arc;
use std::time::Duration;

use api::resource::{NODES, PODS};
use api::{Gvr, Object, Request, Response, Verb};
use client::{Client, Door};
use clock::{Clock, ManualClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::census::{Census, Look, QUARANTINE, Why};
use crate::tests::door::SmallApi;
use crate::tests::eventually;

fn object(value: Value) -> Arc<Object> {
    Arc::new(Object::from_value(&value).expect("an object"))
}

fn pod(name: &str, second: i64, node: &str, status: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "default", "uid": name,
            "creationTimestamp": Timestamp::from_second(second).expect("in range").to_string(),
        },
        "spec": { "nodeName": node },
        "status": status,
    })
}

fn deleted(mut pod: Value) -> Value {
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    pod["metadata"]["deletionGracePeriodSeconds"] = 30.into();
    pod
}

fn node(name: &str, ready: &str, taint: Option<&str>) -> Arc<Object> {
    let taints: Vec<Value> = taint.map(|key| json!({ "key": key, "effect": "NoExecute" })).into_iter().collect();
    object(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "uid": name },
        "spec": { "taints": taints },
        "status": { "conditions": [{ "type": "Ready", "status": ready }] },
    }))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn found(look: &Look) -> Vec<(String, Why)> {
    look.doomed.iter().map(|doomed| (doomed.pod.meta().name.clone(), doomed.why)).collect()
}

#[test]
fn the_oldest_that_have_ended_go_and_evicted_ones_before_them() {
    let mut census = Census::new(2);
    census.apply_node(&node("n", "True", None));
    for (name, second, status) in [
        ("b", 10, json!({ "phase": "Succeeded" })),
        ("a", 10, json!({ "phase": "Failed" })),
        ("new", 90, json!({ "phase": "Succeeded" })),
        ("evicted", 80, json!({ "phase": "Failed", "reason": "Evicted" })),
        ("running", 1, json!({ "phase": "Running" })),
    ] {
        census.apply_pod(object(pod(name, second, "n", status)));
    }
    let gone = |name: &str| (name.to_owned(), Why::TooMany);
    assert_eq!(found(&census.look(at(100))), [gone("evicted"), gone("a")]);
    census.apply_pod(object(deleted(pod("evicted", 80, "n", json!({ "phase": "Failed", "reason": "Evicted" })))));
    census.remove_pod(&"a".into());
    assert_eq!(found(&census.look(at(120))), [], "what is on its way, held by a finalizer, is counted no more");
}

#[test]
fn with_a_threshold_of_zero_all_stay() {
    let mut census = Census::new(0);
    census.apply_node(&node("n", "True", None));
    census.apply_pod(object(pod("p", 1, "n", json!({ "phase": "Failed" }))));
    assert_eq!(found(&census.look(at(100))), []);
}

#[test]
fn a_pod_that_is_being_deleted_where_nobody_ends_it_goes() {
    let mut census = Census::new(10);
    census.apply_node(&node("good", "True", Some("node.kubernetes.io/out-of-service")));
    census.apply_node(&node("lost", "Unknown", None));
    census.apply_node(&node("given-up", "Unknown", Some("node.kubernetes.io/out-of-service")));
    for name in ["good", "lost", "given-up"] {
        census.apply_pod(object(deleted(pod(name, 1, name, json!({ "phase": "Running" })))));
    }
    census.apply_pod(object(deleted(pod("nowhere", 1, "", json!({ "phase": "Pending" })))));
    census.apply_pod(object(pod("waiting", 1, "", json!({ "phase": "Pending" }))));
    let expected = [("given-up".to_owned(), Why::OutOfService), ("nowhere".to_owned(), Why::Unscheduled)];
    assert_eq!(found(&census.look(at(100))), expected);
}

#[test]
fn a_node_is_gone_after_its_quarantine() {
    let mut census = Census::new(10);
    census.apply_pod(object(pod("p", 1, "ghost", json!({ "phase": "Running" }))));
    let first = census.look(at(100));
    assert!(first.missing.is_empty());
    assert_eq!(first.wake_at, Some(at(100) + QUARANTINE));
    assert!(census.look(at(139)).missing.is_empty());
    let late = census.look(at(140));
    assert_eq!(late.missing.iter().map(|name| &**name).collect::<Vec<_>>(), ["ghost"]);
    census.apply_node(&node("ghost", "True", None));
    assert!(census.look(at(150)).missing.is_empty(), "it has come");
    assert!(census.remove_node("ghost"));
    assert_eq!(census.look(at(200)).wake_at, Some(at(200) + QUARANTINE), "and is missing anew");
    assert_eq!(census.orphans(&"ghost".into())[0].why, Why::NodeGone);
}

#[test]
fn a_heartbeat_is_no_reason_to_look() {
    let mut census = Census::new(10);
    assert!(census.apply_node(&node("n", "True", None)));
    assert!(!census.apply_node(&node("n", "True", None)));
}

#[tokio::test]
async fn an_orphan_says_that_it_failed_before_it_goes() {
    let clock = Arc::new(ManualClock::new(at(1_000)));
    let api = Arc::new(SmallApi::default());
    let client = Client::in_process(api.clone());
    let runner = super::start(client.clone(), clock.clone(), 10);
    runner.synced().await;
    let create = async |resource: &Gvr, namespace, value: Value| client.create(resource, namespace, value).await;
    create(&NODES, None, node("n", "True", None).to_value()).await.expect("created");
    let mut held = pod("held", 1, "ghost", json!({ "phase": "Running" }));
    held["metadata"]["finalizers"] = json!(["test/hold"]);
    create(&PODS, Some("default"), held).await.expect("created");
    create(&PODS, Some("default"), pod("stays", 1, "n", json!({ "phase": "Running" }))).await.expect("created");
    let get = |name: &str| match api.call(Request::new(Verb::Get, PODS, Some("default"), Some(name))).ok()?.response {
        Response::Object { object, .. } => Some(object.to_value()),
        _ => None,
    };
    eventually(|| clock.next_deadline().is_some()).await;
    while get("held").is_some_and(|pod| pod["status"]["phase"] == "Running") {
        let now = clock.now();
        clock.advance_to(now + SignedDuration::from_secs(1));
        assert!(clock.now() < at(1_000) + Duration::from_secs(300), "it goes in time");
        tokio::task::yield_now().await;
    }
    assert!(clock.now() >= at(1_000) + QUARANTINE, "not before the quarantine is over");
    eventually(|| get("held").is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_string())).await;
    let held = get("held").expect("a finalizer holds it");
    let condition = api::conditions::find(&held, "DisruptionTarget").expect("a condition");
    assert_eq!((&held["status"]["phase"], &condition["reason"]), (&"Failed".into(), &"DeletionByPodGC".into()));
    assert_eq!(condition["message"], "PodGC: node no longer exists");
    assert_eq!(get("stays").expect("it is there")["status"]["phase"], "Running");
    runner.shutdown().await;
}

//! Scheduling decisions as a table: a pod's spec and the nodes in, the decision out.

use serde_json::{Value, json};

use super::*;

const TAIL: &str = "no new claims to deallocate, preemption: 0/1 nodes are available: \
                    1 Preemption is not helpful for scheduling.";

fn pod(spec: Value) -> PodView {
    serde_json::from_value(json!({ "spec": spec })).expect("a pod")
}

fn node(labels: &[(&str, &str)]) -> NodeView {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    NodeView { labels, ..NodeView::default() }
}

fn tainted(key: &str) -> NodeView {
    let taint = Taint { key: key.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
    NodeView { taints: vec![taint], ..NodeView::default() }
}

fn nodes(nodes: &[NodeView]) -> Nodes {
    nodes.iter().enumerate().map(|(index, node)| (format!("n{index}"), node.clone())).collect()
}

fn check(spec: Value, candidates: &[NodeView], decision: Decision) {
    assert_eq!(plan(&pod(spec.clone()), &nodes(candidates), Claims::None), decision, "{spec}");
}

#[test]
fn a_pod_goes_to_the_first_node_that_takes_it() {
    let cordoned = NodeView { unschedulable: true, ..NodeView::default() };
    let disk = node(&[("disk", "ssd"), ("cores", "8")]);
    let bind = |name: &str| Decision::Bind(name.to_owned());
    check(json!({}), &[node(&[]), node(&[])], bind("n0"));
    check(json!({}), &[cordoned, tainted("a"), node(&[])], bind("n2"));
    check(json!({ "nodeSelector": { "disk": "ssd" } }), &[node(&[]), disk.clone()], bind("n1"));
    check(json!({ "tolerations": [{ "operator": "Exists" }] }), &[tainted("a")], bind("n0"));
    check(
        json!({ "tolerations": [{ "key": "a", "operator": "Exists", "effect": "NoSchedule" }] }),
        &[tainted("a")],
        bind("n0"),
    );
    let affinity = |operator: &str, values: Value| {
        json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{ "matchExpressions": [{ "key": "cores", "operator": operator, "values": values }] }]
        } } } })
    };
    check(affinity("Gt", json!(["4"])), &[node(&[]), disk.clone()], bind("n1"));
    check(affinity("DoesNotExist", json!([])), &[disk, node(&[])], bind("n1"));
}

#[test]
fn pods_that_are_not_to_be_scheduled_are_left_alone() {
    check(json!({ "schedulerName": "mine" }), &[node(&[])], Decision::Ignore);
    check(json!({ "nodeName": "n9" }), &[node(&[])], Decision::Ignore);
    check(json!({ "schedulingGates": [{ "name": "x/y" }] }), &[node(&[])], Decision::Gated);
    check(
        json!({ "schedulingGates": [], "schedulerName": "default-scheduler" }),
        &[node(&[])],
        Decision::Bind("n0".to_owned()),
    );
}

#[test]
fn refusals_read_as_upstream_words_them() {
    let refused = |text: &str| Decision::Unschedulable(text.to_owned());
    check(json!({}), &[], refused("no nodes available to schedule pods"));
    let selector = json!({ "nodeSelector": { "disk": "ssd" } });
    let why = format!("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. {TAIL}");
    check(selector.clone(), &[node(&[])], refused(&why));
    let cordoned = NodeView { unschedulable: true, ..NodeView::default() };
    let why = format!("0/1 nodes are available: 1 node(s) were unschedulable. {TAIL}");
    check(json!({}), std::slice::from_ref(&cordoned), refused(&why));
    let why = "0/4 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, \
               1 node(s) were unschedulable, 2 node(s) had untolerated taint(s). no new claims to deallocate, \
               preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.";
    check(selector, &[cordoned, tainted("a"), tainted("b"), node(&[])], refused(why));
}

#[test]
fn a_condition_is_written_only_when_it_says_something_new() {
    let pod: PodView = serde_json::from_value(json!({ "status": { "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "m" }
    ] } }))
    .expect("a pod");
    assert!(!condition_differs(&pod, "Unschedulable", "m"));
    assert!(condition_differs(&pod, "Unschedulable", "other"));
    assert!(condition_differs(&PodView::default(), "Unschedulable", "m"));
}

#[test]
fn a_pod_waits_for_a_claim_that_is_not_there_and_no_node_is_asked() {
    let claim = json!({ "volumes": [{ "name": "v", "emptyDir": {} }, { "name": "d", "persistentVolumeClaim": { "claimName": "data" } }] });
    let refused = |text: &str| Decision::Unschedulable(format!("0/1 nodes are available: {text}. {TAIL}"));
    check(claim.clone(), &[node(&[])], refused("persistentvolumeclaim \"data\" not found"));
    check(claim.clone(), &[tainted("a")], refused("persistentvolumeclaim \"data\" not found"));
    let own = json!({ "metadata": { "name": "p" }, "spec": { "volumes": [{ "name": "v", "ephemeral": { "volumeClaimTemplate": {} } }] } });
    let own: PodView = serde_json::from_value(own).expect("a pod");
    let waits = "waiting for ephemeral volume controller to create the persistentvolumeclaim \"p-v\"";
    assert_eq!(plan(&own, &nodes(&[node(&[])]), Claims::None), refused(waits));
    let bound = Decision::Bind("n0".to_owned());
    assert_eq!(plan(&pod(claim), &nodes(&[node(&[])]), Claims::PassedOver), bound);
}

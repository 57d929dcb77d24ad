//! What updates of a pod, and of its status, may change.

use serde_json::{Value, json};

use crate::fixtures::{create_errors, created, pod, update_errors, with, with_at};
use crate::pod::PodStrategy;

fn stored(patch: Value) -> Value {
    created(&PodStrategy, with(pod(), &patch))
}

#[track_caller]
fn check(old: &Value, patch: Value, expected: &[&str]) {
    assert_eq!(update_errors(&PodStrategy, with(old.clone(), &patch), old, None), expected, "{patch}");
}

#[test]
fn a_new_pod_has_no_ephemeral_containers_and_no_node_beside_gates() {
    let containers = json!([{"name": "debug", "image": "busybox"}]);
    assert_eq!(
        create_errors(&PodStrategy, with(pod(), &json!({"spec": {"ephemeralContainers": containers}}))),
        ["spec.ephemeralContainers: Forbidden: cannot be set on create"]
    );
    let gated = json!({"spec": {"nodeName": "n", "schedulingGates": [{"name": "a.io/b"}]}});
    assert_eq!(
        create_errors(&PodStrategy, with(pod(), &gated)),
        ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"]
    );
    assert_eq!(
        create_errors(&PodStrategy, with_at(pod(), "/spec/containers/0/image", json!(" busybox"))),
        ["spec.containers[0].image: Invalid value: \" busybox\": must not have leading or trailing whitespace"]
    );
}

#[test]
fn image_deadline_tolerations_and_gates_may_change() {
    let old = stored(json!({"spec": {"schedulingGates": [{"name": "a.io/b"}], "activeDeadlineSeconds": 10}}));
    check(&old, json!({"spec": {"activeDeadlineSeconds": 5}}), &[]);
    check(&old, json!({"spec": {"tolerations": [{"operator": "Exists"}]}}), &[]);
    check(&old, json!({"spec": {"schedulingGates": null}}), &[]);
    check(&old, json!({"spec": {"nodeSelector": {"a": "b"}}}), &[]);
    let image = with_at(old.clone(), "/spec/containers/0/image", json!("busybox:2"));
    assert!(update_errors(&PodStrategy, image, &old, None).is_empty());
}

#[test]
fn deadline_is_only_lowered() {
    let old = stored(json!({"spec": {"activeDeadlineSeconds": 10}}));
    let path = "spec.activeDeadlineSeconds: Invalid value";
    check(
        &old,
        json!({"spec": {"activeDeadlineSeconds": 11}}),
        &[&format!("{path}: 11: must be less than or equal to previous value")],
    );
    check(
        &old,
        json!({"spec": {"activeDeadlineSeconds": null}}),
        &[&format!("{path}: null: must not update from a positive integer to nil value")],
    );
}

#[test]
fn tolerations_stay_and_gates_only_go() {
    let old = stored(json!({"spec": {
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}],
        "schedulingGates": [{"name": "a.io/b"}],
    }}));
    check(
        &old,
        json!({"spec": {"tolerations": null}}),
        &["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
    );
    check(
        &old,
        json!({"spec": {"schedulingGates": [{"name": "c.io/d"}]}}),
        &["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'c.io/d'"],
    );
}

#[test]
fn other_fields_of_the_spec_are_immutable() {
    let old = stored(json!({}));
    let errors = update_errors(&PodStrategy, with(old.clone(), &json!({"spec": {"hostname": "x"}})), &old, None);
    assert_eq!(
        errors,
        [
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n+\thostname: \"x\"\n"
        ]
    );
    let more = json!({"spec": {"containers": [{"name": "a", "image": "b"}, {"name": "c", "image": "d"}]}});
    check(&old, more, &["spec.containers: Forbidden: pod updates may not add or remove containers"]);
}

#[track_caller]
fn check_status(restart_policy: &str, old: Value, new: Value, expected: &[&str]) {
    let mut stored = stored(json!({"spec": {"restartPolicy": restart_policy, "nodeName": "n"}}));
    stored["status"] = with(stored["status"].clone(), &old);
    let mut pod = stored.clone();
    pod["status"] = with(pod["status"].clone(), &new);
    assert_eq!(update_errors(&PodStrategy, pod, &stored, Some("status")), expected, "{new}");
}

fn terminated(exit_code: i64) -> Value {
    json!({"containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": exit_code}}}]})
}

#[test]
fn ended_containers_restart_only_where_the_policy_says_so() {
    let running = json!({"containerStatuses": [{"name": "main", "state": {"running": {}}}]});
    let refused = "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state";
    check_status("Always", terminated(0), running.clone(), &[]);
    check_status("OnFailure", terminated(1), running.clone(), &[]);
    check_status("OnFailure", terminated(0), running.clone(), &[refused]);
    check_status("Never", terminated(1), running, &[refused]);
    check_status("Never", terminated(1), terminated(1), &[]);
}

#[test]
fn quality_of_service_is_immutable() {
    check_status(
        "Never",
        json!({}),
        json!({"qosClass": "Guaranteed"}),
        &["status.qosClass: Invalid value: \"Guaranteed\": field is immutable"],
    );
}

#[test]
fn status_fields_are_well_formed() {
    check_status(
        "Never",
        json!({}),
        json!({"observedGeneration": -1}),
        &["status.observedGeneration: Invalid value: -1: must be a non-negative integer"],
    );
    check_status(
        "Never",
        json!({}),
        json!({"nominatedNodeName": "m"}),
        &["status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"],
    );
    check_status(
        "Never",
        json!({}),
        json!({"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.2"}]}),
        &["status.hostIPs[0].ip: Invalid value: \"10.0.0.2\": must be equal to `hostIP`"],
    );
}

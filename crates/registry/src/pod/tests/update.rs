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
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ -64,7 +64,7 @@\n   \"SELinuxChangePolicy\": null\n  },\n  \"ImagePullSecrets\": null,\n- \"Hostname\": \"\",\n+ \"Hostname\": \"x\",\n  \"Subdomain\": \"\",\n  \"SetHostnameAsFQDN\": null,\n  \"Affinity\": null,\n"
        ]
    );
    let more = json!({"spec": {"containers": [{"name": "a", "image": "b"}, {"name": "c", "image": "d"}]}});
    check(&old, more, &["spec.containers: Forbidden: pod updates may not add or remove containers"]);
}

#[test]
fn a_gated_pod_may_gain_node_selectors_and_narrow_its_node_affinity() {
    let affinity = |expressions: Value| {
        let required = json!({"nodeSelectorTerms": [{"matchExpressions": expressions}]});
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}})
    };
    let one = json!({"key": "a", "operator": "Exists"});
    let two = json!({"key": "b", "operator": "Exists"});
    let gates = json!([{"name": "a.io/b"}]);
    let old = stored(json!({"spec": {
        "schedulingGates": gates, "nodeSelector": {"a": "1"}, "affinity": affinity(json!([one])),
    }}));
    check(&old, json!({"spec": {"nodeSelector": {"b": "2"}, "affinity": affinity(json!([one, two]))}}), &[]);
    check(
        &old,
        json!({"spec": {"nodeSelector": {"a": "2"}}}),
        &[
            "spec.nodeSelector: Invalid value: {\"a\":\"2\"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)",
        ],
    );
    let terms = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    check(
        &old,
        json!({"spec": {"affinity": null}}),
        &[&format!(
            "{terms}: Invalid value: null: no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        )],
    );
    let shown = "{\"MatchExpressions\":[{\"Key\":\"b\",\"Operator\":\"Exists\",\"Values\":null}],\"MatchFields\":null}";
    check(
        &old,
        json!({"spec": {"affinity": affinity(json!([two]))}}),
        &[&format!("{terms}[0]: Invalid value: {shown}: only additions are allowed (no mutations or deletions)")],
    );
    let free = stored(json!({"spec": {"schedulingGates": gates}}));
    check(&free, json!({"spec": {"nodeSelector": {"b": "2"}, "affinity": affinity(json!([one]))}}), &[]);
    let started = stored(json!({}));
    let errors = update_errors(
        &PodStrategy,
        with(started.clone(), &json!({"spec": {"nodeSelector": {"b": "2"}}})),
        &started,
        None,
    );
    assert!(errors[0].starts_with("spec: Forbidden: pod updates may not change fields other than"), "{errors:?}");
}

#[test]
fn annotations_of_old_agree_with_fields_and_stay() {
    let annotated = |key: &str, value: &str, spec: Value| {
        with(pod(), &json!({"metadata": {"annotations": {key: value}}, "spec": spec}))
    };
    let errors = |key: &str, value: &str, spec: Value| create_errors(&PodStrategy, annotated(key, value, spec));
    let profile = |kind: &str| json!({"securityContext": {"seccompProfile": {"type": kind}}});
    let seccomp = "seccomp.security.alpha.kubernetes.io/pod";
    assert_eq!(errors(seccomp, "runtime/default", profile("RuntimeDefault")), [""; 0]);
    assert_eq!(
        errors(seccomp, "unconfined", profile("RuntimeDefault")),
        ["spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match"]
    );
    assert_eq!(
        errors(seccomp, "x", json!({})),
        [
            "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: \"x\": must be a valid seccomp profile"
        ]
    );
    let app_armor = "container.apparmor.security.beta.kubernetes.io/other";
    assert_eq!(
        errors(app_armor, "x", json!({})),
        [
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: \"other\": container not found",
            "metadata.annotations[container.apparmor.security.beta.kubernetes.io/other]: Invalid value: \"x\": invalid AppArmor profile name: \"x\"",
        ]
    );
    let cost = "controller.kubernetes.io/pod-deletion-cost";
    assert_eq!(errors(cost, "-7", json!({})), [""; 0]);
    for wrong in ["+1", "01", "x", "3000000000", ""] {
        assert_eq!(
            errors(cost, wrong, json!({})),
            [format!("metadata.annotations[{cost}]: Invalid value: \"{wrong}\": must be a 32bit integer")]
        );
    }
    let old = stored(json!({}));
    check(
        &old,
        json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}),
        &[
            "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation",
            "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"x\": must set spec.nodeName if mirror pod annotation is set",
        ],
    );
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

#[test]
fn a_pod_has_one_address_of_each_family() {
    check_status("Never", json!({}), json!({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}), &[]);
    check_status(
        "Never",
        json!({}),
        json!({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}),
        &[
            "status.podIPs: Invalid value: [{\"IP\":\"10.0.0.1\"},{\"IP\":\"10.0.0.2\"}]: may specify no more than one IP for each IP family",
        ],
    );
    check_status(
        "Never",
        json!({}),
        json!({"hostIP": "x", "hostIPs": [{"ip": "x"}]}),
        &["status.hostIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"],
    );
}

#[test]
fn users_and_claims_in_a_status_are_checked() {
    let user = json!({"linux": {"uid": -1, "gid": 0}});
    check_status(
        "Never",
        json!({}),
        json!({"containerStatuses": [{"name": "main", "user": user}]}),
        &["status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    );
    check_status(
        "Never",
        json!({}),
        json!({"resourceClaimStatuses": [{"name": "x"}]}),
        &[
            "status.resourceClaimStatuses[0].name: Invalid value: \"x\": must match the name of an entry in `spec.resourceClaims`",
        ],
    );
}

#[test]
fn an_ephemeral_container_does_not_run_again() {
    let ended = json!({"ephemeralContainerStatuses": [{"name": "d", "state": {"terminated": {"exitCode": 0}}}]});
    let running = json!({"ephemeralContainerStatuses": [{"name": "d", "state": {"running": {}}}]});
    check_status(
        "Always",
        ended,
        running,
        &["status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"],
    );
}

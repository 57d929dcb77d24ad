//! Defaults, preparation, binding and grace periods.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixtures::{create_errors, created, pod, updated, with, with_at};
use crate::pod::{BindError, PodStrategy, bind};
use crate::strategy::Strategy;

fn container(patch: Value) -> Value {
    let container = with(json!({"name": "main", "image": "busybox"}), &patch);
    created(&PodStrategy, with_at(pod(), "/spec/containers", json!([container])))["spec"]["containers"][0].clone()
}

#[test]
fn a_bare_pod_gets_upstreams_defaults() {
    assert_eq!(
        created(&PodStrategy, pod()),
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "one", "namespace": "default", "uid": "uid-2", "generation": 1},
            "spec": {
                "containers": [{
                    "image": "busybox",
                    "imagePullPolicy": "Always",
                    "name": "main",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst",
                "enableServiceLinks": true,
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30,
            },
            "status": {"phase": "Pending", "qosClass": "BestEffort"},
        })
    );
    assert_eq!(create_errors(&PodStrategy, pod()), Vec::<String>::new());
}

#[test]
fn requests_follow_limits_in_pods() {
    let resources = json!({"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}});
    assert_eq!(
        container(json!({ "resources": resources }))["resources"],
        json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}})
    );
}

#[test]
fn what_omitempty_leaves_out_is_left_out() {
    let empty =
        json!({"stdin": false, "tty": false, "command": [], "env": [{"name": "A", "value": ""}], "workingDir": ""});
    let container = container(empty);
    assert_eq!(container["env"], json!([{"name": "A"}]));
    for name in ["stdin", "tty", "command", "workingDir"] {
        assert_eq!(container.get(name), None, "{name}");
    }
    let nulls = json!({"hostNetwork": false, "nodeName": "", "nodeSelector": {}, "tolerations": null, "volumes": []});
    let spec = &created(&PodStrategy, with(pod(), &json!({ "spec": nulls })))["spec"];
    for name in ["hostNetwork", "nodeName", "nodeSelector", "tolerations", "volumes"] {
        assert_eq!(spec.get(name), None, "{name}");
    }
}

#[test]
fn probes_ports_volumes_and_references_get_their_defaults() {
    let patch = json!({
        "livenessProbe": {"httpGet": {"port": 80}},
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}],
    });
    let container = container(patch);
    assert_eq!(
        container["livenessProbe"],
        json!({
            "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        })
    );
    assert_eq!(container["ports"], json!([{"containerPort": 80, "protocol": "TCP"}]));
    assert_eq!(container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"], "v1");
    assert_eq!(container["env"][1]["valueFrom"]["resourceFieldRef"]["divisor"], "0");
    let volumes = json!([
        {"name": "a"}, {"name": "b", "configMap": {"name": "c"}}, {"name": "d", "hostPath": {"path": "/x"}},
    ]);
    let pod = created(&PodStrategy, with_at(pod(), "/spec/volumes", volumes));
    assert_eq!(
        pod["spec"]["volumes"],
        json!([
            {"name": "a", "emptyDir": {}},
            {"name": "b", "configMap": {"name": "c", "defaultMode": 420}},
            {"name": "d", "hostPath": {"path": "/x", "type": ""}},
        ])
    );
}

#[test]
fn both_spellings_of_the_service_account_are_written() {
    let spec = &created(&PodStrategy, with(pod(), &json!({"spec": {"serviceAccount": "a"}})))["spec"];
    assert_eq!((&spec["serviceAccount"], &spec["serviceAccountName"]), (&json!("a"), &json!("a")));
}

#[test]
fn quality_of_service_follows_the_resources() {
    let class = |resources: Value| {
        let pod = with_at(pod(), "/spec/containers/0", json!({"name": "a", "image": "b", "resources": resources}));
        created(&PodStrategy, pod)["status"]["qosClass"].clone()
    };
    assert_eq!(class(json!({})), "BestEffort");
    assert_eq!(class(json!({"requests": {"cpu": "1"}})), "Burstable");
    assert_eq!(class(json!({"limits": {"cpu": "1"}})), "Burstable");
    assert_eq!(class(json!({"limits": {"cpu": "1", "memory": "1Gi"}})), "Guaranteed");
    assert_eq!(class(json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}})), "Burstable");
}

#[test]
fn gated_pods_say_so() {
    let pod = created(&PodStrategy, with(pod(), &json!({"spec": {"schedulingGates": [{"name": "a.io/b"}]}})));
    assert_eq!(pod["status"]["conditions"][0]["reason"], "SchedulingGated");
}

#[test]
fn status_update_ignores_spec_owners_and_deletion() {
    let mut old = created(&PodStrategy, pod());
    old["metadata"]["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "pi", "uid": "u"}]);
    old["status"]["observedGeneration"] = json!(1);
    old["status"]["conditions"] = json!([{"type": "Ready", "status": "False", "observedGeneration": 1}]);
    let patch = json!({
        "metadata": {"ownerReferences": null, "deletionTimestamp": "2024-01-01T00:00:00Z"},
        "spec": {"nodeName": "other"},
        "status": {"phase": "Running", "qosClass": null, "observedGeneration": null,
                   "conditions": [{"type": "Ready", "status": "True"}]},
    });
    let new = updated(&PodStrategy, with(old.clone(), &patch), &old, Some("status"));
    assert_eq!(new["metadata"], old["metadata"]);
    assert_eq!(new["spec"], old["spec"]);
    assert_eq!(
        new["status"],
        json!({
            "phase": "Running", "qosClass": "BestEffort", "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}],
        })
    );
}

#[test]
fn binding_sets_the_node_and_the_condition() {
    let now = "2024-01-01T00:00:00Z".parse().expect("a time");
    let mut pod = created(&PodStrategy, pod());
    let binding =
        json!({"metadata": {"name": "one", "labels": {"zone": "a"}}, "target": {"kind": "Node", "name": "n"}});
    bind(&mut pod, &binding, now).expect("binds");
    assert_eq!((&pod["spec"]["nodeName"], &pod["metadata"]["labels"]), (&json!("n"), &json!({"zone": "a"})));
    assert_eq!(
        pod["status"]["conditions"],
        json!([{
            "type": "PodScheduled", "status": "True", "lastProbeTime": null,
            "lastTransitionTime": "2024-01-01T00:00:00Z",
        }])
    );
    let again = bind(&mut pod, &binding, now);
    assert_eq!(again, Err(BindError::Conflict("pod one is already assigned to node \"n\"".to_owned())));
    let Err(BindError::Invalid(errors)) = bind(&mut pod, &json!({}), now) else { panic!("refused") };
    assert_eq!(errors.to_string(), "target.name: Required value");
}

#[test]
fn deleted_and_gated_pods_are_not_bound() {
    let now = "2024-01-01T00:00:00Z".parse().expect("a time");
    let binding = json!({"target": {"name": "n"}});
    let mut deleted = with(pod(), &json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}}));
    let why = "pod one is being deleted, cannot be assigned to a host".to_owned();
    assert_eq!(bind(&mut deleted, &binding, now), Err(BindError::Conflict(why)));
    let mut gated = with(pod(), &json!({"spec": {"schedulingGates": [{"name": "a"}]}}));
    let why = "pod one has non-empty .spec.schedulingGates".to_owned();
    assert_eq!(bind(&mut gated, &binding, now), Err(BindError::Conflict(why)));
}

#[test]
fn grace_is_zero_for_pods_that_no_kubelet_ends() {
    let pod = created(&PodStrategy, pod());
    let grace = |patch: Value, requested| PodStrategy.grace_period_seconds(&with(pod.clone(), &patch), requested);
    let bound = json!({"spec": {"nodeName": "n"}});
    assert_eq!(grace(json!({}), Some(5)), 0);
    assert_eq!(grace(bound.clone(), None), 30);
    assert_eq!(grace(bound.clone(), Some(5)), 5);
    assert_eq!(grace(bound.clone(), Some(0)), 0);
    assert_eq!(grace(bound.clone(), Some(-1)), 1);
    assert_eq!(grace(with(bound.clone(), &json!({"spec": {"terminationGracePeriodSeconds": 7}})), None), 7);
    for phase in ["Succeeded", "Failed"] {
        assert_eq!(grace(with(bound.clone(), &json!({"status": {"phase": phase}})), Some(5)), 0);
    }
}

proptest! {
    #[test]
    fn default_twice_is_default_once(
        image in prop_oneof![Just("a"), Just("a:1"), Just("")],
        cpu in proptest::option::of(prop_oneof![Just("1500m"), Just("1e3"), Just("0.1")]),
        host in any::<bool>(),
        volume in any::<bool>(),
        hook in any::<bool>(),
    ) {
        let mut pod = pod();
        let container = &mut pod["spec"]["containers"][0];
        container["image"] = json!(image);
        container["ports"] = json!([{"containerPort": 80}]);
        if let Some(cpu) = cpu { container["resources"] = json!({"limits": {"cpu": cpu}}); }
        if hook { container["lifecycle"] = json!({"preStop": {"httpGet": {"port": "web"}}}); }
        if volume { pod["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": "s"}}]); }
        if host { pod["spec"]["hostNetwork"] = json!(true); }
        PodStrategy.default(&mut pod);
        let mut twice = pod.clone();
        PodStrategy.default(&mut twice);
        prop_assert_eq!(&pod, &twice);
        PodStrategy.prepare_for_create(&mut pod);
        if PodStrategy.validate_create(&pod).is_empty() {
            for subresource in [None, Some("status")] {
                let again = updated(&PodStrategy, pod.clone(), &pod, subresource);
                prop_assert_eq!(&again, &pod);
                prop_assert!(PodStrategy.validate_update(&again, &pod, subresource).is_empty());
            }
        }
    }
}

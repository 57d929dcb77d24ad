//! ReplicationControllers: defaults, validation in upstream's words, table.

use serde_json::{Value, json};

use super::ReplicationControllerStrategy as Strategist;
use crate::fixtures::{create_errors, created, update_errors, updated, with};
use crate::strategy::Strategy;

fn nginx() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "nginx", "namespace": "default", "uid": "uid-1"},
        "spec": {"template": {
            "metadata": {"labels": {"app": "nginx"}},
            "spec": {"containers": [{"name": "nginx", "image": "nginx"}]},
        }},
    })
}

#[test]
fn the_templates_labels_stand_in_for_selector_and_labels() {
    let object = created(&Strategist, nginx());
    assert_eq!(object["spec"]["selector"], json!({"app": "nginx"}));
    assert_eq!(object["metadata"]["labels"], json!({"app": "nginx"}));
    assert_eq!((&object["spec"]["replicas"], &object["status"]), (&json!(1), &json!({"replicas": 0})));
    assert_eq!((Strategist.scale().unwrap().selector)(&object), "app=nginx");
    let own = with(nginx(), &json!({"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 0}}));
    let object = created(&Strategist, own);
    assert_eq!((&object["metadata"]["labels"], &object["spec"]["replicas"]), (&json!({"a": "b"}), &json!(0)));
}

#[test]
fn templates_match_the_selector_and_restart_always() {
    let errors = |patch: Value| create_errors(&Strategist, with(nginx(), &json!({ "spec": patch })));
    assert_eq!(errors(json!({})), Vec::<String>::new());
    assert_eq!(
        errors(json!({
            "replicas": -1,
            "selector": {"app": "other"},
            "template": {"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}},
        })),
        [
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            "spec.template.metadata.labels: Invalid value: {\"app\":\"nginx\"}: `selector` does not match template `labels`",
            "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
            "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported",
        ]
    );
    let bare = json!({"template": null, "selector": null});
    assert_eq!(errors(bare), ["spec.selector: Required value", "spec.template: Required value"]);
}

#[test]
fn a_status_counts_no_more_pods_than_there_are() {
    let old = created(&Strategist, nginx());
    let status = |status: Value| {
        update_errors(&Strategist, with(old.clone(), &json!({ "status": status })), &old, Some("status"))
    };
    assert_eq!(status(json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1})), Vec::<String>::new());
    assert_eq!(
        status(json!({"replicas": 1, "fullyLabeledReplicas": 2, "availableReplicas": 1, "observedGeneration": -1})),
        [
            "status.observedGeneration: Invalid value: -1: must be greater than or equal to 0",
            "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas",
        ]
    );
    let scaled = updated(&Strategist, with(old.clone(), &json!({"spec": {"replicas": 3}})), &old, None);
    assert_eq!(scaled["metadata"]["generation"], 2);
}

#[test]
fn rows_show_wanted_and_present_replicas() {
    let mut object = created(&Strategist, nginx());
    object["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    object["status"] = json!({"replicas": 1, "readyReplicas": 1});
    let cells = Strategist.row(&object, "2024-01-01T00:01:40Z".parse().unwrap()).cells;
    assert_eq!(json!(cells), json!(["nginx", 1, 1, 1, "100s", "nginx", "nginx", "app=nginx"]));
}

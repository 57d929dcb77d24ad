//! What updates of a Job may change.

use serde_json::{Value, json};

use crate::fixtures::{created, pi_job, update_errors, with};
use crate::job::JobStrategy;

fn stored(patch: Value) -> Value {
    created(&JobStrategy, with(pi_job(), &patch))
}

#[track_caller]
fn check(old: &Value, patch: Value, expected: &[&str]) {
    let errors = update_errors(&JobStrategy, with(old.clone(), &patch), old, None);
    assert_eq!(errors, expected, "{patch}");
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "pi", "image": image}]}}}})
}

#[test]
fn mutable_fields_may_change() {
    let old = stored(json!({}));
    for (name, value) in [
        ("parallelism", json!(4)),
        ("suspend", json!(true)),
        ("activeDeadlineSeconds", json!(9)),
        ("backoffLimit", json!(1)),
        ("ttlSecondsAfterFinished", json!(0)),
        ("podReplacementPolicy", json!("Failed")),
        ("manualSelector", json!(true)),
    ] {
        check(&old, json!({"spec": {name: value}}), &[]);
    }
    check(&old, json!({"metadata": {"labels": {"a": "b"}}}), &[]);
    let indexed =
        json!({"completionMode": "Indexed", "completions": 3, "backoffLimitPerIndex": 1, "maxFailedIndexes": 1});
    check(&stored(json!({ "spec": indexed })), json!({"spec": {"maxFailedIndexes": 2}}), &[]);
}

#[test]
fn immutable_fields_are_named_with_their_value() {
    let old = stored(json!({}));
    check(&old, json!({"spec": {"completions": 5}}), &["spec.completions: Invalid value: 5: field is immutable"]);
    check(
        &old,
        json!({"spec": {"managedBy": "acme.io/x"}}),
        &["spec.managedBy: Invalid value: \"acme.io/x\": field is immutable"],
    );
    let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "X", "status": "True"}]});
    check(
        &old,
        json!({"spec": {"podFailurePolicy": {"rules": [rule]}, "podReplacementPolicy": "Failed"}}),
        &[
            "spec.podFailurePolicy: Invalid value: {\"Rules\":[{\"Action\":\"Ignore\",\"OnExitCodes\":null,\"OnPodConditions\":[{\"Type\":\"X\",\"Status\":\"True\"}]}]}: field is immutable",
        ],
    );
    check(
        &old,
        json!({"spec": {"completionMode": "Indexed"}}),
        &["spec.completionMode: Invalid value: \"Indexed\": field is immutable"],
    );
    let indexed = stored(json!({"spec": {"completionMode": "Indexed", "completions": 3}}));
    check(
        &indexed,
        json!({"spec": {"backoffLimitPerIndex": 1}}),
        &["spec.backoffLimitPerIndex: Invalid value: 1: field is immutable"],
    );
    check(
        &indexed,
        json!({"spec": {"successPolicy": {"rules": [{"succeededCount": 1}]}}}),
        &[
            "spec.successPolicy: Invalid value: {\"Rules\":[{\"SucceededIndexes\":null,\"SucceededCount\":1}]}: field is immutable",
        ],
    );
    let selector = json!({"spec": {"selector": {"matchLabels": {"job-name": "pi"}}}});
    check(
        &old,
        selector,
        &[
            "spec.selector: Invalid value: {\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"uid-1\",\"job-name\":\"pi\"}}: field is immutable",
        ],
    );
}

#[test]
fn elastic_completions_follow_parallelism() {
    let old = stored(json!({"spec": {"completionMode": "Indexed", "completions": 3, "parallelism": 3}}));
    check(&old, json!({"spec": {"completions": 5, "parallelism": 5}}), &[]);
    check(
        &old,
        json!({"spec": {"completions": 5}}),
        &["spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism"],
    );
}

#[test]
fn template_is_immutable_while_the_job_runs() {
    let old = stored(json!({}));
    let errors = update_errors(&JobStrategy, with(old.clone(), &image("perl:6")), &old, None);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("spec.template: Invalid value: {"), "{errors:?}");
    assert!(errors[0].ends_with(": field is immutable"));
}

#[test]
fn suspended_job_may_change_scheduling_and_resources() {
    let old = stored(json!({"spec": {"suspend": true}}));
    for patch in [
        json!({"spec": {"nodeSelector": {"a": "b"}}}),
        json!({"spec": {"tolerations": [{"operator": "Exists"}]}}),
        json!({"spec": {"schedulingGates": [{"name": "example.com/gate"}]}}),
        json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}}}),
        json!({"metadata": {"labels": {"more": "x"}, "annotations": {"a": "b"}}}),
    ] {
        check(&old, json!({"spec": {"template": patch}}), &[]);
    }
    let mut resources = old.clone();
    resources["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "1"}});
    assert!(update_errors(&JobStrategy, resources, &old, None).is_empty());
}

#[test]
fn suspended_job_may_not_change_the_image() {
    let old = stored(json!({"spec": {"suspend": true}}));
    let errors = update_errors(&JobStrategy, with(old.clone(), &image("perl:6")), &old, None);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("spec.template.spec: Invalid value: {"), "{errors:?}");
}

#[test]
fn pod_affinity_stays_immutable_when_suspended() {
    let old = stored(json!({"spec": {"suspend": true}}));
    let patch = json!({"spec": {"template": {"spec": {"affinity": {"podAffinity": {}}}}}});
    assert_eq!(update_errors(&JobStrategy, with(old.clone(), &patch), &old, None).len(), 1);
}

#[test]
fn started_job_is_mutable_only_once_it_is_known_to_be_suspended() {
    let selector = json!({"spec": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}});
    let mut old = stored(json!({"spec": {"suspend": true}}));
    old["status"] = json!({"startTime": "2024-01-01T00:00:00Z"});
    assert_eq!(update_errors(&JobStrategy, with(old.clone(), &selector), &old, None).len(), 1);
    old["status"]["conditions"] = json!([{"type": "Suspended", "status": "True"}]);
    check(&old, selector.clone(), &[]);
    old["status"]["active"] = json!(1);
    assert_eq!(update_errors(&JobStrategy, with(old.clone(), &selector), &old, None).len(), 1);
}

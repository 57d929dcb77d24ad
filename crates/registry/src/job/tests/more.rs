//! Rules of Jobs that are in no other table: warnings, words for index lists, what updates may not do.

use serde_json::{Value, json};

use crate::fixtures::{create_errors, created, pi_job, update_errors, with};
use crate::job::JobStrategy;
use crate::strategy::Strategy as _;

fn indexed(spec: Value) -> Value {
    let base = json!({"spec": {"completionMode": "Indexed", "completions": 5, "parallelism": 2}});
    with(pi_job(), &with(base, &json!({ "spec": spec })))
}

#[test]
fn a_pattern_without_status_means_true() {
    let rule = json!({"action": "Count", "onPodConditions": [{"type": "A"}, {"type": "B", "status": "False"}]});
    let job = created(&JobStrategy, with(pi_job(), &json!({"spec": {"podFailurePolicy": {"rules": [rule]}}})));
    let patterns = &job["spec"]["podFailurePolicy"]["rules"][0]["onPodConditions"];
    assert_eq!(patterns, &json!([{"type": "A", "status": "True"}, {"type": "B", "status": "False"}]));
}

#[test]
fn a_very_large_indexed_job_is_warned_of() {
    let warnings = |completions: i64, parallelism: i64| {
        let job = indexed(json!({"completions": completions, "parallelism": parallelism}));
        JobStrategy.warnings(&created(&JobStrategy, job), None)
    };
    assert_eq!(
        warnings(100_001, 10_001),
        [
            "spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ]
    );
    assert_eq!(warnings(100_000, 10_001), Vec::<String>::new());
    assert_eq!(warnings(100_001, 10_000), Vec::<String>::new());
}

#[test]
fn index_lists_of_a_success_policy_are_refused_in_upstreams_words() {
    let path = "spec.successPolicy.rules[0].succeededIndexes";
    let cases = [
        ("0-2,2", "non-increasing order, previous: 2, current: 2"),
        ("3-1", "non-increasing order, previous: 3, current: 1"),
        ("a", "cannot convert string to integer for index: \"a\""),
        ("1-", "cannot convert string to integer for index: \"\""),
        ("5", "too large index: \"5\""),
        (
            "0-1-2",
            "the fragment \"0-1-2\" violates the requirement that an index interval can have at most two parts separated by '-'",
        ),
    ];
    for (list, why) in cases {
        let job = indexed(json!({"successPolicy": {"rules": [{"succeededIndexes": list}]}}));
        let expected = format!("{path}: Invalid value: \"{list}\": error parsing succeededIndexes: {why}");
        assert_eq!(create_errors(&JobStrategy, job), [expected]);
    }
}

#[test]
fn several_broken_rules_are_named_together() {
    let job = with(pi_job(), &json!({"spec": {"parallelism": -1, "backoffLimit": -2, "completionMode": "Other"}}));
    assert_eq!(
        create_errors(&JobStrategy, job),
        [
            "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
            "spec.backoffLimit: Invalid value: -2: must be greater than or equal to 0",
            "spec.completionMode: Unsupported value: \"Other\": supported values: \"NonIndexed\", \"Indexed\"",
        ]
    );
}

#[test]
fn an_update_is_held_against_the_rules_of_a_create_as_well() {
    let old = created(&JobStrategy, indexed(json!({})));
    let patched = |patch: Value| with(old.clone(), &json!({ "spec": patch }));
    let errors = |patch: Value| update_errors(&JobStrategy, patched(patch), &old, None);
    assert_eq!(
        errors(json!({"parallelism": 100_001})),
        [
            "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed"
        ]
    );
    assert_eq!(
        errors(json!({"activeDeadlineSeconds": -1})),
        ["spec.activeDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"]
    );
    assert_eq!(
        errors(json!({"completions": null})),
        ["spec.completions: Required value: when completion mode is Indexed"]
    );
    let policy = json!({"completions": 2, "parallelism": 2, "maxFailedIndexes": 3, "backoffLimitPerIndex": 1});
    let found = errors(policy);
    assert!(
        found
            .contains(&"spec.maxFailedIndexes: Invalid value: 3: must be less than or equal to completions".to_owned())
    );
}

#[test]
fn an_elastic_job_may_shrink_to_nothing_and_grow_again() {
    for (from, to) in [(5, 0), (0, 5), (3, 7)] {
        let old = created(&JobStrategy, indexed(json!({"completions": from, "parallelism": from})));
        let new = with(old.clone(), &json!({"spec": {"completions": to, "parallelism": to}}));
        assert_eq!(update_errors(&JobStrategy, new, &old, None), Vec::<String>::new(), "{from} to {to}");
    }
}

#[test]
fn a_suspended_job_may_change_the_resources_of_init_containers_and_no_container_of_another_name() {
    let init = json!([{"name": "first", "image": "busybox"}]);
    let spec = json!({"spec": {"suspend": true, "template": {"spec": {"initContainers": init}}}});
    let old = created(&JobStrategy, with(pi_job(), &spec));
    let mut new = old.clone();
    new["spec"]["template"]["spec"]["initContainers"][0]["resources"] = json!({"requests": {"memory": "1Mi"}});
    assert_eq!(update_errors(&JobStrategy, new.clone(), &old, None), Vec::<String>::new());
    new["spec"]["template"]["spec"]["initContainers"][0]["name"] = json!("other");
    let errors = update_errors(&JobStrategy, new, &old, None);
    assert!(errors[0].starts_with("spec.template.spec: Invalid value: {"), "{errors:?}");
}

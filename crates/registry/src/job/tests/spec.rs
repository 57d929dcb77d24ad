//! Rules of a new Job, each with upstream's message.

use serde_json::{Value, json};

use crate::fixtures::{create_errors, pi_job, with};
use crate::job::JobStrategy;

#[track_caller]
fn check(patch: Value, expected: &[&str]) {
    assert_eq!(create_errors(&JobStrategy, with(pi_job(), &patch)), expected, "{patch}");
}

fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

fn indexed(more: Value) -> Value {
    with(json!({"spec": {"completionMode": "Indexed", "completions": 3, "parallelism": 2}}), &spec(more))
}

fn failure_policy(rule: Value) -> Value {
    spec(json!({"podFailurePolicy": {"rules": [rule]}}))
}

#[test]
fn numbers_are_not_negative() {
    let names = ["parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"];
    for name in names {
        let expected = format!("spec.{name}: Invalid value: -1: must be greater than or equal to 0");
        check(spec(json!({ name: -1 })), &[&expected]);
    }
    for name in ["backoffLimitPerIndex", "maxFailedIndexes"] {
        let expected = format!("spec.{name}: Invalid value: -1: must be greater than or equal to 0");
        let mut more = json!({"backoffLimitPerIndex": 1});
        more[name] = json!(-1);
        check(indexed(more), &[&expected]);
    }
}

#[test]
fn max_failed_indexes_needs_a_limit_per_index() {
    let expected = "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified";
    check(indexed(json!({"maxFailedIndexes": 1})), &[expected]);
}

#[test]
fn managed_by_is_a_domain_prefixed_path() {
    let path = "spec.managedBy";
    check(spec(json!({"managedBy": "acme.io/foo"})), &[]);
    let shape = "must be a domain-prefixed path (such as \"acme.io/foo\")";
    check(spec(json!({"managedBy": "foo"})), &[&format!("{path}: Invalid value: \"foo\": {shape}")]);
    check(spec(json!({"managedBy": ""})), &[&format!("{path}: Required value")]);
    let rule = "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
    check(spec(json!({"managedBy": "acme.io/ß"})), &[&format!("{path}: Invalid value: \"ß\": {rule}")]);
    let long = format!("acme.io/{}", "x".repeat(60));
    check(spec(json!({ "managedBy": long })), &[&format!("{path}: Too long: may not be more than 63 bytes")]);
}

#[test]
fn completion_mode_is_one_of_two() {
    let supported = "supported values: \"NonIndexed\", \"Indexed\"";
    let expected = format!("spec.completionMode: Unsupported value: \"Other\": {supported}");
    check(spec(json!({"completionMode": "Other"})), &[&expected]);
}

#[test]
fn indexed_jobs_keep_to_their_limits() {
    check(indexed(json!({})), &[]);
    check(
        with(indexed(json!({})), &spec(json!({"completions": null}))),
        &["spec.completions: Required value: when completion mode is Indexed"],
    );
    check(
        indexed(json!({"parallelism": 100_001})),
        &[
            "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed",
        ],
    );
    check(
        indexed(json!({"backoffLimitPerIndex": 1, "maxFailedIndexes": 4})),
        &["spec.maxFailedIndexes: Invalid value: 4: must be less than or equal to completions"],
    );
    let many = json!({"completions": 100_001, "backoffLimitPerIndex": 1});
    check(
        indexed(many.clone()),
        &["spec.maxFailedIndexes: Required value: must be specified when completions is above 100000"],
    );
    let above = "when completions are above 100000 and used with backoff limit per index";
    check(
        indexed(with(many.clone(), &json!({"parallelism": 10_001, "maxFailedIndexes": 10_001}))),
        &[
            &format!("spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 {above}"),
            &format!("spec.maxFailedIndexes: Invalid value: 10001: must be less than or equal to 10000 {above}"),
        ],
    );
    check(
        indexed(with(many, &json!({"maxFailedIndexes": 100_001}))),
        &[
            "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 100000",
            &format!("spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 10000 {above}"),
        ],
    );
}

#[test]
fn index_rules_need_indexed_mode() {
    check(
        spec(json!({"backoffLimitPerIndex": 1, "maxFailedIndexes": 1})),
        &[
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
            "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
        ],
    );
    check(
        spec(json!({"successPolicy": {"rules": [{"succeededCount": 1}]}})),
        &["spec.successPolicy: Invalid value: {\"rules\":[{\"succeededCount\":1}]}: requires indexed completion mode"],
    );
}

#[test]
fn longest_hostname_of_an_indexed_job_is_a_label() {
    let name = "x".repeat(62);
    let patch = with(indexed(json!({})), &json!({"metadata": {"name": name}}));
    let detail = format!("will not able to create pod with invalid DNS label: {name}-2");
    check(patch, &[&format!("metadata.name: Invalid value: \"{name}\": {detail}")]);
}

#[test]
fn failure_policy_rules_name_one_requirement_and_an_action() {
    let path = "spec.podFailurePolicy.rules[0]";
    let codes = json!({"operator": "In", "values": [1, 2]});
    check(failure_policy(json!({"action": "FailJob", "onExitCodes": codes})), &[]);
    check(
        failure_policy(json!({"action": "FailJob"})),
        &[&format!("{path}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required")],
    );
    let both = json!({"action": "FailJob", "onExitCodes": codes, "onPodConditions": [{"type": "X"}]});
    check(
        failure_policy(both),
        &[&format!("{path}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported")],
    );
    check(
        failure_policy(json!({"onExitCodes": codes})),
        &[&format!("{path}.action: Required value: valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]")],
    );
    check(
        failure_policy(json!({"action": "Explode", "onExitCodes": codes})),
        &[&format!(
            "{path}.action: Unsupported value: \"Explode\": supported values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\""
        )],
    );
    check(
        failure_policy(json!({"action": "FailIndex", "onExitCodes": codes})),
        &[&format!("{path}.action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set")],
    );
}

#[test]
fn exit_codes_are_ordered_unique_and_not_zero() {
    let path = "spec.podFailurePolicy.rules[0].onExitCodes";
    let codes = |codes: Value| failure_policy(json!({"action": "Ignore", "onExitCodes": codes}));
    check(
        codes(json!({"operator": "In", "values": []})),
        &[&format!("{path}.values: Invalid value: []: at least one value is required")],
    );
    check(
        codes(json!({"operator": "In", "values": [0, 1, 1]})),
        &[
            &format!("{path}.values[0]: Invalid value: 0: must not be 0 for the In operator"),
            &format!("{path}.values[2]: Duplicate value: 1"),
        ],
    );
    check(codes(json!({"operator": "NotIn", "values": [0]})), &[]);
    check(
        codes(json!({"operator": "In", "values": [2, 1]})),
        &[&format!("{path}.values: Invalid value: [2,1]: must be ordered")],
    );
    check(
        codes(json!({"operator": "", "values": [1]})),
        &[&format!("{path}.operator: Required value: valid values: [\"In\" \"NotIn\"]")],
    );
    check(
        codes(json!({"operator": "Is", "values": [1]})),
        &[&format!("{path}.operator: Unsupported value: \"Is\": supported values: \"In\", \"NotIn\"")],
    );
    check(
        codes(json!({"operator": "In", "values": (1..=256).collect::<Vec<_>>()})),
        &[&format!("{path}.values: Too many: 256: must have at most 255 items")],
    );
    check(
        codes(json!({"operator": "In", "values": [1], "containerName": "other"})),
        &[&format!(
            "{path}.containerName: Invalid value: \"other\": must be one of the container or initContainer names in the pod template"
        )],
    );
}

#[test]
fn pod_condition_patterns_are_checked() {
    let path = "spec.podFailurePolicy.rules[0].onPodConditions";
    let patterns = |patterns: Value| failure_policy(json!({"action": "Ignore", "onPodConditions": patterns}));
    check(
        patterns(json!([{"type": "X", "status": "Maybe"}])),
        &[&format!(
            "{path}[0].status: Unsupported value: \"Maybe\": supported values: \"False\", \"True\", \"Unknown\""
        )],
    );
    let many: Vec<Value> = (0..21).map(|_| json!({"type": "X"})).collect();
    check(patterns(json!(many)), &[&format!("{path}: Too many: 21: must have at most 20 items")]);
    let errors = create_errors(&JobStrategy, with(pi_job(), &patterns(json!([{"type": "a b"}]))));
    assert!(errors[0].starts_with(&format!("{path}[0].type: Invalid value: \"a b\": name part must consist of")));
}

#[test]
fn policies_have_at_most_twenty_rules() {
    let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "X"}]});
    let rules: Vec<Value> = (0..21).map(|_| rule.clone()).collect();
    check(
        spec(json!({"podFailurePolicy": {"rules": rules}})),
        &["spec.podFailurePolicy.rules: Too many: 21: must have at most 20 items"],
    );
    let rules: Vec<Value> = (0..21).map(|_| json!({"succeededCount": 1})).collect();
    check(
        indexed(json!({"successPolicy": {"rules": rules}})),
        &["spec.successPolicy.rules: Too many: 21: must have at most 20 items"],
    );
}

#[test]
fn replacement_policy_is_checked_against_the_failure_policy() {
    check(
        spec(json!({"podReplacementPolicy": "Never"})),
        &[
            "spec.podReplacementPolicy: Unsupported value: \"Never\": supported values: \"Failed\", \"TerminatingOrFailed\"",
        ],
    );
    let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "X"}]});
    check(
        spec(json!({"podFailurePolicy": {"rules": [rule]}, "podReplacementPolicy": "TerminatingOrFailed"})),
        &["spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\""],
    );
}

#[test]
fn success_policy_rules_fit_the_completions() {
    let path = "spec.successPolicy.rules";
    let policy = |rules: Value| indexed(json!({"successPolicy": {"rules": rules}}));
    check(policy(json!([{"succeededIndexes": "0,2", "succeededCount": 2}])), &[]);
    check(
        policy(json!([])),
        &[&format!("{path}: Required value: at least one rules must be specified when the successPolicy is specified")],
    );
    check(
        policy(json!([{}])),
        &[&format!("{path}[0]: Required value: at least one of succeededCount or succeededIndexes must be specified")],
    );
    check(
        policy(json!([{"succeededIndexes": "0-3"}])),
        &[&format!(
            "{path}[0].succeededIndexes: Invalid value: \"0-3\": error parsing succeededIndexes: too large index: \"3\""
        )],
    );
    check(
        policy(json!([{"succeededCount": 4}])),
        &[&format!(
            "{path}[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)"
        )],
    );
    check(
        policy(json!([{"succeededCount": 2, "succeededIndexes": "1"}])),
        &[&format!(
            "{path}[0].succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)"
        )],
    );
    check(
        policy(json!([{"succeededCount": -1}])),
        &[&format!("{path}[0].succeededCount: Invalid value: -1: must be greater than or equal to 0")],
    );
    let long = "0,".repeat(33_000);
    let errors = create_errors(&JobStrategy, with(pi_job(), &policy(json!([{ "succeededIndexes": long }]))));
    assert_eq!(errors[0], format!("{path}[0].succeededIndexes: Too long: may not be more than 65536 bytes"));
}

#[test]
fn restart_policy_is_never_or_on_failure() {
    let path = "spec.template.spec.restartPolicy";
    let policy = |policy: &str| spec(json!({"template": {"spec": {"restartPolicy": policy}}}));
    check(policy("OnFailure"), &[]);
    check(policy("Always"), &[&format!("{path}: Required value: valid values: \"OnFailure\", \"Never\"")]);
    check(
        policy("Sometimes"),
        &[
            &format!(
                "{path}: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\""
            ),
            &format!("{path}: Unsupported value: \"Sometimes\": supported values: \"OnFailure\", \"Never\""),
        ],
    );
    let rule = json!({"action": "Ignore", "onPodConditions": [{"type": "X"}]});
    check(
        with(policy("OnFailure"), &spec(json!({"podFailurePolicy": {"rules": [rule]}}))),
        &[&format!(
            "{path}: Invalid value: \"OnFailure\": only \"Never\" is supported when podFailurePolicy is specified"
        )],
    );
}

#[test]
fn generated_labels_may_not_be_overridden() {
    let patch = spec(json!({"template": {"metadata": {"labels": {"job-name": "other"}}}}));
    let labels = "{\"batch.kubernetes.io/controller-uid\":\"uid-1\",\"batch.kubernetes.io/job-name\":\"pi\",\"controller-uid\":\"uid-1\",\"job-name\":\"other\"}";
    check(patch, &[&format!("spec.template.metadata.labels[job-name]: Invalid value: {labels}: must be 'pi'")]);
}

#[test]
fn user_selector_must_be_manual() {
    let selector = "{\"matchLabels\":{\"app\":\"x\",\"batch.kubernetes.io/controller-uid\":\"uid-1\"}}";
    let labels = "{\"batch.kubernetes.io/controller-uid\":\"uid-1\",\"batch.kubernetes.io/job-name\":\"pi\",\"controller-uid\":\"uid-1\",\"job-name\":\"pi\"}";
    check(
        spec(json!({"selector": {"matchLabels": {"app": "x"}}})),
        &[
            &format!("spec.selector: Invalid value: {selector}: `selector` not auto-generated"),
            &format!(
                "spec.template.metadata.labels: Invalid value: {labels}: `selector` does not match template `labels`"
            ),
        ],
    );
    check(
        spec(json!({"manualSelector": true, "selector": {"matchLabels": {"app": "x"}}})),
        &["spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"],
    );
    check(spec(json!({"manualSelector": true})), &["spec.selector: Required value"]);
    check(
        spec(json!({"manualSelector": true, "selector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}})),
        &["spec.selector.matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector operator"],
    );
}

#[test]
fn long_names_fail_on_the_template_labels() {
    let name = "x".repeat(64);
    let errors = create_errors(&JobStrategy, with(pi_job(), &json!({"metadata": {"name": name}})));
    let expected = format!("spec.template.labels: Invalid value: \"{name}\": must be no more than 63 bytes");
    assert!(errors.contains(&expected), "{errors:?}");
}

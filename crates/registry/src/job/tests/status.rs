//! The rules of `/status`, each with upstream's message.

use serde_json::{Value, json};

use crate::fixtures::{created, pi_job, update_errors, with};
use crate::job::JobStrategy;

const START: &str = "2024-01-01T00:00:00Z";
const END: &str = "2024-01-01T00:01:00Z";

fn stored(spec: Value, status: Value) -> Value {
    let mut job = created(&JobStrategy, with(pi_job(), &json!({ "spec": spec })));
    job["status"] = status;
    job
}

#[track_caller]
fn check_spec(spec: Value, old: Value, new: Value, expected: &[&str]) {
    let old = stored(spec, old);
    let mut job = old.clone();
    job["status"] = new.clone();
    assert_eq!(update_errors(&JobStrategy, job, &old, Some("status")), expected, "{new}");
}

#[track_caller]
fn check(old: Value, new: Value, expected: &[&str]) {
    check_spec(json!({}), old, new, expected);
}

fn conditions(kinds: &[&str]) -> Value {
    kinds.iter().map(|kind| json!({"type": kind, "status": "True"})).collect()
}

fn running() -> Value {
    json!({"startTime": START, "active": 1, "ready": 1})
}

fn complete() -> Value {
    json!({
        "startTime": START, "completionTime": END, "succeeded": 1, "ready": 0, "terminating": 0,
        "conditions": conditions(&["SuccessCriteriaMet", "Complete"]), "uncountedTerminatedPods": {},
    })
}

fn failed() -> Value {
    json!({"startTime": START, "failed": 7, "conditions": conditions(&["FailureTarget", "Failed"])})
}

fn indexed(more: Value) -> Value {
    with(json!({"completionMode": "Indexed", "completions": 5, "parallelism": 2}), &more)
}

#[test]
fn the_life_of_a_job_is_accepted() {
    let met = json!({"startTime": START, "succeeded": 1, "conditions": conditions(&["SuccessCriteriaMet"])});
    for (old, new) in [
        (json!({}), running()),
        (running(), met.clone()),
        (met, complete()),
        (running(), failed()),
        (complete(), complete()),
    ] {
        check(old, new, &[]);
    }
}

#[test]
fn counters_are_not_negative() {
    for name in ["active", "succeeded", "failed", "ready", "terminating"] {
        let old = json!({});
        let mut new = json!({});
        new[name] = json!(-1);
        let errors = {
            let stored = stored(json!({}), old);
            let mut job = stored.clone();
            job["status"] = new;
            update_errors(&JobStrategy, job, &stored, Some("status"))
        };
        let expected = format!("status.{name}: Invalid value: -1: must be greater than or equal to 0");
        assert_eq!(errors[0], expected);
    }
}

#[test]
fn uncounted_pods_are_named_once() {
    let new = json!({"uncountedTerminatedPods": {"succeeded": ["a", ""], "failed": ["a"]}});
    check(
        json!({}),
        new,
        &[
            "status.uncountedTerminatedPods.succeeded[1]: Invalid value: \"\": must not be empty",
            "status.uncountedTerminatedPods.failed[0]: Duplicate value: \"a\"",
        ],
    );
}

#[test]
fn counters_do_not_fall() {
    check(
        json!({"failed": 2}),
        json!({"failed": 1}),
        &["status.failed: Invalid value: 1: cannot decrease the failed counter"],
    );
    check(
        json!({"succeeded": 2}),
        json!({}),
        &["status.succeeded: Invalid value: 0: cannot decrease the succeeded counter"],
    );
    let elastic = indexed(json!({"parallelism": 5}));
    check_spec(elastic, json!({"succeeded": 2}), json!({"succeeded": 1}), &[]);
    check_spec(
        indexed(json!({})),
        json!({"succeeded": 2}),
        json!({"succeeded": 1}),
        &["status.succeeded: Invalid value: 1: cannot decrease the succeeded counter"],
    );
}

#[test]
fn terminal_conditions_stay() {
    let disabled =
        |kind: &str| format!("status.conditions: Invalid value: cannot disable the terminal {kind}=True condition");
    let met = "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition";
    check(failed(), json!({"startTime": START, "failed": 7}), &[&disabled("Failed"), &disabled("FailureTarget")]);
    check(complete(), json!({"startTime": START, "succeeded": 1}), &[&disabled("Complete"), met]);
    check(
        json!({"conditions": conditions(&["FailureTarget"])}),
        json!({"conditions": conditions(&[])}),
        &[&disabled("FailureTarget")],
    );
    check(json!({"conditions": conditions(&["SuccessCriteriaMet"])}), json!({}), &[met]);
}

#[test]
fn final_conditions_need_their_interim_ones() {
    check(
        running(),
        with(complete(), &json!({"conditions": conditions(&["Complete"])})),
        &[
            "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
        ],
    );
    check(
        running(),
        with(failed(), &json!({"conditions": conditions(&["Failed"])})),
        &[
            "status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition",
        ],
    );
}

#[test]
fn contradicting_conditions_are_refused() {
    let with_conditions = |kinds: &[&str]| with(complete(), &json!({"conditions": conditions(kinds)}));
    let text = |text: &str| format!("status.conditions: Invalid value: {text}");
    check(
        running(),
        with_conditions(&["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"]),
        &[
            &text("cannot set Complete=True and Failed=true conditions"),
            &text("cannot set Complete=True and FailureTarget=true conditions"),
            &text("cannot set SuccessCriteriaMet=True and Failed=true conditions"),
            &text("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"),
        ],
    );
    check(
        json!({"startTime": START, "conditions": conditions(&["FailureTarget"])}),
        json!({"startTime": START, "conditions": conditions(&["FailureTarget", "SuccessCriteriaMet"])}),
        &[&text("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")],
    );
}

#[test]
fn finished_jobs_have_nothing_under_way() {
    check(
        running(),
        with(complete(), &json!({"active": 2})),
        &["status.active: Invalid value: 2: active>0 is invalid for finished job"],
    );
    check(
        running(),
        with(complete(), &json!({"terminating": 2})),
        &["status.terminating: Invalid value: 2: terminating>0 is invalid for finished job"],
    );
    check(
        running(),
        with(complete(), &json!({"uncountedTerminatedPods": {"failed": ["a"]}})),
        &["status.uncountedTerminatedPods: Invalid value: {\"failed\":[\"a\"]}: must be empty for finished job"],
    );
    check(
        json!({}),
        with(failed(), &json!({"startTime": null})),
        &["status.startTime: Required value: startTime is required for finished job"],
    );
}

#[test]
fn suspended_job_without_completions_may_finish_unstarted() {
    let spec = json!({"suspend": true, "completions": 0});
    check_spec(spec, json!({}), with(complete(), &json!({"startTime": null, "succeeded": null})), &[]);
}

#[test]
fn completion_time_goes_with_complete() {
    check(
        running(),
        with(complete(), &json!({"completionTime": null})),
        &["status.completionTime: Required value: completionTime is required for Complete jobs"],
    );
    check(
        running(),
        with(running(), &json!({"completionTime": END})),
        &[
            "status.completionTime: Invalid value: \"2024-01-01T00:01:00Z\": cannot set completionTime when there is no Complete=True condition",
        ],
    );
    check(
        running(),
        with(complete(), &json!({"completionTime": "2023-12-31T23:59:59Z"})),
        &["status.completionTime: Invalid value: \"2023-12-31T23:59:59Z\": must be equal to or after `startTime`"],
    );
    check(
        complete(),
        with(complete(), &json!({"completionTime": "2024-01-01T00:02:00Z"})),
        &["status.completionTime: Invalid value: \"2024-01-01T00:02:00Z\": field is immutable"],
    );
}

#[test]
fn start_time_changes_only_while_suspended_or_at_resume() {
    let moved = json!({"startTime": END, "active": 1, "ready": 1});
    check(
        running(),
        moved.clone(),
        &["status.startTime: Invalid value: \"2024-01-01T00:01:00Z\": field is immutable for unsuspended job once set"],
    );
    check(
        running(),
        json!({}),
        &["status.startTime: Invalid value: null: field is immutable for unsuspended job once set"],
    );
    check_spec(json!({"suspend": true}), running(), json!({}), &[]);
    let suspended = json!({"startTime": START, "conditions": [{"type": "Suspended", "status": "True"}]});
    let resumed = json!({"startTime": END, "conditions": [{"type": "Suspended", "status": "False"}]});
    check(suspended.clone(), resumed, &[]);
    check(
        suspended,
        with(moved, &json!({"conditions": [{"type": "Suspended", "status": "True"}]})),
        &["status.startTime: Invalid value: \"2024-01-01T00:01:00Z\": field is immutable for unsuspended job once set"],
    );
}

#[test]
fn ready_pods_are_among_the_active_ones() {
    check(
        running(),
        json!({"startTime": START, "active": 1, "ready": 2}),
        &["status.ready: Invalid value: 2: cannot set more ready pods than active"],
    );
    let broken = json!({"startTime": START, "active": 1, "ready": 2});
    check(broken.clone(), with(broken, &json!({"failed": 1})), &[]);
}

#[test]
fn indexes_are_lists_below_the_completions() {
    let per_index = indexed(json!({"backoffLimitPerIndex": 1}));
    check_spec(per_index.clone(), json!({}), json!({"completedIndexes": "0,2-4", "failedIndexes": "1"}), &[]);
    check_spec(
        per_index.clone(),
        json!({}),
        json!({"completedIndexes": "0,7"}),
        &["status.completedIndexes: Invalid value: \"0,7\": error parsing completedIndexes: too large index: \"7\""],
    );
    check_spec(
        per_index.clone(),
        json!({}),
        json!({"failedIndexes": "2,1"}),
        &[
            "status.failedIndexes: Invalid value: \"2,1\": error parsing failedIndexes: non-increasing order, previous: 2, current: 1",
        ],
    );
    check_spec(
        per_index.clone(),
        json!({}),
        json!({"completedIndexes": "0-2", "failedIndexes": "2"}),
        &["status.failedIndexes: Invalid value: \"2\": failedIndexes and completedIndexes overlap at index: 2"],
    );
    let broken = json!({"completedIndexes": "0,7"});
    check_spec(per_index, broken.clone(), with(broken, &json!({"failed": 1})), &[]);
}

#[test]
fn indexes_belong_to_indexed_jobs() {
    check(
        json!({}),
        json!({"completedIndexes": "0"}),
        &[
            "status.completedIndexes: Invalid value: \"0\": cannot set non-empty completedIndexes when non-indexed completion mode",
        ],
    );
    check_spec(
        indexed(json!({})),
        json!({}),
        json!({"failedIndexes": ""}),
        &[
            "status.failedIndexes: Invalid value: \"\": cannot set non-null failedIndexes when backoffLimitPerIndex is null",
        ],
    );
}

#[test]
fn success_policy_is_met_before_complete() {
    let spec = indexed(json!({"successPolicy": {"rules": [{"succeededCount": 1}]}}));
    let old = with(complete(), &json!({"conditions": conditions(&["Complete"])}));
    check_spec(
        spec,
        old.clone(),
        with(old.clone(), &json!({"failed": 1})),
        &[
            "status.conditions: Invalid value: cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
        ],
    );
    check(
        old,
        complete(),
        &[
            "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
        ],
    );
}

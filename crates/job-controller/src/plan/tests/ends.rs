//! Which end a Job comes to when several are near.

use api::k8s::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement as ExitCodes, PodFailurePolicyRule as Rule, SuccessPolicy,
    SuccessPolicyRule,
};

use super::super::indexes::Indexes;
use super::super::spec::Spec;
use super::super::*;
use super::world::World;

fn fatal(code: i32) -> PodFailurePolicy {
    let codes = ExitCodes { container_name: None, operator: "In".into(), values: vec![code] };
    let rule = Rule { action: "FailJob".into(), on_exit_codes: Some(codes), on_pod_conditions: None };
    PodFailurePolicy { rules: vec![rule] }
}

fn indexed(completions: i32) -> Spec {
    Spec {
        completions: Some(completions),
        parallelism: Some(completions),
        completion_mode: Some("Indexed".into()),
        ..Spec::default()
    }
}

/// Ends each active pod with the code that `exit` has for its index, and plans once, so late that any deadline has
/// passed. The reason of the declared end.
#[track_caller]
fn end(spec: Spec, exit: impl Fn(u32) -> i32) -> String {
    let mut world = World::new(spec);
    world.settle();
    world.run_all();
    world.advance(1_000);
    for uid in world.active() {
        let code = exit(world.pods[&uid].index.unwrap_or(0));
        world.end(&uid, if code == 0 { Phase::Succeeded } else { Phase::Failed }, code);
    }
    world.settle();
    let conditions = world.status().conditions.clone().unwrap_or_default();
    conditions.first().and_then(|condition| condition.reason.clone()).unwrap_or_default()
}

#[test]
fn the_rules_that_end_a_job_hold_in_upstreams_order() {
    let success = |indexes: &str| {
        let rule = SuccessPolicyRule { succeeded_indexes: Some(indexes.to_owned()), succeeded_count: None };
        Some(SuccessPolicy { rules: vec![rule] })
    };
    let deadline = Some(500);
    let per_index = |most: Option<i32>| Spec {
        backoff_limit: Some(i32::MAX),
        backoff_limit_per_index: Some(0),
        max_failed_indexes: most,
        success_policy: success("0"),
        ..indexed(3)
    };
    let fails_but_first = |index: u32| i32::from(index > 0);
    let all = Spec { backoff_limit: Some(0), active_deadline_seconds: deadline, ..per_index(Some(0)) };
    let policy = Spec { pod_failure_policy: Some(fatal(1)), ..all.clone() };
    assert_eq!(end(policy, fails_but_first), "PodFailurePolicy");
    assert_eq!(end(all, fails_but_first), "BackoffLimitExceeded");
    let late = Spec { active_deadline_seconds: deadline, ..per_index(Some(0)) };
    assert_eq!(end(late, fails_but_first), "DeadlineExceeded");
    assert_eq!(end(per_index(Some(0)), fails_but_first), "MaxFailedIndexesExceeded");
    assert_eq!(end(per_index(None), fails_but_first), "FailedIndexes");
    assert_eq!(end(per_index(None), |_| 0), "SuccessPolicy");
    assert_eq!(end(indexed(3), |_| 0), "CompletionsReached");
}

#[test]
fn an_end_that_was_declared_stands() {
    let mut world = World::new(Spec { backoff_limit: Some(0), ..indexed(2) });
    world.settle();
    let pods = world.active();
    world.set_phase(&pods[0], Phase::Failed);
    world.observe();
    world.step(None);
    assert_eq!(world.condition("FailureTarget").as_deref(), Some("True BackoffLimitExceeded"));
    world.edit_spec(|spec| spec.backoff_limit = Some(9));
    world.settle();
    world.terminate();
    assert_eq!(world.condition("Failed").as_deref(), Some("True BackoffLimitExceeded"));
}

#[test]
fn more_successes_than_completions_are_told() {
    let mut world = World::new(Spec { completions: Some(1), parallelism: Some(1), ..Spec::default() });
    world.settle();
    world.orphan(None);
    for uid in world.pods.keys().cloned().collect::<Vec<_>>() {
        world.set_phase(&uid, Phase::Succeeded);
    }
    world.settle();
    assert_eq!(world.status().succeeded, Some(2));
    assert_eq!(world.reasons(), ["TooManySucceededPods", "Completed"]);
}

/// kubernetes/kubernetes#118085: every other of more than 10^5 indexes has failed.
#[test]
fn alternating_indexes_of_a_very_large_job_fit_into_the_status() {
    let completions = 100_001;
    let done = Indexes::collect((0..completions).step_by(2));
    let failed = Indexes::collect((1..completions).step_by(2));
    for set in [&done, &failed] {
        let text = set.to_string();
        assert!(text.len() <= 600 * 1024, "{} bytes", text.len());
        assert_eq!(&Indexes::parse(&text, completions), set);
    }
    assert_eq!((done.union(&failed).to_string(), done.overlap(&failed)), ("0-100000".to_owned(), 0));
}

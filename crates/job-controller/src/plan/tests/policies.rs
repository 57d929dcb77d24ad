//! Pod failure and replacement policies, one test per rule.

use api::k8s::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement as ExitCodes,
    PodFailurePolicyOnPodConditionsPattern as Pattern, PodFailurePolicyRule as Rule,
};

use super::super::pod::ContainerExit;
use super::super::spec::Spec;
use super::super::*;
use super::world::World;

fn on_exit(action: &str, operator: &str, values: &[i32]) -> Rule {
    let requirement = ExitCodes { container_name: None, operator: operator.into(), values: values.to_vec() };
    Rule { action: action.into(), on_exit_codes: Some(requirement), on_pod_conditions: None }
}

fn on_disruption(action: &str) -> Rule {
    let pattern = Pattern { type_: "DisruptionTarget".into(), status: None };
    Rule { action: action.into(), on_exit_codes: None, on_pod_conditions: Some(vec![pattern]) }
}

fn world(rules: Vec<Rule>, parallelism: i32) -> World {
    let mut world = World::new(Spec {
        parallelism: Some(parallelism),
        completions: Some(parallelism),
        pod_failure_policy: Some(PodFailurePolicy { rules }),
        ..Spec::default()
    });
    world.settle();
    world.run_all();
    world
}

fn fail(world: &mut World, exit_code: i32) {
    let uid = world.active()[0].clone();
    world.set_phase(&uid, Phase::Failed);
    let pod = world.pods.get_mut(&uid).expect("present");
    pod.exits = vec![ContainerExit { name: "main".into(), exit_code }];
    world.settle();
}

#[test]
fn a_fail_job_rule_fails_the_job_at_once() {
    let mut world = world(vec![on_exit("Ignore", "In", &[7]), on_exit("FailJob", "In", &[42])], 2);
    fail(&mut world, 42);
    assert_eq!(world.condition("FailureTarget").as_deref(), Some("True PodFailurePolicy"));
    let message = world.status().conditions.as_ref().expect("present")[0].message.clone();
    let name = "default/pi-00001";
    let wanted = format!("Container main for pod {name} failed with exit code 42 matching FailJob rule at index 1");
    assert_eq!(message, Some(wanted));
    world.terminate();
    assert_eq!(world.condition("Failed").as_deref(), Some("True PodFailurePolicy"));
    assert_eq!(world.reasons(), ["PodFailurePolicy"]);
}

#[test]
fn an_ignored_failure_counts_towards_nothing_but_the_back_off() {
    let mut world = world(vec![on_exit("Ignore", "In", &[42])], 1);
    world.edit_spec(|spec| spec.backoff_limit = Some(0));
    fail(&mut world, 42);
    assert_eq!((world.status().failed, world.condition("FailureTarget")), (None, None));
    assert!(world.plan().wake_at.is_some(), "the replacement waits");
    world.advance(10);
    world.settle();
    assert_eq!((world.created, world.active().len()), (2, 1));
}

#[test]
fn not_in_never_matches_success_and_unmatched_failures_count() {
    let mut world = world(vec![on_exit("FailJob", "NotIn", &[0, 3])], 3);
    fail(&mut world, 0);
    assert_eq!((world.status().failed, world.condition("FailureTarget")), (Some(1), None), "killed, exit code 0");
    fail(&mut world, 3);
    assert_eq!((world.status().failed, world.condition("FailureTarget")), (Some(2), None));
    fail(&mut world, 4);
    assert!(world.condition("FailureTarget").is_some());
}

#[test]
fn a_rule_on_conditions_sees_the_pods_conditions() {
    let mut world = world(vec![on_disruption("Ignore"), on_exit("FailJob", "In", &[143])], 1);
    let uid = world.active()[0].clone();
    world.pods.get_mut(&uid).expect("present").conditions = vec![("DisruptionTarget".into(), "True".into())];
    fail(&mut world, 143);
    assert_eq!((world.status().failed, world.condition("FailureTarget")), (None, None), "the first match wins");
}

#[test]
fn a_fail_index_rule_fails_its_index_whatever_the_limit() {
    let mut world = World::new(Spec {
        parallelism: Some(2),
        completions: Some(2),
        completion_mode: Some("Indexed".into()),
        backoff_limit_per_index: Some(9),
        pod_failure_policy: Some(PodFailurePolicy { rules: vec![on_exit("FailIndex", "In", &[1])] }),
        ..Spec::default()
    });
    world.settle();
    fail(&mut world, 1);
    assert_eq!(world.status().failed_indexes.as_deref(), Some("0"));
    assert_eq!(world.active().len(), 1);
    world.end_all(Phase::Succeeded);
    assert_eq!(world.condition("Failed").as_deref(), Some("True FailedIndexes"));
}

#[test]
fn a_deleted_pod_is_replaced_when_its_policy_says() {
    for (policy, at_once) in [("TerminatingOrFailed", true), ("Failed", false)] {
        let mut world = World::new(Spec {
            parallelism: Some(1),
            completions: Some(1),
            pod_replacement_policy: Some(policy.into()),
            ..Spec::default()
        });
        world.settle();
        world.run_all();
        let uid = world.active()[0].clone();
        world.delete(&uid);
        world.settle();
        world.advance(10);
        world.settle();
        assert_eq!(world.active().len() == 1, at_once, "{policy}");
        assert_eq!(world.status().failed.is_some(), at_once, "{policy}");
        world.terminate();
        world.advance(10);
        world.settle();
        assert_eq!((world.active().len(), world.status().failed), (1, Some(1)), "{policy}");
    }
}

#[test]
fn with_policy_failed_a_deleted_pod_that_exits_zero_succeeds() {
    let mut world = World::new(Spec {
        parallelism: Some(1),
        completions: Some(1),
        pod_replacement_policy: Some("Failed".into()),
        ..Spec::default()
    });
    world.settle();
    world.run_all();
    let uid = world.active()[0].clone();
    world.delete(&uid);
    world.settle();
    world.set_phase(&uid, Phase::Succeeded);
    world.settle();
    assert!(world.condition("Complete").is_some());
}

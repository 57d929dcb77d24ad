//! Rules of Indexed Jobs, one test each.

use api::k8s::api::batch::v1::{SuccessPolicy, SuccessPolicyRule};

use super::super::spec::Spec;
use super::super::*;
use super::world::{START, World};

fn spec(parallelism: i32, completions: i32) -> Spec {
    Spec {
        parallelism: Some(parallelism),
        completions: Some(completions),
        completion_mode: Some("Indexed".into()),
        ..Spec::default()
    }
}

fn indexes(world: &World) -> Vec<u32> {
    let mut indexes: Vec<u32> = world.active().iter().filter_map(|uid| world.pods.get(uid)?.index).collect();
    indexes.sort_unstable();
    indexes
}

fn of_index(world: &World, index: u32) -> Uid {
    let mut active = world.active().into_iter();
    active.find(|uid| world.pods[uid].index == Some(index)).expect("the index is active")
}

#[test]
fn the_lowest_pending_indexes_start_first() {
    let mut world = World::new(spec(2, 5));
    world.settle();
    assert_eq!(indexes(&world), [0, 1]);
    let uid = of_index(&world, 1);
    world.set_phase(&uid, Phase::Succeeded);
    world.settle();
    assert_eq!(indexes(&world), [0, 2]);
    assert_eq!(world.status().completed_indexes.as_deref(), Some("1"));
    let uid = of_index(&world, 0);
    world.set_phase(&uid, Phase::Failed);
    world.settle();
    world.advance(10);
    world.settle();
    assert_eq!(indexes(&world), [0, 2], "a failed index runs again");
}

#[test]
fn all_indexes_done_complete_the_job() {
    let mut world = World::new(spec(3, 7));
    world.settle();
    for _ in 0..3 {
        world.end_all(Phase::Succeeded);
    }
    assert_eq!(world.status().completed_indexes.as_deref(), Some("0-6"));
    assert_eq!(world.status().succeeded, Some(7));
    assert!(world.condition("Complete").is_some());
}

#[test]
fn pods_of_one_index_are_reduced_to_one_and_strays_go() {
    let mut world = World::new(spec(3, 3));
    world.settle();
    world.run_all();
    for (name, index) in [("twin", Some(1)), ("beyond", Some(9)), ("none", None)] {
        let uid = Uid::from(name);
        let pod = PodView {
            uid: uid.clone(),
            name: name.into(),
            owned: true,
            matches: true,
            tracked: true,
            index,
            ..PodView::default()
        };
        world.pods.insert(uid, pod);
    }
    world.settle();
    assert_eq!(indexes(&world), [0, 1, 2]);
    assert!(!world.pods.contains_key(&Uid::from("twin")), "the pod that did less goes");
    assert_eq!(world.status().failed, None);
}

#[test]
fn two_successes_of_one_index_count_once() {
    let mut world = World::new(spec(2, 3));
    world.settle();
    let twin = PodView {
        uid: Uid::from("twin"),
        name: "twin".into(),
        owned: true,
        matches: true,
        tracked: true,
        index: Some(1),
        phase: Phase::Succeeded,
        ..PodView::default()
    };
    world.pods.insert(twin.uid.clone(), twin);
    let uid = of_index(&world, 1);
    world.set_phase(&uid, Phase::Succeeded);
    world.settle();
    assert_eq!((world.status().succeeded, world.status().completed_indexes.as_deref()), (Some(1), Some("1")));
    assert_eq!(indexes(&world), [0, 2]);
}

#[test]
fn an_elastic_job_forgets_indexes_beyond_its_new_size() {
    let mut world = World::new(spec(4, 4));
    world.settle();
    for index in [1, 3] {
        let uid = of_index(&world, index);
        world.set_phase(&uid, Phase::Succeeded);
    }
    world.settle();
    assert_eq!(world.status().succeeded, Some(2));
    world.edit_spec(|spec| (spec.parallelism, spec.completions) = (Some(2), Some(2)));
    world.settle();
    assert_eq!(world.status().completed_indexes.as_deref(), Some("1"));
    assert_eq!((world.status().succeeded, indexes(&world)), (Some(1), vec![0]));
    world.edit_spec(|spec| (spec.parallelism, spec.completions) = (Some(0), Some(0)));
    world.settle();
    world.terminate();
    assert!(world.condition("Complete").is_some(), "scaling to nothing succeeds");
}

#[test]
fn each_index_has_its_own_limit_and_back_off() {
    let mut world = World::new(Spec { backoff_limit_per_index: Some(1), max_failed_indexes: Some(5), ..spec(3, 3) });
    world.settle();
    assert!(world.pods.values().all(|pod| pod.index_failures == 0));
    let failed = of_index(&world, 0);
    world.set_phase(&failed, Phase::Failed);
    let plan = world.settle();
    assert_eq!(plan.wake_at.expect("a back-off").as_second(), START + 10);
    assert!(world.pods[&failed].tracked, "the last failed pod of a pending index is kept until its replacement");
    world.advance(10);
    world.settle();
    let replacement = of_index(&world, 0);
    assert_eq!(world.pods[&replacement].index_failures, 1);
    assert!(!world.pods[&failed].tracked);
    assert_eq!(world.status().failed_indexes.as_deref(), Some(""));
    world.set_phase(&replacement, Phase::Failed);
    world.settle();
    assert_eq!(world.status().failed_indexes.as_deref(), Some("0"));
    world.end_all(Phase::Succeeded);
    assert_eq!(world.condition("Failed").as_deref(), Some("True FailedIndexes"));
    assert_eq!((world.status().failed, world.status().succeeded), (Some(2), Some(2)));
}

#[test]
fn too_many_failed_indexes_fail_the_job() {
    let mut world = World::new(Spec { backoff_limit_per_index: Some(0), max_failed_indexes: Some(1), ..spec(4, 4) });
    world.settle();
    for index in [1, 2] {
        let uid = of_index(&world, index);
        world.set_phase(&uid, Phase::Failed);
    }
    world.settle();
    world.terminate();
    assert_eq!(world.condition("Failed").as_deref(), Some("True MaxFailedIndexesExceeded"));
    assert_eq!(world.status().failed_indexes.as_deref(), Some("1,2"));
    assert_eq!(world.status().failed, Some(4));
}

#[test]
fn a_success_policy_ends_the_job_early_and_lingering_pods_did_not_fail() {
    let rule = |indexes: Option<&str>, count| SuccessPolicyRule {
        succeeded_indexes: indexes.map(str::to_owned),
        succeeded_count: count,
    };
    let policy =
        SuccessPolicy { rules: vec![rule(Some("0,2-4"), None), rule(Some("1,3"), Some(1)), rule(None, Some(4))] };
    let mut world = World::new(Spec { success_policy: Some(policy), ..spec(5, 5) });
    world.settle();
    world.run_all();
    let uid = of_index(&world, 0);
    world.set_phase(&uid, Phase::Succeeded);
    world.settle();
    assert_eq!(world.condition("SuccessCriteriaMet"), None);
    let uid = of_index(&world, 3);
    world.set_phase(&uid, Phase::Succeeded);
    world.settle();
    assert_eq!(world.condition("SuccessCriteriaMet").as_deref(), Some("True SuccessPolicy"));
    assert_eq!(world.condition("Complete"), None);
    world.terminate();
    assert_eq!(world.condition("Complete").as_deref(), Some("True SuccessPolicy"));
    assert_eq!((world.status().succeeded, world.status().failed), (Some(2), None));
    let conditions = world.status().conditions.as_deref().expect("present");
    assert_eq!(conditions[0].message.as_deref(), Some("Matched rules at index 1"));
}

/// Upstream issue 118085: every other index fails, so that neither list of indexes can be short.
#[test]
fn many_completions_cost_no_more_each_than_few() {
    let completions = 20_000;
    let spec =
        Spec { backoff_limit_per_index: Some(0), max_failed_indexes: Some(completions), ..spec(500, completions) };
    let mut world = World::new(spec);
    let (mut plans, mut most_pods) = (0, 0);
    while conditions::finished(world.status()).is_none() {
        for uid in world.active() {
            let even = world.pods[&uid].index.is_some_and(|index| index % 2 == 0);
            world.set_phase(&uid, if even { Phase::Succeeded } else { Phase::Failed });
        }
        // The cache holds what matters; so does this one.
        world.pods.retain(|_, pod| pod.matters());
        world.observe();
        world.step(None);
        plans += 1;
        most_pods = most_pods.max(world.seen_pods.len());
    }
    assert!(plans <= 150, "{plans} plans");
    assert!(most_pods <= 1_000, "{most_pods} pods in view");
    assert_eq!((world.status().succeeded, world.status().failed), (Some(10_000), Some(10_000)));
    assert_eq!(world.condition("Failed").as_deref(), Some("True FailedIndexes"));
    assert_eq!(world.status().completed_indexes.as_ref().map(String::len), Some(54_444));
}

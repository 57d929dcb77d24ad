//! Rules of NonIndexed Jobs, one test each.

use super::super::spec::{Spec, TemplateSpecView, TemplateView};
use super::super::*;
use super::world::{START, World};

fn spec(parallelism: i32, completions: Option<i32>) -> Spec {
    Spec { parallelism: Some(parallelism), completions, backoff_limit: Some(6), ..Spec::default() }
}

fn world(parallelism: i32, completions: Option<i32>) -> World {
    let mut world = World::new(spec(parallelism, completions));
    world.settle();
    world
}

#[test]
fn one_pod_that_succeeds_completes_the_job_in_two_steps() {
    let mut world = world(1, Some(1));
    assert_eq!(world.status().active, Some(1));
    assert_eq!(world.status().start_time.as_ref().expect("started").0.as_second(), START);
    let uid = world.active()[0].clone();
    world.set_phase(&uid, Phase::Succeeded);
    world.observe();
    let first = world.step(None);
    let status = first.status.expect("a status");
    assert_eq!(status.uncounted_terminated_pods.expect("present").succeeded, Some(vec![uid.to_string()]));
    assert_eq!(first.finalizer_releases.len(), 1, "the status that names the pod goes first, then its finalizer");
    assert_eq!(world.condition("SuccessCriteriaMet").as_deref(), Some("True CompletionsReached"));
    assert_eq!(world.condition("Complete"), None);
    world.settle();
    assert_eq!(world.condition("Complete").as_deref(), Some("True CompletionsReached"));
    assert_eq!((world.status().succeeded, world.status().active), (Some(1), None));
    assert_eq!((world.status().ready, world.status().terminating), (Some(0), Some(0)));
    assert_eq!(world.status().uncounted_terminated_pods, Some(Default::default()));
    assert!(world.status().completion_time.is_some());
    assert_eq!(world.reasons(), ["Completed"]);
}

#[test]
fn fixed_completions_never_start_more_pods_than_are_missing() {
    let mut world = world(3, Some(5));
    assert_eq!(world.active().len(), 3);
    let first = world.active()[0].clone();
    world.set_phase(&first, Phase::Succeeded);
    world.settle();
    assert_eq!(world.active().len(), 3);
    world.end_all(Phase::Succeeded);
    assert_eq!(world.active().len(), 1);
    world.end_all(Phase::Succeeded);
    assert_eq!((world.created, world.status().succeeded), (5, Some(5)));
    assert!(world.condition("Complete").is_some());
}

#[test]
fn failures_back_off_ten_twenty_forty_seconds_from_the_end_of_the_failed_pod() {
    let mut world = world(1, Some(1));
    for _ in 0..6 {
        world.advance(3);
        let plan = world.end_all(Phase::Failed);
        assert_eq!(world.status().active, None, "the active count during a back-off is the real one");
        world.now = plan.wake_at.expect("a back-off ends");
        world.settle();
    }
    let starts: Vec<i64> = world.creations.windows(2).map(|pair| pair[1] - pair[0] - 3).collect();
    assert_eq!(starts, [10, 20, 40, 80, 160, 320]);
    world.end_all(Phase::Failed);
    assert_eq!(world.condition("FailureTarget").as_deref(), Some("True BackoffLimitExceeded"));
    assert_eq!(world.condition("Failed").as_deref(), Some("True BackoffLimitExceeded"));
    assert_eq!((world.status().failed, world.created), (Some(7), 7));
    assert_eq!(world.events[0].message, "Job has reached the specified backoff limit");
}

#[test]
fn the_back_off_is_capped_at_ten_minutes() {
    let delays: Vec<i64> = (0..9).map(|failures| backoff::delay(failures).as_secs()).collect();
    assert_eq!(delays, [0, 10, 20, 40, 80, 160, 320, 600, 600]);
    assert_eq!(backoff::delay(u32::MAX).as_secs(), 600);
}

#[test]
fn failures_in_one_plan_add_up_and_a_later_success_resets() {
    let mut world = world(2, Some(4));
    let plan = world.end_all(Phase::Failed);
    assert_eq!(plan.wake_at.expect("a back-off").as_second(), START + 20);
    world.advance(20);
    world.settle();
    world.end_all(Phase::Succeeded);
    assert_eq!(world.active().len(), 2, "a success resets the back-off");
}

#[test]
fn the_back_off_survives_a_restart_of_the_controller() {
    let mut world = world(1, Some(1));
    world.end_all(Phase::Failed);
    world.advance(4);
    world.restart();
    let plan = world.settle();
    assert_eq!(plan.wake_at.expect("a back-off").as_second(), START + 10);
    world.advance(6);
    world.settle();
    let plan = world.end_all(Phase::Failed);
    assert_eq!(plan.wake_at.expect("a back-off").as_second(), START + 10 + 20);
}

#[test]
fn backoff_limit_zero_starts_one_pod() {
    let mut world = World::new(Spec { backoff_limit: Some(0), ..spec(1, Some(1)) });
    world.settle();
    world.end_all(Phase::Failed);
    assert!(world.condition("Failed").is_some());
    assert_eq!(world.created, 1);
}

#[test]
fn restarts_of_running_pods_count_with_on_failure() {
    let template = TemplateView { spec: TemplateSpecView { restart_policy: Some("OnFailure".into()) } };
    for (limit, restarts, failed) in [(3, 2, false), (3, 3, true), (0, 0, false), (0, 1, true)] {
        let mut world = World::new(Spec { backoff_limit: Some(limit), template: template.clone(), ..spec(1, Some(1)) });
        world.settle();
        world.run_all();
        for pod in world.pods.values_mut() {
            pod.restarts = restarts;
        }
        world.settle();
        assert_eq!(world.condition("FailureTarget").is_some(), failed, "limit {limit}, restarts {restarts}");
    }
}

#[test]
fn a_job_past_its_deadline_fails_once_its_pods_are_gone() {
    let mut world = World::new(Spec { active_deadline_seconds: Some(100), ..spec(2, Some(2)) });
    let plan = world.settle();
    assert_eq!(plan.wake_at.expect("the deadline").as_second(), START + 100);
    world.run_all();
    world.advance(99);
    assert!(world.settle().is_empty());
    world.advance(1);
    world.settle();
    assert_eq!(world.condition("FailureTarget").as_deref(), Some("True DeadlineExceeded"));
    assert_eq!(world.condition("Failed"), None, "pods still terminate");
    assert_eq!((world.status().terminating, world.status().active), (Some(2), None));
    world.terminate();
    assert_eq!(world.condition("Failed").as_deref(), Some("True DeadlineExceeded"));
    assert_eq!(world.status().failed, Some(2), "pods that the end cut short count as failed");
    assert_eq!(world.reasons(), ["DeadlineExceeded"]);
}

#[test]
fn a_raised_deadline_holds_at_once() {
    let mut world = World::new(Spec { active_deadline_seconds: Some(100), ..spec(1, Some(1)) });
    world.settle();
    world.edit_spec(|spec| spec.active_deadline_seconds = Some(200));
    world.advance(150);
    assert_eq!(world.settle().wake_at.expect("the new deadline").as_second(), START + 200);
}

#[test]
fn a_work_queue_starts_no_pod_after_a_success_and_ends_with_the_last() {
    let mut world = world(3, None);
    let pods = world.active();
    world.set_phase(&pods[0], Phase::Succeeded);
    world.settle();
    assert_eq!((world.active().len(), world.created), (2, 3));
    world.set_phase(&pods[1], Phase::Failed);
    world.settle();
    assert_eq!((world.active().len(), world.created), (1, 3), "a failure beside a success is not replaced");
    world.set_phase(&pods[2], Phase::Succeeded);
    world.settle();
    assert!(world.condition("Complete").is_some());
    assert_eq!((world.status().succeeded, world.status().failed), (Some(2), Some(1)));
}

#[test]
fn parallelism_zero_pauses_and_more_resumes() {
    let mut world = world(0, Some(2));
    assert_eq!((world.created, world.status().active), (0, None));
    world.edit_spec(|spec| spec.parallelism = Some(5));
    world.settle();
    assert_eq!(world.created, 2, "parallelism above completions starts as many as are missing");
    world.edit_spec(|spec| spec.parallelism = Some(0));
    world.settle();
    world.terminate();
    assert_eq!((world.active().len(), world.status().failed), (0, None), "scaled down pods did not fail");
}

#[test]
fn a_suspended_job_has_no_pods_and_no_start_time() {
    let mut world = World::new(Spec { suspend: Some(true), ..spec(2, Some(4)) });
    world.settle();
    assert_eq!((world.created, world.status().start_time.is_some()), (0, false));
    assert_eq!(world.condition("Suspended").as_deref(), Some("True JobSuspended"));
    world.advance(50);
    world.edit_spec(|spec| spec.suspend = Some(false));
    world.settle();
    assert_eq!(world.condition("Suspended").as_deref(), Some("False JobResumed"));
    assert_eq!(world.status().start_time.as_ref().expect("started").0.as_second(), START + 50);
    assert_eq!(world.reasons(), ["Suspended", "Resumed"]);
    assert_eq!(world.active().len(), 2);
}

#[test]
fn suspending_deletes_pods_without_counting_them_and_the_deadline_starts_over() {
    let mut world = World::new(Spec { active_deadline_seconds: Some(100), ..spec(2, Some(2)) });
    world.settle();
    world.run_all();
    world.advance(90);
    world.edit_spec(|spec| spec.suspend = Some(true));
    world.settle();
    world.terminate();
    assert_eq!((world.status().failed, world.status().terminating), (None, Some(0)));
    assert!(world.status().start_time.is_none());
    world.advance(90);
    assert!(world.settle().wake_at.is_none(), "no deadline while suspended");
    world.edit_spec(|spec| spec.suspend = Some(false));
    assert_eq!(world.settle().wake_at.expect("the deadline").as_second(), START + 180 + 100);
}

#[test]
fn a_job_without_completions_to_reach_is_complete_at_once() {
    for suspend in [false, true] {
        let world = World::new(Spec { suspend: Some(suspend), ..spec(1, Some(0)) });
        let mut world = world;
        world.settle();
        assert!(world.condition("Complete").is_some(), "suspend {suspend}");
        assert_eq!(world.created, 0);
    }
}

#[test]
fn a_pod_deleted_by_a_user_counts_as_failed_at_once() {
    let mut world = world(1, Some(1));
    world.run_all();
    let uid = world.active()[0].clone();
    world.delete(&uid);
    world.settle();
    assert_eq!((world.status().failed, world.status().terminating), (Some(1), Some(1)));
    world.set_phase(&uid, Phase::Succeeded);
    world.settle();
    assert_eq!(world.status().succeeded, None, "what was counted as failed stays failed");
}

#[test]
fn a_succeeded_pod_deleted_before_it_is_counted_still_counts() {
    let mut world = world(1, Some(1));
    let uid = world.active()[0].clone();
    world.set_phase(&uid, Phase::Succeeded);
    world.delete(&uid);
    world.settle();
    assert_eq!(world.status().succeeded, Some(1));
    assert!(world.pods.is_empty() && world.condition("Complete").is_some());
}

#[test]
fn a_deleted_job_creates_nothing_and_lets_its_pods_go() {
    let mut world = world(2, Some(4));
    world.run_all();
    world.job.deleting = true;
    world.job.revision.0 += 1;
    world.settle();
    assert!(world.pods.values().all(|pod| !pod.tracked));
    let pods = world.active();
    world.set_phase(&pods[0], Phase::Succeeded);
    world.settle();
    assert_eq!(world.created, 2);
}

#[test]
fn a_finished_job_is_left_alone_but_for_finalizers_of_its_pods() {
    let mut world = world(1, Some(1));
    world.end_all(Phase::Succeeded);
    world.edit_spec(|spec| spec.parallelism = Some(9));
    for pod in world.pods.values_mut() {
        pod.tracked = true;
    }
    world.observe();
    let plan = world.step(None);
    assert_eq!((plan.status, plan.creates.len(), plan.finalizer_releases.len()), (None, 0, 1));
}

#[test]
fn a_job_of_another_manager_is_not_touched() {
    let mut world = World::new(Spec { managed_by: Some("acme.io/queue".into()), ..spec(1, Some(1)) });
    assert!(world.settle().is_empty());
    let mut ours = World::new(Spec { managed_by: Some(CONTROLLER_NAME.into()), ..spec(1, Some(1)) });
    ours.settle();
    assert_eq!((world.created, ours.created), (0, 1));
}

#[test]
fn an_unknown_completion_mode_is_skipped_with_a_warning() {
    let world = World::new(Spec { completion_mode: Some("Odd".into()), ..spec(1, Some(1)) });
    let plan = world.plan();
    assert!(plan.is_empty());
    assert_eq!(plan.events[0].reason, "UnknownCompletionMode");
    assert_eq!(unsupported(&world.job.spec), ["spec.completionMode: Odd"]);
    assert!(unsupported(&spec(1, Some(1))).is_empty());
}

#[test]
fn matching_orphans_are_adopted_and_counted_and_others_are_released() {
    let mut world = World::new(spec(1, Some(2)));
    let pod = |name: &str, owned, matches, phase| PodView {
        uid: Uid::from(name),
        name: name.into(),
        owned,
        matches,
        tracked: owned,
        phase,
        assigned: true,
        ..PodView::default()
    };
    for view in [
        pod("done", false, true, Phase::Succeeded),
        pod("stray", true, false, Phase::Running),
        pod("foreign", false, false, Phase::Running),
    ] {
        world.pods.insert(view.uid.clone(), view);
    }
    world.observe();
    let plan = world.step(None);
    assert_eq!((plan.adoptions.len(), plan.releases.len(), plan.status), (1, 1, None), "ownership is settled first");
    world.settle();
    assert_eq!((world.status().succeeded, world.status().active), (Some(1), Some(1)));
    assert!(!world.pods[&Uid::from("stray")].owned);
}

#[test]
fn pods_that_did_least_go_first() {
    let mut world = world(4, Some(9));
    let pods = world.active();
    world.set_phase(&pods[0], Phase::Running);
    world.advance(5);
    world.set_phase(&pods[1], Phase::Running);
    world.set_phase(&pods[2], Phase::Running);
    world.pods.get_mut(&pods[2]).expect("present").ready_since = None;
    world.settle();
    let mut gone = Vec::new();
    for parallelism in (0..4).rev() {
        world.edit_spec(|spec| spec.parallelism = Some(parallelism));
        world.observe();
        gone.extend(world.step(None).deletes.into_iter().map(|delete| delete.pod.uid));
        world.settle();
    }
    assert_eq!(gone, [pods[3].clone(), pods[2].clone(), pods[1].clone(), pods[0].clone()]);
}

#[test]
fn one_plan_creates_and_counts_a_bounded_number_of_pods() {
    let mut world = World::new(spec(2_000, Some(2_000)));
    assert_eq!(world.plan().creates.len(), MAX_POD_CREATE_DELETE);
    world.settle();
    for uid in world.active() {
        world.set_phase(&uid, Phase::Succeeded);
    }
    world.observe();
    assert_eq!(world.plan().finalizer_releases.len(), MAX_UNCOUNTED_PODS);
    world.settle();
    assert_eq!(world.status().succeeded, Some(2_000));
}

#[test]
fn everything_failing_at_once_fails_the_job_with_no_pod_more_than_it_had() {
    let mut world = World::new(Spec { backoff_limit: Some(10), ..spec(10, Some(100)) });
    world.settle();
    let plan = world.end_all(Phase::Failed);
    world.now = plan.wake_at.expect("a back-off");
    world.settle();
    world.end_all(Phase::Failed);
    assert_eq!((world.status().failed, world.created), (Some(20), 20));
    assert!(world.condition("Failed").is_some());
}

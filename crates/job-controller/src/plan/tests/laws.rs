//! The laws of the Job's plan over random histories of Jobs of every shape: fixpoint, conservation, crash, staleness,
//! time; and progress. The world asserts the limits on pods at every create, the status rules at every write, and that
//! each pod which is let go was counted or need not be.

mod history;
mod shapes;

use proptest::prelude::*;

use super::super::spec::Spec;
use super::super::*;
use super::world::{Effect, World, effects};
use history::{Action, act, action, any_action};
use shapes::shape;

/// Runs a history and hands back the world, checking conservation all along.
fn run(spec: Spec, actions: &[Action]) -> Result<World, TestCaseError> {
    let mut world = World::new(spec);
    for action in actions {
        act(&mut world, action);
        conserved(&world)?;
    }
    Ok(world)
}

/// Each pod is active, terminating, waiting to be counted, counted, or was let go on purpose.
fn conserved(world: &World) -> Result<(), TestCaseError> {
    let (had, accounted) = world.conservation();
    prop_assert_eq!(had, accounted, "{:#?}", world);
    Ok(())
}

/// Lets everything succeed until the Job has ended.
fn drive(world: &mut World) -> Result<(), TestCaseError> {
    world.edit_spec(|spec| {
        spec.suspend = Some(false);
        spec.parallelism = Some(3);
    });
    for _ in 0..100 {
        let plan = world.settle();
        if conditions::finished(world.status()).is_some() {
            return Ok(());
        }
        world.terminate();
        world.end_all(Phase::Succeeded);
        if let Some(wake_at) = plan.wake_at {
            world.now = world.now.max(wake_at);
        }
    }
    prop_assert!(false, "the Job never ends: {:#?}", world);
    Ok(())
}

/// What everybody sees of a Job in the end.
fn outcome(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    let status = world.status();
    let conditions = status.conditions.iter().flatten();
    let conditions: Vec<_> = conditions
        .map(|condition| (condition.type_.clone(), condition.status.clone(), condition.reason.clone()))
        .collect();
    let indexes = (status.completed_indexes.clone(), status.failed_indexes.clone());
    (status.active, status.succeeded, status.failed, indexes, conditions)
}

/// Settles with every back-off behind it: a restart may only make one start over.
fn settle_past_backoff(world: &mut World) {
    world.settle();
    world.advance(backoff::MAX_DELAY_SECONDS);
    world.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn fixpoint_planning_again_changes_nothing(
        spec in shape(), actions in prop::collection::vec(any_action(), 0..60),
    ) {
        let mut world = run(spec, &actions)?;
        let last = world.settle();
        prop_assert!(last.is_empty());
        prop_assert!(world.plan().is_empty(), "planned again, something changed");
        conserved(&world)?;
    }

    #[test]
    fn conservation_each_pod_is_counted_once_or_let_go_on_purpose(
        spec in shape(), actions in prop::collection::vec(any_action(), 20..80),
    ) {
        let mut world = run(spec, &actions)?;
        world.settle();
        world.terminate();
        conserved(&world)?;
        let over = conditions::finished(world.status()).is_some() || world.job.deleting;
        prop_assert!(!over || world.pods.values().all(|pod| !(pod.owned && pod.tracked)), "a Job that is over tracks pods");
    }

    /// Jobs end alike wherever the controller stops: effects are repeated or resumed, never doubled. The deadline is
    /// left out, since the comparison is made after the longest back-off.
    #[test]
    fn crash_after_any_effect_leads_to_the_same_end(
        spec in shape(), actions in prop::collection::vec(action(), 0..30), again in 0usize..6,
    ) {
        let mut whole = run(spec, &actions)?;
        whole.edit_spec(|spec| spec.active_deadline_seconds = None);
        whole.restart();
        let crashes = effects(&whole.plan()).len();
        let before = whole.clone();
        settle_past_backoff(&mut whole);
        for stop in 0..crashes {
            let mut broken = before.clone();
            broken.step(Some(stop));
            broken.step(Some(again));
            settle_past_backoff(&mut broken);
            conserved(&broken)?;
            prop_assert_eq!(outcome(&whole), outcome(&broken), "stopped after {} effects, then after {}", stop, again);
        }
    }

    /// The cache follows at its own pace, pod by pod; only the controller's own writes are always in it. The world
    /// refuses a create too many.
    #[test]
    fn staleness_no_delay_of_events_creates_a_pod_too_many(
        spec in shape(), actions in prop::collection::vec((action(), 0usize..8), 0..40),
    ) {
        let mut world = World::new(spec);
        world.step(None);
        for (action, seen) in &actions {
            if !matches!(action, Action::Observe | Action::Step(Some(_))) {
                act(&mut world, action);
            }
            act(&mut world, &Action::ObservePod(*seen));
            world.step(None);
            conserved(&world)?;
        }
    }

    #[test]
    fn time_nothing_is_to_be_done_before_the_plan_says_so(
        spec in shape(), actions in prop::collection::vec(any_action(), 0..40), part in 0i64..1_000,
    ) {
        let mut world = run(spec, &actions)?;
        let plan = world.settle();
        let span = plan.wake_at.map_or(1_000_000, |wake_at| wake_at.as_millisecond() - world.now.as_millisecond() - 1);
        let at = |now: jiff::Timestamp| super::super::plan(&world.seen_job, &world.seen_pods, &world.memory, now);
        let later = world.now + jiff::SignedDuration::from_millis(span.max(0) * part / 1_000);
        let again = at(later);
        prop_assert!(again.is_empty(), "at {later}, wake at {:?}: {:#?}", plan.wake_at, again);
        if let Some(wake_at) = plan.wake_at {
            prop_assert!(wake_at > world.now);
            let then = at(wake_at);
            prop_assert!(!then.is_empty() || then.wake_at.is_none_or(|next| next > wake_at), "it would spin: {:#?}", then);
        }
    }

    #[test]
    fn progress_once_faults_stop_every_job_ends(
        spec in shape(), actions in prop::collection::vec(action(), 0..40),
    ) {
        let mut world = run(spec, &actions)?;
        drive(&mut world)?;
        prop_assert!(world.pods.values().all(|pod| !(pod.owned && pod.tracked)), "a finished Job tracks no pods");
        conserved(&world)?;
    }

    #[test]
    fn a_finalizer_goes_only_after_the_status_that_accounts_for_its_pod(
        spec in shape(), actions in prop::collection::vec(action(), 0..40),
    ) {
        let mut world = run(spec, &actions)?;
        world.observe();
        let plan = world.plan();
        let releases_before_status = effects(&plan)
            .iter()
            .take_while(|effect| !matches!(effect, Effect::Status(_)))
            .any(|effect| matches!(effect, Effect::Untrack(_)));
        prop_assert!(!(releases_before_status && plan.status.is_some()));
    }
}

//! Laws over random histories: fixpoint, conservation, crash, staleness, time, progress. The world asserts the limit on
//! active pods at every create and the status invariants at every write.

use proptest::prelude::*;

use super::super::spec::Spec;
use super::super::*;
use super::world::{Effect, World, effects};

#[derive(Clone, Debug)]
enum Action {
    /// A pod, chosen by number among those that have not ended, reaches a phase.
    Phase(usize, Phase),
    /// Somebody deletes a pod.
    Delete(usize),
    /// The kubelet ends a pod that is being deleted.
    Terminate,
    /// The cache catches up with one pod, or with everything.
    ObservePod(usize),
    Observe,
    /// The controller plans and performs; with a number it stops after so many effects and restarts.
    Step(Option<usize>),
    Advance(i64),
    Parallelism(i32),
    Suspend(bool),
}

fn action() -> impl Strategy<Value = Action> {
    let phase = prop_oneof![Just(Phase::Running), Just(Phase::Succeeded), Just(Phase::Failed)];
    prop_oneof![
        4 => (0usize..8, phase).prop_map(|(pod, phase)| Action::Phase(pod, phase)),
        1 => (0usize..8).prop_map(Action::Delete),
        1 => Just(Action::Terminate),
        2 => (0usize..8).prop_map(Action::ObservePod),
        3 => Just(Action::Observe),
        6 => Just(Action::Step(None)),
        2 => (0usize..6).prop_map(|stop| Action::Step(Some(stop))),
        2 => (1i64..40).prop_map(Action::Advance),
        1 => (0i32..5).prop_map(Action::Parallelism),
        1 => any::<bool>().prop_map(Action::Suspend),
    ]
}

fn spec() -> impl Strategy<Value = Spec> {
    let replacement = prop_oneof![Just("Failed"), Just("TerminatingOrFailed")];
    let deadline = prop_oneof![3 => Just(None), 1 => (20i64..200).prop_map(Some)];
    let per_index = prop_oneof![Just(None), (0i32..3).prop_map(Some)];
    (0i32..5, prop::option::weighted(0.8, 0i32..7), any::<bool>(), 0i32..5, replacement, deadline, per_index).prop_map(
        |(parallelism, completions, indexed, limit, replacement, deadline, per_index)| {
            let indexed = indexed && completions.is_some();
            Spec {
                parallelism: Some(parallelism),
                completions,
                completion_mode: indexed.then(|| "Indexed".to_owned()),
                backoff_limit: Some(if indexed && per_index.is_some() { i32::MAX } else { limit }),
                backoff_limit_per_index: per_index.filter(|_| indexed),
                pod_replacement_policy: Some(replacement.to_owned()),
                active_deadline_seconds: deadline,
                ..Spec::default()
            }
        },
    )
}

fn choose(world: &World, number: usize) -> Option<Uid> {
    let living: Vec<&Uid> = world.pods.values().filter(|pod| !pod.phase.is_terminal()).map(|pod| &pod.uid).collect();
    Some((*living.get(number % living.len().max(1))?).clone())
}

fn act(world: &mut World, action: &Action) {
    match action {
        Action::Phase(number, phase) => {
            if let Some(uid) = choose(world, *number) {
                world.set_phase(&uid, *phase);
            }
        }
        Action::Delete(number) => {
            if let Some(uid) = choose(world, *number) {
                world.delete(&uid);
            }
        }
        Action::Terminate => {
            let going = world.pods.values().find(|pod| pod.is_terminating()).map(|pod| pod.uid.clone());
            if let Some(uid) = going {
                world.set_phase(&uid, Phase::Failed);
            }
        }
        Action::ObservePod(number) => {
            if let Some(uid) = choose(world, *number) {
                world.sync_seen(&uid);
            }
        }
        Action::Observe => world.observe(),
        Action::Step(stop) => {
            world.step(*stop);
        }
        Action::Advance(seconds) => world.advance(*seconds),
        Action::Parallelism(parallelism) => world.edit_spec(|spec| spec.parallelism = Some(*parallelism)),
        Action::Suspend(suspend) => world.edit_spec(|spec| spec.suspend = Some(*suspend)),
    }
}

/// Each created pod is active, terminating, waiting to be counted, counted, or was let go on purpose.
fn conserved(world: &World) -> Result<(), TestCaseError> {
    let status = world.status();
    if world.job.spec.is_indexed() {
        return Ok(());
    }
    let tracked = world.pods.values().filter(|pod| pod.tracked).count();
    let lists = status.uncounted_terminated_pods.clone().unwrap_or_default();
    let uncounted = lists.succeeded.into_iter().flatten().chain(lists.failed.into_iter().flatten());
    let waiting = uncounted.filter(|uid| !world.pods.get(&Uid::from(uid.as_str())).is_some_and(|pod| pod.tracked));
    let counted = status.succeeded.unwrap_or(0) + status.failed.unwrap_or(0);
    let sum = tracked + waiting.count() + usize::try_from(counted).expect("not negative") + world.ignored.len();
    prop_assert_eq!(sum, world.created as usize, "{:#?}", world);
    Ok(())
}

/// Runs a history and hands back the world, checking conservation all along.
fn run(spec: Spec, actions: &[Action]) -> Result<World, TestCaseError> {
    let mut world = World::new(spec);
    for action in actions {
        act(&mut world, action);
        conserved(&world)?;
    }
    Ok(world)
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_history_conserves_pods_and_reaches_a_fixpoint(
        spec in spec(), actions in prop::collection::vec(action(), 0..60),
    ) {
        let mut world = run(spec, &actions)?;
        let last = world.settle();
        prop_assert!(last.is_empty());
        prop_assert!(world.plan().is_empty(), "planned again, something changed");
        conserved(&world)?;
    }

    #[test]
    fn once_faults_stop_every_job_ends(spec in spec(), actions in prop::collection::vec(action(), 0..40)) {
        let mut world = run(spec, &actions)?;
        drive(&mut world)?;
        prop_assert!(world.pods.values().all(|pod| !pod.tracked), "a finished Job tracks no pods");
        conserved(&world)?;
    }

    #[test]
    fn nothing_is_to_be_done_before_the_plan_says_so(
        spec in spec(), actions in prop::collection::vec(action(), 0..40), part in 0i64..1_000,
    ) {
        let mut world = run(spec, &actions)?;
        let plan = world.settle();
        let span = plan.wake_at.map_or(1_000_000, |wake_at| wake_at.as_millisecond() - world.now.as_millisecond() - 1);
        let later = world.now + jiff::SignedDuration::from_millis(span.max(0) * part / 1_000);
        let again = super::super::plan(&world.seen_job, &world.seen_pods, &world.memory, later);
        prop_assert!(again.is_empty(), "at {later}, wake at {:?}: {:#?}", plan.wake_at, again);
        if let Some(wake_at) = plan.wake_at {
            prop_assert!(wake_at > world.now);
        }
    }

    /// Jobs end alike wherever the controller stopped: effects are repeated or resumed, never doubled. Only a back-off
    /// may start over, so the comparison is made when it has passed, and without a deadline that it could miss.
    #[test]
    fn a_crash_after_any_effect_leads_to_the_same_counts(
        spec in spec(), actions in prop::collection::vec(action(), 0..25), stop in 0usize..8,
    ) {
        let spec = Spec { active_deadline_seconds: None, ..spec };
        let mut whole = run(spec, &actions)?;
        whole.observe();
        whole.memory = Memory::recover(whole.pods.values());
        let mut broken = whole.clone();
        whole.settle();
        broken.step(Some(stop));
        broken.settle();
        for world in [&mut whole, &mut broken] {
            world.advance(backoff::MAX_DELAY_SECONDS);
            world.settle();
        }
        let counts = |world: &World| {
            let status = world.status();
            (status.active, status.succeeded, status.failed, status.completed_indexes.clone(), status.failed_indexes.clone())
        };
        prop_assert_eq!(counts(&whole), counts(&broken));
    }

    #[test]
    fn a_finalizer_goes_only_with_the_status_that_accounts_for_its_pod(
        spec in spec(), actions in prop::collection::vec(action(), 0..40),
    ) {
        let mut world = run(spec, &actions)?;
        world.observe();
        let plan = world.plan();
        let releases_before_status = effects(&plan)
            .iter()
            .take_while(|effect| !matches!(effect, Effect::Status(_)))
            .any(|effect| matches!(effect, Effect::Untrack(_)));
        prop_assert!(!(releases_before_status && plan.status.is_some()));
        let unfinished = conditions::finished(world.status()).is_none();
        let status = plan.status.as_deref().unwrap_or(world.status());
        if unfinished && plan.deletes.is_empty() && !world.job.spec.is_indexed() && conditions::declared(status).is_none() {
            let lists = status.uncounted_terminated_pods.clone().unwrap_or_default();
            let listed: Vec<String> =
                lists.succeeded.into_iter().flatten().chain(lists.failed.into_iter().flatten()).collect();
            for pod in &plan.finalizer_releases {
                prop_assert!(listed.contains(&pod.uid.to_string()), "{:?} is released uncounted", pod);
            }
        }
    }
}

//! What may happen to a Job: by the kubelet, by people, by time, and by the controller and its delayed view.

use api::Uid;
use proptest::prelude::*;

use super::super::super::Phase;
use super::super::world::World;

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// A pod, chosen by number among those that have not ended, runs or succeeds.
    Phase(usize, Phase),
    /// Such a pod fails with this exit code, perhaps since it was disrupted.
    Fail(usize, i32, bool),
    /// A container of such a pod is restarted.
    Restart(usize),
    /// Somebody deletes a pod.
    Delete(usize),
    /// The kubelet ends a pod that is being deleted, with this exit code.
    Terminate(i32),
    /// Somebody makes a pod that the selector matches.
    Orphan(Option<u32>),
    /// Somebody changes a pod's labels, so that the selector matches it no more, or again.
    Relabel(usize),
    /// The cache catches up with one pod, or with everything.
    ObservePod(usize),
    Observe,
    /// The controller plans and performs; with a number it stops after so many effects and restarts.
    Step(Option<usize>),
    Advance(i64),
    Parallelism(i32),
    Suspend(bool),
    BackoffLimit(i32),
    Deadline(Option<i64>),
    /// Completions and parallelism of an Indexed Job, in tandem.
    Elastic(i32),
    DeleteJob,
}

/// Everything but the deletion of the Job.
pub(super) fn action() -> impl Strategy<Value = Action> {
    let phase = prop_oneof![Just(Phase::Running), Just(Phase::Succeeded)];
    prop_oneof![
        5 => (0usize..8, phase).prop_map(|(pod, phase)| Action::Phase(pod, phase)),
        4 => (0usize..8, 1i32..5, prop::bool::weighted(0.2)).prop_map(|(pod, code, hit)| Action::Fail(pod, code, hit)),
        1 => (0usize..8).prop_map(Action::Restart),
        1 => (0usize..8).prop_map(Action::Delete),
        2 => (0i32..4).prop_map(Action::Terminate),
        1 => prop::option::of(0u32..6).prop_map(Action::Orphan),
        1 => (0usize..8).prop_map(Action::Relabel),
        3 => (0usize..8).prop_map(Action::ObservePod),
        4 => Just(Action::Observe),
        8 => Just(Action::Step(None)),
        3 => (0usize..6).prop_map(|stop| Action::Step(Some(stop))),
        3 => (1i64..40).prop_map(Action::Advance),
        1 => (0i32..5).prop_map(Action::Parallelism),
        1 => any::<bool>().prop_map(Action::Suspend),
        1 => (0i32..5).prop_map(Action::BackoffLimit),
        1 => prop::option::of(1i64..300).prop_map(Action::Deadline),
        1 => (0i32..6).prop_map(Action::Elastic),
    ]
}

/// Everything.
pub(super) fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![60 => action(), 1 => Just(Action::DeleteJob)]
}

fn choose(world: &World, number: usize) -> Option<Uid> {
    let living: Vec<&Uid> = world.pods.values().filter(|pod| !pod.phase.is_terminal()).map(|pod| &pod.uid).collect();
    Some((*living.get(number % living.len().max(1))?).clone())
}

fn choose_any(world: &World, number: usize) -> Option<Uid> {
    world.pods.keys().nth(number % world.pods.len().max(1)).cloned()
}

pub(super) fn act(world: &mut World, action: &Action) {
    match action {
        Action::Step(stop) => drop(world.step(*stop)),
        Action::Observe => world.observe(),
        Action::ObservePod(number) => {
            if let Some(uid) = choose_any(world, *number) {
                world.sync_seen(&uid);
            }
        }
        Action::Advance(seconds) => world.advance(*seconds),
        Action::Phase(..)
        | Action::Fail(..)
        | Action::Restart(_)
        | Action::Delete(_)
        | Action::Terminate(_)
        | Action::Orphan(_)
        | Action::Relabel(_) => act_on_pod(world, action),
        _ => act_on_job(world, action),
    }
}

fn act_on_pod(world: &mut World, action: &Action) {
    match *action {
        Action::Orphan(index) => world.orphan(index),
        Action::Terminate(code) => {
            let going = world.pods.values().find(|pod| pod.is_terminating()).map(|pod| pod.uid.clone());
            if let Some(uid) = going {
                world.end(&uid, if code == 0 { Phase::Succeeded } else { Phase::Failed }, code);
            }
        }
        Action::Relabel(number) => {
            let Some(uid) = choose_any(world, number) else { return };
            let pod = world.pods.get_mut(&uid).expect("chosen");
            pod.matches = !pod.matches;
        }
        Action::Phase(number, _) | Action::Fail(number, ..) | Action::Restart(number) | Action::Delete(number) => {
            if let Some(uid) = choose(world, number) {
                act_on_living(world, &uid, action);
            }
        }
        _ => {}
    }
}

fn act_on_living(world: &mut World, uid: &Uid, action: &Action) {
    match *action {
        Action::Phase(_, phase) => world.end(uid, phase, 0),
        Action::Fail(_, code, disrupted) => {
            if disrupted && let Some(pod) = world.pods.get_mut(uid) {
                pod.conditions = vec![("DisruptionTarget".to_owned(), "True".to_owned())];
            }
            world.end(uid, Phase::Failed, code);
        }
        Action::Restart(_) => {
            if let Some(pod) = world.pods.get_mut(uid).filter(|pod| pod.phase == Phase::Running) {
                pod.restarts += 1;
                pod.most_restarts += 1;
            }
        }
        _ => world.delete(uid),
    }
}

fn act_on_job(world: &mut World, action: &Action) {
    let indexed = world.job.spec.is_indexed();
    match *action {
        Action::Parallelism(parallelism) => world.edit_spec(|spec| spec.parallelism = Some(parallelism)),
        Action::Suspend(suspend) => world.edit_spec(|spec| spec.suspend = Some(suspend)),
        Action::BackoffLimit(limit) => world.edit_spec(|spec| spec.backoff_limit = Some(limit)),
        Action::Deadline(seconds) => world.edit_spec(|spec| spec.active_deadline_seconds = seconds),
        Action::Elastic(size) if indexed => world.edit_spec(|spec| {
            (spec.completions, spec.parallelism) = (Some(size), Some(size));
            // As validation asks of an update.
            spec.max_failed_indexes = spec.max_failed_indexes.map(|most| most.min(size));
            if size == 0 {
                spec.success_policy = None;
            }
        }),
        Action::DeleteJob => {
            world.job.deleting = true;
            world.job.revision.0 += 1;
        }
        _ => {}
    }
}

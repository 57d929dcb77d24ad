//! What an event of a pod costs, in views of pods that plans look at: the same for every event, however many pods the
//! Job has at a time and in all. No clock is needed to see it.

use super::super::spec::Spec;
use super::super::*;
use super::world::World;

/// Runs a Job whose pods end one at a time, each seen by itself, and says how many views its plans were handed.
fn looks(parallelism: i32, completions: i32, mode: Option<&str>) -> u64 {
    let mut world = World::new(Spec {
        parallelism: Some(parallelism),
        completions: Some(completions),
        completion_mode: mode.map(str::to_owned),
        ..Spec::default()
    });
    world.observe();
    let mut ended = 0;
    while conditions::finished(world.status()).is_none() {
        let plan = world.step(None);
        for pod in &plan.finalizer_releases {
            // The cache forgets what has ended and is no longer tracked.
            world.pods.remove(&pod.uid);
            world.sync_seen(&pod.uid);
        }
        if !plan.is_empty() {
            continue;
        }
        let running = world.pods.values().find(|pod| pod.is_active()).map(|pod| pod.uid.clone());
        let uid = running.expect("an unfinished Job that is at rest has active pods");
        world.set_phase(&uid, Phase::Succeeded);
        world.sync_seen(&uid);
        ended += 1;
    }
    assert_eq!((ended, world.status().succeeded), (completions, Some(completions)));
    world.seen_pods.looks()
}

#[test]
fn an_event_of_a_pod_costs_the_same_however_many_pods_there_are() {
    for mode in [None, Some("Indexed")] {
        let few_at_a_time = looks(10, 2_000, mode);
        let many_at_a_time = looks(1_500, 2_000, mode);
        assert!(few_at_a_time <= 20 * 2_000, "{few_at_a_time} looks for 2,000 pods");
        assert!(many_at_a_time <= few_at_a_time, "{many_at_a_time} looks where {few_at_a_time} were enough");
        let half = looks(10, 1_000, mode);
        assert!(few_at_a_time <= 2 * half + 100, "{few_at_a_time} looks for twice the pods of {half}");
    }
}

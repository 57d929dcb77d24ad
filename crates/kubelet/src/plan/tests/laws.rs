//! What holds for every pod, whatever happens to it and in which order.

use super::*;
use crate::plan::{RestartAction, RestartRule};

/// A pod with everything: an init container, a sidecar with a startup probe, hooks, probes, a rule for the exit code 42.
fn everything(policy: RestartPolicy) -> PodFacts {
    let mut facts = pod(policy, &["i:i", "s:s", "a", "b", "e"]);
    let probe = |kind| ProbeFacts {
        kind,
        initial_delay_seconds: 1,
        period_seconds: 5,
        success_threshold: 1,
        failure_threshold: 2,
        grace_seconds: None,
    };
    facts.containers[1].probes = vec![probe(ProbeKind::Startup), probe(ProbeKind::Readiness)];
    facts.containers[2].probes = vec![probe(ProbeKind::Liveness)];
    (facts.containers[2].post_start, facts.containers[2].pre_stop) = (true, true);
    facts.containers[3].restart_policy = Some(Never);
    facts.containers[3].restart_rules =
        vec![RestartRule { action: RestartAction::RestartAllContainers, negated: false, codes: vec![42] }];
    facts.containers[4].ephemeral = true;
    facts
}

/// What is under way outside of the plan, as the shell keeps it.
#[derive(Default)]
struct Outside {
    probes: Vec<(usize, ProbeKind)>,
    hooks: Vec<(usize, Hook)>,
}

impl Outside {
    fn take(&mut self, plan: &Plan) {
        self.probes.extend(&plan.probes);
        self.hooks.extend(&plan.hooks);
    }

    /// What was asked of a container that has ended is answered to nobody.
    fn forget(&mut self, index: usize) {
        self.probes.retain(|(other, _)| *other != index);
        self.hooks.retain(|(other, _)| *other != index);
    }

    /// No probe and no hook of one run is asked for twice at a time.
    fn is_single(&self) -> bool {
        let twice = |index: usize, kind| self.probes.iter().filter(|probe| **probe == (index, kind)).count() > 1;
        let hooked = |index: usize, hook| self.hooks.iter().filter(|other| **other == (index, hook)).count() > 1;
        !self.probes.iter().any(|(index, kind)| twice(*index, *kind))
            && !self.hooks.iter().any(|(index, hook)| hooked(*index, *hook))
    }
}

/// One thing that happens, chosen by numbers.
fn happen(story: &mut Story, outside: &mut Outside, (what, index, number): (usize, usize, i64)) {
    let names = ["i", "s", "a", "b", "e"];
    let (name, now) = (names[index], at(story.now));
    let state = &story.memory.containers[index].state;
    match what {
        0..=2 if matches!(state, State::Starting) => story.tell(&format!("{name}+")),
        3 if matches!(state, State::Starting) => story.tell(&format!("{name}!")),
        3 if matches!(state, State::Running { .. }) => {
            story.tell(&format!("{name}={}", [0, 1, 42][number as usize % 3]));
            outside.forget(index);
        }
        4 => story.now += number,
        5 if number < 8 => story.tell(&format!("del={number}")),
        6 if !outside.probes.is_empty() => {
            let (index, kind) = outside.probes.remove(number as usize % outside.probes.len());
            let answer = if number % 2 == 0 { Answer::Success } else { Answer::Failure(String::new()) };
            story.memory.probed(&story.pod, index, kind, Probed::new(answer), now);
        }
        7 if !outside.hooks.is_empty() => {
            let (index, hook) = outside.hooks.remove(number as usize % outside.hooks.len());
            let mut plan = Plan::default();
            story.memory.hooked(&story.pod, index, hook, number % 3 > 0, now, &mut plan);
            outside.take(&plan);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn pods_with_everything_keep_the_laws(
        policy in prop_oneof![Just(Never), Just(OnFailure), Just(Always)],
        steps in proptest::collection::vec((0_usize..8, 0_usize..5, 0_i64..40), 1..120),
    ) {
        let mut story = Story::new(everything(policy));
        let (mut outside, mut terminal) = (Outside::default(), None::<Phase>);
        for step in steps {
            happen(&mut story, &mut outside, step);
            let plan = plan(&story.pod, &mut story.memory, at(story.now));
            outside.take(&plan);
            let again = super::plan(&story.pod, &mut story.memory, at(story.now));
            prop_assert!(again.is_idle() || again.delete, "not a fixpoint: {:?}", again);
            prop_assert!(again.probes.is_empty() && outside.is_single());
            for (index, _) in &plan.starts {
                // A container runs before the one that waits for it only if that has been passed.
                let inits = story.memory.containers.iter().zip(&story.pod.containers).take(*index);
                let mut waiting = inits.filter(|(_, facts)| facts.init && !facts.sidecar);
                let skips = story.pod.containers[*index].is_regular()
                    && waiting.any(|(container, _)| !container.has_succeeded());
                prop_assert!(!skips, "{} starts too early", story.pod.containers[*index].name);
            }
            let phase = story.memory.phase;
            if let Some(terminal) = terminal {
                prop_assert_eq!(phase, terminal);
                prop_assert!(plan.starts.is_empty() && plan.signals.is_empty() && plan.hooks.is_empty());
            }
            if phase.is_terminal() {
                prop_assert!(story.memory.containers.iter().all(|container| !container.state.is_alive()));
                terminal = Some(phase);
            }
            // Whatever is being stopped has an end.
            let stops = story.memory.containers.iter().any(|container| container.stopping.is_some());
            let killed = story.memory.containers.iter().all(|c| c.stopping.as_ref().is_none_or(|s| s.is_killed()));
            prop_assert!(!stops || killed || again.wake_at.is_some(), "nobody ends what is stopping");
        }
    }
}

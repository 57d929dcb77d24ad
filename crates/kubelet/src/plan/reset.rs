//! `RestartAllContainers`: a container whose end matches such a rule has the whole pod run again, from its first init
//! container (upstream's `ContainersToReset`).
//!
//! Differs: upstream ends the other containers one after the other, here they are told to end at the same time.

use jiff::Timestamp;

use super::memory::after;
use super::{Memory, Plan, PodFacts, RestartAction, State, Termination};

/// Upstream kills without a grace period, of which two seconds are left to every container.
const GRACE_SECONDS: i64 = 2;
/// `RestartingAllContainers` in upstream's `kubelet_pods.go`.
const MESSAGE: &str = "The container is removed because RestartAllContainers in place";

/// Whether a container can have all of them run again, so that the pod has a condition for it.
pub(super) fn is_possible(pod: &PodFacts) -> bool {
    let mut rules = pod.containers.iter().flat_map(|facts| &facts.restart_rules);
    rules.any(|rule| rule.action == RestartAction::RestartAllContainers)
}

/// Begins and ends a restart of everything; whether one is under way.
pub(super) fn step(pod: &PodFacts, memory: &mut Memory, now: Timestamp, plan: &mut Plan) -> bool {
    if !memory.resetting {
        let asks = |(index, container): (usize, &super::ContainerMemory)| match &container.state {
            State::Terminated(end) => {
                pod.containers[index].rule_for(end.exit_code) == Some(RestartAction::RestartAllContainers)
            }
            _ => false,
        };
        if !memory.containers.iter().enumerate().any(asks) {
            return false;
        }
        memory.resetting = true;
    }
    for (index, container) in memory.containers.iter_mut().enumerate() {
        let facts = &pod.containers[index];
        let runs = matches!(container.state, State::Running { .. });
        if !facts.ephemeral && runs && container.stopping.is_none() {
            let until = after(now, GRACE_SECONDS);
            container.begin_stop(facts, index, "killing".to_owned(), until, now, plan);
            container.skip_hook();
            plan.hooks.retain(|(other, _)| *other != index);
        }
    }
    super::stopping::stop_on(pod, memory, now, plan);
    let mut pairs = memory.containers.iter().zip(&pod.containers);
    if pairs.any(|(container, facts)| !facts.ephemeral && container.state.is_alive()) {
        return true;
    }
    memory.resetting = false;
    for (container, _) in memory.containers.iter_mut().zip(&pod.containers).filter(|(_, facts)| !facts.ephemeral) {
        if !std::mem::take(&mut container.begun) {
            continue;
        }
        if let State::Terminated(end) = std::mem::take(&mut container.state) {
            let end = Termination {
                exit_code: 137,
                reason: "RestartingAllContainers",
                message: Some(MESSAGE.to_owned()),
                ..end
            };
            container.last = Some(end);
        }
        container.restarts += 1;
        container.back_off = Default::default();
    }
    false
}

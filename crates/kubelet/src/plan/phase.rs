//! The phase of a pod (`getPhase` in upstream's `pkg/kubelet/kubelet_pods.go`).

use super::{Memory, PodFacts, State};

/// `status.phase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers were started.
    #[default]
    Pending,
    /// At work.
    Running,
    /// All containers ended well, for good.
    Succeeded,
    /// All containers ended, for good, and one of them not well.
    Failed,
}

impl Phase {
    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            _ => Self::Pending,
        }
    }

    /// Whether it can never change.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// How many containers do what.
#[derive(Default)]
struct Count {
    /// Never started.
    waiting: usize,
    running: usize,
    succeeded: usize,
    failed: usize,
    /// Of those that ended, the ones that run again.
    restarting: usize,
}

pub(super) fn compute(pod: &PodFacts, memory: &Memory) -> Phase {
    if memory.phase.is_terminal() {
        return memory.phase;
    }
    let alive = memory.containers.iter().any(|container| container.state.is_alive());
    let regular = count(pod, memory);
    if memory.stop.is_some() {
        return stopping(pod, memory, &regular, alive);
    }
    if let Some(phase) = initializing(pod, memory, alive) {
        return phase;
    }
    if regular.waiting > 0 {
        return Phase::Pending;
    }
    // Sidecars are stopped first.
    if regular.running > 0 || regular.restarting > 0 || alive {
        return Phase::Running;
    }
    if regular.failed == 0 { Phase::Succeeded } else { Phase::Failed }
}

/// A pod that is stopped keeps its phase until nothing runs; then it has succeeded only if all containers did.
fn stopping(pod: &PodFacts, memory: &Memory, regular: &Count, alive: bool) -> Phase {
    let all = pod.containers.iter().filter(|container| container.is_regular()).count();
    let deadline_passed = memory.reason.is_some();
    match (alive, regular.waiting < all) {
        (true, true) => Phase::Running,
        (true, false) => Phase::Pending,
        (false, _) if regular.succeeded == all && !deadline_passed => Phase::Succeeded,
        (false, _) => Phase::Failed,
    }
}

fn initializing(pod: &PodFacts, memory: &Memory, alive: bool) -> Option<Phase> {
    // What follows has run once: then init containers are only kept up, and hold nothing up.
    let initialized = memory.has_initialized(pod);
    for (index, (container, facts)) in memory.containers.iter().zip(&pod.containers).enumerate() {
        if !facts.init || initialized && facts.sidecar {
            continue;
        }
        match &container.state {
            _ if container.is_initialized(facts) => {}
            State::Terminated(_) if !container.restarts(pod, index) && !alive => return Some(Phase::Failed),
            State::Terminated(_) if facts.sidecar => {}
            _ => return Some(Phase::Pending),
        }
    }
    None
}

fn count(pod: &PodFacts, memory: &Memory) -> Count {
    let mut count = Count::default();
    for (index, (container, facts)) in memory.containers.iter().zip(&pod.containers).enumerate() {
        if !facts.is_regular() {
            continue;
        }
        let end = match &container.state {
            State::Running { .. } if container.is_running(facts) || container.last.is_some() => {
                count.running += 1;
                continue;
            }
            State::Terminated(end) => {
                count.restarting += usize::from(container.restarts(pod, index));
                end
            }
            // One that waits to run again counts as ended, so that a crash loop stays Running.
            _ => match &container.last {
                Some(end) => {
                    count.restarting += 1;
                    end
                }
                None => {
                    count.waiting += 1;
                    continue;
                }
            },
        };
        *(if end.exit_code == 0 { &mut count.succeeded } else { &mut count.failed }) += 1;
    }
    count
}

//! The phase of a pod (`getPhase` in upstream's `pkg/kubelet/kubelet_pods.go`).

use super::{Memory, PodFacts, RestartPolicy, State};

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
    let all_ended = regular.running == 0;
    match pod.restart_policy {
        _ if !all_ended => Phase::Running,
        RestartPolicy::Always => Phase::Running,
        // Sidecars are stopped first.
        _ if alive => Phase::Running,
        _ if regular.failed == 0 => Phase::Succeeded,
        RestartPolicy::Never => Phase::Failed,
        RestartPolicy::OnFailure => Phase::Running,
    }
}

/// A pod that is stopped keeps its phase until nothing runs; then it has succeeded only if all containers did.
fn stopping(pod: &PodFacts, memory: &Memory, regular: &Count, alive: bool) -> Phase {
    let all = pod.containers.iter().filter(|container| !container.init).count();
    let deadline_passed = memory.reason.is_some();
    match (alive, regular.waiting < all) {
        (true, true) => Phase::Running,
        (true, false) => Phase::Pending,
        (false, _) if regular.succeeded == all && !deadline_passed => Phase::Succeeded,
        (false, _) => Phase::Failed,
    }
}

fn initializing(pod: &PodFacts, memory: &Memory, alive: bool) -> Option<Phase> {
    for (container, facts) in memory.containers.iter().zip(&pod.containers) {
        if !facts.init || facts.sidecar {
            continue;
        }
        match &container.state {
            State::Terminated(end) if end.exit_code == 0 => {}
            State::Terminated(_) if pod.restart_policy == RestartPolicy::Never && !alive => return Some(Phase::Failed),
            _ => return Some(Phase::Pending),
        }
    }
    None
}

fn count(pod: &PodFacts, memory: &Memory) -> Count {
    let mut count = Count::default();
    for (container, facts) in memory.containers.iter().zip(&pod.containers) {
        if facts.init {
            continue;
        }
        match &container.state {
            // One that waits to run again counts as ended, so that a crash loop stays Running.
            State::Waiting | State::Blocked { .. } | State::Starting => match &container.last {
                None => count.waiting += 1,
                Some(end) if end.exit_code == 0 => count.succeeded += 1,
                Some(_) => count.failed += 1,
            },
            State::Running { .. } => count.running += 1,
            State::Terminated(end) if end.exit_code == 0 => count.succeeded += 1,
            State::Terminated(_) => count.failed += 1,
        }
    }
    count
}

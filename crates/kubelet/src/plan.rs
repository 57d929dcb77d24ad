//! What the kubelet does about one pod: pod x containers x now -> actions. Pure.
//!
//! [`Memory`] is fed with what happened (a pod changed, a container started or ended) and asked for a [`Plan`]. Asking
//! again at the same time gives an empty plan. The rules are upstream's `pkg/kubelet/kuberuntime` and `kubelet_pods.go`.
//!
//! Invariants: a terminal phase never changes; it is reached only when no container runs.

mod back_off;
mod facts;
mod memory;
mod phase;
mod probes;
mod pulls;
mod reset;
mod status;
mod stopping;

use jiff::Timestamp;
use serde_json::Value;

pub use facts::{ContainerFacts, PodFacts, RestartAction, RestartPolicy, RestartRule};
pub use memory::{ContainerMemory, Memory, State, Termination};
pub use phase::Phase;
pub use probes::{Answer, Outlook, ProbeFacts, ProbeKind, Probed};
pub use pulls::ImageStatus;
pub use stopping::Hook;
use stopping::PostStart;

/// SIGTERM.
pub const SIGTERM: i32 = 15;
/// SIGKILL.
pub const SIGKILL: i32 = 9;

/// What to do now, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Containers to signal: index and signal.
    pub signals: Vec<(usize, i32)>,
    /// Containers to start: index and run number.
    pub starts: Vec<(usize, u32)>,
    /// Probes to ask: index and kind.
    pub probes: Vec<(usize, ProbeKind)>,
    /// Lifecycle hooks to run: index and which.
    pub hooks: Vec<(usize, Hook)>,
    /// What to tell people.
    pub events: Vec<PodEvent>,
    /// The pod has ended, its status says so, and its deletion waits for nothing but this kubelet.
    pub delete: bool,
    /// Nothing will ever happen again in this pod.
    pub finished: bool,
    /// When to ask again if nothing happens.
    pub wake_at: Option<Timestamp>,
    /// When to look again whether what a container lacks has come from outside, or whether one that is well still is:
    /// no reason for time to hurry.
    pub look_at: Option<Timestamp>,
}

impl Plan {
    /// Whether nothing is done that the status can tell of. Probes alone change nothing: their answers may.
    pub fn is_idle(&self) -> bool {
        self.signals.is_empty()
            && self.starts.is_empty()
            && self.hooks.is_empty()
            && self.events.is_empty()
            && !self.delete
    }

    /// This plan, with what was decided just before it.
    #[must_use]
    pub fn following(mut self, mut earlier: Self) -> Self {
        earlier.events.append(&mut self.events);
        earlier.hooks.append(&mut self.hooks);
        Self { events: earlier.events, hooks: earlier.hooks, ..self }
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn look(&mut self, at: Timestamp) {
        self.look_at = Some(self.look_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// An Event about the pod or one of its containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEvent {
    /// The container, for `involvedObject.fieldPath`.
    pub container: Option<usize>,
    /// Whether it is a `Warning`.
    pub warning: bool,
    /// The reason.
    pub reason: &'static str,
    /// The message.
    pub message: String,
}

impl PodEvent {
    /// A `Normal` event about a container.
    pub fn normal(container: usize, reason: &'static str, message: impl Into<String>) -> Self {
        Self { container: Some(container), warning: false, reason, message: message.into() }
    }

    /// A `Warning` event about a container.
    pub fn warning(container: usize, reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: true, ..Self::normal(container, reason, message) }
    }
}

/// Where pods run, as their status tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// `status.hostIP`, and `status.podIP` of pods that have no address of their own.
    pub host_ip: String,
    /// The runtime's name, in front of container ids.
    pub runtime_name: String,
}

/// Decides what to do and notes it in the memory, so that it is not decided twice.
pub fn plan(pod: &PodFacts, memory: &mut Memory, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    memory.check_deadline(pod, now, &mut plan);
    if memory.phase.is_terminal() {
        conclude(memory, &mut plan);
        return plan;
    }
    probes::step(pod, memory, now, &mut plan);
    if memory.stop.is_some() {
        stopping::stop_all(pod, memory, now, &mut plan);
    } else {
        stopping::stop_on(pod, memory, now, &mut plan);
        run(pod, memory, now, &mut plan);
    }
    memory.phase = phase::compute(pod, memory);
    if memory.phase.is_terminal() {
        conclude(memory, &mut plan);
    }
    plan
}

/// The status of the pod as the memory has it, to be merged into the object's. Changes transition times only where a
/// condition changed.
pub fn status(pod: &PodFacts, memory: &mut Memory, node: &NodeFacts, now: Timestamp) -> Value {
    status::build(pod, memory, node, now)
}

fn conclude(memory: &mut Memory, plan: &mut Plan) {
    plan.finished = true;
    plan.delete = memory.deleting;
}

/// Starts what may start; waits for what must wait.
fn run(pod: &PodFacts, memory: &mut Memory, now: Timestamp, plan: &mut Plan) {
    for index in (0..pod.containers.len()).filter(|index| pod.containers[*index].ephemeral) {
        run_container(pod, memory, index, now, plan);
    }
    if reset::step(pod, memory, now, plan) {
        return;
    }
    // Whatever comes before what has begun is passed, and only its sidecars are kept up.
    let furthest = (0..pod.containers.len())
        .rev()
        .find(|index| !pod.containers[*index].ephemeral && memory.containers[*index].begun);
    for index in (0..pod.containers.len()).filter(|index| !pod.containers[*index].ephemeral) {
        let facts = &pod.containers[index];
        let passed = facts.init && furthest.is_some_and(|furthest| index < furthest);
        let done = facts.init && !facts.sidecar && (passed || memory.containers[index].has_succeeded());
        if !done {
            run_container(pod, memory, index, now, plan);
        }
        let container = &memory.containers[index];
        // Those that come later wait until a hook has run, as they do upstream, where it is part of the start.
        if container.is_in_post_start(facts) || facts.init && !passed && !container.is_initialized(facts) {
            break;
        }
    }
    // Sidecars go when the work is done, as upstream ends restartable init containers with the pod.
    if memory.work_is_done(pod) && memory.containers.iter().any(|container| container.state.is_alive()) {
        memory.begin_stop(now, pod.grace_seconds);
        stopping::stop_all(pod, memory, now, plan);
    }
}

fn run_container(pod: &PodFacts, memory: &mut Memory, index: usize, now: Timestamp, plan: &mut Plan) {
    let container = &mut memory.containers[index];
    match &container.state {
        State::Starting => {}
        State::Running { .. } => {
            if container.post_start == PostStart::Due && pod.containers[index].post_start {
                container.post_start = PostStart::Runs;
                plan.hooks.push((index, Hook::PostStart));
            }
            if std::mem::take(&mut container.image_changed) && container.stopping.is_none() {
                let facts = &pod.containers[index];
                let message = match facts.init {
                    true => format!("Init container {} definition changed", facts.name),
                    false => format!("Container {} definition changed, will be restarted", facts.name),
                };
                container.restarts_anyway = true;
                container.begin_stop(facts, index, message, memory::after(now, pod.grace_seconds), now, plan);
                container.stop_on(facts, index, true, now, plan);
            }
        }
        State::Waiting => start(container, index, plan),
        State::Blocked { retry_at, .. } => match *retry_at {
            Some(retry_at) if retry_at > now => plan.look(retry_at),
            Some(_) if container.pull.waits(now) => pulls::back_off(pod, container, index, plan),
            Some(_) => start(container, index, plan),
            None => {}
        },
        State::Terminated(termination) => {
            let finished_at = termination.finished_at;
            if container.restarts(pod, index) {
                restart(pod, container, index, finished_at, now, plan);
            }
        }
    }
}

/// Starts a container that has ended once more, when its back-off is over.
fn restart(
    pod: &PodFacts,
    container: &mut ContainerMemory,
    index: usize,
    finished_at: Timestamp,
    now: Timestamp,
    plan: &mut Plan,
) {
    let Some(until) = container.back_off.until(finished_at).filter(|until| *until > now) else {
        container.back_off.restarted(finished_at, now);
        container.restarts += 1;
        return start(container, index, plan);
    };
    plan.wake(until);
    if !std::mem::replace(&mut container.back_off.announced, true) {
        let name = &pod.containers[index].name;
        let message = format!("Back-off restarting failed container {name} in pod {}", pod.long_name());
        plan.events.push(PodEvent::warning(index, "BackOff", message));
    }
}

fn start(container: &mut ContainerMemory, index: usize, plan: &mut Plan) {
    if let State::Terminated(termination) = std::mem::replace(&mut container.state, State::Starting) {
        container.last = Some(termination);
    }
    (container.begun, container.restarts_anyway, container.image_changed) = (true, false, false);
    container.post_start = PostStart::Due;
    plan.starts.push((index, container.restarts));
}

#[cfg(test)]
mod tests;

//! What the kubelet does about one pod: pod x containers x now -> actions. Pure.
//!
//! [`Memory`] is fed with what happened (a pod changed, a container started or ended) and asked for a [`Plan`]. Asking
//! again at the same time gives an empty plan. The rules are upstream's `pkg/kubelet/kuberuntime` and `kubelet_pods.go`.
//!
//! Invariants: a terminal phase never changes; it is reached only when no container runs.

mod back_off;
mod memory;
mod phase;
mod status;

use jiff::Timestamp;
use serde_json::Value;

pub use memory::{ContainerMemory, Memory, State, Termination};
pub use phase::Phase;

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
    /// What to tell people.
    pub events: Vec<PodEvent>,
    /// The pod has ended, its status says so, and its deletion waits for nothing but this kubelet.
    pub delete: bool,
    /// Nothing will ever happen again in this pod.
    pub finished: bool,
    /// When to ask again if nothing happens.
    pub wake_at: Option<Timestamp>,
    /// When to look again whether what a container lacks has come from outside: no reason for time to hurry.
    pub look_at: Option<Timestamp>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.signals.is_empty() && self.starts.is_empty() && self.events.is_empty() && !self.delete
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
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

/// What of a pod's spec and metadata the plan looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// Init containers in order, then the others in order.
    pub containers: Vec<ContainerFacts>,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<i64>,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace_seconds: i64,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// The address that was given to it; `None` when it has none of its own.
    pub ip: Option<String>,
}

/// What of a container the plan looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether it is an init container.
    pub init: bool,
    /// Whether it is a sidecar: an init container that restarts always and is not waited for.
    pub sidecar: bool,
    /// Whether the end of its log stands for what it says last (`terminationMessagePolicy: FallbackToLogsOnError`).
    pub falls_back_to_logs: bool,
}

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Never run again.
    Never,
    /// Run again after a failure.
    OnFailure,
    /// Run again.
    Always,
}

impl RestartPolicy {
    fn restarts(self, exit_code: i32) -> bool {
        match self {
            Self::Never => false,
            Self::OnFailure => exit_code != 0,
            Self::Always => true,
        }
    }
}

impl PodFacts {
    /// Reads the facts from a pod.
    pub fn of(pod: &api::k8s::api::core::v1::Pod) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let facts = |container: &api::k8s::api::core::v1::Container, init: bool| ContainerFacts {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            init,
            sidecar: init && container.restart_policy.as_deref() == Some("Always"),
            falls_back_to_logs: container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"),
        };
        let inits = spec.init_containers.iter().flatten().map(|container| facts(container, true));
        let containers = inits.chain(spec.containers.iter().map(|container| facts(container, false))).collect();
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            restart_policy: match spec.restart_policy.as_deref() {
                Some("Never") => RestartPolicy::Never,
                Some("OnFailure") => RestartPolicy::OnFailure,
                _ => RestartPolicy::Always,
            },
            containers,
            active_deadline_seconds: spec.active_deadline_seconds,
            grace_seconds: spec.termination_grace_period_seconds.unwrap_or(30),
            host_network: spec.host_network == Some(true),
            ip: None,
        }
    }

    /// Its address: its own, or else its node's.
    pub fn ip<'a>(&'a self, node: &'a NodeFacts) -> &'a str {
        self.ip.as_deref().unwrap_or(&node.host_ip)
    }

    fn restarts(&self, index: usize, exit_code: i32) -> bool {
        let container = &self.containers[index];
        match (container.sidecar, container.init, self.restart_policy) {
            (true, ..) => true,
            // An init container that succeeded has done its work, whatever the policy.
            (false, true, policy) => exit_code != 0 && policy != RestartPolicy::Never,
            (false, false, policy) => policy.restarts(exit_code),
        }
    }

    /// How upstream's messages name a pod: `NAME_NAMESPACE(UID)`.
    fn long_name(&self) -> String {
        format!("{}_{}({})", self.name, self.namespace, self.uid)
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
    if memory.stop.is_some() {
        stop_all(pod, memory, now, &mut plan);
    } else {
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
    let mut initialized = true;
    for index in 0..pod.containers.len() {
        let facts = &pod.containers[index];
        if facts.init && initialized {
            initialized = run_init(pod, memory, index, now, plan);
        } else if !facts.init && initialized {
            run_container(pod, memory, index, now, plan);
        }
    }
    // Sidecars go when the work is done, as upstream ends restartable init containers with the pod.
    if memory.work_is_done(pod) && memory.containers.iter().any(|container| container.state.is_alive()) {
        memory.begin_stop(now, pod.grace_seconds);
        stop_all(pod, memory, now, plan);
    }
}

/// Advances one init container; whether the next one may go.
fn run_init(pod: &PodFacts, memory: &mut Memory, index: usize, now: Timestamp, plan: &mut Plan) -> bool {
    let sidecar = pod.containers[index].sidecar;
    match &memory.containers[index].state {
        State::Terminated(termination) if termination.exit_code == 0 && !sidecar => return true,
        State::Running { .. } if sidecar => return true,
        _ => {}
    }
    run_container(pod, memory, index, now, plan);
    // A sidecar that has run once does not hold up the others while it restarts.
    sidecar && memory.containers[index].last.is_some()
}

fn run_container(pod: &PodFacts, memory: &mut Memory, index: usize, now: Timestamp, plan: &mut Plan) {
    let container = &mut memory.containers[index];
    match &container.state {
        State::Starting | State::Running { .. } => {}
        State::Waiting => start(container, index, plan),
        State::Blocked { retry_at, .. } => match *retry_at {
            Some(retry_at) if retry_at > now => plan.look_at = plan.look_at.into_iter().chain([retry_at]).min(),
            Some(_) => start(container, index, plan),
            None => {}
        },
        State::Terminated(termination) => {
            let (exit_code, finished_at) = (termination.exit_code, termination.finished_at);
            if !pod.restarts(index, exit_code) {
                return;
            }
            match container.back_off.until(finished_at).filter(|until| *until > now) {
                Some(until) => {
                    plan.wake(until);
                    if !container.back_off.announced {
                        container.back_off.announced = true;
                        let message = format!(
                            "Back-off restarting failed container {} in pod {}",
                            pod.containers[index].name,
                            pod.long_name()
                        );
                        plan.events.push(PodEvent::warning(index, "BackOff", message));
                    }
                }
                None => {
                    container.back_off.restarted(finished_at, now);
                    container.restarts += 1;
                    start(container, index, plan);
                }
            }
        }
    }
}

fn start(container: &mut ContainerMemory, index: usize, plan: &mut Plan) {
    if let State::Terminated(termination) = std::mem::replace(&mut container.state, State::Starting) {
        container.last = Some(termination);
    }
    plan.starts.push((index, container.restarts));
}

/// TERM, then KILL at the end of the grace period. Regular containers first; sidecars once those are gone.
fn stop_all(pod: &PodFacts, memory: &mut Memory, now: Timestamp, plan: &mut Plan) {
    let Some(stop) = memory.stop.clone() else { return };
    let regular_alive = memory
        .containers
        .iter()
        .zip(&pod.containers)
        .any(|(container, facts)| !facts.sidecar && container.state.is_alive());
    let due = stop.kill_at <= now;
    for (index, container) in memory.containers.iter_mut().enumerate() {
        if !matches!(container.state, State::Running { .. }) {
            continue;
        }
        if !container.term_sent && (!pod.containers[index].sidecar || !regular_alive || due) {
            container.term_sent = true;
            let message = format!("Stopping container {}", pod.containers[index].name);
            plan.events.push(PodEvent::normal(index, "Killing", message));
            if !due {
                plan.signals.push((index, SIGTERM));
            }
        }
        if due && !container.kill_sent {
            container.kill_sent = true;
            plan.signals.push((index, SIGKILL));
        }
        if !due {
            plan.wake(stop.kill_at);
        }
    }
}

#[cfg(test)]
mod tests;

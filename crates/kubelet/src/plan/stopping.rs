//! How containers are stopped: the preStop hook, TERM, and KILL at the end of the grace period
//! (`killContainer` in upstream's `pkg/kubelet/kuberuntime/kuberuntime_container.go`, and its termination order).
//!
//! Hook, waiting for one's turn and TERM share one grace period; who is told to end after the first two has used some of
//! it, has [`LEAST_SECONDS`] from then on.
//!
//! Differs: upstream gives every container those two seconds, also where a grace period of one is asked for, or of none.

use jiff::Timestamp;

use super::memory::after;
use super::{ContainerFacts, ContainerMemory, Memory, Plan, PodEvent, PodFacts, SIGKILL, SIGTERM, State};

/// `minimumGracePeriodInSeconds`.
const LEAST_SECONDS: i64 = 2;

/// The pod is being stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) grace_seconds: i64,
    pub(super) kill_at: Timestamp,
}

/// A container is being stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stopping {
    begun_at: Timestamp,
    /// When it is killed.
    kill_at: Timestamp,
    /// There is no grace at all.
    at_once: bool,
    in_hook: bool,
    term_sent: bool,
    kill_sent: bool,
}

/// What a lifecycle hook belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// The container has started.
    PostStart,
    /// It is to end.
    PreStop,
}

/// How far a container's postStart hook is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PostStart {
    #[default]
    Due,
    Runs,
    Over,
}

impl Stopping {
    #[cfg(test)]
    pub(super) fn is_killed(&self) -> bool {
        self.kill_sent
    }

    fn shorten(&mut self, kill_at: Timestamp, at_once: bool) {
        self.kill_at = self.kill_at.min(kill_at);
        self.at_once |= at_once;
    }
}

impl Memory {
    /// The whole pod is to stop; a later, shorter grace period wins.
    pub(super) fn begin_stop(&mut self, now: Timestamp, grace_seconds: i64) {
        let kill_at = after(now, grace_seconds.max(0));
        match &mut self.stop {
            Some(stop) if grace_seconds < stop.grace_seconds => {
                stop.grace_seconds = grace_seconds;
                stop.kill_at = stop.kill_at.min(kill_at);
            }
            Some(_) => return,
            None => self.stop = Some(Stop { grace_seconds, kill_at }),
        }
        for stopping in self.containers.iter_mut().filter_map(|container| container.stopping.as_mut()) {
            stopping.shorten(kill_at, grace_seconds <= 0);
        }
    }

    /// A hook of a run has ended. What people are to be told of it.
    pub fn hooked(&mut self, pod: &PodFacts, index: usize, hook: Hook, well: bool, now: Timestamp, plan: &mut Plan) {
        let (facts, container) = (&pod.containers[index], &mut self.containers[index]);
        match hook {
            Hook::PreStop => {
                container.stopping.iter_mut().for_each(|stopping| stopping.in_hook = false);
                if !well {
                    plan.events.push(PodEvent::warning(index, "FailedPreStopHook", "PreStopHook failed"));
                }
            }
            Hook::PostStart => {
                container.post_start = PostStart::Over;
                if well {
                    return;
                }
                plan.events.push(PodEvent::warning(index, "FailedPostStartHook", "PostStartHook failed"));
                if matches!(container.state, State::Running { .. }) && container.stopping.is_none() {
                    let kill_at = after(now, pod.grace_seconds);
                    container.begin_stop(facts, index, "FailedPostStartHook".to_owned(), kill_at, now, plan);
                }
            }
        }
    }
}

impl ContainerMemory {
    pub(super) fn begin_stop(
        &mut self,
        facts: &ContainerFacts,
        index: usize,
        message: String,
        kill_at: Timestamp,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let at_once = kill_at <= now;
        let in_hook = facts.pre_stop && !at_once;
        plan.events.push(PodEvent::normal(index, "Killing", message));
        if in_hook {
            plan.hooks.push((index, Hook::PreStop));
        }
        self.stopping = Some(Stopping { begun_at: now, kill_at, at_once, in_hook, term_sent: false, kill_sent: false });
    }

    /// Has a stop that was begun do without the preStop hook.
    pub(super) fn skip_hook(&mut self) {
        self.stopping.iter_mut().for_each(|stopping| stopping.in_hook = false);
    }

    /// Goes on with a stop that was begun; `turn` is whether nothing must end before this container.
    pub(super) fn stop_on(
        &mut self,
        facts: &ContainerFacts,
        index: usize,
        turn: bool,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let Some(stopping) = &mut self.stopping else { return };
        let over = stopping.kill_at <= now;
        if !over && (stopping.in_hook || !turn) {
            return plan.wake(stopping.kill_at);
        }
        if !stopping.term_sent {
            stopping.term_sent = true;
            if now > stopping.begun_at && !stopping.at_once {
                stopping.kill_at = stopping.kill_at.max(after(now, LEAST_SECONDS));
            }
            if !stopping.at_once {
                plan.signals.push((index, facts.stop_signal.unwrap_or(SIGTERM)));
            }
        }
        if stopping.at_once || stopping.kill_at <= now {
            if !std::mem::replace(&mut stopping.kill_sent, true) {
                plan.signals.push((index, SIGKILL));
            }
        } else {
            plan.wake(stopping.kill_at);
        }
    }
}

/// Stops all that runs of a pod that is to stop. Sidecars go last, in the reverse order of their start.
pub(super) fn stop_all(pod: &PodFacts, memory: &mut Memory, now: Timestamp, plan: &mut Plan) {
    let Some(stop) = memory.stop.clone() else { return };
    for (index, container) in memory.containers.iter_mut().enumerate() {
        if matches!(container.state, State::Running { .. }) && container.stopping.is_none() {
            let message = format!("Stopping container {}", pod.containers[index].name);
            container.begin_stop(&pod.containers[index], index, message, stop.kill_at, now, plan);
        }
    }
    stop_on(pod, memory, now, plan);
}

/// Goes on with all stops.
pub(super) fn stop_on(pod: &PodFacts, memory: &mut Memory, now: Timestamp, plan: &mut Plan) {
    let alive = |memory: &Memory, index: usize| memory.containers[index].state.is_alive();
    for index in 0..pod.containers.len() {
        if !matches!(memory.containers[index].state, State::Running { .. })
            || memory.containers[index].stopping.is_none()
        {
            continue;
        }
        let facts = &pod.containers[index];
        let goes_before = |other: usize| {
            let other_facts = &pod.containers[other];
            other_facts.is_regular() || other_facts.sidecar && other > index
        };
        let waits = facts.sidecar
            && memory.stop.is_some()
            && (0..pod.containers.len()).any(|other| goes_before(other) && alive(memory, other));
        memory.containers[index].stop_on(facts, index, !waits, now, plan);
    }
}

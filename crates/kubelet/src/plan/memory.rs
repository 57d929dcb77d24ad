//! What the kubelet knows of one pod beyond its object: the runs of its containers and whether it is being stopped.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::back_off::BackOff;
use super::probes::{self, ProbeMemory};
use super::pulls::{ImageStatus, Pull};
use super::stopping::{PostStart, Stop, Stopping};
use super::{ContainerFacts, Phase, Plan, PodEvent, PodFacts};
use crate::runtime::ExitStatus;

/// Waits between tries of a start that could not be prepared, doubling from the first to the last.
const RETRY_SECONDS: (i64, i64) = (1, 10);
const DEADLINE_MESSAGE: &str = "Pod was active on the node longer than the specified deadline";

/// One pod's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// `status.startTime`: when this kubelet first saw the pod.
    pub start_time: Timestamp,
    /// In the order of [`PodFacts::containers`].
    pub containers: Vec<ContainerMemory>,
    /// The phase, as last computed.
    pub phase: Phase,
    /// `status.reason` and `status.message`.
    pub reason: Option<(String, String)>,
    /// Whether the object has a deletion time.
    pub deleting: bool,
    /// `metadata.generation`, for `observedGeneration`.
    pub generation: i64,
    pub(super) stop: Option<Stop>,
    /// All containers are being ended to be run again.
    pub(super) resetting: bool,
    /// The conditions that readiness gates name, by type; those that are not there have no status.
    pub(super) gates: BTreeMap<String, Option<String>>,
    /// Status and transition time of each condition, by type.
    pub(super) conditions: BTreeMap<&'static str, (bool, Timestamp)>,
}

/// One container's memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerMemory {
    /// What it does now.
    pub state: State,
    /// How the run before ended.
    pub last: Option<Termination>,
    /// How often it was started again; also the number of the current run.
    pub restarts: u32,
    /// The id of the current or last run.
    pub container_id: Option<String>,
    /// Its image, where that is more than a name.
    pub image: Option<ImageStatus>,
    pub(super) pull: Pull,
    pub(super) back_off: BackOff,
    pub(super) stopping: Option<Stopping>,
    pub(super) post_start: PostStart,
    /// In the order of [`ContainerFacts::probes`]; empty until the first is due.
    pub(super) probes: Vec<ProbeMemory>,
    /// It was asked to run, since all containers of the pod were last run again.
    pub(super) begun: bool,
    /// The image that it runs is not the spec's any more.
    pub(super) image_changed: bool,
    /// It is killed to be run again, however it ends.
    pub(super) restarts_anyway: bool,
    attempts: u32,
}

/// What a container does.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    /// Not started yet.
    #[default]
    Waiting,
    /// It cannot be started for a reason outside it.
    Blocked {
        /// The reason people see, such as `CreateContainerConfigError`.
        reason: &'static str,
        /// What to do about it.
        message: String,
        /// When to try again; `None` when trying again cannot help.
        retry_at: Option<Timestamp>,
    },
    /// The runtime was asked to start it.
    Starting,
    /// It runs.
    Running {
        /// Since when.
        started_at: Timestamp,
    },
    /// It has ended.
    Terminated(Termination),
}

impl State {
    /// Whether a process may be there.
    pub fn is_alive(&self) -> bool {
        matches!(self, Self::Starting | Self::Running { .. })
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Termination {
    /// 0 to 255; 128 + n for signal n.
    pub exit_code: i32,
    /// `Completed`, `Error`, `StartError` or `ContainerStatusUnknown`.
    pub reason: &'static str,
    /// Why it did not start.
    pub message: Option<String>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Which run.
    pub container_id: Option<String>,
}

impl Memory {
    /// The memory of a pod that was never seen before.
    pub fn new(pod: &PodFacts, now: Timestamp) -> Self {
        Self {
            start_time: now,
            containers: vec![ContainerMemory::default(); pod.containers.len()],
            phase: Phase::Pending,
            reason: None,
            deleting: false,
            generation: 0,
            stop: None,
            resetting: false,
            gates: BTreeMap::new(),
            conditions: BTreeMap::new(),
        }
    }

    /// The memory of a pod that an earlier kubelet has left: what ran then is gone, what ended has ended.
    pub fn recovered(pod: &PodFacts, status: &Value, now: Timestamp) -> Self {
        let mut memory = Self::new(pod, now);
        if let Some(start_time) = time(&status["startTime"]) {
            memory.start_time = start_time;
        }
        memory.phase = Phase::parse(status["phase"].as_str().unwrap_or_default());
        if let (Some(reason), message) = (status["reason"].as_str(), status["message"].as_str()) {
            memory.reason = Some((reason.to_owned(), message.unwrap_or_default().to_owned()));
        }
        let lists =
            ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"].map(|list| &status[list]);
        for entry in lists.into_iter().filter_map(Value::as_array).flatten() {
            let Some(index) = pod.containers.iter().position(|container| entry["name"] == container.name.as_str())
            else {
                continue;
            };
            memory.containers[index].recover(entry, now);
        }
        memory
    }

    /// The object has a deletion time; a later, shorter grace period wins.
    pub fn observe_deletion(&mut self, grace_seconds: i64, now: Timestamp) {
        self.deleting = true;
        self.begin_stop(now, grace_seconds);
    }

    /// The runtime runs a container.
    pub fn started(&mut self, index: usize, container_id: String, started_at: Timestamp) {
        let container = &mut self.containers[index];
        container.container_id = Some(container_id);
        container.attempts = 0;
        (container.stopping, container.post_start) = (None, PostStart::Due);
        container.probes.clear();
        container.state = State::Running { started_at };
    }

    /// The program cannot be run: an end of its own kind, so that back-off and Job limits apply.
    pub fn start_failed(&mut self, index: usize, container_id: String, message: String, now: Timestamp) {
        let container = &mut self.containers[index];
        container.container_id = Some(container_id.clone());
        container.state = State::Terminated(Termination {
            exit_code: 128,
            reason: "StartError",
            message: Some(message),
            started_at: Timestamp::from_second(0).ok(),
            finished_at: now,
            container_id: Some(container_id),
        });
    }

    /// A container cannot be started for a reason outside it; it waits, and is tried again where that may help.
    pub fn blocked(&mut self, index: usize, reason: &'static str, message: String, retry: bool, now: Timestamp) {
        let container = &mut self.containers[index];
        let seconds = RETRY_SECONDS.0.checked_shl(container.attempts).unwrap_or(i64::MAX).clamp(1, RETRY_SECONDS.1);
        container.attempts = (container.attempts + 1).min(16);
        let retry_at = retry.then(|| after(now, seconds));
        container.state = State::Blocked { reason, message, retry_at };
    }

    /// A container has ended. Told twice, or of a container that does not run, it changes nothing.
    pub fn exited(&mut self, index: usize, status: ExitStatus, finished_at: Timestamp, message: Option<String>) {
        let container = &mut self.containers[index];
        let State::Running { started_at } = container.state else { return };
        let exit_code = status.exit_code();
        container.stopping = None;
        container.state = State::Terminated(Termination {
            exit_code,
            reason: match status {
                ExitStatus::OutOfMemory => "OOMKilled",
                _ if exit_code == 0 => "Completed",
                _ => "Error",
            },
            message,
            started_at: Some(started_at),
            finished_at,
            container_id: container.container_id.clone(),
        });
    }

    pub(super) fn check_deadline(&mut self, pod: &PodFacts, now: Timestamp, plan: &mut Plan) {
        let Some(seconds) = pod.active_deadline_seconds else { return };
        if self.phase.is_terminal() || self.reason.is_some() || self.deleting {
            return;
        }
        let deadline = after(self.start_time, seconds);
        if now < deadline {
            return plan.wake(deadline);
        }
        self.reason = Some(("DeadlineExceeded".to_owned(), DEADLINE_MESSAGE.to_owned()));
        self.begin_stop(now, pod.grace_seconds);
        plan.events.push(PodEvent {
            container: None,
            warning: false,
            reason: "DeadlineExceeded",
            message: DEADLINE_MESSAGE.to_owned(),
        });
    }

    /// Whether a container that comes after the init containers has begun.
    pub(super) fn has_initialized(&self, pod: &PodFacts) -> bool {
        let mut pairs = self.containers.iter().zip(&pod.containers);
        pairs.any(|(container, facts)| facts.is_regular() && container.begun)
    }

    /// Whether every container that counts has ended for good, or an init container has failed for good.
    pub(super) fn work_is_done(&self, pod: &PodFacts) -> bool {
        let ended = |index: usize| match &self.containers[index].state {
            State::Terminated(end) if !self.containers[index].restarts(pod, index) => Some(end.exit_code),
            _ => None,
        };
        let of = |init| (0..pod.containers.len()).filter(move |index| pod.containers[*index].init == init);
        of(false).filter(|index| pod.containers[*index].is_regular()).all(|index| ended(index).is_some())
            || of(true).any(|index| ended(index).is_some_and(|exit_code| exit_code != 0))
    }

    /// The spec has changed: there may be further ephemeral containers, and other images.
    pub fn observe_spec(&mut self, old: &PodFacts, new: &PodFacts) {
        self.containers.resize_with(new.containers.len(), ContainerMemory::default);
        let pairs = old.containers.iter().zip(&new.containers);
        for (container, _) in self.containers.iter_mut().zip(pairs).filter(|(_, (old, new))| old.image != new.image) {
            container.image_changed = true;
            if matches!(container.state, State::Blocked { .. }) {
                container.state = State::Waiting;
            }
        }
    }

    /// The conditions of a pod's status that its readiness gates name; whether they are news.
    pub fn observe_gates(&mut self, pod: &PodFacts, status: &Value) -> bool {
        let conditions = || status["conditions"].as_array().into_iter().flatten();
        let status_of = |name: &String| {
            let condition = conditions().find(|condition| condition["type"] == name.as_str());
            (name.clone(), condition.and_then(|condition| condition["status"].as_str()).map(str::to_owned))
        };
        let gates: BTreeMap<_, _> = pod.readiness_gates.iter().map(status_of).collect();
        std::mem::replace(&mut self.gates, gates) != self.gates
    }
}

impl ContainerMemory {
    pub(super) fn has_succeeded(&self) -> bool {
        matches!(&self.state, State::Terminated(end) if end.exit_code == 0)
    }

    /// Whether it runs and people are told so: upstream tells of a container once its postStart hook has run.
    pub(super) fn is_running(&self, facts: &ContainerFacts) -> bool {
        matches!(self.state, State::Running { .. }) && !self.is_in_post_start(facts)
    }

    /// Whether its start is not over because of its postStart hook.
    pub(super) fn is_in_post_start(&self, facts: &ContainerFacts) -> bool {
        facts.post_start && self.state.is_alive() && self.post_start != PostStart::Over
    }

    /// Whether an init container lets the next one go.
    pub(super) fn is_initialized(&self, facts: &ContainerFacts) -> bool {
        if facts.sidecar { probes::is_started(facts, self) } else { self.has_succeeded() }
    }

    /// Whether another run follows the end that it is at.
    pub(super) fn restarts(&self, pod: &PodFacts, index: usize) -> bool {
        let State::Terminated(end) = &self.state else { return false };
        self.restarts_anyway || pod.restarts(index, end.exit_code)
    }

    fn recover(&mut self, status: &Value, now: Timestamp) {
        self.restarts = status["restartCount"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        self.container_id = status["containerID"].as_str().map(str::to_owned);
        self.begun = self.container_id.is_some();
        let text = |field: &str| status[field].as_str().unwrap_or_default().to_owned();
        self.image = (!text("imageID").is_empty()).then(|| ImageStatus { image: text("image"), id: text("imageID") });
        if let Some(end) = status.pointer("/state/terminated").or_else(|| status.pointer("/lastState/terminated")) {
            let exit_code = end["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(137);
            self.state = State::Terminated(Termination {
                exit_code,
                reason: match end["reason"].as_str() {
                    Some("OOMKilled") => "OOMKilled",
                    _ if exit_code == 0 => "Completed",
                    _ => "Error",
                },
                message: end["message"].as_str().map(str::to_owned),
                started_at: time(&end["startedAt"]),
                finished_at: time(&end["finishedAt"]).unwrap_or(now),
                container_id: end["containerID"].as_str().map(str::to_owned),
            });
        } else if status.pointer("/state/running").is_some() {
            self.state = State::Terminated(Termination::unknown(now));
        }
    }
}

impl Termination {
    /// The end of a container of which nothing is known, in upstream's words.
    pub(super) fn unknown(now: Timestamp) -> Self {
        Self {
            exit_code: 137,
            reason: "ContainerStatusUnknown",
            message: Some("The container could not be located when the pod was terminated".to_owned()),
            started_at: None,
            finished_at: now,
            container_id: None,
        }
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

pub(super) fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

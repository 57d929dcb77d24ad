//! A pod as the plan reads it: a small view decoded once per revision, so that a Job with ten thousand pods costs
//! kilobytes each, not whole objects.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use api::resource::JOB_TRACKING_FINALIZER;
use api::{Object, Revision, Uid};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::PodRef;

/// The annotation and label that carry a pod's completion index.
pub const INDEX_ANNOTATION: &str = "batch.kubernetes.io/job-completion-index";
/// The annotation that counts the failures of a pod's predecessors in its index.
pub const INDEX_FAILURES_ANNOTATION: &str = "batch.kubernetes.io/job-index-failure-count";
/// The annotation that counts those of them that a rule ignored.
pub const INDEX_IGNORED_ANNOTATION: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// `status.phase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not all containers have started.
    #[default]
    Pending,
    /// The node could not be asked.
    Unknown,
    /// A container runs or is about to be restarted.
    Running,
    /// All containers ended with exit code 0.
    Succeeded,
    /// A container failed, or the pod was killed.
    Failed,
}

impl Phase {
    /// Whether the phase is final.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    fn read(text: &str) -> Self {
        match text {
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            "Unknown" => Self::Unknown,
            _ => Self::Pending,
        }
    }
}

/// How one container of a pod ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerExit {
    /// The container's name.
    pub name: String,
    /// Its exit code.
    pub exit_code: i32,
}

/// One revision of one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodView {
    /// The UID.
    pub uid: Uid,
    /// The name.
    pub name: Arc<str>,
    /// The revision.
    pub revision: Revision,
    /// Whether the Job is its controller; else it has none.
    pub owned: bool,
    /// Whether its labels match the Job's selector.
    pub matches: bool,
    /// Whether it carries the tracking finalizer.
    pub tracked: bool,
    /// The phase.
    pub phase: Phase,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its completion index, if it has a valid one.
    pub index: Option<u32>,
    /// Failures of its index before it that were counted.
    pub index_failures: i32,
    /// Failures of its index before it that were ignored.
    pub index_ignored_failures: i32,
    /// Whether it is bound to a node.
    pub assigned: bool,
    /// Since when its Ready condition is True, if it is.
    pub ready_since: Option<Timestamp>,
    /// Restarts of all its containers.
    pub restarts: i32,
    /// Restarts of the container with the most.
    pub most_restarts: i32,
    /// When it was created.
    pub created: Timestamp,
    /// When it finished, as far as its status tells; meaningful for terminal and deleted pods.
    pub finished: Timestamp,
    /// How its terminated containers ended, regular ones before init containers.
    pub exits: Vec<ContainerExit>,
    /// Types and statuses of its conditions; of a pod that still runs, without those that every pod has.
    pub conditions: Vec<(String, String)>,
    /// Its labels, for as long as its Job's selector is not known. A plan never looks at them.
    pub labels: Option<Arc<BTreeMap<String, String>>>,
}

impl PodView {
    /// Reads a pod. `owned` and `matches` depend on the Job and are false.
    ///
    /// # Errors
    /// When the object is not a Pod.
    pub fn read(object: &Object) -> Result<Self, serde_json::Error> {
        let raw: RawPod<'_> = object.view()?;
        let meta = object.meta();
        let annotation =
            |name: fn(&RawAnnotations<'_>) -> Option<i32>| raw.metadata.annotations.as_ref().and_then(name);
        let mut view = Self {
            uid: meta.uid.clone(),
            name: Arc::from(meta.name.as_str()),
            revision: meta.revision,
            tracked: meta.has_finalizer(JOB_TRACKING_FINALIZER),
            phase: Phase::read(&raw.status.phase),
            deleting: meta.is_deleting(),
            index: annotation(|all| number(all.index.as_deref())).and_then(|index| u32::try_from(index).ok()),
            index_failures: annotation(|all| number(all.failures.as_deref())).unwrap_or(0),
            index_ignored_failures: annotation(|all| number(all.ignored.as_deref())).unwrap_or(0),
            assigned: raw.spec.node_name.is_some_and(|node| !node.is_empty()),
            created: meta.creation_timestamp.unwrap_or(Timestamp::UNIX_EPOCH),
            ..Self::default()
        };
        let grace = SignedDuration::from_secs(meta.deletion_grace_period_seconds.unwrap_or(0));
        view.read_status(&raw.status, meta.deletion_timestamp.map(|time| time - grace));
        Ok(view)
    }

    fn read_status(&mut self, status: &RawStatus<'_>, deleted: Option<Timestamp>) {
        let all = || status.container_statuses.iter().chain(&status.init_container_statuses);
        self.restarts = all().map(|container| container.restart_count).fold(0, i32::saturating_add);
        self.most_restarts = all().map(|container| container.restart_count).max().unwrap_or(0);
        let ready = status.conditions.iter().find(|condition| condition.r#type == "Ready");
        self.ready_since = ready
            .filter(|condition| condition.status == "True")
            .map(|condition| condition.last_transition_time.unwrap_or(self.created));
        self.finished = containers_finished(&status.container_statuses)
            .or_else(|| ready.filter(|condition| condition.status == "False")?.last_transition_time)
            .or(deleted)
            .unwrap_or(self.created);
        self.exits = all().filter_map(RawContainer::exit).collect();
        let ended = self.phase.is_terminal() || self.deleting;
        let pair = |condition: &RawCondition<'_>| (condition.r#type.to_string(), condition.status.to_string());
        let kept = status.conditions.iter().filter(|condition| ended || !is_routine(&condition.r#type));
        self.conditions = kept.map(pair).collect();
    }

    /// The pod's name and UID.
    pub fn reference(&self) -> PodRef {
        PodRef { uid: self.uid.clone(), name: self.name.clone() }
    }

    /// Neither terminal nor being deleted (`FilterActivePods`).
    pub fn is_active(&self) -> bool {
        !self.phase.is_terminal() && !self.deleting
    }

    /// Being deleted, but not yet terminal (`CountTerminatingPods`).
    pub fn is_terminating(&self) -> bool {
        !self.phase.is_terminal() && self.deleting
    }

    /// Active and Ready.
    pub fn is_ready(&self) -> bool {
        self.is_active() && self.ready_since.is_some()
    }

    /// Whether a plan would say the same with this view of the pod in place of the other, but for `status.ready`: what
    /// else differs is only what every pod goes through while it starts.
    pub fn plans_like(&self, other: &Self) -> bool {
        let state = |pod: &Self| (pod.is_active(), pod.phase.is_terminal(), pod.deleting, pod.tracked);
        let home = |pod: &Self| (pod.owned, pod.matches, pod.index, pod.restarts);
        let same_end = !self.phase.is_terminal() || self.phase == other.phase;
        state(self) == state(other) && home(self) == home(other) && same_end && self.conditions == other.conditions
    }

    /// Whether a pod of the Job can still change what the Job's next plan says. One that is terminal and no longer
    /// tracked is in the Job's counters already and may be forgotten.
    pub fn matters(&self) -> bool {
        !self.phase.is_terminal() || self.tracked
    }
}

/// Conditions that the kubelet and the scheduler set on every pod.
fn is_routine(condition_type: &str) -> bool {
    let routine = ["Ready", "ContainersReady", "Initialized", "PodScheduled", "PodReadyToStartContainers"];
    routine.contains(&condition_type)
}

/// The latest end, if all regular containers have ended.
fn containers_finished(containers: &[RawContainer<'_>]) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> =
        containers.iter().map(|container| container.state.terminated.as_ref()?.finished_at).collect();
    ends?.into_iter().max()
}

/// Annotations are free text: what is no number in range reads as absent.
fn number(text: Option<&str>) -> Option<i32> {
    text?.parse().ok().filter(|number| *number >= 0)
}

#[derive(Deserialize)]
struct RawPod<'a> {
    #[serde(borrow, default)]
    metadata: RawMetadata<'a>,
    #[serde(borrow, default)]
    spec: RawSpec<'a>,
    #[serde(borrow, default)]
    status: RawStatus<'a>,
}

#[derive(Default, Deserialize)]
struct RawMetadata<'a> {
    #[serde(borrow, default)]
    annotations: Option<RawAnnotations<'a>>,
}

#[derive(Default, Deserialize)]
struct RawAnnotations<'a> {
    #[serde(borrow, default, rename = "batch.kubernetes.io/job-completion-index")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "batch.kubernetes.io/job-index-failure-count")]
    failures: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "batch.kubernetes.io/job-index-ignored-failure-count")]
    ignored: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSpec<'a> {
    #[serde(borrow, default)]
    node_name: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus<'a> {
    #[serde(borrow)]
    phase: Cow<'a, str>,
    #[serde(borrow)]
    conditions: Vec<RawCondition<'a>>,
    #[serde(borrow)]
    container_statuses: Vec<RawContainer<'a>>,
    #[serde(borrow)]
    init_container_statuses: Vec<RawContainer<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCondition<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default)]
    last_transition_time: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawContainer<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    restart_count: i32,
    state: RawState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawState {
    terminated: Option<RawTerminated>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTerminated {
    #[serde(default)]
    exit_code: i32,
    #[serde(default)]
    finished_at: Option<Timestamp>,
}

impl RawContainer<'_> {
    fn exit(&self) -> Option<ContainerExit> {
        let exit_code = self.state.terminated.as_ref()?.exit_code;
        Some(ContainerExit { name: self.name.to_string(), exit_code })
    }
}

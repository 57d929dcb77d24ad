//! What a ReplicationController needs next: `plan(input, pods, now)` answers with pods to adopt and release, or with
//! how many to create, or which to delete; [`status`] with the status that tells of it
//! (`pkg/controller/replicaset/replica_set.go`, which upstream wraps for ReplicationControllers). Pure.
//!
//! Differs: upstream goes on with the sync after adoptions and releases. Here ownership is settled first and everything
//! else waits for the next plan, so that no pod is counted whose adoption the server may still refuse.

mod ranking;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use api::k8s::api::core::v1::{
    ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus as Status,
};
use api::k8s::apimachinery::pkg::apis::meta::v1::{LabelSelector as SelectorFields, Time};
use api::selector::LabelSelector;
use api::time::whole_seconds;
use api::{Object, Uid};
use jiff::{SignedDuration, Timestamp};

use super::pod::PodView;

/// Most pods that one plan creates or deletes (`BurstReplicas`).
pub const BURST: usize = 500;
/// The condition that tells of pods that could not be created or deleted.
const REPLICA_FAILURE: &str = "ReplicaFailure";

/// A ReplicationController as the plan reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// How many pods are wanted.
    pub replicas: usize,
    /// How long a pod is ready before it counts as available.
    pub min_ready_seconds: i32,
    /// Whose pods.
    pub selector: LabelSelector,
    /// The labels of pods that are made from its template.
    pub template_labels: BTreeMap<String, String>,
    /// The generation of its spec.
    pub generation: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What its status says now.
    pub status: Status,
}

/// One pod to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRef {
    /// The UID, which guards against a successor of the same name.
    pub uid: Uid,
    /// The name.
    pub name: String,
}

/// What to do. With adoptions or releases there is nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Pods without a controller that match the selector.
    pub adoptions: Vec<PodRef>,
    /// Its pods that match no more.
    pub releases: Vec<PodRef>,
    /// How many pods to create.
    pub creates: usize,
    /// Pods to delete, the least useful first.
    pub deletes: Vec<PodRef>,
}

impl Input {
    /// Reads a ReplicationController.
    ///
    /// # Errors
    /// When it is none, or its selector cannot be read.
    pub fn read(object: &Object) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let controller: ReplicationController = object.decode()?;
        let spec = controller.spec.unwrap_or_default();
        let selector = spec.selector.filter(|labels| !labels.is_empty());
        let selector = selector.map(|labels| SelectorFields { match_labels: Some(labels), ..Default::default() });
        let template = spec.template.and_then(|template| template.metadata).and_then(|metadata| metadata.labels);
        Ok(Self {
            replicas: usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0),
            min_ready_seconds: spec.min_ready_seconds.unwrap_or(0),
            selector: LabelSelector::of(selector.as_ref())?,
            template_labels: template.unwrap_or_default(),
            generation: object.meta().generation,
            deleting: object.meta().is_deleting(),
            status: controller.status.unwrap_or_default(),
        })
    }

    /// The pods that count: active, its own, and selected.
    fn replicas_among<'a>(&'a self, pods: &'a [PodView]) -> impl Iterator<Item = &'a PodView> {
        pods.iter().filter(|pod| pod.owned && pod.is_active() && self.selector.matches(&pod.labels))
    }

    fn is_available(&self, pod: &PodView, now: Timestamp) -> bool {
        pod.ready && (self.min_ready_seconds == 0 || self.available_at(pod).is_some_and(|time| time <= now))
    }

    fn available_at(&self, pod: &PodView) -> Option<Timestamp> {
        let wait = SignedDuration::from_secs(self.min_ready_seconds.into());
        pod.ready_since?.checked_add(wait).ok()
    }
}

fn reference(pod: &PodView) -> PodRef {
    PodRef { uid: pod.uid.clone(), name: pod.name.clone() }
}

/// Plans over the controller's own pods and those that nobody controls.
pub fn plan(input: &Input, pods: &[PodView], now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    if input.deleting {
        return plan;
    }
    // Pods that are over belong to whom they belonged.
    for pod in pods.iter().filter(|pod| pod.is_active()) {
        match (pod.owned, input.selector.matches(&pod.labels)) {
            (false, true) => plan.adoptions.push(reference(pod)),
            (true, false) => plan.releases.push(reference(pod)),
            _ => {}
        }
    }
    if !plan.adoptions.is_empty() || !plan.releases.is_empty() {
        return plan;
    }
    let replicas: Vec<&PodView> = input.replicas_among(pods).collect();
    plan.creates = input.replicas.saturating_sub(replicas.len()).min(BURST);
    let surplus = replicas.len().saturating_sub(input.replicas).min(BURST);
    plan.deletes = ranking::least_useful(replicas, surplus, now).into_iter().map(reference).collect();
    plan
}

/// The status after a plan was performed, which failed with this message or went well; `None` when it is written
/// already. It counts the pods that the plan was made on.
pub fn status(input: &Input, pods: &[PodView], failure: Option<&str>, now: Timestamp) -> Option<Status> {
    let replicas: Vec<&PodView> = input.replicas_among(pods).collect();
    let labelled = |pod: &PodView| input.template_labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
    let count = |fits: &dyn Fn(&PodView) -> bool| {
        let count = replicas.iter().filter(|pod| fits(pod)).count();
        i32::try_from(count).ok()
    };
    let old = &input.status;
    let mut new = Status {
        replicas: count(&|_| true).unwrap_or(i32::MAX),
        fully_labeled_replicas: count(&labelled),
        ready_replicas: count(&|pod| pod.ready),
        available_replicas: count(&|pod| input.is_available(pod, now)),
        observed_generation: Some(input.generation),
        conditions: old.conditions.clone(),
    };
    let told = |condition: &ReplicationControllerCondition| condition.type_ == REPLICA_FAILURE;
    let conditions = new.conditions.get_or_insert_default();
    match failure {
        None => conditions.retain(|condition| !told(condition)),
        Some(message) if !conditions.iter().any(told) => {
            let short = replicas.len() < input.replicas;
            conditions.push(ReplicationControllerCondition {
                type_: REPLICA_FAILURE.to_owned(),
                status: "True".to_owned(),
                reason: Some(if short { "FailedCreate" } else { "FailedDelete" }.to_owned()),
                message: Some(message.to_owned()),
                last_transition_time: Some(Time(whole_seconds(now))),
            });
        }
        Some(_) => {}
    }
    (normal(&new) != normal(old)).then_some(new)
}

/// A status in which what is absent and what is zero or empty are the same.
fn normal(status: &Status) -> Status {
    let mut status = status.clone();
    for count in [&mut status.fully_labeled_replicas, &mut status.ready_replicas, &mut status.available_replicas] {
        count.get_or_insert(0);
    }
    status.observed_generation.get_or_insert(0);
    status.conditions.get_or_insert_default();
    status
}

/// When the next pod becomes available although nothing else changes.
pub fn next_look(input: &Input, pods: &[PodView], now: Timestamp) -> Option<Timestamp> {
    let ready = input.replicas_among(pods).filter(|pod| pod.ready && input.min_ready_seconds > 0);
    ready.filter_map(|pod| input.available_at(pod)).filter(|time| *time > now).min()
}

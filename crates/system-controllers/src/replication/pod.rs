//! A pod as the plan of a ReplicationController reads it.

use std::collections::BTreeMap;

use api::{Object, Uid};
use jiff::Timestamp;
use serde::Deserialize;

/// What a pod costs to delete, compared with its siblings (`core.PodDeletionCost`).
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// One revision of one pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodView {
    /// The UID.
    pub uid: Uid,
    /// The name.
    pub name: String,
    /// Whether the controller that is planned for controls it; else nobody does.
    pub owned: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it has a node.
    pub assigned: bool,
    /// Its phase.
    pub phase: Phase,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether its Ready condition is True.
    pub ready: bool,
    /// Since when, if the condition says so.
    pub ready_since: Option<Timestamp>,
    /// Restarts of the container with the most.
    pub restarts: i32,
    /// Restarts of the restartable init container with the most.
    pub sidecar_restarts: i32,
    /// What its annotation says that its deletion costs; 0 when it says nothing valid.
    pub deletion_cost: i32,
    /// When it was created.
    pub created: Option<Timestamp>,
}

/// `status.phase`, in the order in which pods are given up (`podPhaseToOrdinal`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not all containers have started.
    #[default]
    Pending,
    /// The node could not be asked.
    Unknown,
    /// A container runs.
    Running,
    /// Over, whichever way.
    Terminal,
}

impl PodView {
    /// Reads a pod; `owned` depends on who asks and is false.
    ///
    /// # Errors
    /// When the object is not a Pod.
    pub fn read(object: &Object) -> Result<Self, serde_json::Error> {
        let raw: RawPod = object.view()?;
        let meta = object.meta();
        let ready = raw.status.conditions.iter().find(|it| it.r#type == "Ready" && it.status == "True");
        let most = |statuses: &[RawContainer]| statuses.iter().map(|status| status.restart_count).max().unwrap_or(0);
        let sidecar = |status: &&RawContainer| {
            let named = |it: &&RawInit| it.name == status.name && it.restart_policy.as_deref() == Some("Always");
            raw.spec.init_containers.iter().any(|it| named(&it))
        };
        let sidecars = raw.status.init_container_statuses.iter().filter(sidecar);
        Ok(Self {
            uid: meta.uid.clone(),
            name: meta.name.clone(),
            owned: false,
            labels: (*meta.labels).clone(),
            assigned: raw.spec.node_name.is_some_and(|node| !node.is_empty()),
            phase: match raw.status.phase.as_str() {
                "Running" => Phase::Running,
                "Succeeded" | "Failed" => Phase::Terminal,
                "Unknown" => Phase::Unknown,
                _ => Phase::Pending,
            },
            deleting: meta.is_deleting(),
            ready: ready.is_some(),
            ready_since: ready.and_then(|condition| condition.last_transition_time),
            restarts: most(&raw.status.container_statuses),
            sidecar_restarts: sidecars.map(|status| status.restart_count).max().unwrap_or(0),
            deletion_cost: raw.metadata.annotations.get(DELETION_COST).map_or(0, |text| deletion_cost(text)),
            created: meta.creation_timestamp,
        })
    }

    /// Neither over nor being deleted (`IsPodActive`).
    pub fn is_active(&self) -> bool {
        self.phase != Phase::Terminal && !self.deleting
    }
}

/// A number as Go reads it, without a plus sign or leading zeros (`GetDeletionCostFromPodAnnotations`).
fn deletion_cost(text: &str) -> i32 {
    let valid_start = text == "0" || text.starts_with(|first: char| first == '-' || ('1'..='9').contains(&first));
    text.parse().ok().filter(|_| valid_start).unwrap_or(0)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPod {
    metadata: RawMetadata,
    spec: RawSpec,
    status: RawStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMetadata {
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    node_name: Option<String>,
    init_containers: Vec<RawInit>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawInit {
    name: String,
    restart_policy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    phase: String,
    conditions: Vec<RawCondition>,
    container_statuses: Vec<RawContainer>,
    init_container_statuses: Vec<RawContainer>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawCondition {
    r#type: String,
    status: String,
    last_transition_time: Option<Timestamp>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawContainer {
    name: String,
    restart_count: i32,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cost_with_a_plus_sign_or_leading_zeros_is_none() {
        for (text, cost) in [("10", 10), ("-3", -3), ("0", 0), ("+10", 0), ("008", 0), ("", 0), ("99999999999", 0)] {
            assert_eq!(deletion_cost(text), cost, "{text}");
        }
    }

    #[test]
    fn only_restartable_init_containers_count_as_sidecars() {
        let value = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
            "spec": { "initContainers": [{ "name": "once" }, { "name": "side", "restartPolicy": "Always" }] },
            "status": {
                "phase": "Running",
                "containerStatuses": [{ "name": "c", "restartCount": 2 }, { "name": "d", "restartCount": 1 }],
                "initContainerStatuses": [{ "name": "once", "restartCount": 9 }, { "name": "side", "restartCount": 4 }],
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
            },
        });
        let view = PodView::read(&Object::from_value(&value).expect("an object")).expect("a pod");
        assert_eq!((view.restarts, view.sidecar_restarts), (2, 4));
        assert!(view.ready && view.ready_since.is_some() && view.is_active());
    }
}

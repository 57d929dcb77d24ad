//! Which node a pod goes to, and why none takes it. Pure.
//!
//! Filters in upstream's order (`pkg/scheduler/framework/plugins`): VolumeBinding's look at claims, which goes before
//! all nodes, then NodeUnschedulable, TaintToleration, NodeAffinity.
//! Differs: resources, ports, spreading and preemption are not looked at, nor what stands behind a claim that is there,
//! and the first node by name that passes is taken instead of the best.

use std::collections::BTreeMap;

use api::k8s::api::core::v1::{NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The `spec.schedulerName` that this scheduler answers to, and the component of its Events.
pub const SCHEDULER_NAME: &str = "default-scheduler";

/// What the scheduler reads of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodView {
    /// `metadata`.
    pub metadata: PodMetaView,
    /// `spec`.
    pub spec: PodSpecView,
    /// `status`.
    pub status: PodStatusView,
}

/// What the scheduler reads of a pod's metadata.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodMetaView {
    /// The name, which claims of the pod's own begin with.
    pub name: String,
}

/// What the scheduler reads of a pod's spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpecView {
    /// Set once the pod is bound.
    pub node_name: Option<String>,
    /// Labels that the node must have.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Which scheduler is asked; absent means this one.
    pub scheduler_name: Option<String>,
    /// Gates that hold the pod back.
    pub scheduling_gates: Option<Vec<GateView>>,
    /// Taints that do not matter to the pod.
    pub tolerations: Option<Vec<Toleration>>,
    /// Node affinity; pod affinity is passed over.
    pub affinity: Option<AffinityView>,
    /// Volumes, for their claims.
    pub volumes: Option<Vec<VolumeView>>,
}

/// What the scheduler reads of a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeView {
    /// The volume's name.
    pub name: String,
    /// A claim that somebody made.
    pub persistent_volume_claim: Option<ClaimView>,
    /// A claim that is to be made for the pod.
    pub ephemeral: Option<IgnoredAny>,
}

/// A claim that a volume names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimView {
    /// Its name.
    pub claim_name: String,
}

/// One scheduling gate.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct GateView {
    /// The gate's name.
    pub name: String,
}

/// The part of `spec.affinity` that is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AffinityView {
    /// Node affinity.
    pub node_affinity: Option<NodeAffinityView>,
}

/// The part of node affinity that is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAffinityView {
    /// Terms of which the node must match one.
    pub required_during_scheduling_ignored_during_execution: Option<NodeSelector>,
}

/// What the scheduler reads of a pod's status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodStatusView {
    /// `conditions`.
    pub conditions: Option<Vec<ConditionView>>,
}

/// One condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConditionView {
    /// `type`.
    pub r#type: String,
    /// `status`.
    pub status: String,
    /// `reason`.
    pub reason: Option<String>,
    /// `message`.
    pub message: Option<String>,
}

/// What the scheduler knows of a node. Two views differ only if a pod may be scheduled differently.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeView {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Cordoned.
    pub unschedulable: bool,
    /// Taints; a node that is not ready has upstream's `node.kubernetes.io/not-ready` among them.
    pub taints: Vec<Taint>,
}

/// Nodes by name.
pub type Nodes = BTreeMap<String, NodeView>;

/// The PersistentVolumeClaims that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claims {
    /// Not known here, so they hold no pod back.
    #[default]
    PassedOver,
    /// The API has none, so a pod that names one waits for it for ever.
    None,
}

/// What becomes of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Another scheduler's, or bound already.
    Ignore,
    /// Held back by its gates.
    Gated,
    /// Goes to this node.
    Bind(String),
    /// No node takes it; why, in upstream's words.
    Unschedulable(String),
}

/// Decides where a pod goes.
pub fn plan(pod: &PodView, nodes: &Nodes, claims: Claims) -> Decision {
    let spec = &pod.spec;
    let ours = spec.scheduler_name.as_deref().is_none_or(|name| name.is_empty() || name == SCHEDULER_NAME);
    if !ours || spec.node_name.as_deref().is_some_and(|name| !name.is_empty()) {
        return Decision::Ignore;
    }
    if spec.scheduling_gates.as_deref().is_some_and(|gates| !gates.is_empty()) {
        return Decision::Gated;
    }
    if let Some(missing) = missing_claim(pod).filter(|_| claims == Claims::None) {
        return Decision::Unschedulable(message(vec![missing], nodes.len()));
    }
    let mut reasons = BTreeMap::<&'static str, usize>::new();
    for (name, node) in nodes {
        match refusal(spec, name, node) {
            None => return Decision::Bind(name.clone()),
            Some(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    let counted = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    Decision::Unschedulable(message(counted, nodes.len()))
}

/// The first claim of a pod's where there are none (`volumebinding.podHasPVCs`). The plugin that goes before that one,
/// VolumeRestrictions, says the same of claims that somebody is to make.
fn missing_claim(pod: &PodView) -> Option<String> {
    let volumes = || pod.spec.volumes.iter().flatten();
    let named = volumes().find_map(|volume| volume.persistent_volume_claim.as_ref());
    if let Some(claim) = named {
        return Some(format!("persistentvolumeclaim {:?} not found", claim.claim_name));
    }
    let own = volumes().find(|volume| volume.ephemeral.is_some())?;
    let claim = format!("{}-{}", pod.metadata.name, own.name);
    Some(format!("waiting for ephemeral volume controller to create the persistentvolumeclaim {claim:?}"))
}

/// Why a node does not take the pod, in upstream's words.
fn refusal(spec: &PodSpecView, name: &str, node: &NodeView) -> Option<&'static str> {
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let cordon = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    if node.unschedulable && !tolerations.iter().any(|toleration| tolerates(toleration, &cordon)) {
        return Some("node(s) were unschedulable");
    }
    let matters = |taint: &&Taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute";
    let tolerated = |taint: &Taint| tolerations.iter().any(|toleration| tolerates(toleration, taint));
    if !node.taints.iter().filter(matters).all(tolerated) {
        return Some("node(s) had untolerated taint(s)");
    }
    if !selected(spec, name, node) {
        return Some("node(s) didn't match Pod's node affinity/selector");
    }
    None
}

/// `v1.Toleration.ToleratesTaint`.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    if !effect.is_empty() && effect != taint.effect {
        return false;
    }
    if !key.is_empty() && key != taint.key {
        return false;
    }
    match toleration.operator.as_deref().unwrap_or_default() {
        "" | "Equal" => !key.is_empty() && text(&toleration.value) == text(&taint.value),
        "Exists" => true,
        _ => false,
    }
}

fn selected(spec: &PodSpecView, name: &str, node: &NodeView) -> bool {
    let labels = spec.node_selector.iter().flatten().all(|(key, value)| node.labels.get(key) == Some(value));
    let required = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = required.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    labels && required.is_none_or(|selector| selector.node_selector_terms.iter().any(|term| matches(term, name, node)))
}

/// An empty term matches nothing.
fn matches(term: &NodeSelectorTerm, name: &str, node: &NodeView) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let label = |requirement: &NodeSelectorRequirement| holds(requirement, node.labels.get(&requirement.key));
    let field = |requirement: &NodeSelectorRequirement| {
        requirement.key == "metadata.name" && holds(requirement, Some(&name.to_owned()))
    };
    !(expressions.is_empty() && fields.is_empty()) && expressions.iter().all(label) && fields.iter().all(field)
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&String>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = value.is_some_and(|value| values.contains(value));
    let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok());
    let (have, bound) = (number(value), number(values.first()));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => have.zip(bound).is_some_and(|(have, bound)| have > bound),
        "Lt" => have.zip(bound).is_some_and(|(have, bound)| have < bound),
        _ => false,
    }
}

/// `FitError.Error` (`pkg/scheduler/framework/types.go`): reasons, sorted as text, then what the plugins after the
/// filters say.
fn message(mut reasons: Vec<String>, total: usize) -> String {
    if total == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    reasons.sort();
    format!(
        "0/{total} nodes are available: {}. no new claims to deallocate, preemption: 0/{total} nodes are available: \
         {total} Preemption is not helpful for scheduling.",
        reasons.join(", ")
    )
}

/// Whether the pod's `PodScheduled` condition says something else than this.
pub fn condition_differs(pod: &PodView, reason: &str, message: &str) -> bool {
    let conditions = pod.status.conditions.as_deref().unwrap_or_default();
    let scheduled = conditions.iter().find(|condition| condition.r#type == "PodScheduled");
    scheduled.is_none_or(|condition| {
        condition.status != "False"
            || condition.reason.as_deref() != Some(reason)
            || condition.message.as_deref().unwrap_or_default() != message
    })
}

#[cfg(test)]
mod tests;

//! All pods and nodes, as far as the pod garbage collector needs to know them, and which pods are to go. Pure.
//!
//! A pod is read once per look at most, and only if it changed; what is kept of it beside the object itself, which it
//! shares with whoever else holds it, is a few words.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use api::{Object, Uid, conditions};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// How long a node may be missing before it counts as gone (`quarantineTime`).
pub const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);
/// The taint of a node that an administrator gave up (`TaintNodeOutOfService`).
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Why a pod goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has ended, and so have too many others after it.
    TooMany,
    /// It is being deleted on a node that is not ready and out of service.
    OutOfService,
    /// Its node is gone.
    NodeGone,
    /// It is being deleted and has no node that would end it.
    Unscheduled,
}

/// A pod to delete.
#[derive(Clone, Debug)]
pub struct Doomed {
    /// The pod.
    pub pod: Arc<Object>,
    /// Why.
    pub why: Why,
    /// Whether its phase is final already.
    pub has_ended: bool,
}

/// What a look finds, in the order in which it is done; orphans of missing nodes come after it.
#[derive(Debug, Default)]
pub struct Look {
    /// Pods to delete.
    pub doomed: Vec<Doomed>,
    /// Nodes to ask the API for once more: if they are gone, so are their pods ([`Census::orphans`]).
    pub missing: Vec<Arc<str>>,
    /// When to look again although nothing changes.
    pub wake_at: Option<Timestamp>,
}

struct Known {
    pod: Arc<Object>,
    /// As of the last look.
    node: Option<Arc<str>>,
    ended: Option<Ended>,
}

/// A pod that has ended, in the order in which they go: evicted ones, then old ones, then by name.
#[derive(Clone)]
struct Ended {
    evicted: bool,
    pod: Arc<Object>,
}

impl Ended {
    fn key(&self) -> impl Ord + '_ {
        let meta = self.pod.meta();
        (Reverse(self.evicted), meta.creation_timestamp, meta.name.as_str(), meta.uid.as_str())
    }
}

impl Ord for Ended {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Ended {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ended {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ended {}

/// All pods and nodes.
pub struct Census {
    /// How many pods that have ended may stay; with 0 all.
    threshold: usize,
    pods: HashMap<Uid, Known>,
    /// Pods that changed since the last look.
    unread: HashSet<Uid>,
    /// Those that have ended and are not being deleted.
    ended: BTreeSet<Ended>,
    deleting: HashSet<Uid>,
    by_node: HashMap<Arc<str>, HashSet<Uid>>,
    /// Nodes, and whether each is given up.
    nodes: HashMap<String, bool>,
    /// Since when nodes that have pods are missing.
    missing: BTreeMap<Arc<str>, Timestamp>,
}

impl Census {
    /// An empty one.
    pub fn new(threshold: usize) -> Self {
        Self {
            threshold,
            pods: HashMap::new(),
            unread: HashSet::new(),
            ended: BTreeSet::new(),
            deleting: HashSet::new(),
            by_node: HashMap::new(),
            nodes: HashMap::new(),
            missing: BTreeMap::new(),
        }
    }

    /// Takes in a list of all pods. Whether to look, as with all the following.
    pub fn replace_pods(&mut self, pods: Vec<Arc<Object>>) -> bool {
        (self.pods, self.unread, self.ended) = Default::default();
        (self.deleting, self.by_node) = Default::default();
        for pod in pods {
            self.apply_pod(pod);
        }
        true
    }

    /// Takes in a pod. It is read when somebody looks.
    pub fn apply_pod(&mut self, pod: Arc<Object>) -> bool {
        let uid = pod.meta().uid.clone();
        if pod.meta().is_deleting() {
            self.deleting.insert(uid.clone());
        }
        self.unread.insert(uid.clone());
        match self.pods.get_mut(&uid) {
            Some(known) => known.pod = pod,
            None => drop(self.pods.insert(uid, Known { pod, node: None, ended: None })),
        }
        true
    }

    /// Takes in that a pod is gone.
    pub fn remove_pod(&mut self, uid: &Uid) -> bool {
        self.unread.remove(uid);
        self.deleting.remove(uid);
        let Some(known) = self.pods.remove(uid) else { return false };
        if let Some(ended) = &known.ended {
            self.ended.remove(ended);
        }
        if let Some(node) = &known.node
            && let Some(pods) = self.by_node.get_mut(node)
        {
            pods.remove(uid);
            if pods.is_empty() {
                self.by_node.remove(node);
            }
        }
        // One less: nothing that was not to go before goes now.
        false
    }

    /// Takes in a list of all nodes.
    pub fn replace_nodes(&mut self, nodes: &[Arc<Object>]) -> bool {
        self.nodes = nodes.iter().map(|node| (node.meta().name.clone(), is_given_up(node))).collect();
        true
    }

    /// Takes in a node. A heartbeat changes nothing.
    pub fn apply_node(&mut self, node: &Object) -> bool {
        let given_up = is_given_up(node);
        self.nodes.insert(node.meta().name.clone(), given_up) != Some(given_up)
    }

    /// Takes in that a node is gone.
    pub fn remove_node(&mut self, name: &str) -> bool {
        self.nodes.remove(name).is_some()
    }

    /// What is to go now.
    pub fn look(&mut self, now: Timestamp) -> Look {
        for uid in std::mem::take(&mut self.unread) {
            self.read(&uid);
        }
        let mut look = Look::default();
        let surplus = if self.threshold == 0 { 0 } else { self.ended.len().saturating_sub(self.threshold) };
        let ended = self.ended.iter().take(surplus).map(|ended| ended.pod.clone());
        look.doomed.extend(ended.map(|pod| Doomed { pod, why: Why::TooMany, has_ended: true }));
        self.find_deleting(&mut look);
        self.find_missing(&mut look, now);
        look
    }

    /// Pods that are being deleted and that no node will end.
    fn find_deleting(&self, look: &mut Look) {
        let known = self.deleting.iter().filter_map(|uid| self.pods.get(uid));
        let mut found: Vec<Doomed> = known
            .filter_map(|known| {
                let why = match &known.node {
                    None => Why::Unscheduled,
                    Some(node) if self.nodes.get(&**node) == Some(&true) => Why::OutOfService,
                    Some(_) => return None,
                };
                let has_ended = phase_is_final(&known.pod);
                // Once it has ended and its grace is over, it waits for its finalizers alone.
                let over = has_ended && known.pod.meta().deletion_grace_period_seconds == Some(0);
                (!over).then(|| Doomed { pod: known.pod.clone(), why, has_ended })
            })
            .collect();
        found.sort_by_cached_key(|doomed| doomed.pod.meta().key());
        look.doomed.extend(found);
    }

    /// Nodes that have pods and do not exist.
    fn find_missing(&mut self, look: &mut Look, now: Timestamp) {
        let absent = |node: &Arc<str>| !self.nodes.contains_key(&**node);
        self.missing.retain(|node, _| self.by_node.contains_key(node) && absent(node));
        for node in self.by_node.keys().filter(|node| absent(node)) {
            self.missing.entry(node.clone()).or_insert(now);
        }
        for (node, since) in &self.missing {
            let due = since.checked_add(QUARANTINE).unwrap_or(Timestamp::MAX);
            if due <= now {
                look.missing.push(node.clone());
            } else {
                look.wake_at = Some(look.wake_at.map_or(due, |known| known.min(due)));
            }
        }
    }

    /// The pods of a node that is gone.
    pub fn orphans(&mut self, node: &Arc<str>) -> Vec<Doomed> {
        // What is left of them after this is looked for anew.
        self.missing.remove(node);
        let pods = self.by_node.get(node).into_iter().flatten().filter_map(|uid| self.pods.get(uid));
        let mut orphans: Vec<Doomed> = pods
            .map(|known| (known, phase_is_final(&known.pod)))
            .filter(|(known, has_ended)| !*has_ended || known.pod.meta().deletion_grace_period_seconds != Some(0))
            .map(|(known, has_ended)| Doomed { pod: known.pod.clone(), why: Why::NodeGone, has_ended })
            .collect();
        orphans.sort_by_cached_key(|doomed| doomed.pod.meta().key());
        orphans
    }

    fn read(&mut self, uid: &Uid) {
        let Some(known) = self.pods.get_mut(uid) else { return };
        if let Some(ended) = known.ended.take() {
            self.ended.remove(&ended);
        }
        let Ok(raw) = known.pod.view::<RawPod>() else { return };
        // A pod that is being deleted is on its way already.
        if is_final(&raw.status.phase) && !known.pod.meta().is_deleting() && self.threshold > 0 {
            let evicted = raw.status.phase == "Failed" && raw.status.reason == "Evicted";
            let ended = Ended { evicted, pod: known.pod.clone() };
            self.ended.insert(ended.clone());
            known.ended = Some(ended);
        }
        let node = raw.spec.node_name.unwrap_or_default();
        if known.node.is_none() && !node.is_empty() {
            let name = self.by_node.get_key_value(node.as_str()).map(|(name, _)| name.clone());
            let name = name.unwrap_or_else(|| Arc::from(node));
            self.by_node.entry(name.clone()).or_default().insert(uid.clone());
            known.node = Some(name);
        }
    }
}

fn is_final(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

fn phase_is_final(pod: &Object) -> bool {
    pod.view::<RawPod>().is_ok_and(|raw| is_final(&raw.status.phase))
}

/// Whether a node is neither ready nor in service.
fn is_given_up(node: &Object) -> bool {
    let value = node.to_value();
    let mut taints = value["spec"]["taints"].as_array().into_iter().flatten();
    taints.any(|taint| taint["key"] == OUT_OF_SERVICE) && !conditions::is_true(&value, "Ready")
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPod {
    spec: RawSpec,
    status: RawStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec {
    node_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    phase: String,
    reason: String,
}

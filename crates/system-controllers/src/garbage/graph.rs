//! Who owns whom, keyed by UID: a plain value fed with `apply`, `delete` and `reset`, that says which objects to look
//! at again and what each of them needs. Follows `pkg/controller/garbagecollector/graph_builder.go`.
//!
//! Invariants: a dependent is registered with each of its owners, known or not; `blocking` counts the dependents whose
//! reference blocks the owner's foreground deletion, so that the owner is woken once, when the last of them goes. One
//! event costs the number of its owners, except that the end of an object wakes each of its dependents once.

mod links;
mod words;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub use api::resource::Resource;
use api::resource::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use api::shared::Recent;
use api::{Meta, OwnerRef, Uid, key};

pub use words::{Claim, Effects, ForeignOwner, Standing, Step, Target};

#[derive(Debug, Clone)]
struct Owner {
    uid: Uid,
    claim: Arc<Claim>,
    blocking: bool,
}

#[derive(Debug)]
struct Observed {
    resource: usize,
    namespace: Option<Arc<str>>,
    name: Arc<str>,
    deleting: bool,
    foreground: bool,
    orphan: bool,
}

#[derive(Debug, Default)]
struct Node {
    /// `None` while the object is known only as an owner.
    observed: Option<Observed>,
    /// It was deleted; kept until its last dependent has let go. A UID never comes back.
    gone: bool,
    owners: Vec<Owner>,
    /// In order, since they are acted on in this order.
    dependents: BTreeSet<Uid>,
    blocking: usize,
    /// The claim that the last dependent made, shared by all that make the same.
    claim: Option<Arc<Claim>>,
}

impl Node {
    fn waits(&self) -> bool {
        self.observed.as_ref().is_some_and(|observed| observed.deleting && observed.foreground)
    }
}

/// The ownership graph.
#[derive(Debug)]
pub struct Graph {
    resources: Vec<Resource>,
    kinds: HashMap<(String, String), usize>,
    nodes: HashMap<Uid, Node>,
    /// Held once for all objects of each.
    namespaces: Recent<str>,
}

impl Graph {
    /// An empty graph of these resources.
    pub fn new(resources: Vec<Resource>) -> Self {
        let name = |resource: &Resource| (resource.kind.group.to_string(), resource.kind.kind.to_string());
        let kinds = resources.iter().enumerate().map(|(index, resource)| (name(resource), index)).collect();
        Self { resources, kinds, nodes: HashMap::new(), namespaces: Recent::default() }
    }

    /// The resource with this index.
    pub fn resource(&self, index: usize) -> &Resource {
        &self.resources[index]
    }

    /// Which resource an owner reference means, whatever version it names.
    pub fn resource_of(&self, api_version: &str, kind: &str) -> Option<usize> {
        let (group, _) = key::split_api_version(api_version);
        self.kinds.get(&(group.to_owned(), kind.to_owned())).copied()
    }

    /// How many objects are known, gone owners with dependents among them.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The UIDs of all objects observed.
    pub fn uids(&self) -> Vec<Uid> {
        let observed = self.nodes.iter().filter(|(_, node)| node.observed.is_some()).map(|(uid, _)| uid.clone());
        observed.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The object came or changed.
    pub fn apply(&mut self, resource: usize, meta: &Meta, effects: &mut Effects) {
        let uid = self.intern(&meta.uid);
        let before = self.nodes.get(&uid);
        let (known, waited, orphaned) = match before.and_then(|node| node.observed.as_ref()) {
            Some(observed) => (true, observed.deleting && observed.foreground, observed.deleting && observed.orphan),
            None => (false, false, false),
        };
        let observed = Observed {
            resource,
            namespace: meta.namespace.as_deref().map(|namespace| self.namespaces.share(Arc::from(namespace))),
            name: Arc::from(meta.name.as_str()),
            deleting: meta.is_deleting(),
            foreground: meta.has_finalizer(FOREGROUND_FINALIZER),
            orphan: meta.has_finalizer(ORPHAN_FINALIZER),
        };
        let waits = observed.deleting && observed.foreground;
        let orphans = observed.deleting && observed.orphan;
        self.nodes.entry(uid.clone()).or_default().observed = Some(observed);
        self.relink(&uid, meta, effects);
        if !known {
            self.check_claims_on(&uid, effects);
        }
        let node = &self.nodes[&uid];
        if waits && !waited {
            effects.wake.push(uid.clone());
            effects.wake.extend(node.dependents.iter().cloned());
        } else if orphans && !orphaned {
            effects.wake.push(uid);
        }
    }

    /// The object is gone.
    pub fn delete(&mut self, uid: &Uid, effects: &mut Effects) {
        let Some(node) = self.nodes.get_mut(uid) else { return };
        node.observed = None;
        node.gone = true;
        for owner in std::mem::take(&mut node.owners) {
            self.unlink(uid, &owner, effects);
        }
        // An object that owned itself may be forgotten by now.
        let Some(node) = self.nodes.get(uid) else { return };
        effects.wake.extend(node.dependents.iter().cloned());
        self.drop_if_unused(uid);
    }

    /// These are all objects of the resource; others that were known are gone.
    pub fn reset<'a>(&mut self, resource: usize, objects: impl Iterator<Item = &'a Meta>, effects: &mut Effects) {
        let of_resource = |node: &Node| node.observed.as_ref().is_some_and(|observed| observed.resource == resource);
        let known = self.nodes.iter().filter(|(_, node)| of_resource(node));
        let mut missing: BTreeSet<Uid> = known.map(|(uid, _)| uid.clone()).collect();
        for meta in objects {
            missing.remove(&meta.uid);
            self.apply(resource, meta, effects);
        }
        for uid in missing {
            self.delete(&uid, effects);
        }
    }

    /// What an object needs, as far as the graph can tell.
    pub fn step(&self, uid: &Uid) -> Step {
        let Some(target) = self.target(uid) else { return Step::Nothing };
        let node = &self.nodes[uid];
        let observed = node.observed.as_ref().expect("a target was observed");
        if observed.deleting {
            if observed.orphan {
                let dependents = node.dependents.iter().filter_map(|dependent| self.target(dependent)).collect();
                return Step::Orphan(target, dependents);
            }
            let release = observed.foreground && node.blocking == 0;
            return if release { Step::Release(target) } else { Step::Nothing };
        }
        let present = |owner: &Owner| self.standing_of(observed, owner) == Standing::Present;
        if node.owners.iter().all(present) { Step::Nothing } else { Step::Examine(target) }
    }

    /// How the owner that a reference of an object names stands.
    pub fn standing(&self, dependent: &Target, owner: &OwnerRef) -> Standing {
        let claim = Arc::new(Claim {
            api_version: owner.api_version.clone(),
            kind: owner.kind.clone(),
            name: owner.name.clone(),
        });
        let owner = Owner { uid: owner.uid.clone(), claim, blocking: owner.block_owner_deletion };
        self.standing_in(dependent.namespace.as_deref(), &owner)
    }

    /// Whether anything depends on the object.
    pub fn has_dependents(&self, uid: &Uid) -> bool {
        self.nodes.get(uid).is_some_and(|node| !node.dependents.is_empty())
    }

    /// Whether one of the object's dependents waits for its own dependents: the sign of a circle.
    pub fn has_waiting_dependent(&self, uid: &Uid) -> bool {
        let waits = |dependent: &Uid| self.nodes.get(dependent).is_some_and(Node::waits);
        self.nodes.get(uid).is_some_and(|node| node.dependents.iter().any(waits))
    }

    fn target(&self, uid: &Uid) -> Option<Target> {
        let (uid, node) = self.nodes.get_key_value(uid)?;
        let observed = node.observed.as_ref()?;
        let (namespace, name) = (observed.namespace.clone(), observed.name.clone());
        Some(Target { resource: observed.resource, namespace, name, uid: uid.clone() })
    }

    fn standing_of(&self, dependent: &Observed, owner: &Owner) -> Standing {
        self.standing_in(dependent.namespace.as_deref(), owner)
    }

    fn standing_in(&self, namespace: Option<&str>, owner: &Owner) -> Standing {
        let Some(node) = self.nodes.get(&owner.uid) else { return Standing::Unknown };
        match &node.observed {
            None if node.gone => Standing::Absent,
            None => Standing::Unknown,
            Some(observed) if !self.agrees(observed, namespace, &owner.claim) => Standing::Unknown,
            Some(_) if node.waits() => Standing::Waiting,
            Some(_) => Standing::Present,
        }
    }

    /// Whether a claim, made in a namespace, names the object that has the UID.
    fn agrees(&self, owner: &Observed, namespace: Option<&str>, claim: &Claim) -> bool {
        let kind = &self.resources[owner.resource].kind;
        let in_reach = owner.namespace.is_none() || owner.namespace.as_deref() == namespace;
        in_reach
            && *owner.name == *claim.name
            && kind.kind == claim.kind
            && kind.group == key::split_api_version(&claim.api_version).0
    }

    /// The UID as the graph already holds it, so that 100,000 dependents share one text.
    fn intern(&self, uid: &Uid) -> Uid {
        self.nodes.get_key_value(uid).map_or_else(|| uid.clone(), |(known, _)| known.clone())
    }
}

#[cfg(test)]
mod tests;

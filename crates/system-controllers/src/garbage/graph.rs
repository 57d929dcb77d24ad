//! Who owns whom, keyed by UID: a plain value fed with `apply`, `delete` and `reset`, that says which objects to look
//! at again and what each of them needs. Follows `pkg/controller/garbagecollector/graph_builder.go`.
//!
//! Invariants: a dependent is registered with each of its owners, known or not; `blocking` counts the dependents whose
//! reference blocks the owner's foreground deletion, so that the owner is woken once, when the last of them goes. One
//! event costs the number of its owners, except that the end of an object wakes each of its dependents once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use api::resource::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use api::shared::Recent;
use api::{Gvr, Kind, Meta, OwnerRef, Uid, key};

/// A resource whose objects own or are owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Where its objects are.
    pub gvr: Gvr,
    /// Their kind, as owner references name it.
    pub kind: Kind,
    /// Whether they live in namespaces.
    pub namespaced: bool,
}

/// One object to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of its resource.
    pub resource: usize,
    /// Its namespace, if any.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// Its UID, which guards against a successor of the same name.
    pub uid: Uid,
}

/// How an owner stands, from a dependent's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    Present,
    /// It is being deleted in the foreground, and waits for its dependents to go.
    Waiting,
    /// There is no such object in the dependent's namespace.
    Absent,
    /// The graph cannot tell: ask the API.
    Unknown,
}

/// What one object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Its owners may not hold it any more: look at it and them.
    Examine(Target),
    /// It was deleted with `Orphan`: take the reference off these, then the finalizer off it.
    Orphan(Target, Vec<Target>),
    /// It was deleted with `Foreground`, and nothing blocks it any more: take the finalizer off.
    Release(Target),
}

/// A reference to an owner that lives in another namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignOwner {
    /// The object with the reference.
    pub dependent: Target,
    /// `apiVersion`, kind and name that the reference gives.
    pub claim: Arc<Claim>,
    /// The UID that the reference gives.
    pub owner: Uid,
}

/// What follows from one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Objects to take a [`Graph::step`] with.
    pub wake: Vec<Uid>,
    /// References to report.
    pub foreign: Vec<ForeignOwner>,
}

/// What a reference says about its owner besides the UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `name`.
    pub name: String,
}

impl Claim {
    fn is(&self, owner: &OwnerRef) -> bool {
        self.name == owner.name && self.kind == owner.kind && self.api_version == owner.api_version
    }
}

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

    /// Brings the links from an object to its owners up to date.
    fn relink(&mut self, uid: &Uid, meta: &Meta, effects: &mut Effects) {
        let known = &self.nodes[uid].owners;
        let same = |(owner, reference): (&Owner, &OwnerRef)| {
            owner.uid == reference.uid && owner.blocking == blocks(uid, reference) && owner.claim.is(reference)
        };
        if known.len() == meta.owners.len() && known.iter().zip(meta.owners.iter()).all(same) {
            return;
        }
        let mut owners: Vec<Owner> = Vec::with_capacity(meta.owners.len());
        for reference in meta.owners.iter() {
            // One UID twice is one owner: upstream's graph is keyed the same way.
            match owners.iter_mut().find(|owner| owner.uid == reference.uid) {
                Some(owner) => owner.blocking |= blocks(uid, reference),
                None => owners.push(Owner { blocking: blocks(uid, reference), ..self.owner(reference) }),
            }
        }
        let node = self.nodes.get_mut(uid).expect("the object was just applied");
        let before = std::mem::replace(&mut node.owners, owners.clone());
        for owner in &owners {
            self.link(uid, owner, effects);
        }
        // Unlinked after the new links stand, so that an owner in both is not dropped in between.
        for owner in &before {
            match owners.iter().find(|kept| kept.uid == owner.uid) {
                Some(_) => self.unblock(owner, effects),
                None => self.unlink(uid, owner, effects),
            }
        }
    }

    fn owner(&mut self, reference: &OwnerRef) -> Owner {
        let uid = self.intern(&reference.uid);
        let node = self.nodes.entry(uid.clone()).or_default();
        let claim = match &node.claim {
            Some(claim) if claim.is(reference) => claim.clone(),
            _ => Arc::new(Claim {
                api_version: reference.api_version.clone(),
                kind: reference.kind.clone(),
                name: reference.name.clone(),
            }),
        };
        node.claim = Some(claim.clone());
        Owner { uid, claim, blocking: reference.block_owner_deletion }
    }

    /// Registers a dependent; wakes it if this owner may not hold it.
    fn link(&mut self, uid: &Uid, owner: &Owner, effects: &mut Effects) {
        let node = self.nodes.get_mut(&owner.uid).expect("an owner has a node");
        node.dependents.insert(uid.clone());
        node.blocking += usize::from(owner.blocking);
        let dependent = self.nodes[uid].observed.as_ref().expect("a dependent was observed");
        if self.standing_of(dependent, owner) != Standing::Present {
            effects.wake.push(uid.clone());
            self.report_foreign(uid, owner, effects);
        }
    }

    /// Takes a dependent off one owner.
    fn unlink(&mut self, uid: &Uid, owner: &Owner, effects: &mut Effects) {
        if let Some(node) = self.nodes.get_mut(&owner.uid) {
            node.dependents.remove(uid);
        }
        self.unblock(owner, effects);
        self.drop_if_unused(&owner.uid);
    }

    /// Takes back the count of one blocking reference; the last one wakes an owner that waits.
    fn unblock(&mut self, owner: &Owner, effects: &mut Effects) {
        if !owner.blocking {
            return;
        }
        let Some(node) = self.nodes.get_mut(&owner.uid) else { return };
        node.blocking -= 1;
        if node.blocking == 0 && node.waits() {
            effects.wake.push(owner.uid.clone());
        }
    }

    fn drop_if_unused(&mut self, uid: &Uid) {
        if self.nodes.get(uid).is_some_and(|node| node.observed.is_none() && node.dependents.is_empty()) {
            self.nodes.remove(uid);
        }
    }

    /// Once an owner is observed, wakes the dependents that named it wrongly.
    fn check_claims_on(&self, uid: &Uid, effects: &mut Effects) {
        for dependent in &self.nodes[uid].dependents {
            let Some(node) = self.nodes.get(dependent) else { continue };
            let Some(observed) = &node.observed else { continue };
            for owner in node.owners.iter().filter(|owner| owner.uid == *uid) {
                if self.standing_of(observed, owner) == Standing::Unknown {
                    effects.wake.push(dependent.clone());
                    self.report_foreign(dependent, owner, effects);
                }
            }
        }
    }

    fn report_foreign(&self, uid: &Uid, owner: &Owner, effects: &mut Effects) {
        let Some(dependent) = self.target(uid) else { return };
        let Some(observed) = self.nodes.get(&owner.uid).and_then(|node| node.observed.as_ref()) else { return };
        if observed.namespace.is_some() && observed.namespace != dependent.namespace {
            let (claim, owner) = (owner.claim.clone(), owner.uid.clone());
            effects.foreign.push(ForeignOwner { dependent, claim, owner });
        }
    }
}

/// Whether a reference holds up its owner's foreground deletion.
///
/// Differs: an object that owns itself does not wait for itself; upstream's never goes.
fn blocks(dependent: &Uid, reference: &OwnerRef) -> bool {
    reference.block_owner_deletion && reference.uid != *dependent
}

#[cfg(test)]
mod tests;

//! A model of an API server that deletes as ours does, with a collector that works as the shell does, one call at a
//! time. It checks each delete of the collector against the objects as they are, not as the graph has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use api::resource::{FOREGROUND_FINALIZER, JOBS, NODES, ORPHAN_FINALIZER, PODS};
use api::{Gvr, Kind, Meta, OwnerRef, Uid};
use jiff::Timestamp;

use super::super::graph::{Effects, Graph, Resource, Standing, Step, Target};
use super::super::plan::{self, Dependents, Propagation, Verdict};
use super::{Reference, Wrong};

#[derive(Debug)]
enum Event {
    Applied(usize, Box<Meta>),
    Deleted(Uid),
}

pub(super) struct World {
    /// Every object with the number of its resource.
    pub(super) live: BTreeMap<Uid, (usize, Meta)>,
    /// Dependents whose only owner was deleted with `Orphan`.
    pub(super) spared: BTreeSet<Uid>,
    /// The newest UID of each number, of an object that is there or was.
    uids: Vec<Uid>,
    made: usize,
    pending: VecDeque<Event>,
    graph: Graph,
    queue: Vec<Uid>,
}

const KINDS: [(&str, &str); 3] = [("batch/v1", "Job"), ("v1", "Pod"), ("v1", "Node")];

fn resources() -> Vec<Resource> {
    let resource = |gvr: Gvr, kind: &'static str| Resource {
        kind: Kind { group: gvr.group.clone(), version: gvr.version.clone(), kind: kind.into() },
        namespaced: kind != "Node",
        gvr,
    };
    vec![resource(JOBS, "Job"), resource(PODS, "Pod"), resource(NODES, "Node")]
}

/// Namespace and resource of the object with this number.
pub(super) fn claim(object: usize) -> (Option<&'static str>, usize) {
    let resource = if object % 7 == 6 { 2 } else { object % 2 };
    let namespace = if object % 5 == 4 { "b" } else { "a" };
    ((resource != 2).then_some(namespace), resource)
}

impl World {
    pub(super) fn new(objects: usize) -> Self {
        Self {
            live: BTreeMap::new(),
            spared: BTreeSet::new(),
            uids: (0..objects).map(|object| Uid::from(format!("never-{object}").as_str())).collect(),
            made: 0,
            pending: VecDeque::new(),
            graph: Graph::new(resources()),
            queue: Vec::new(),
        }
    }

    fn owner(&self, dependent: usize, (object, wrong, blocking): Reference) -> Option<OwnerRef> {
        let (namespace, resource) = claim(object);
        if claim(dependent).0.is_none() && namespace.is_some() {
            // Upstream leaves cluster-scoped objects with such an owner alone.
            return None;
        }
        let (api_version, kind) = if wrong == Wrong::Kind { KINDS[(resource + 1) % 2] } else { KINDS[resource] };
        let name = if wrong == Wrong::Name { object + 1 } else { object };
        let uid = if wrong == Wrong::Uid { Uid::from("nobody") } else { self.uids[object].clone() };
        Some(OwnerRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: format!("o{name}"),
            uid,
            controller: false,
            block_owner_deletion: blocking,
        })
    }

    /// One reference to each owner: two to the same UID are one to everybody who drops them.
    fn owners(&self, dependent: usize, references: &[Reference]) -> Vec<OwnerRef> {
        let mut owners: Vec<OwnerRef> = Vec::new();
        for owner in references.iter().filter_map(|reference| self.owner(dependent, *reference)) {
            if owners.iter().all(|known| known.uid != owner.uid) {
                owners.push(owner);
            }
        }
        owners
    }

    pub(super) fn create(&mut self, object: usize, references: &[Reference]) {
        if self.live.contains_key(&self.uids[object]) {
            return;
        }
        let owners = self.owners(object, references);
        self.made += 1;
        let uid = Uid::from(format!("u{}-{object}", self.made).as_str());
        let (namespace, resource) = claim(object);
        let (namespace, name) = (namespace.map(str::to_owned), format!("o{object}"));
        self.uids[object] = uid.clone();
        self.store(resource, Meta { namespace, name, uid, owners: owners.into(), ..Meta::default() });
    }

    pub(super) fn edit_owners(&mut self, object: usize, references: &[Reference]) {
        let owners = self.owners(object, references);
        if let Some((resource, mut meta)) = self.live.get(&self.uids[object]).cloned() {
            self.spared.remove(&meta.uid);
            meta.owners = owners.into();
            self.store(resource, meta);
        }
    }

    fn store(&mut self, resource: usize, meta: Meta) {
        if meta.is_deleting() && meta.finalizers.is_empty() {
            self.live.remove(&meta.uid);
            self.pending.push_back(Event::Deleted(meta.uid));
            return;
        }
        self.live.insert(meta.uid.clone(), (resource, meta.clone()));
        self.pending.push_back(Event::Applied(resource, Box::new(meta)));
    }

    /// Somebody deletes an object, once: who changes the policy of a delete that is under way races the collector.
    pub(super) fn user_deletes(&mut self, object: usize, propagation: Propagation) {
        let uid = self.uids[object].clone();
        if self.live.get(&uid).is_none_or(|(_, meta)| meta.is_deleting()) {
            return;
        }
        self.spared.remove(&uid);
        if propagation == Propagation::Orphan {
            let only_owner = |(_, other): &&(usize, Meta)| {
                let correct = |owner: &OwnerRef| owner.uid == uid && self.holds(other, owner);
                !other.is_deleting() && !other.owners.is_empty() && other.owners.iter().all(correct)
            };
            let dependents = self.live.values().filter(only_owner).map(|(_, other)| other.uid.clone());
            let dependents: Vec<Uid> = dependents.filter(|dependent| *dependent != uid).collect();
            self.spared.extend(dependents);
        }
        self.delete(&uid, propagation);
    }

    fn delete(&mut self, uid: &Uid, propagation: Propagation) {
        let Some((resource, mut meta)) = self.live.get(uid).cloned() else { return };
        meta.finalizers.retain(|finalizer| finalizer != ORPHAN_FINALIZER && finalizer != FOREGROUND_FINALIZER);
        match propagation {
            Propagation::Orphan => meta.finalizers.push(ORPHAN_FINALIZER.to_owned()),
            Propagation::Foreground => meta.finalizers.push(FOREGROUND_FINALIZER.to_owned()),
            Propagation::Background => {}
        }
        meta.deletion_timestamp = Some(Timestamp::UNIX_EPOCH);
        self.store(resource, meta);
    }

    /// Whether the object that a reference names is there, in reach, and not waiting for its dependents.
    pub(super) fn holds(&self, dependent: &Meta, owner: &OwnerRef) -> bool {
        let Some((resource, meta)) = self.live.get(&owner.uid) else { return false };
        let reach = meta.namespace.is_none() || meta.namespace == dependent.namespace;
        let waits = meta.is_deleting() && meta.has_finalizer(FOREGROUND_FINALIZER);
        reach
            && !waits
            && meta.name == owner.name
            && (owner.api_version.as_str(), owner.kind.as_str()) == KINDS[*resource]
    }

    pub(super) fn deliver(&mut self, count: usize) {
        for _ in 0..count {
            let Some(event) = self.pending.pop_front() else { return };
            let mut effects = Effects::default();
            match event {
                Event::Applied(resource, meta) => self.graph.apply(resource, &meta, &mut effects),
                Event::Deleted(uid) => self.graph.delete(&uid, &mut effects),
            }
            for uid in effects.wake {
                if !self.queue.contains(&uid) {
                    self.queue.push(uid);
                }
            }
        }
    }

    /// Lets all events arrive and the collector do all it has to.
    pub(super) fn drain(&mut self) {
        for _ in 0..100_000 {
            self.deliver(usize::MAX);
            if self.queue.is_empty() {
                return;
            }
            self.work(0);
        }
        panic!("the collector never rests: {:#?}", self.live);
    }

    pub(super) fn work(&mut self, number: usize) {
        if self.queue.is_empty() {
            return;
        }
        let uid = self.queue.remove(number % self.queue.len());
        match self.graph.step(&uid) {
            Step::Nothing => {}
            Step::Examine(target) => self.examine(&target),
            Step::Release(target) => {
                self.check_release(&target.uid);
                self.release(&target.uid, FOREGROUND_FINALIZER);
            }
            Step::Orphan(target, dependents) => {
                for dependent in dependents {
                    self.drop_owners(&dependent.uid, std::slice::from_ref(&target.uid));
                }
                self.release(&target.uid, ORPHAN_FINALIZER);
            }
        }
    }

    fn release(&mut self, uid: &Uid, finalizer: &str) {
        let Some((resource, mut meta)) = self.live.get(uid).cloned() else { return };
        if meta.has_finalizer(finalizer) {
            meta.finalizers.retain(|entry| entry != finalizer);
            self.store(resource, meta);
        }
    }

    /// An owner that waits for its dependents goes after those that block it. One that came meanwhile may be unknown.
    fn check_release(&self, uid: &Uid) {
        let blockers = self.blockers(uid).len();
        assert!(!self.pending.is_empty() || blockers == 0, "{uid} goes before {blockers} that block it");
    }

    fn blockers(&self, uid: &Uid) -> Vec<&Meta> {
        let blocks = |meta: &&Meta| meta.owners.iter().any(|owner| owner.uid == *uid && owner.block_owner_deletion);
        self.live.values().map(|(_, meta)| meta).filter(|meta| meta.uid != *uid).filter(blocks).collect()
    }

    /// Whether the object is one of a circle of which several were deleted in the foreground by somebody: each waits for
    /// another, here as upstream.
    pub(super) fn is_locked(&self, uid: &Uid) -> bool {
        let (mut seen, mut open) = (BTreeSet::from([uid.clone()]), vec![uid.clone()]);
        while let Some(next) = open.pop() {
            let blockers = self.blockers(&next);
            if blockers.is_empty() || blockers.iter().any(|meta| !meta.is_deleting()) {
                return false;
            }
            for blocker in blockers {
                if seen.insert(blocker.uid.clone()) {
                    open.push(blocker.uid.clone());
                }
            }
        }
        true
    }

    fn drop_owners(&mut self, uid: &Uid, owners: &[Uid]) {
        let Some((resource, mut meta)) = self.live.get(uid).cloned() else { return };
        let before = meta.owners.len();
        meta.owners = meta.owners.iter().filter(|owner| !owners.contains(&owner.uid)).cloned().collect();
        if meta.owners.len() < before {
            self.store(resource, meta);
        }
    }

    /// As the shell examines an object: read again, owners asked for where the graph does not know.
    fn examine(&mut self, target: &Target) {
        let Some((resource, meta)) = self.live.get(&target.uid).cloned() else { return };
        let owners: Vec<(Uid, Standing)> =
            meta.owners.iter().map(|owner| (owner.uid.clone(), self.standing(target, owner))).collect();
        let any = self.graph.has_dependents(&target.uid);
        let any_waiting = any && self.graph.has_waiting_dependent(&target.uid);
        match plan::judge(&meta, &owners, Dependents { any, any_waiting }) {
            Verdict::Keep => {}
            Verdict::DropReferences(uids) => {
                let dropped = |owner: &&OwnerRef| uids.contains(&owner.uid);
                assert!(!meta.owners.iter().filter(dropped).any(|owner| self.holds(&meta, owner)), "a good reference");
                self.drop_owners(&target.uid, &uids);
            }
            Verdict::Delete(propagation) => self.collect(&meta, propagation),
            Verdict::UnblockAndDelete => {
                let mut unblocked = meta.clone();
                let free = |owner: &OwnerRef| OwnerRef { block_owner_deletion: false, ..owner.clone() };
                unblocked.owners = meta.owners.iter().map(free).collect();
                self.store(resource, unblocked);
                self.collect(&meta, Propagation::Foreground);
            }
        }
    }

    fn standing(&self, target: &Target, owner: &OwnerRef) -> Standing {
        let standing = self.graph.standing(target, owner);
        let Some(resource) = self.graph.resource_of(&owner.api_version, &owner.kind) else { return standing };
        if standing != Standing::Unknown {
            return standing;
        }
        let namespace = target.namespace.as_deref().filter(|_| self.graph.resource(resource).namespaced);
        let asked = |(of, meta): &&(usize, Meta)| {
            *of == resource && meta.namespace.as_deref() == namespace && meta.name == owner.name
        };
        match self.live.values().find(asked) {
            Some((_, meta)) if meta.uid != owner.uid => Standing::Absent,
            Some((_, meta)) if meta.is_deleting() && meta.has_finalizer(FOREGROUND_FINALIZER) => Standing::Waiting,
            Some(_) => Standing::Present,
            None => Standing::Absent,
        }
    }

    fn collect(&mut self, meta: &Meta, propagation: Propagation) {
        let holder = meta.owners.iter().find(|owner| self.holds(meta, owner));
        assert!(holder.is_none(), "{} is deleted though {holder:?} holds it", meta.uid);
        assert!(!self.spared.contains(&meta.uid), "{} was orphaned on purpose", meta.uid);
        self.delete(&meta.uid, propagation);
    }
}

//! What the controller has observed: ReplicationControllers, their pods, and the pods that nobody controls.
//! Synchronous; every method is one observation or one question.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use api::{Object, Revision, Uid};
use client::Observation;
use controller::Freshness;

use super::plan::Input;
use super::pod::PodView;

#[derive(Default)]
pub(super) struct Cache {
    controllers: BTreeMap<Uid, Known>,
    /// By the UID of their controller, which need not be known.
    owned: HashMap<Uid, BTreeMap<Uid, PodView>>,
    /// The controller under which each of those pods is kept.
    homes: HashMap<Uid, Uid>,
    /// Pods without a controller, by namespace.
    unowned: HashMap<String, BTreeMap<Uid, Arc<Object>>>,
    /// Pods that were deleted here, and not yet observed to be.
    doomed: HashSet<Uid>,
    controller_gate: Freshness<Uid>,
    pod_gate: Freshness<Uid>,
}

struct Known {
    object: Arc<Object>,
    input: Arc<Input>,
}

/// All that a plan is made on.
pub(super) struct Sight {
    pub(super) object: Arc<Object>,
    pub(super) input: Arc<Input>,
    pub(super) pods: Vec<PodView>,
}

/// The ReplicationController that controls a pod.
fn owner(pod: &Object) -> Option<&Uid> {
    let owner = pod.meta().controller().filter(|owner| owner.kind == "ReplicationController");
    owner.filter(|owner| owner.api_version == "v1").map(|owner| &owner.uid)
}

fn read(pod: &Object) -> Option<PodView> {
    PodView::read(pod)
        .inspect_err(|error| tracing::error!(pod = %pod.meta().key(), %error, "a pod cannot be read and is skipped"))
        .ok()
}

impl Cache {
    pub(super) fn keys(&self) -> Vec<Uid> {
        self.controllers.keys().cloned().collect()
    }

    /// What a controller sees; `None` when it is unknown, or when the cache is behind its writes: then it comes back.
    pub(super) fn sight(&mut self, uid: &Uid) -> Option<Sight> {
        let (controllers, pods) = (self.controller_gate.reached(), self.pod_gate.reached());
        let fresh = self.controller_gate.is_fresh(uid, controllers) & self.pod_gate.is_fresh(uid, pods);
        let Known { object, input } = self.controllers.get(uid).filter(|_| fresh)?;
        let doom = |mut pod: PodView| {
            pod.deleting |= self.doomed.contains(&pod.uid);
            pod
        };
        let own = self.owned.get(uid).into_iter().flat_map(BTreeMap::values).cloned();
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        let others = self.unowned.get(namespace).into_iter().flat_map(BTreeMap::values);
        let others = others.filter(|pod| input.selector.matches(&pod.meta().labels)).filter_map(|pod| read(pod));
        let pods = own.chain(others).map(doom).collect();
        Some(Sight { object: object.clone(), input: input.clone(), pods })
    }

    pub(super) fn wrote_controller(&mut self, uid: &Uid, revision: Revision) {
        self.controller_gate.wrote(uid, revision);
    }

    pub(super) fn wrote_pod(&mut self, controller: &Uid, revision: Revision) {
        self.pod_gate.wrote(controller, revision);
    }

    /// Notes that a pod is about to be deleted. One that is gone already is not noted, since nothing would end it.
    pub(super) fn doom(&mut self, pod: &Uid) {
        if self.homes.contains_key(pod) {
            self.doomed.insert(pod.clone());
        }
    }

    /// Notes that it was not.
    pub(super) fn spare(&mut self, pod: &Uid) {
        self.doomed.remove(pod);
    }

    /// Takes in an observation of ReplicationControllers; whom to look at.
    pub(super) fn observe_controller(&mut self, observation: Observation) -> Vec<Uid> {
        let (mut woken, revision) = match observation {
            Observation::Restarted { objects, revision } => {
                self.controllers.clear();
                let mut woken = self.controller_gate.restarted(revision);
                woken.extend(objects.into_iter().filter_map(|object| self.apply_controller(object)));
                (woken, revision)
            }
            Observation::Applied(object) => {
                let revision = object.meta().revision;
                (self.apply_controller(object).into_iter().collect(), revision)
            }
            Observation::Deleted(object) => {
                let meta = object.meta();
                self.controllers.remove(&meta.uid);
                self.controller_gate.forget(&meta.uid);
                self.pod_gate.forget(&meta.uid);
                (Vec::new(), meta.revision)
            }
            Observation::Reached(revision) => (Vec::new(), revision),
        };
        woken.extend(self.controller_gate.observed(revision));
        woken
    }

    fn apply_controller(&mut self, object: Arc<Object>) -> Option<Uid> {
        let uid = object.meta().uid.clone();
        match Input::read(&object) {
            Ok(input) => {
                self.controllers.insert(uid.clone(), Known { object, input: Arc::new(input) });
                Some(uid)
            }
            Err(error) => {
                tracing::error!(controller = %object.meta().key(), %error, "it cannot be read and is skipped");
                None
            }
        }
    }

    /// Takes in an observation of pods; whom to look at.
    pub(super) fn observe_pod(&mut self, observation: Observation) -> Vec<Uid> {
        let (mut woken, revision) = match observation {
            Observation::Restarted { objects, revision } => {
                (self.owned, self.homes, self.unowned) = Default::default();
                let mut woken = self.pod_gate.restarted(revision);
                for object in objects {
                    self.apply_pod(object);
                }
                self.doomed.retain(|pod| self.homes.contains_key(pod));
                woken.extend(self.keys());
                (woken, revision)
            }
            Observation::Applied(object) => {
                let revision = object.meta().revision;
                (self.apply_pod(object), revision)
            }
            Observation::Deleted(object) => {
                let woken = self.leave(&object);
                self.doomed.remove(&object.meta().uid);
                (woken, object.meta().revision)
            }
            Observation::Reached(revision) => (Vec::new(), revision),
        };
        woken.extend(self.pod_gate.observed(revision));
        woken
    }

    fn apply_pod(&mut self, object: Arc<Object>) -> Vec<Uid> {
        let meta = object.meta();
        let (uid, owner) = (meta.uid.clone(), owner(&object).cloned());
        if meta.is_deleting() {
            self.doomed.remove(&uid);
        }
        if let Some(owner) = owner {
            let Some(view) = read(&object).map(|view| PodView { owned: true, ..view }) else { return Vec::new() };
            // The same pod again says nothing new, as when only its managed fields or its addresses changed.
            let known = self.homes.get(&uid) == Some(&owner)
                && self.owned.get(&owner).and_then(|pods| pods.get(&uid)) == Some(&view);
            if known {
                return Vec::new();
            }
            let mut woken = self.leave(&object);
            self.homes.insert(uid.clone(), owner.clone());
            self.owned.entry(owner.clone()).or_default().insert(uid, view);
            woken.push(owner);
            return woken;
        }
        let mut woken = self.leave(&object);
        if meta.controller().is_none() {
            let namespace = meta.namespace.clone().unwrap_or_default();
            woken.extend(self.selecting(&object));
            self.unowned.entry(namespace).or_default().insert(uid, object);
        }
        woken
    }

    /// The controllers that would adopt a pod.
    fn selecting(&self, pod: &Object) -> Vec<Uid> {
        let meta = pod.meta();
        let near = |known: &Known| known.object.meta().namespace == meta.namespace;
        let selecting =
            self.controllers.iter().filter(|(_, known)| near(known) && known.input.selector.matches(&meta.labels));
        selecting.map(|(uid, _)| uid.clone()).collect()
    }

    /// Forgets a pod where it was kept.
    fn leave(&mut self, pod: &Object) -> Vec<Uid> {
        let meta = pod.meta();
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        if let Some(pods) = self.unowned.get_mut(namespace) {
            pods.remove(&meta.uid);
            if pods.is_empty() {
                self.unowned.remove(namespace);
            }
        }
        let Some(home) = self.homes.remove(&meta.uid) else { return Vec::new() };
        if let Some(pods) = self.owned.get_mut(&home) {
            pods.remove(&meta.uid);
            if pods.is_empty() {
                self.owned.remove(&home);
            }
        }
        vec![home]
    }
}

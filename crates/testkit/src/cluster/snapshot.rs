//! The state of a cluster at one revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::resource::{JOBS, PODS};
use api::{Gvr, Object, ObjectKey, Revision};
use jiff::Timestamp;
use serde_json::Value;

/// All objects at one revision.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) now: Timestamp,
    pub(super) revision: Revision,
    pub(super) objects: BTreeMap<Gvr, BTreeMap<ObjectKey, Arc<Object>>>,
}

/// What a cluster holds at one revision: what conditions look at.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a>(&'a State);

impl<'a> Snapshot<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        Self(state)
    }

    /// When the revision was committed.
    pub fn now(&self) -> Timestamp {
        self.0.now
    }

    /// The revision, as in `metadata.resourceVersion`.
    pub fn revision(&self) -> u64 {
        self.0.revision.0
    }

    /// An object; `None` for the namespace of one that is in none.
    pub fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Value> {
        let key =
            namespace.map_or_else(|| ObjectKey::cluster(name), |namespace| ObjectKey::namespaced(namespace, name));
        Some(self.0.objects.get(resource)?.get(&key)?.to_value())
    }

    /// The objects of a kind, in one namespace or, with `None`, all, in the order of their keys.
    pub fn list(&self, resource: &Gvr, namespace: Option<&str>) -> Vec<Value> {
        self.of_kind(resource, namespace).map(|object| object.to_value()).collect()
    }

    /// A Job in the namespace `default`.
    pub fn job(&self, name: &str) -> Option<Value> {
        self.get(&JOBS, Some("default"), name)
    }

    /// The pods of a Job in the namespace `default`, in the order of their names.
    pub fn pods(&self, job: &str) -> Vec<Value> {
        self.pods_of(job).map(|pod| pod.to_value()).collect()
    }

    /// How many pods of a Job in the namespace `default` have not ended and are not being deleted.
    pub fn active_pods(&self, job: &str) -> usize {
        let ended = |pod: &Object| {
            let phase = pod.field("/status/phase");
            matches!(phase.as_ref().and_then(Value::as_str), Some("Succeeded" | "Failed")) || pod.meta().is_deleting()
        };
        self.pods_of(job).filter(|pod| !ended(pod)).count()
    }

    fn pods_of<'r>(&'r self, job: &'r str) -> impl Iterator<Item = &'a Arc<Object>> + 'r {
        let of_job = move |object: &&'a Arc<Object>| {
            let owner = object.meta().controller();
            owner.is_some_and(|owner| owner.kind == "Job" && owner.name == job)
        };
        self.of_kind(&PODS, Some("default")).filter(of_job)
    }

    fn of_kind<'r>(
        &self,
        resource: &Gvr,
        namespace: Option<&'r str>,
    ) -> impl Iterator<Item = &'a Arc<Object>> + use<'a, 'r> {
        let objects = self.0.objects.get(resource).into_iter().flatten();
        let here = move |key: &ObjectKey| namespace.is_none() || key.namespace.as_deref() == namespace;
        objects.filter(move |(key, _)| here(key)).map(|(_, object)| object)
    }
}

//! The pods that this kubelet knows: a worker's entry for each that may still do something, and of one that has ended
//! only what people may still ask for. So a pod that has ended costs some hundred bytes for as long as its object stays.

use std::sync::Arc;

use api::shared::Recent;
use api::{ObjectKey, Uid};
use dashmap::DashMap;
use parking_lot::Mutex;

use super::entry::PodEntry;
use super::pod_logs::Readable;

/// A pod that this kubelet knows.
#[derive(Clone)]
pub(super) enum Known {
    /// It has a worker, or had one until a moment ago.
    Live(Arc<PodEntry>),
    /// Its last status is written, and nothing of it runs.
    Ended(Arc<Ended>),
}

/// What is left of a pod that has ended.
pub(super) struct Ended {
    pub(super) key: ObjectKey,
    pub(super) logs: Arc<Readable>,
}

impl Known {
    pub(super) fn key(&self) -> &ObjectKey {
        match self {
            Self::Live(entry) => &entry.key,
            Self::Ended(ended) => &ended.key,
        }
    }
}

/// All of them. Keyed by UID: a name may be used again while its old processes still end.
#[derive(Default)]
pub(super) struct Pods {
    by_uid: DashMap<Uid, Known>,
    names: DashMap<ObjectKey, Uid>,
    /// The pods of one Job end alike.
    readable: Mutex<Recent<Readable>>,
}

impl Pods {
    pub(super) fn get(&self, uid: &Uid) -> Option<Known> {
        self.by_uid.get(uid).map(|known| known.clone())
    }

    /// A pod that has not ended.
    pub(super) fn live(&self, uid: &Uid) -> Option<Arc<PodEntry>> {
        match &*self.by_uid.get(uid)? {
            Known::Live(entry) => Some(Arc::clone(entry)),
            Known::Ended(_) => None,
        }
    }

    /// The pod that has this name now.
    pub(super) fn named(&self, namespace: &str, name: &str) -> Option<(Uid, Known)> {
        let uid = self.names.get(&ObjectKey::namespaced(namespace, name))?.clone();
        let known = self.get(&uid)?;
        Some((uid, known))
    }

    pub(super) fn uids(&self) -> Vec<Uid> {
        self.by_uid.iter().map(|known| known.key().clone()).collect()
    }

    pub(super) fn insert(&self, entry: &Arc<PodEntry>) {
        self.by_uid.insert(entry.uid.clone(), Known::Live(Arc::clone(entry)));
        self.names.insert(entry.key.clone(), entry.uid.clone());
    }

    /// The pod has ended; one that was forgotten meanwhile stays so.
    pub(super) fn end(&self, entry: &PodEntry) {
        if let Some(mut known) = self.by_uid.get_mut(&entry.uid) {
            let logs = Arc::new(Readable::of(&entry.facts, &entry.memory.lock()));
            let logs = self.readable.lock().share(logs);
            *known = Known::Ended(Arc::new(Ended { key: entry.key.clone(), logs }));
        }
    }

    pub(super) fn remove(&self, uid: &Uid) {
        if let Some((_, known)) = self.by_uid.remove(uid) {
            self.names.remove_if(known.key(), |_, named| named == uid);
        }
    }
}

//! Pods without a controller, and which Jobs could adopt each: those that its labels name by UID, and those of its
//! namespace with a selector of the user's own. So a pod event never costs a look at all Jobs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{Meta, Uid};

use crate::plan::PodView;

/// The labels with which generated selectors name their Job.
pub(super) const UID_LABELS: [&str; 2] = ["batch.kubernetes.io/controller-uid", "controller-uid"];

#[derive(Default)]
pub(super) struct Unowned {
    pods: BTreeMap<Uid, (Meta, PodView)>,
    /// Jobs with a selector of the user's own, by namespace.
    watching: HashMap<String, BTreeSet<Uid>>,
}

impl Unowned {
    pub(super) fn get(&self, uid: &Uid) -> Option<&(Meta, PodView)> {
        self.pods.get(uid)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Meta, PodView)> {
        self.pods.values()
    }

    pub(super) fn tracked(&self) -> impl Iterator<Item = Uid> {
        self.pods.values().filter(|(_, view)| view.tracked).map(|(_, view)| view.uid.clone())
    }

    pub(super) fn insert(&mut self, meta: &Meta, view: PodView) {
        self.pods.insert(view.uid.clone(), (meta.clone(), view));
    }

    pub(super) fn remove(&mut self, uid: &Uid) -> Option<(Meta, PodView)> {
        self.pods.remove(uid)
    }

    pub(super) fn clear_pods(&mut self) {
        self.pods.clear();
    }

    pub(super) fn watch_namespace(&mut self, namespace: &str, job: &Uid) {
        self.watching.entry(namespace.to_owned()).or_default().insert(job.clone());
    }

    pub(super) fn forget_job(&mut self, job: &Uid) {
        self.watching.retain(|_, jobs| {
            jobs.remove(job);
            !jobs.is_empty()
        });
    }

    /// The Jobs whose selector may match the pod.
    pub(super) fn candidates(&self, meta: &Meta) -> BTreeSet<Uid> {
        let named =
            UID_LABELS.into_iter().filter_map(|label| meta.labels.get(label)).map(|uid| Uid::from(uid.as_str()));
        let watching = self.watching.get(meta.namespace.as_deref().unwrap_or_default());
        named.chain(watching.into_iter().flatten().cloned()).collect()
    }
}

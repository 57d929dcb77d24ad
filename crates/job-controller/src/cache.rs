//! What the controller has observed: every Job with the views of the pods that matter to it, by UID, and the few pods
//! that belong to nobody. Synchronous; every method is one observation or one question.
//!
//! A pod that is terminal and no longer tracked is in its Job's counters, so it is forgotten: what is held, and what a
//! plan reads, is bounded by parallelism and uncounted pods, never by completions.

mod unowned;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use api::selector::LabelSelector;
use api::{Meta, Object, Uid};

use crate::plan::{JobInput, Memory, PodRef, PodView, Pods};
use crate::template::Template;
use unowned::Unowned;

/// What a reconcile is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A Job, or the pods that a Job of this UID left behind.
    Job(Uid),
    /// A pod that carries the tracking finalizer but has no Job.
    Stray(Uid),
}

/// The keys that an observation concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Woken {
    pub(crate) keys: Vec<Key>,
    /// Only readiness changed, which decides nothing: the status may follow a little later, for many pods at once.
    pub(crate) only_ready: bool,
}

impl From<Vec<Key>> for Woken {
    fn from(keys: Vec<Key>) -> Self {
        Self { keys, only_ready: false }
    }
}

/// One Job.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) object: Arc<Object>,
    pub(crate) input: Arc<JobInput>,
    selector: LabelSelector,
    /// The selector names the Job's own UID, so that only pods with that label can match.
    generated_selector: bool,
    template: Option<(i64, Arc<Template>)>,
}

/// All that is known under one Job UID. The Job is absent before it is listed and after it is gone.
#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) job: Option<Job>,
    pub(crate) pods: Pods,
    pub(crate) memory: Memory,
    /// Namespace and name of the Job, as its pods or itself tell.
    pub(crate) place: (String, String),
}

/// The whole cache.
#[derive(Default)]
pub(crate) struct Cache {
    entries: BTreeMap<Uid, Entry>,
    /// The Job under which each known pod with a Job for a controller is kept.
    homes: HashMap<Uid, Uid>,
    unowned: Unowned,
}

impl Cache {
    pub(crate) fn entry_mut(&mut self, uid: &Uid) -> Option<&mut Entry> {
        self.entries.get_mut(uid)
    }

    #[cfg(test)]
    fn entry(&self, uid: &Uid) -> Option<&Entry> {
        self.entries.get(uid)
    }

    /// A stray pod's namespace and reference, if it still is one.
    pub(crate) fn stray(&self, uid: &Uid) -> Option<(String, PodRef)> {
        let (meta, _) = self.unowned.get(uid)?;
        let orphan = !self.unowned.candidates(meta).iter().any(|job| self.selects(job, meta));
        let reference = PodRef { uid: uid.clone(), name: meta.name.as_str().into() };
        orphan.then(|| (meta.namespace.clone().unwrap_or_default(), reference))
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        let jobs = self.entries.keys().cloned().map(Key::Job);
        jobs.chain(self.unowned.tracked().map(Key::Stray)).collect()
    }

    fn selects(&self, job: &Uid, meta: &Meta) -> bool {
        let job = self.entries.get(job).and_then(|entry| entry.job.as_ref());
        job.is_some_and(|job| job.object.meta().namespace == meta.namespace && job.selector.matches(&meta.labels))
    }

    /// Takes in a Job; the keys to look at.
    pub(crate) fn apply_job(&mut self, object: &Arc<Object>) -> Vec<Key> {
        let meta = object.meta();
        let input = match JobInput::read(object) {
            Ok(input) => Arc::new(input),
            Err(error) => {
                tracing::error!(job = %meta.key(), %error, "a Job cannot be read and is skipped");
                return Vec::new();
            }
        };
        let entry = self.entries.entry(meta.uid.clone()).or_default();
        entry.place = (input.namespace.clone(), input.name.clone());
        if let Some(job) = &mut entry.job
            && job.input.spec.selector == input.spec.selector
        {
            (job.object, job.input) = (object.clone(), input);
            return vec![Key::Job(meta.uid.clone())];
        }
        let job = Job::new(object.clone(), input);
        let selector = job.selector.clone();
        if !job.generated_selector {
            self.unowned.watch_namespace(meta.namespace.as_deref().unwrap_or_default(), &meta.uid);
        }
        entry.job = Some(job);
        entry.pods.change(|pod| {
            if pod.owned {
                pod.matches = pod.labels.take().is_none_or(|labels| selector.matches(&labels));
            }
        });
        self.join_unowned(&meta.uid);
        vec![Key::Job(meta.uid.clone())]
    }

    /// Pods without a controller that the Job selects come into its view.
    fn join_unowned(&mut self, job: &Uid) {
        let found: Vec<PodView> = self
            .unowned
            .iter()
            .filter(|(meta, _)| self.unowned.candidates(meta).contains(job))
            .filter(|(meta, _)| self.selects(job, meta))
            .map(|(_, view)| view.clone())
            .collect();
        if let Some(entry) = self.entries.get_mut(job) {
            for mut view in found {
                view.matches = true;
                entry.pods.insert(view.uid.clone(), view);
            }
        }
    }

    /// Whether the Job is there.
    pub(crate) fn has_job(&self, uid: &Uid) -> bool {
        self.entries.get(uid).is_some_and(|entry| entry.job.is_some())
    }

    /// Takes in that a Job is gone.
    pub(crate) fn remove_job(&mut self, uid: &Uid) -> Vec<Key> {
        let Some(entry) = self.entries.get_mut(uid) else { return Vec::new() };
        entry.job = None;
        entry.memory = Memory::default();
        let strays: Vec<Key> = entry
            .pods
            .values()
            .filter(|pod| !pod.owned && pod.tracked)
            .map(|pod| Key::Stray(pod.uid.clone()))
            .collect();
        entry.pods.retain(|pod| pod.owned);
        self.unowned.forget_job(uid);
        let mut keys = strays;
        keys.push(Key::Job(uid.clone()));
        self.tidy(uid);
        keys
    }

    /// Takes in a list of all Jobs.
    pub(crate) fn replace_jobs(&mut self, objects: &[Arc<Object>]) -> Vec<Key> {
        let listed: std::collections::HashSet<&Uid> = objects.iter().map(|object| &object.meta().uid).collect();
        let known = self.entries.iter().filter(|(_, entry)| entry.job.is_some()).map(|(uid, _)| uid);
        let gone: Vec<Uid> = known.filter(|uid| !listed.contains(uid)).cloned().collect();
        let mut keys: Vec<Key> = gone.iter().flat_map(|uid| self.remove_job(uid)).collect();
        for object in objects {
            keys.extend(self.apply_job(object));
        }
        keys
    }

    /// Takes in a pod; no keys when nothing changed that a plan would see.
    pub(crate) fn apply_pod(&mut self, object: &Arc<Object>) -> Woken {
        let meta = object.meta();
        let view = match PodView::read(object) {
            Ok(view) => view,
            Err(error) => {
                tracing::error!(pod = %meta.key(), %error, "a pod cannot be read and is skipped");
                return Woken::default();
            }
        };
        match meta.controller() {
            None => {
                let mut keys = self.leave(&meta.uid);
                keys.extend(self.apply_unowned(meta, view));
                keys.into()
            }
            Some(owner) if owner.kind == "Job" && owner.api_version.starts_with("batch/") => {
                let mut keys = self.leave_unowned(&meta.uid);
                if self.homes.get(&view.uid).is_some_and(|home| *home != owner.uid) || !view.matters() {
                    keys.extend(self.leave(&view.uid));
                }
                let woken = if view.matters() { self.apply_owned(meta, view) } else { Woken::default() };
                let only_ready = woken.only_ready && keys.is_empty();
                keys.extend(woken.keys);
                Woken { keys, only_ready }
            }
            Some(_) => self.remove_pod(&meta.uid).into(),
        }
    }

    /// The pod is its Job's and matters.
    fn apply_owned(&mut self, meta: &Meta, mut view: PodView) -> Woken {
        let owner = meta.controller().expect("an owned pod has an owner");
        let entry = self.entries.entry(owner.uid.clone()).or_default();
        view.owned = true;
        match &entry.job {
            Some(job) => view.matches = job.selector.matches(&meta.labels),
            None => {
                entry.place = (meta.namespace.clone().unwrap_or_default(), owner.name.clone());
                view.matches = true;
                view.labels = Some(meta.labels.clone());
            }
        }
        let uid = view.uid.clone();
        let is_ready = view.is_ready();
        let known = entry.pods.get(&uid).filter(|known| known.plans_like(&view)).map(PodView::is_ready);
        self.homes.insert(uid.clone(), owner.uid.clone());
        entry.pods.insert(uid, view);
        let keys = if known == Some(is_ready) { Vec::new() } else { vec![Key::Job(owner.uid.clone())] };
        Woken { keys, only_ready: known.is_some() }
    }

    fn apply_unowned(&mut self, meta: &Meta, view: PodView) -> Vec<Key> {
        let mut keys = self.leave_unowned(&view.uid);
        let jobs: Vec<Uid> = self.unowned.candidates(meta).into_iter().filter(|job| self.selects(job, meta)).collect();
        for job in &jobs {
            if let Some(entry) = self.entries.get_mut(job) {
                let mut view = view.clone();
                view.matches = true;
                entry.pods.insert(view.uid.clone(), view);
            }
        }
        if jobs.is_empty() && view.tracked {
            keys.push(Key::Stray(view.uid.clone()));
        }
        keys.extend(jobs.into_iter().map(Key::Job));
        self.unowned.insert(meta, view);
        keys
    }

    /// Takes in that a pod is gone.
    pub(crate) fn remove_pod(&mut self, uid: &Uid) -> Vec<Key> {
        let mut keys = self.leave(uid);
        keys.extend(self.leave_unowned(uid));
        keys
    }

    /// The pod leaves the view of its Job.
    fn leave(&mut self, uid: &Uid) -> Vec<Key> {
        let Some(job) = self.homes.remove(uid) else { return Vec::new() };
        if let Some(entry) = self.entries.get_mut(&job) {
            entry.pods.remove(uid);
        }
        self.tidy(&job);
        vec![Key::Job(job)]
    }

    /// The pod leaves the pods without a controller, and the views of the Jobs that could have adopted it.
    fn leave_unowned(&mut self, uid: &Uid) -> Vec<Key> {
        let Some((meta, _)) = self.unowned.remove(uid) else { return Vec::new() };
        let mut keys = Vec::new();
        for job in self.unowned.candidates(&meta) {
            let left = self.entries.get_mut(&job).and_then(|entry| entry.pods.remove(uid));
            if left.is_some() {
                keys.push(Key::Job(job));
            }
        }
        keys
    }

    /// Takes in a list of all pods. What a Job does not remember of its back-off is rebuilt from its counted pods.
    pub(crate) fn replace_pods(&mut self, objects: &[Arc<Object>]) -> Vec<Key> {
        self.homes.clear();
        self.unowned.clear_pods();
        let mut counted: HashMap<Uid, Vec<PodView>> = HashMap::new();
        for entry in self.entries.values_mut() {
            entry.pods = Pods::new();
        }
        for object in objects {
            self.apply_pod(object);
            let owner = object.meta().controller().filter(|owner| owner.kind == "Job");
            if let (Some(owner), Ok(view)) = (owner, PodView::read(object))
                && !view.matters()
            {
                counted.entry(owner.uid.clone()).or_default().push(view);
            }
        }
        for (uid, views) in counted {
            let entry = self.entries.entry(uid).or_default();
            if entry.memory == Memory::default() {
                entry.memory = Memory::recover(&views);
            }
        }
        self.keys()
    }

    /// Drops an entry that has neither Job nor pods.
    pub(crate) fn tidy(&mut self, uid: &Uid) {
        if self.entries.get(uid).is_some_and(|entry| entry.job.is_none() && entry.pods.is_empty()) {
            self.entries.remove(uid);
        }
    }
}

impl Job {
    fn new(object: Arc<Object>, input: Arc<JobInput>) -> Self {
        let selector = input.spec.selector.as_ref();
        let parsed = LabelSelector::of(selector).unwrap_or_else(|error| {
            tracing::error!(job = %object.meta().key(), %error, "a Job's selector cannot be read; it selects nothing");
            LabelSelector::of(None).expect("no selector is a selector that selects nothing")
        });
        let labels = selector.and_then(|selector| selector.match_labels.as_ref());
        let own = |key: &str| labels.and_then(|labels| labels.get(key)).is_some_and(|uid| uid == input.uid.as_str());
        let generated_selector = unowned::UID_LABELS.into_iter().any(own);
        Self { object, input, selector: parsed, generated_selector, template: None }
    }

    /// What this generation's pods have in common, read from the Job once.
    pub(crate) fn template(&mut self) -> Option<Arc<Template>> {
        let generation = self.object.meta().generation;
        if let Some((known, template)) = &self.template
            && *known == generation
        {
            return Some(template.clone());
        }
        let template = Arc::new(Template::of(&self.object)?);
        self.template = Some((generation, template.clone()));
        Some(template)
    }
}

#[cfg(test)]
mod tests;

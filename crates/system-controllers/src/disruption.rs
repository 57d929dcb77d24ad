//! The disruption controller: keeps the status of PodDisruptionBudgets, which evictions ask for leave
//! (`pkg/controller/disruption/disruption.go`).
//!
//! Differs: a pod that was marked for an eviction which then failed keeps its condition `DisruptionTarget`; upstream
//! takes it back after two minutes.

mod plan;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use api::resource::PODS;
use api::selector::LabelSelector;
use api::{Gvr, Object, ObjectKey, OwnerRef, Request, Uid, Verb};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Recorder, Runner, RunnerHandle, Severity};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

use crate::garbage::Resource;

/// `policy/v1 poddisruptionbudgets`.
pub const BUDGETS: Gvr = Gvr::known("policy", "v1", "poddisruptionbudgets");
/// The component that its events name.
pub const COMPONENT: &str = "controllermanager";

/// Index of the sources.
const BUDGET_SOURCE: usize = 0;

struct Disruption {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    resources: Vec<Resource>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    budgets: BTreeMap<ObjectKey, Budget>,
    /// By namespace and name.
    pods: HashMap<String, BTreeMap<String, Arc<Object>>>,
}

#[derive(Clone)]
struct Budget {
    object: Arc<Object>,
    /// `None` when the budget selects nothing.
    selector: Option<LabelSelector>,
}

/// Starts the controller. `resources` are those whose scale may be asked for.
pub fn start(client: Client, clock: SharedClock, recorder: Recorder, resources: Vec<Resource>) -> RunnerHandle {
    let budgets = observe(client.clone(), clock.clone(), BUDGETS, Selection::default());
    let pods = observe(client.clone(), clock.clone(), PODS, Selection::default());
    let controller = Disruption { client, clock: clock.clone(), recorder, resources, state: Mutex::default() };
    Runner::new(Arc::new(controller), clock).source(budgets).source(pods).unhurried().start()
}

impl Controller for Disruption {
    type Key = ObjectKey;
    type Error = Error;

    fn name(&self) -> &'static str {
        "disruption"
    }

    fn observe(&self, source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<ObjectKey>) {
        let mut state = self.state.lock();
        if source == BUDGET_SOURCE {
            state.observe_budget(observation, queue);
        } else {
            state.observe_pod(observation, queue);
        }
    }

    fn keys(&self) -> Vec<ObjectKey> {
        self.state.lock().budgets.keys().cloned().collect()
    }

    async fn reconcile(&self, key: ObjectKey) -> Result<Outcome, Error> {
        let Some((budget, pods)) = self.state.lock().budget_and_pods(&key) else { return Ok(Outcome::done()) };
        let value = budget.to_value();
        if pods.is_empty() {
            self.recorder.event(budget.meta(), Severity::Normal, "NoPods", "No matching pods found");
        }
        let counts = match self.scale(&budget, &value, &pods).await? {
            Ok(scale) => plan::expected(&value, pods.len(), scale),
            Err(why) => Err(why),
        };
        let now = self.clock.now();
        match counts {
            Ok(counts) => {
                let pods: Vec<&Object> = pods.iter().map(Arc::as_ref).collect();
                let plan = plan::plan(&value, &pods, counts, now);
                self.report_not_deleted(&budget, &pods, &plan.not_deleted);
                if let Some(status) = plan.status {
                    self.write(&budget, value, status).await?;
                }
                Ok(plan.wake_at.into())
            }
            Err(why) => {
                let message = format!("Failed to calculate the number of expected pods: {why}");
                let reason = "CalculateExpectedPodCountFailed";
                self.recorder.event(budget.meta(), Severity::Warning, reason, message);
                let status = plan::fail_safe(&value, &why, now);
                if status != value["status"] {
                    self.write(&budget, value, status).await?;
                }
                Ok(Outcome::done())
            }
        }
    }
}

impl Disruption {
    /// Writes a status. A budget that changed meanwhile is looked at again when the change is observed.
    async fn write(&self, budget: &Object, mut value: Value, status: Value) -> Result<(), Error> {
        let meta = budget.meta();
        value["status"] = status;
        match self.client.update(&BUDGETS, meta.namespace.as_deref(), &meta.name, Some("status"), value).await {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }

    fn report_not_deleted(&self, budget: &Object, pods: &[&Object], names: &[String]) {
        for pod in pods.iter().filter(|pod| names.contains(&pod.meta().name)) {
            let namespace = budget.meta().namespace.as_deref().unwrap_or_default();
            // Upstream names the namespace twice.
            let message = format!("Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't");
            self.recorder.event(pod.meta(), Severity::Warning, "NotDeleted", message);
        }
    }

    /// How many pods the owners of a budget's pods want, if the budget needs to know. The inner error is for people.
    async fn scale(&self, budget: &Object, value: &Value, pods: &[Arc<Object>]) -> Result<Result<i64, String>, Error> {
        let mut scales: HashMap<Uid, i64> = HashMap::new();
        if !plan::needs_scale(value) {
            return Ok(Ok(0));
        }
        let mut unmanaged = false;
        for pod in pods {
            let Some(owner) = pod.meta().controller() else {
                unmanaged = true;
                continue;
            };
            if scales.contains_key(&owner.uid) {
                continue;
            }
            match self.scale_of(owner, pod.meta().namespace.as_deref()).await? {
                Ok(Some(scale)) => drop(scales.insert(owner.uid.clone(), scale)),
                Ok(None) => return Ok(Err(format!("found no controllers for pod {:?}", pod.meta().name))),
                Err(why) => return Ok(Err(why)),
            }
        }
        if unmanaged {
            let message = format!(
                "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the \
                 status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account \
                 for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.",
                plan::shown_selector(&value["spec"]["selector"])
            );
            self.recorder.event(budget.meta(), Severity::Warning, "UnmanagedPods", message);
        }
        Ok(Ok(scales.values().sum()))
    }

    /// What one owner wants; `None` when it is gone.
    async fn scale_of(&self, owner: &OwnerRef, namespace: Option<&str>) -> Result<Result<Option<i64>, String>, Error> {
        let (group, version) = api::key::split_api_version(&owner.api_version);
        let same = |resource: &&Resource| resource.kind.group == group && resource.kind.kind == owner.kind;
        let Some(resource) = self.resources.iter().find(same) else {
            return Ok(Err(format!("no matches for kind {:?} in version {:?}", owner.kind, owner.api_version)));
        };
        let gvr = Gvr { version: version.to_owned().into(), ..resource.gvr.clone() };
        let request = Request::new(Verb::Get, gvr, namespace, Some(&owner.name)).subresource("scale");
        match self.client.call(request).await {
            Ok(reply) => {
                let scale = reply.into_object().filter(|scale| scale.meta().uid == owner.uid);
                let replicas = scale.map(|scale| scale.field("/spec/replicas").and_then(|it| it.as_i64()).unwrap_or(0));
                Ok(Ok(replicas))
            }
            Err(error) if error.is_not_found() => {
                // A missing object is named, a missing subresource is not.
                let details = error.status().and_then(|status| status.details.as_ref());
                let named = details.is_some_and(|details| !details.name.is_empty());
                let why = || format!("{} does not implement the scale subresource", resource.gvr.qualified());
                Ok(if named { Ok(None) } else { Err(why()) })
            }
            Err(error) => Err(error),
        }
    }
}

impl State {
    fn budget_and_pods(&self, key: &ObjectKey) -> Option<(Arc<Object>, Vec<Arc<Object>>)> {
        let Budget { object, selector } = self.budgets.get(key)?;
        let pods = self.pods.get(key.namespace_or_empty());
        let selected = |pod: &&Arc<Object>| selector.as_ref().is_some_and(|it| it.matches(&pod.meta().labels));
        let pods = pods.into_iter().flat_map(BTreeMap::values).filter(selected).cloned().collect();
        Some((object.clone(), pods))
    }

    fn observe_budget(&mut self, observation: Observation, queue: &mut Queue<ObjectKey>) {
        match observation {
            Observation::Restarted { objects, .. } => {
                self.budgets.clear();
                for budget in objects {
                    self.apply_budget(budget, queue);
                }
            }
            Observation::Applied(budget) => self.apply_budget(budget, queue),
            Observation::Deleted(budget) => drop(self.budgets.remove(&budget.meta().key())),
            Observation::Reached(_) => {}
        }
    }

    fn apply_budget(&mut self, object: Arc<Object>, queue: &mut Queue<ObjectKey>) {
        let key = object.meta().key();
        let selector = object.field("/spec/selector").filter(|selector| !selector.is_null());
        let selector = selector.and_then(|selector| serde_json::from_value(selector).ok());
        let selector = selector.and_then(|selector| LabelSelector::of(Some(&selector)).ok());
        queue.add(key.clone());
        self.budgets.insert(key, Budget { object, selector });
    }

    fn observe_pod(&mut self, observation: Observation, queue: &mut Queue<ObjectKey>) {
        match observation {
            Observation::Restarted { objects, .. } => {
                self.pods.clear();
                for pod in objects {
                    let meta = pod.meta();
                    let namespace = meta.namespace.clone().unwrap_or_default();
                    self.pods.entry(namespace).or_default().insert(meta.name.clone(), pod);
                }
                for key in self.budgets.keys() {
                    queue.add(key.clone());
                }
            }
            Observation::Applied(pod) => {
                self.wake(&pod, queue);
                let namespace = pod.meta().namespace.clone().unwrap_or_default();
                let before = self.pods.entry(namespace).or_default().insert(pod.meta().name.clone(), pod);
                if let Some(before) = before {
                    self.wake(&before, queue);
                }
            }
            Observation::Deleted(pod) => {
                let namespace = pod.meta().namespace.as_deref().unwrap_or_default();
                if let Some(pods) = self.pods.get_mut(namespace) {
                    pods.remove(&pod.meta().name);
                    if pods.is_empty() {
                        self.pods.remove(namespace);
                    }
                }
                self.wake(&pod, queue);
            }
            Observation::Reached(_) => {}
        }
    }

    /// Wakes the budgets that a pod matters to. Most clusters have few budgets, so all are looked at.
    fn wake(&self, pod: &Object, queue: &mut Queue<ObjectKey>) {
        let meta = pod.meta();
        for (key, budget) in &self.budgets {
            let near = key.namespace.as_deref() == meta.namespace.as_deref();
            if near && budget.selector.as_ref().is_some_and(|selector| selector.matches(&meta.labels)) {
                queue.add(key.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;

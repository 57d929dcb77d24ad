//! The controllers of Endpoints and EndpointSlices (`pkg/controller/endpoint`, `pkg/controller/endpointslice`): who
//! serves a Service that selects pods. The shell; what the objects say is decided in [`plan`].
//!
//! Services without a selector, such as `kubernetes`, are left to whoever fills them. A Service's Endpoints go with it
//! here, its slices by their owner reference.
//!
//! Differs: one controller keeps both, and without the annotation that says when a change was triggered.

pub mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::PODS;
use api::selector::LabelSelector;
use api::{Gvr, Object, ObjectKey};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Runner, RunnerHandle};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

use plan::{PodView, ServiceView};

/// `v1 services`.
pub const SERVICES: Gvr = Gvr::known("", "v1", "services");
/// `v1 endpoints`.
pub const ENDPOINTS: Gvr = Gvr::known("", "v1", "endpoints");
/// `discovery.k8s.io/v1 endpointslices`.
pub const SLICES: Gvr = Gvr::known("discovery.k8s.io", "v1", "endpointslices");

/// Index of the sources.
const SERVICE_SOURCE: usize = 0;
const POD_SOURCE: usize = 1;
const ENDPOINTS_SOURCE: usize = 2;

struct EndpointsController {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    services: BTreeMap<ObjectKey, Service>,
    /// By namespace and name.
    pods: HashMap<String, BTreeMap<Arc<str>, Arc<Object>>>,
    endpoints: HashMap<ObjectKey, Arc<Object>>,
    /// Those that this controller keeps, by their Service.
    slices: HashMap<ObjectKey, BTreeMap<Arc<str>, Arc<Object>>>,
}

struct Service {
    object: Arc<Object>,
    /// Whose pods serve it; `None` when somebody else fills its Endpoints.
    selector: Option<LabelSelector>,
}

/// All that is known around one Service.
struct Sight {
    service: Option<Arc<Object>>,
    pods: Vec<Arc<Object>>,
    endpoints: Option<Arc<Object>>,
    slices: Vec<Arc<Object>>,
}

/// Starts the controller.
pub fn start(client: Client, clock: SharedClock) -> RunnerHandle {
    let follow = |resource| observe(client.clone(), clock.clone(), resource, Selection::default());
    let sources = [SERVICES, PODS, ENDPOINTS, SLICES].map(follow);
    let controller = EndpointsController { client: client.clone(), state: Mutex::default() };
    let runner = Runner::new(Arc::new(controller), clock);
    sources.into_iter().fold(runner, Runner::source).start()
}

impl Controller for EndpointsController {
    type Key = ObjectKey;
    type Error = Error;

    fn name(&self) -> &'static str {
        "endpoints"
    }

    fn observe(&self, source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<ObjectKey>) {
        let mut state = self.state.lock();
        let mut woken = Vec::new();
        match observation {
            Observation::Restarted { objects, .. } => {
                state.clear(source);
                objects.into_iter().for_each(|object| state.apply(source, object, &mut woken));
                woken.extend(state.keys());
            }
            Observation::Applied(object) => state.apply(source, object, &mut woken),
            Observation::Deleted(object) => state.remove(source, &object, &mut woken),
            Observation::Reached(_) => {}
        }
        for key in woken {
            queue.add(key);
        }
    }

    fn keys(&self) -> Vec<ObjectKey> {
        self.state.lock().keys().collect()
    }

    async fn reconcile(&self, key: ObjectKey) -> Result<Outcome, Error> {
        let Some(sight) = self.state.lock().sight(&key) else { return Ok(Outcome::done()) };
        let Some(service) = &sight.service else {
            // The Service is gone, and its Endpoints with it, if they were ours.
            if let Some(endpoints) = sight.endpoints.filter(|endpoints| plan::is_own(endpoints)) {
                self.delete(&ENDPOINTS, &endpoints).await?;
            }
            return Ok(Outcome::done());
        };
        if service.meta().is_deleting() {
            return Ok(Outcome::done());
        }
        let view = ServiceView::read(service).map_err(Error::Decode)?;
        let pods: Vec<PodView> =
            sight.pods.iter().map(|pod| PodView::read(pod)).collect::<Result<_, _>>().map_err(Error::Decode)?;
        let wanted = plan::endpoints(&view, &pods);
        self.put(&ENDPOINTS, &key, sight.endpoints.as_deref(), wanted, plan::ENDPOINTS_FIELDS).await?;
        self.keep_slices(&key, &sight.slices, plan::slices(&view, &pods)).await?;
        Ok(Outcome::done())
    }
}

impl EndpointsController {
    /// Brings the slices in line with what is wanted: each changed in place while its type of address stays.
    async fn keep_slices(&self, key: &ObjectKey, known: &[Arc<Object>], wanted: Vec<Value>) -> Result<(), Error> {
        let mut known: Vec<&Arc<Object>> = known.iter().filter(|slice| !slice.meta().is_deleting()).collect();
        for slice in wanted {
            let same_type = |known: &&Arc<Object>| known.field("/addressType").as_ref() == Some(&slice["addressType"]);
            let place = known.iter().position(same_type).map(|index| known.remove(index));
            self.put(&SLICES, key, place.map(|place| &**place), slice, plan::SLICE_FIELDS).await?;
        }
        for surplus in known {
            self.delete(&SLICES, surplus).await?;
        }
        Ok(())
    }

    /// Creates an object, or gives one these fields if they differ. What changed or went meanwhile is looked at again
    /// when that is observed.
    async fn put(
        &self,
        resource: &Gvr,
        key: &ObjectKey,
        known: Option<&Object>,
        wanted: Value,
        fields: &[&str],
    ) -> Result<(), Error> {
        let namespace = key.namespace.as_deref();
        let result = match known {
            None => self.client.create(resource, namespace, wanted).await,
            Some(known) => {
                let mut value = known.to_value();
                if !plan::bring_up_to_date(&mut value, &wanted, fields) {
                    return Ok(());
                }
                self.client.update(resource, namespace, &known.meta().name, None, value).await
            }
        };
        match result {
            Err(error) if error.is_conflict() || error.is_not_found() || error.is_already_exists() => Ok(()),
            Err(error) if crate::namespace_terminates(&error) => Ok(()),
            other => other.map(drop),
        }
    }

    async fn delete(&self, resource: &Gvr, object: &Object) -> Result<(), Error> {
        let meta = object.meta();
        let preconditions = Preconditions { uid: Some(meta.uid.to_string()), resource_version: None };
        let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
        match self.client.delete(resource, meta.namespace.as_deref(), &meta.name, &options).await {
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }
}

impl State {
    fn keys(&self) -> impl Iterator<Item = ObjectKey> {
        let selecting = self.services.iter().filter(|(_, service)| service.selector.is_some());
        selecting.map(|(key, _)| key.clone())
    }

    /// What is around a Service that is gone or selects pods.
    fn sight(&self, key: &ObjectKey) -> Option<Sight> {
        let endpoints = self.endpoints.get(key).cloned();
        let Some(service) = self.services.get(key) else {
            return Some(Sight { service: None, pods: Vec::new(), endpoints, slices: Vec::new() });
        };
        let selector = service.selector.as_ref()?;
        let pods = self.pods.get(key.namespace_or_empty()).into_iter().flat_map(BTreeMap::values);
        let pods = pods.filter(|pod| selector.matches(&pod.meta().labels)).cloned().collect();
        let slices = self.slices.get(key).into_iter().flat_map(BTreeMap::values).cloned().collect();
        Some(Sight { service: Some(service.object.clone()), pods, endpoints, slices })
    }

    fn clear(&mut self, source: usize) {
        match source {
            SERVICE_SOURCE => self.services.clear(),
            POD_SOURCE => self.pods.clear(),
            ENDPOINTS_SOURCE => self.endpoints.clear(),
            _ => self.slices.clear(),
        }
    }

    fn apply(&mut self, source: usize, object: Arc<Object>, woken: &mut Vec<ObjectKey>) {
        let key = object.meta().key();
        match source {
            SERVICE_SOURCE => {
                let selector = plan::selector(&object);
                woken.push(key.clone());
                self.services.insert(key, Service { object, selector });
            }
            POD_SOURCE => {
                self.wake(&object, woken);
                let (namespace, name) = (key.namespace_or_empty().to_owned(), key.name.clone());
                if let Some(before) = self.pods.entry(namespace).or_default().insert(name, object) {
                    self.wake(&before, woken);
                }
            }
            ENDPOINTS_SOURCE => {
                woken.push(key.clone());
                self.endpoints.insert(key, object);
            }
            _ => {
                if let Some(service) = plan::service_of(&object) {
                    woken.push(service.clone());
                    self.slices.entry(service).or_default().insert(key.name, object);
                }
            }
        }
    }

    fn remove(&mut self, source: usize, object: &Object, woken: &mut Vec<ObjectKey>) {
        let key = object.meta().key();
        match source {
            SERVICE_SOURCE => {
                self.services.remove(&key);
                woken.push(key);
            }
            POD_SOURCE => {
                if let Some(pods) = self.pods.get_mut(key.namespace_or_empty()) {
                    pods.remove(&key.name);
                    if pods.is_empty() {
                        self.pods.remove(key.namespace_or_empty());
                    }
                }
                self.wake(object, woken);
            }
            ENDPOINTS_SOURCE => {
                self.endpoints.remove(&key);
                woken.push(key);
            }
            _ => {
                if let Some(service) = plan::service_of(object) {
                    if let Some(slices) = self.slices.get_mut(&service) {
                        slices.remove(&key.name);
                        if slices.is_empty() {
                            self.slices.remove(&service);
                        }
                    }
                    woken.push(service);
                }
            }
        }
    }

    /// Wakes the Services that a pod serves. Most clusters have few, so all are looked at.
    fn wake(&self, pod: &Object, woken: &mut Vec<ObjectKey>) {
        let meta = pod.meta();
        for (key, service) in &self.services {
            let near = key.namespace.as_deref() == meta.namespace.as_deref();
            if near && service.selector.as_ref().is_some_and(|selector| selector.matches(&meta.labels)) {
                woken.push(key.clone());
            }
        }
    }
}

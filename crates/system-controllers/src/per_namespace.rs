//! Keeps one object of a fixed name in every namespace that is not being deleted. What service accounts and the root
//! certificate have in common.
//!
//! The object is observed by name, so that one that somebody deletes or spoils comes back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use api::resource::NAMESPACES;
use api::{Gvr, Object, Uid};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Runner, RunnerHandle};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

/// Index of the sources.
const NAMESPACE_SOURCE: usize = 0;

/// What every namespace is to have.
pub(crate) struct Wanted {
    /// The controller's name, for logs.
    pub(crate) name: &'static str,
    /// The object's resource.
    pub(crate) resource: Gvr,
    /// The object's name in every namespace.
    pub(crate) object_name: &'static str,
    /// The object as it is created; the namespace is filled in.
    pub(crate) template: Value,
    /// Top-level fields that are put back when they differ from the template.
    pub(crate) kept_fields: &'static [&'static str],
}

struct PerNamespace {
    client: Client,
    wanted: Wanted,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Namespaces that are not being deleted.
    namespaces: BTreeSet<String>,
    /// The wanted object by namespace.
    present: HashMap<String, (Uid, Arc<Object>)>,
}

/// Starts the controller.
pub(crate) fn start(client: Client, clock: SharedClock, wanted: Wanted) -> RunnerHandle {
    let by_name =
        Selection { field_selector: Some(format!("metadata.name={}", wanted.object_name)), ..Selection::default() };
    let namespaces = observe(client.clone(), clock.clone(), NAMESPACES, Selection::default());
    let objects = observe(client.clone(), clock.clone(), wanted.resource.clone(), by_name);
    let controller = PerNamespace { client, wanted, state: Mutex::default() };
    Runner::new(Arc::new(controller), clock).source(namespaces).source(objects).start()
}

impl Controller for PerNamespace {
    type Key = String;
    type Error = Error;

    fn name(&self) -> &'static str {
        self.wanted.name
    }

    fn observe(&self, source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<String>) {
        let mut state = self.state.lock();
        if source == NAMESPACE_SOURCE {
            state.observe_namespace(observation, queue);
        } else {
            state.observe_object(observation, queue);
        }
    }

    fn keys(&self) -> Vec<String> {
        self.state.lock().namespaces.iter().cloned().collect()
    }

    async fn reconcile(&self, namespace: String) -> Result<Outcome, Error> {
        let present = {
            let state = self.state.lock();
            if !state.namespaces.contains(&namespace) {
                return Ok(Outcome::done());
            }
            state.present.get(&namespace).map(|(_, object)| object.clone())
        };
        let result = match present {
            None => self.create(&namespace).await,
            Some(object) => self.restore(&namespace, &object).await,
        };
        match result {
            // The namespace went meanwhile, or somebody else was first: observed soon, if not already.
            Err(error) if error.is_not_found() || error.is_already_exists() || error.is_conflict() => {}
            Err(error) if crate::namespace_terminates(&error) => {}
            other => other?,
        }
        Ok(Outcome::done())
    }
}

impl PerNamespace {
    async fn create(&self, namespace: &str) -> Result<(), Error> {
        let mut object = self.wanted.template.clone();
        object["metadata"] = serde_json::json!({ "name": self.wanted.object_name, "namespace": namespace });
        self.client.create(&self.wanted.resource, Some(namespace), object).await.map(drop)
    }

    async fn restore(&self, namespace: &str, object: &Object) -> Result<(), Error> {
        if self.wanted.kept_fields.is_empty() || object.meta().is_deleting() {
            return Ok(());
        }
        let mut value = object.to_value();
        let mut differs = false;
        for field in self.wanted.kept_fields {
            differs |= value[*field] != self.wanted.template[*field];
            value[*field] = self.wanted.template[*field].clone();
        }
        if !differs {
            return Ok(());
        }
        self.client.update(&self.wanted.resource, Some(namespace), self.wanted.object_name, None, value).await.map(drop)
    }
}

impl State {
    fn observe_namespace(&mut self, observation: Observation, queue: &mut Queue<String>) {
        match observation {
            Observation::Restarted { objects, .. } => {
                self.namespaces.clear();
                for namespace in objects {
                    self.apply_namespace(&namespace, queue);
                }
            }
            Observation::Applied(namespace) => self.apply_namespace(&namespace, queue),
            Observation::Deleted(namespace) => {
                self.namespaces.remove(&namespace.meta().name);
            }
            Observation::Reached(_) => {}
        }
    }

    fn apply_namespace(&mut self, namespace: &Object, queue: &mut Queue<String>) {
        let name = &namespace.meta().name;
        if namespace.meta().is_deleting() {
            self.namespaces.remove(name);
        } else if self.namespaces.insert(name.clone()) {
            queue.add(name.clone());
        }
    }

    fn observe_object(&mut self, observation: Observation, queue: &mut Queue<String>) {
        match observation {
            Observation::Restarted { objects, .. } => {
                self.present.clear();
                for object in objects {
                    self.apply_object(object, queue);
                }
                for namespace in self.namespaces.iter().filter(|namespace| !self.present.contains_key(*namespace)) {
                    queue.add(namespace.clone());
                }
            }
            Observation::Applied(object) => self.apply_object(object, queue),
            Observation::Deleted(object) => {
                let namespace = object.meta().namespace.clone().unwrap_or_default();
                if self.present.get(&namespace).is_some_and(|(uid, _)| *uid == object.meta().uid) {
                    self.present.remove(&namespace);
                    queue.add(namespace);
                }
            }
            Observation::Reached(_) => {}
        }
    }

    fn apply_object(&mut self, object: Arc<Object>, queue: &mut Queue<String>) {
        let namespace = object.meta().namespace.clone().unwrap_or_default();
        queue.add(namespace.clone());
        self.present.insert(namespace, (object.meta().uid.clone(), object));
    }
}

//! Namespaces: the four that every cluster has, and the end of those that were deleted. The shell; the steps are
//! decided in [`plan`].
//!
//! Guarantee: a namespace's finalizer is released only after a look at every configured resource found nothing in it.
//! Assumption: the server refuses creates in a terminating namespace, so nothing comes after the look.

pub mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::resource::{NAMESPACES, PODS};
use api::{Body, Gvr, Object, Options, PatchType, Request, Verb};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Runner, RunnerHandle};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};

use plan::{FINALIZER, Remains, Step};

/// The namespaces that every cluster has (`pkg/controlplane/controller/systemnamespaces` and `default`).
pub const SYSTEM_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];
/// Changes of pods in a terminating namespace within this time are looked at together.
const SETTLE: SignedDuration = SignedDuration::from_millis(50);
/// Index of the sources.
const NAMESPACE_SOURCE: usize = 0;

/// Creates the namespaces that every cluster has; those that exist are left alone.
///
/// # Errors
/// What the API answers, save that one exists.
pub async fn create_system_namespaces(client: &Client) -> Result<(), Error> {
    for name in SYSTEM_NAMESPACES {
        create(client, name).await?;
    }
    Ok(())
}

async fn create(client: &Client, name: &str) -> Result<(), Error> {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    match client.create(&NAMESPACES, None, namespace).await {
        Err(error) if error.is_already_exists() => Ok(()),
        other => other.map(drop),
    }
}

struct Namespaces {
    client: Client,
    clock: SharedClock,
    /// Namespaced resources, pods first.
    resources: Vec<Gvr>,
    /// Terminating namespaces, and how often each was looked at.
    terminating: Mutex<BTreeMap<String, Terminating>>,
}

struct Terminating {
    object: Arc<Object>,
    looks: u32,
}

/// Starts the controller. `resources` are all namespaced resources whose objects go with their namespace.
pub fn start(client: Client, clock: SharedClock, mut resources: Vec<Gvr>) -> RunnerHandle {
    resources.sort_by_key(|resource| *resource != PODS);
    let namespaces = observe(client.clone(), clock.clone(), NAMESPACES, Selection::default());
    let pods = observe(client.clone(), clock.clone(), PODS, Selection::default());
    let controller = Namespaces { client, clock: clock.clone(), resources, terminating: Mutex::default() };
    Runner::new(Arc::new(controller), clock).source(namespaces).source(pods).start()
}

impl Controller for Namespaces {
    type Key = String;
    type Error = Error;

    fn name(&self) -> &'static str {
        "namespace"
    }

    fn observe(&self, source: usize, observation: Observation, now: Timestamp, queue: &mut Queue<String>) {
        let mut terminating = self.terminating.lock();
        match (source, observation) {
            (NAMESPACE_SOURCE, Observation::Restarted { objects, .. }) => {
                terminating.clear();
                for object in objects {
                    note(&mut terminating, object, queue);
                }
            }
            (NAMESPACE_SOURCE, Observation::Applied(object)) => note(&mut terminating, object, queue),
            (NAMESPACE_SOURCE, Observation::Deleted(object)) => {
                let name = &object.meta().name;
                terminating.remove(name);
                if SYSTEM_NAMESPACES.contains(&name.as_str()) {
                    queue.add(name.clone());
                }
            }
            // A pod that goes may have been the last one.
            (_, Observation::Deleted(pod)) => {
                let namespace = pod.meta().namespace.as_deref().unwrap_or_default();
                if terminating.contains_key(namespace) {
                    let soon = now.saturating_add(SETTLE).expect("an offset of seconds keeps its unit");
                    queue.add_at(namespace.to_owned(), soon);
                }
            }
            _ => {}
        }
    }

    fn keys(&self) -> Vec<String> {
        self.terminating.lock().keys().cloned().collect()
    }

    async fn reconcile(&self, name: String) -> Result<Outcome, Error> {
        let known = self.terminating.lock().get_mut(&name).map(|entry| {
            entry.looks += 1;
            (entry.object.clone(), entry.looks - 1)
        });
        // Its namespace is gone: one of the system's comes back.
        let Some((object, looks)) = known else { return self.restore(&name).await };
        let namespace = object.to_value();
        if plan::plan(object.meta().is_deleting(), &finalizers(&namespace)) == Step::Nothing {
            return Ok(Outcome::done());
        }
        let remains = self.empty(&name).await;
        if remains.is_empty() {
            self.finalize(&name, namespace).await?;
            return Ok(Outcome::done());
        }
        self.show(&name, &namespace, &remains).await?;
        Ok(Outcome::wake_at(plan::look_again(looks, self.clock.now())))
    }
}

fn note(terminating: &mut BTreeMap<String, Terminating>, object: Arc<Object>, queue: &mut Queue<String>) {
    if !object.meta().is_deleting() {
        return;
    }
    let name = object.meta().name.clone();
    match terminating.get_mut(&name) {
        // The controller's own status writes must not wake it: content that stays is looked at by a timer.
        Some(known) => known.object = object,
        None => {
            terminating.insert(name.clone(), Terminating { object, looks: 0 });
            queue.add(name);
        }
    }
}

fn finalizers(namespace: &Value) -> Vec<String> {
    let list = namespace.pointer("/spec/finalizers").cloned().unwrap_or(Value::Null);
    serde_json::from_value(list).unwrap_or_default()
}

impl Namespaces {
    async fn restore(&self, name: &str) -> Result<Outcome, Error> {
        if SYSTEM_NAMESPACES.contains(&name) {
            create(&self.client, name).await?;
        }
        Ok(Outcome::done())
    }

    /// Deletes what the namespace holds, and says what is still there. While pods are left, nothing else is touched:
    /// they may need their ConfigMaps and Secrets to end well.
    async fn empty(&self, namespace: &str) -> Remains {
        let mut remains = Remains::default();
        for resource in &self.resources {
            let left = match self.empty_of(resource, namespace).await {
                Ok(left) => left,
                // The others still can go; what could not is tried again.
                Err(error) => {
                    remains.fail(&error);
                    if *resource == PODS {
                        break;
                    }
                    continue;
                }
            };
            let finalizers = left.iter().flat_map(|object| object.meta().finalizers.iter());
            remains.note(resource, left.len(), finalizers);
            if *resource == PODS && !left.is_empty() {
                break;
            }
        }
        remains
    }

    async fn empty_of(&self, resource: &Gvr, namespace: &str) -> Result<Vec<Arc<Object>>, Error> {
        let before = self.list(resource, namespace).await?;
        if before.iter().all(|object| object.meta().is_deleting()) {
            return Ok(before);
        }
        let options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background" });
        let request = Request::new(Verb::DeleteCollection, resource.clone(), Some(namespace), None);
        self.client.call(request.body(Body::Object(options))).await?;
        self.list(resource, namespace).await
    }

    /// A resource that the server does not serve holds nothing.
    async fn list(&self, resource: &Gvr, namespace: &str) -> Result<Vec<Arc<Object>>, Error> {
        match self.client.list(resource, Some(namespace), Options::default()).await {
            Ok(list) => Ok(list.items),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Releases the finalizer; the server removes the namespace with its last one.
    async fn finalize(&self, name: &str, mut namespace: Value) -> Result<(), Error> {
        let mut left = finalizers(&namespace);
        left.retain(|finalizer| finalizer != FINALIZER);
        namespace["spec"]["finalizers"] = left.into();
        // Without a revision the write wins over a status written meanwhile, which it does not touch.
        if let Some(metadata) = namespace["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        match self.client.update(&NAMESPACES, None, name, Some("finalize"), namespace).await {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Shows phase and conditions, if the namespace does not say so already.
    async fn show(&self, name: &str, namespace: &Value, remains: &Remains) -> Result<(), Error> {
        let now = api::time::rfc3339(self.clock.now());
        let mut differs = namespace.pointer("/status/phase") != Some(&Value::from("Terminating"));
        let mut conditions = Vec::new();
        for (condition_type, status, reason, message) in remains.conditions() {
            let shown = api::conditions::find(namespace, condition_type);
            let same_status = shown.is_some_and(|shown| shown["status"] == status);
            let since =
                shown.filter(|_| same_status).map_or_else(|| now.clone().into(), |it| it["lastTransitionTime"].clone());
            differs |= shown.is_none_or(|shown| shown["status"] != status || shown["message"] != message.as_str());
            conditions.push(json!({
                "type": condition_type, "status": status, "reason": reason, "message": message,
                "lastTransitionTime": since,
            }));
        }
        if !differs {
            return Ok(());
        }
        let patch = json!({ "status": { "phase": "Terminating", "conditions": conditions } });
        match self.client.patch(&NAMESPACES, None, name, Some("status"), (PatchType::Merge, patch)).await {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }
}

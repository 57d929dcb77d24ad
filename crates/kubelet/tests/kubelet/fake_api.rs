//! An API server reduced to what a kubelet asks of it: objects, a log to watch, graceful deletes of pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::logs::LogOptions;
use api::{Body, Object, ObjectList, Reason, Reply, Request, Response, Revision, Status, Verb, WatchEvent};
use client::{ByteStream, Client, Door, EventStream};
use futures::StreamExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc;

type Key = (String, String, String);

#[derive(Default)]
struct State {
    revision: u64,
    objects: BTreeMap<Key, Value>,
    log: Vec<(u64, String, WatchEvent)>,
    watchers: Vec<(String, mpsc::UnboundedSender<WatchEvent>)>,
}

/// The server.
#[derive(Default)]
pub(crate) struct FakeApi(Mutex<State>);

impl FakeApi {
    pub(crate) fn client(self: &Arc<Self>) -> Client {
        Client::in_process(Arc::clone(self) as Arc<dyn Door>)
    }

    /// The object as it is now.
    pub(crate) fn get(&self, plural: &str, name: &str) -> Option<Value> {
        let state = self.0.lock();
        state.objects.iter().find(|(key, _)| key.0 == plural && key.2 == name).map(|(_, object)| object.clone())
    }

    /// All objects of a resource.
    pub(crate) fn all(&self, plural: &str) -> Vec<Value> {
        self.0.lock().objects.iter().filter(|(key, _)| key.0 == plural).map(|(_, object)| object.clone()).collect()
    }

    /// What a pod went through: phase, or `deleting`, or `gone`.
    pub(crate) fn history(&self, name: &str) -> Vec<String> {
        let state = self.0.lock();
        let pods = state.log.iter().filter(|(_, plural, _)| plural == "pods");
        let mut steps: Vec<String> = pods
            .filter_map(|(_, _, event)| match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) if object.meta().name == name => {
                    let phase = object.to_value()["status"]["phase"].as_str().unwrap_or("new").to_owned();
                    Some(if object.meta().is_deleting() { format!("deleting {phase}") } else { phase })
                }
                WatchEvent::Deleted(object) if object.meta().name == name => Some("gone".to_owned()),
                _ => None,
            })
            .collect();
        steps.dedup();
        steps
    }

    /// Adds a pod on node `n`.
    pub(crate) fn add_pod(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = "n".into();
        let uid = format!("uid-{name}-{}", self.0.lock().revision);
        let metadata = json!({"name": name, "namespace": "default", "uid": uid, "generation": 1});
        self.add("pods", json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}));
    }

    /// Adds any object.
    pub(crate) fn add(&self, plural: &str, object: Value) {
        let mut state = self.0.lock();
        let key = key_of(plural, &object);
        state.put(key, object, true);
    }

    /// How the only container of a pod ended, as its last status had it.
    pub(crate) fn last_exit_code(&self, name: &str) -> Option<i64> {
        let state = self.0.lock();
        let code = |(_, plural, event): &(u64, String, WatchEvent)| match event {
            WatchEvent::Modified(object) if plural == "pods" && object.meta().name == name => {
                let status = object.to_value()["status"]["containerStatuses"][0].take();
                status["state"]["terminated"]["exitCode"].as_i64()
            }
            _ => None,
        };
        state.log.iter().rev().find_map(code)
    }

    /// Changes the spec of a pod.
    pub(crate) fn change_spec(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let key = ("pods".to_owned(), "default".to_owned(), name.to_owned());
        let mut state = self.0.lock();
        let mut pod = state.objects[&key].clone();
        change(&mut pod["spec"]);
        pod["metadata"]["generation"] = (pod["metadata"]["generation"].as_i64().unwrap() + 1).into();
        state.put(key, pod, false);
    }

    /// Deletes a pod as the API does.
    pub(crate) fn delete_pod(&self, name: &str, grace_seconds: Option<i64>) {
        let key = ("pods".to_owned(), "default".to_owned(), name.to_owned());
        self.0.lock().delete(&key, grace_seconds);
    }
}

fn key_of(plural: &str, object: &Value) -> Key {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (plural.to_owned(), text("namespace"), text("name"))
}

impl State {
    fn publish(&mut self, plural: &str, event: WatchEvent) {
        self.watchers.retain(|(watched, watcher)| watched != plural || watcher.send(event.clone()).is_ok());
        self.log.push((self.revision, plural.to_owned(), event));
    }

    fn put(&mut self, key: Key, mut object: Value, created: bool) -> Arc<Object> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let shared = Arc::new(Object::from_value(&object).unwrap());
        let plural = key.0.clone();
        self.objects.insert(key, object);
        let event = if created { WatchEvent::Added } else { WatchEvent::Modified };
        self.publish(&plural, event(Arc::clone(&shared)));
        shared
    }

    fn delete(&mut self, key: &Key, grace_seconds: Option<i64>) {
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        let terminal = matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let grace = grace_seconds.unwrap_or(object["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30));
        if grace == 0 || terminal {
            self.revision += 1;
            object["metadata"]["resourceVersion"] = self.revision.to_string().into();
            self.objects.remove(key);
            let shared = Arc::new(Object::from_value(&object).unwrap());
            return self.publish(&key.0, WatchEvent::Deleted(shared));
        }
        object["metadata"]["deletionTimestamp"] = api::time::rfc3339(Timestamp::now()).into();
        object["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        self.put(key.clone(), object, false);
    }

    fn call(&mut self, request: Request) -> Result<Response, Status> {
        let plural = request.resource.plural.to_string();
        let namespace = request.namespace.clone().unwrap_or_default();
        let name = request.name.clone().unwrap_or_default();
        let key = (plural.clone(), namespace.clone(), name.clone());
        let not_found = || Status::not_found(&request.resource, &name);
        match (request.verb, request.body) {
            (Verb::Get, _) => {
                let object = self.objects.get(&key).ok_or_else(not_found)?;
                Ok(Response::Object { object: Arc::new(Object::from_value(object).unwrap()), created: false })
            }
            (Verb::List, _) => {
                let items = self.objects.iter().filter(|(key, _)| key.0 == plural);
                let items = items.map(|(_, object)| Arc::new(Object::from_value(object).unwrap())).collect();
                Ok(Response::List(ObjectList { items, revision: Revision(self.revision), ..ObjectList::default() }))
            }
            (Verb::Create, Body::Object(mut object)) => {
                if object["metadata"]["name"].is_null() {
                    object["metadata"]["name"] = format!("generated-{}", self.revision).into();
                }
                if object["metadata"]["uid"].is_null() {
                    object["metadata"]["uid"] = format!("uid-{}", self.revision).into();
                }
                let key = key_of(&plural, &object);
                if self.objects.contains_key(&key) {
                    return Err(Status::already_exists(&request.resource, &key.2));
                }
                Ok(Response::Object { object: self.put(key, object, true), created: true })
            }
            (Verb::Patch, Body::Patch(_, patch)) => {
                let mut object = self.objects.get(&key).cloned().ok_or_else(not_found)?;
                let uid = &patch["metadata"]["uid"];
                if !uid.is_null() && *uid != object["metadata"]["uid"] {
                    return Err(Status::conflict(&request.resource, &name, "another uid"));
                }
                merge(&mut object, &patch);
                Ok(Response::Object { object: self.put(key, object, false), created: false })
            }
            (Verb::Delete, Body::Object(options)) => {
                let object = self.objects.get(&key).ok_or_else(not_found)?;
                let uid = &options["preconditions"]["uid"];
                if !uid.is_null() && *uid != object["metadata"]["uid"] {
                    return Err(Status::conflict(&request.resource, &name, "another uid"));
                }
                self.delete(&key, options["gracePeriodSeconds"].as_i64());
                Ok(Response::Status(Status::success(&request.resource, &name, "")))
            }
            (verb, _) => Err(Status::failure(405, Reason::METHOD_NOT_ALLOWED, format!("{verb:?}"))),
        }
    }
}

/// A merge patch that also merges `conditions` by type, as strategic merge does.
fn merge(target: &mut Value, patch: &Value) {
    let (Some(map), Some(patch)) = (target.as_object_mut(), patch.as_object()) else {
        *target = patch.clone();
        return;
    };
    for (name, value) in patch {
        match value {
            Value::Null => drop(map.remove(name)),
            Value::Array(items) if name == "conditions" => {
                let entry = map.entry(name).or_insert_with(|| json!([]));
                let list = entry.as_array_mut().unwrap();
                for item in items {
                    list.retain(|old| old["type"] != item["type"]);
                    list.push(item.clone());
                }
            }
            Value::Object(_) => merge(map.entry(name).or_insert_with(|| json!({})), value),
            other => drop(map.insert(name.clone(), other.clone())),
        }
    }
}

impl Door for FakeApi {
    fn call(&self, request: Request) -> Result<Reply, Status> {
        self.0.lock().call(request).map(Reply::from)
    }

    fn watch(&self, request: Request) -> Result<EventStream, Status> {
        let mut state = self.0.lock();
        let from = request.options.resource_version.unwrap_or_default();
        let plural = request.resource.plural.to_string();
        let (sender, receiver) = mpsc::unbounded_channel();
        for (_, _, event) in state.log.iter().filter(|(at, kind, _)| *at > from.0 && *kind == plural) {
            sender.send(event.clone()).unwrap();
        }
        state.watchers.push((plural, sender));
        let stream = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|event| (Ok(event), receiver))
        });
        Ok(stream.boxed())
    }

    fn logs(&self, _: &str, _: &str, _: LogOptions) -> BoxFuture<'static, Result<ByteStream, Status>> {
        Box::pin(async { Err(Status::no_such_resource()) })
    }
}

/// Waits for a state by looking.
pub(crate) async fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "waited too long for {what}");
        // tidy: allow-sleep files and the log tell nobody when they change; this is the pause between looks.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

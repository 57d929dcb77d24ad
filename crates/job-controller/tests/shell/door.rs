//! A small API server for the shell's tests: Jobs, pods and events in one ordered log, with conflicts, finalizers,
//! generated names and watches. It knows just what the Job controller asks for and panics at anything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::logs::LogOptions;
use api::{Body, Object, ObjectList, PatchType, Reply, Request, Response, Revision, Status, Verb, WatchEvent};
use client::{ByteStream, Client, Door, EventStream};
use futures::StreamExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

type Place = (String, String, String);

#[derive(Default)]
struct Store {
    revision: u64,
    objects: BTreeMap<Place, Value>,
    log: Vec<(String, WatchEvent)>,
    created: u64,
    /// Refuses so many creates of pods.
    refusals: usize,
    most_active: usize,
}

/// The server; cheap to clone.
#[derive(Clone)]
pub(crate) struct TestDoor {
    store: Arc<Mutex<Store>>,
    /// One write at a time, from read to commit.
    writing: Arc<Mutex<()>>,
    grown: watch::Sender<usize>,
    /// How far watches may read: a lagging cache for tests of staleness.
    pub(crate) horizon: watch::Sender<usize>,
}

impl TestDoor {
    pub(crate) fn start() -> (Self, Client) {
        let door = Self {
            store: Arc::default(),
            writing: Arc::default(),
            grown: watch::Sender::new(0),
            horizon: watch::Sender::new(usize::MAX),
        };
        let client = Client::in_process(Arc::new(door.clone()));
        (door, client)
    }

    pub(crate) fn refuse_creates(&self, times: usize) {
        self.store.lock().refusals = times;
    }

    /// How many pods were created, and how many were active at once.
    pub(crate) fn pods_created(&self) -> (u64, usize) {
        let store = self.store.lock();
        (store.created, store.most_active)
    }

    pub(crate) fn list(&self, plural: &str) -> Vec<Value> {
        let store = self.store.lock();
        store.objects.iter().filter(|(place, _)| place.0 == plural).map(|(_, value)| value.clone()).collect()
    }

    pub(crate) fn get(&self, plural: &str, name: &str) -> Option<Value> {
        let place = (plural.to_owned(), "default".to_owned(), name.to_owned());
        self.store.lock().objects.get(&place).cloned()
    }

    /// Adds or changes an object as somebody else.
    pub(crate) fn put(&self, plural: &str, value: Value) {
        let _writing = self.writing.lock();
        let name = value["metadata"]["name"].as_str().expect("a name").to_owned();
        self.commit((plural.to_owned(), "default".to_owned(), name), value);
    }

    pub(crate) fn edit(&self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let _writing = self.writing.lock();
        let mut value = self.get(plural, name).expect("the object exists");
        change(&mut value);
        self.commit((plural.to_owned(), "default".to_owned(), name.to_owned()), value);
    }

    /// Removes an object at once.
    pub(crate) fn remove(&self, plural: &str, name: &str) {
        let place = (plural.to_owned(), "default".to_owned(), name.to_owned());
        let mut store = self.store.lock();
        store.revision += 1;
        let mut value = store.objects.remove(&place).expect("the object exists");
        value["metadata"]["resourceVersion"] = store.revision.to_string().into();
        let object = Arc::new(Object::from_value(&value).expect("an object"));
        store.log.push((plural.to_owned(), WatchEvent::Deleted(object)));
        self.grown.send_replace(store.log.len());
    }

    /// Waits until the condition holds after some change.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let mut grown = self.grown.subscribe();
        let wait = async {
            while !condition(self) {
                grown.borrow_and_update();
                if condition(self) {
                    break;
                }
                grown.changed().await.expect("the door lives");
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), wait).await;
        assert!(waited.is_ok(), "never: {what}\n{:#?}\n{:#?}", self.list("jobs"), self.list("pods").len());
    }

    fn commit(&self, place: Place, mut value: Value) -> Arc<Object> {
        let mut store = self.store.lock();
        store.revision += 1;
        value["metadata"]["resourceVersion"] = store.revision.to_string().into();
        value["metadata"]["namespace"] = place.1.clone().into();
        let is_new = !store.objects.contains_key(&place);
        let metadata = &value["metadata"];
        let held = metadata["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        let ended = matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let gone = !metadata["deletionTimestamp"].is_null() && !held && (ended || place.0 != "pods");
        let object = Arc::new(Object::from_value(&value).expect("an object"));
        let event = match (gone, is_new) {
            (true, _) => WatchEvent::Deleted(object.clone()),
            (false, true) => WatchEvent::Added(object.clone()),
            (false, false) => WatchEvent::Modified(object.clone()),
        };
        let plural = place.0.clone();
        if gone {
            store.objects.remove(&place)
        } else {
            store.objects.insert(place, value)
        };
        store.log.push((plural, event));
        let active = |(place, value): (&Place, &Value)| {
            let phase = value["status"]["phase"].as_str().unwrap_or("Pending");
            let ends = matches!(phase, "Succeeded" | "Failed") || !value["metadata"]["deletionTimestamp"].is_null();
            place.0 == "pods" && !ends
        };
        let count = store.objects.iter().filter(|entry| active(*entry)).count();
        store.most_active = store.most_active.max(count);
        self.grown.send_replace(store.log.len());
        object
    }

    fn create(&self, request: &Request, mut value: Value) -> Result<Arc<Object>, Status> {
        let plural = request.resource.plural.to_string();
        let namespace = request.namespace.clone().expect("a namespace");
        let number = {
            let mut store = self.store.lock();
            if plural == "pods" && store.refusals > 0 {
                store.refusals -= 1;
                return Err(Status::forbidden(&request.resource, "", "exceeded quota"));
            }
            store.created += u64::from(plural == "pods");
            store.revision
        };
        let metadata = &mut value["metadata"];
        if metadata["name"].is_null() {
            metadata["name"] = format!("{}{number:05}", metadata["generateName"].as_str().expect("a prefix")).into();
        }
        metadata["uid"] = format!("uid-{number}").into();
        metadata["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        let name = metadata["name"].as_str().expect("a name").to_owned();
        Ok(self.commit((plural, namespace, name), value))
    }

    fn existing(&self, request: &Request) -> Result<(Place, Value), Status> {
        let name = request.name.clone().expect("a name");
        let place =
            (request.resource.plural.to_string(), request.namespace.clone().expect("a namespace"), name.clone());
        let found = self.store.lock().objects.get(&place).cloned();
        Ok((place, found.ok_or_else(|| Status::not_found(&request.resource, &name))?))
    }

    fn update_status(&self, request: &Request, new: &Value) -> Result<Arc<Object>, Status> {
        let (place, mut value) = self.existing(request)?;
        if new["metadata"]["resourceVersion"] != value["metadata"]["resourceVersion"] {
            return Err(Status::modified(&request.resource, &place.2));
        }
        value["status"] = new["status"].clone();
        Ok(self.commit(place, value))
    }

    fn patch(&self, request: &Request, patch: &Value) -> Result<Arc<Object>, Status> {
        let (place, mut value) = self.existing(request)?;
        if place.0 == "events" {
            return Ok(self.commit(place, value));
        }
        assert_eq!(patch["metadata"]["uid"], value["metadata"]["uid"], "patches name the pod by UID");
        let metadata = patch["metadata"].as_object().expect("metadata").clone();
        for (field, change) in metadata {
            match field.as_str() {
                "uid" => {}
                "$deleteFromPrimitiveList/finalizers" => {
                    if let Some(list) = value["metadata"]["finalizers"].as_array_mut() {
                        list.retain(|known| !change.as_array().expect("a list").contains(known));
                    }
                }
                "ownerReferences" if change[0]["$patch"] == "delete" => {
                    value["metadata"]["ownerReferences"] = json!([]);
                }
                _ => value["metadata"][field] = change,
            }
        }
        Ok(self.commit(place, value))
    }

    fn delete(&self, request: &Request) -> Result<Arc<Object>, Status> {
        let (place, mut value) = self.existing(request)?;
        value["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z".into();
        Ok(self.commit(place, value))
    }
}

impl Door for TestDoor {
    fn call(&self, request: Request) -> Result<Reply, Status> {
        let _writing = self.writing.lock();
        let object = match (&request.verb, &request.body) {
            (Verb::List, _) => {
                let store = self.store.lock();
                let plural = request.resource.plural.as_ref();
                let values = store.objects.iter().filter(|(place, _)| place.0 == plural).map(|(_, value)| value);
                let items = values.map(|value| Arc::new(Object::from_value(value).expect("an object"))).collect();
                let list = ObjectList { items, revision: Revision(store.revision), ..ObjectList::default() };
                return Ok(Response::List(list).into());
            }
            (Verb::Get, _) => Arc::new(Object::from_value(&self.existing(&request)?.1).expect("an object")),
            (Verb::Create, Body::Object(value)) => self.create(&request, value.clone())?,
            (Verb::Update, Body::Object(value)) => self.update_status(&request, value)?,
            (Verb::Patch, Body::Patch(PatchType::StrategicMerge | PatchType::Merge, patch)) => {
                self.patch(&request, patch)?
            }
            (Verb::Delete, _) => self.delete(&request)?,
            (verb, _) => panic!("{verb:?} is not asked for by a Job controller"),
        };
        Ok(Response::Object { object, created: request.verb == Verb::Create }.into())
    }

    fn watch(&self, request: Request) -> Result<EventStream, Status> {
        let from = request.options.resource_version.expect("a watch from a revision");
        let cursor = Cursor {
            at: 0,
            from,
            plural: request.resource.plural.to_string(),
            grown: self.grown.subscribe(),
            horizon: self.horizon.subscribe(),
            store: self.store.clone(),
        };
        let events = futures::stream::unfold(cursor, |mut cursor| async move {
            let event = cursor.next().await?;
            Some((Ok(event), cursor))
        });
        Ok(events.boxed())
    }

    fn logs(&self, _: &str, _: &str, _: LogOptions) -> BoxFuture<'static, Result<ByteStream, Status>> {
        panic!("a Job controller reads no logs")
    }
}

/// One watch.
struct Cursor {
    at: usize,
    from: Revision,
    plural: String,
    grown: watch::Receiver<usize>,
    horizon: watch::Receiver<usize>,
    store: Arc<Mutex<Store>>,
}

impl Cursor {
    async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            let end = (*self.grown.borrow_and_update()).min(*self.horizon.borrow_and_update());
            while self.at < end {
                self.at += 1;
                let (plural, event) = self.store.lock().log[self.at - 1].clone();
                if plural == self.plural && revision(&event) > self.from {
                    return Some(event);
                }
            }
            tokio::select! {
                changed = self.grown.changed() => changed.ok()?,
                changed = self.horizon.changed() => changed.ok()?,
            }
        }
    }
}

fn revision(event: &WatchEvent) -> Revision {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
            object.meta().revision
        }
        WatchEvent::Bookmark { revision, .. } => *revision,
        WatchEvent::Error(_) => Revision(0),
    }
}

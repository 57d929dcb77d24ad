//! A small API: enough of one for the system controllers to be seen at work. It keeps objects as JSON, one revision
//! per change, and a log that watches start from. It validates nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api::logs::LogOptions;
use api::selector::FieldSelector;
use api::{Body, Gvr, Object, ObjectList, Reply, Request, Response, Revision, Status, Verb, WatchEvent};
use client::{ByteStream, Door, EventStream};
use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::{BoxFuture, FutureExt, ready};
use parking_lot::Mutex;
use serde_json::{Value, json};

type Key = (String, String, String);

#[derive(Default)]
pub(crate) struct SmallApi {
    state: Mutex<State>,
    /// Events that were sent to watches and not yet taken.
    pub(crate) underway: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    revision: u64,
    objects: BTreeMap<Key, Value>,
    log: Vec<Change>,
    watches: Vec<Watch>,
}

#[derive(Clone)]
struct Change {
    plural: String,
    before: Option<Value>,
    after: Option<Value>,
    revision: u64,
}

struct Watch {
    plural: String,
    selector: FieldSelector,
    send: mpsc::UnboundedSender<WatchEvent>,
}

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::from_value(value).expect("an object"))
}

fn selected(selector: &FieldSelector, value: &Value) -> bool {
    let field = |name: &str| {
        let pointer = format!("/{}", name.replace('.', "/"));
        value.pointer(&pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    selector.matches(field)
}

impl Watch {
    /// Sends what a change means to this watch. Returns how many events that were.
    fn tell(&self, change: &Change) -> usize {
        let fits = |value: &Option<Value>| value.clone().filter(|value| selected(&self.selector, value));
        let event = match (fits(&change.before), fits(&change.after)) {
            _ if change.plural != self.plural => return 0,
            (None, None) => return 0,
            (None, Some(after)) => WatchEvent::Added(object(&after)),
            (Some(_), Some(after)) => WatchEvent::Modified(object(&after)),
            (Some(mut before), None) => {
                before["metadata"]["resourceVersion"] = change.revision.to_string().into();
                WatchEvent::Deleted(object(&before))
            }
        };
        usize::from(self.send.unbounded_send(event).is_ok())
    }
}

impl State {
    fn commit(&mut self, key: &Key, after: Option<Value>, underway: &AtomicUsize) -> Option<Value> {
        self.revision += 1;
        let after = after.map(|mut value| {
            value["metadata"]["resourceVersion"] = self.revision.to_string().into();
            value
        });
        let before = match &after {
            Some(value) => self.objects.insert(key.clone(), value.clone()),
            None => self.objects.remove(key),
        };
        let change = Change { plural: key.0.clone(), before, after: after.clone(), revision: self.revision };
        let told: usize = self.watches.iter().map(|watch| watch.tell(&change)).sum();
        underway.fetch_add(told, Ordering::SeqCst);
        self.log.push(change);
        after
    }

    /// Stores a changed object, or removes it when nothing keeps a deleted one.
    fn store(&mut self, key: &Key, value: Value, underway: &AtomicUsize) -> Value {
        let empty = |list: Option<&Value>| list.and_then(Value::as_array).is_none_or(Vec::is_empty);
        let free = empty(value.pointer("/metadata/finalizers")) && empty(value.pointer("/spec/finalizers"));
        if value["metadata"]["deletionTimestamp"].is_string() && free {
            self.commit(key, None, underway);
            return value;
        }
        self.commit(key, Some(value), underway).expect("it was stored")
    }
}

fn key_of(request: &Request) -> Key {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    (request.resource.plural.to_string(), text(&request.namespace), text(&request.name))
}

fn merge(target: &mut Value, patch: &Value) {
    let (Value::Object(fields), Value::Object(changes)) = (&mut *target, patch) else {
        *target = patch.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

impl Door for SmallApi {
    fn call(&self, request: Request) -> Result<Reply, Status> {
        let mut state = self.state.lock();
        let key = key_of(&request);
        let answer = |value: Value, created| Response::Object { object: object(&value), created };
        let response = match (request.verb, request.subresource.as_deref()) {
            (Verb::List, _) => Response::List(list(&state, &request)),
            (Verb::Create, None) => answer(create(&mut state, &request, &self.underway)?, true),
            (Verb::DeleteCollection, _) => {
                let belongs = |other: &&Key| other.0 == key.0 && other.1 == key.1;
                let keys: Vec<Key> = state.objects.keys().filter(belongs).cloned().collect();
                for key in keys {
                    delete(&mut state, &key, &json!({}), &request.resource, &self.underway)?;
                }
                Response::List(ObjectList::default())
            }
            (verb, subresource) => {
                let found = state.objects.get(&key).cloned();
                let found = found.ok_or_else(|| Status::not_found(&request.resource, &key.2))?;
                match (verb, &request.body, subresource) {
                    (Verb::Delete, Body::Object(options), _) => {
                        answer(delete(&mut state, &key, options, &request.resource, &self.underway)?, false)
                    }
                    (Verb::Create, Body::Object(binding), Some("binding")) => {
                        if found["spec"]["nodeName"].is_string() {
                            return Err(Status::conflict(&request.resource, &key.2, "already assigned"));
                        }
                        let mut bound = found;
                        bound["spec"]["nodeName"] = binding["target"]["name"].clone();
                        answer(state.store(&key, bound, &self.underway), true)
                    }
                    (Verb::Update, Body::Object(value), _) => {
                        answer(state.store(&key, value.clone(), &self.underway), false)
                    }
                    (Verb::Patch, Body::Patch(_, patch), _) => {
                        let stale = |field: &str| {
                            let given = &patch["metadata"][field];
                            given.is_string() && *given != found["metadata"][field]
                        };
                        if stale("resourceVersion") || stale("uid") {
                            return Err(Status::modified(&request.resource, &key.2));
                        }
                        let mut patched = found.clone();
                        merge(&mut patched, patch);
                        answer(state.store(&key, patched, &self.underway), false)
                    }
                    _ => answer(found, false),
                }
            }
        };
        Ok(Reply::from(response))
    }

    fn watch(&self, request: Request) -> Result<EventStream, Status> {
        let mut state = self.state.lock();
        let (send, receive) = mpsc::unbounded();
        let text = request.options.field_selector.as_deref().unwrap_or_default();
        let selector = FieldSelector::parse(text).expect("a selector");
        let watch = Watch { plural: request.resource.plural.to_string(), selector, send };
        let from = request.options.resource_version.unwrap_or_default().0;
        let told: usize =
            state.log.iter().filter(|change| change.revision > from).map(|change| watch.tell(change)).sum();
        self.underway.fetch_add(told, Ordering::SeqCst);
        state.watches.push(watch);
        let underway = self.underway.clone();
        let taken = receive.map(move |event| {
            underway.fetch_sub(1, Ordering::SeqCst);
            Ok(event)
        });
        Ok(taken.boxed())
    }

    fn logs(&self, _: &str, _: &str, _: LogOptions) -> BoxFuture<'static, Result<ByteStream, Status>> {
        ready(Err(Status::no_such_resource())).boxed()
    }
}

fn list(state: &State, request: &Request) -> ObjectList {
    let (plural, namespace, _) = key_of(request);
    let text = request.options.field_selector.as_deref().unwrap_or_default();
    let selector = FieldSelector::parse(text).expect("a selector");
    let fits = |(key, value): &(&Key, &Value)| {
        key.0 == plural && (namespace.is_empty() || key.1 == namespace) && selected(&selector, value)
    };
    let items = state.objects.iter().filter(fits).map(|(_, value)| object(value)).collect();
    ObjectList { items, revision: Revision(state.revision), ..ObjectList::default() }
}

fn create(state: &mut State, request: &Request, underway: &AtomicUsize) -> Result<Value, Status> {
    let Body::Object(value) = &request.body else { return Err(Status::bad_request("no object")) };
    let mut value = value.clone();
    let (plural, namespace, _) = key_of(request);
    let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let key = (plural, namespace, name);
    if state.objects.contains_key(&key) {
        return Err(Status::already_exists(&request.resource, &key.2));
    }
    let uid = format!("uid-{}", state.revision + 1);
    value["metadata"]["uid"] = uid.into();
    if key.0 == "namespaces" {
        value["spec"]["finalizers"] = json!(["kubernetes"]);
    }
    if !key.1.is_empty() {
        value["metadata"]["namespace"] = key.1.as_str().into();
    }
    Ok(state.store(&key, value, underway))
}

fn delete(
    state: &mut State,
    key: &Key,
    options: &Value,
    resource: &Gvr,
    underway: &AtomicUsize,
) -> Result<Value, Status> {
    let mut value = state.objects.get(key).cloned().ok_or_else(|| Status::not_found(resource, &key.2))?;
    for field in ["uid", "resourceVersion"] {
        let wanted = &options["preconditions"][field];
        if wanted.is_string() && *wanted != value["metadata"][field] {
            return Err(Status::conflict(resource, &key.2, "the precondition failed"));
        }
    }
    value["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let finalizer = match options["propagationPolicy"].as_str() {
        Some("Foreground") => Some(api::resource::FOREGROUND_FINALIZER),
        Some("Orphan") => Some(api::resource::ORPHAN_FINALIZER),
        _ => None,
    };
    if let Some(finalizer) = finalizer {
        let mut finalizers = value["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        finalizers.push(finalizer.into());
        value["metadata"]["finalizers"] = finalizers.into();
    }
    Ok(state.store(key, value, underway))
}

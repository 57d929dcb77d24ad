//! The controllers together, over a small API: what a cluster looks like once they have come to rest.

pub(crate) mod door;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::resource::{CONFIG_MAPS, EVENTS, JOBS, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS};
use api::{Body, Gvr, Kind, Options, Request, Response, Verb};
use client::{Client, Door};
use clock::SystemClock;
use serde_json::{Value, json};

use crate::{Config, Resource, SystemControllers};
use door::SmallApi;

/// How long a state may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for a state, letting the controllers run.
pub(crate) async fn eventually(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "the state did not come about in time");
        tokio::task::yield_now().await;
    }
}

/// A reference to an object, as its dependents carry it.
pub(crate) fn owner(world: &World, plural: &str, namespace: &str, name: &str) -> Value {
    let object = world.get(plural, namespace, name);
    json!({ "apiVersion": object["apiVersion"], "kind": object["kind"], "name": name, "uid": object["metadata"]["uid"] })
}

/// The controllers and the API under them.
pub(crate) struct World {
    api: Arc<SmallApi>,
    controllers: SystemControllers,
}

fn resource(gvr: Gvr, kind: &'static str, namespaced: bool) -> Resource {
    let kind = Kind { group: gvr.group.clone(), version: gvr.version.clone(), kind: kind.into() };
    Resource { gvr, kind, namespaced }
}

fn resources() -> Vec<Resource> {
    vec![
        resource(CONFIG_MAPS, "ConfigMap", true),
        resource(EVENTS, "Event", true),
        resource(JOBS, "Job", true),
        resource(NAMESPACES, "Namespace", false),
        resource(NODES, "Node", false),
        resource(PODS, "Pod", true),
        resource(crate::disruption::BUDGETS, "PodDisruptionBudget", true),
        resource(SERVICE_ACCOUNTS, "ServiceAccount", true),
    ]
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(false).await
    }

    /// A world in which pods are bound by the test.
    pub(crate) async fn start_without_scheduler() -> Self {
        Self::start_with(true).await
    }

    async fn start_with(without_scheduler: bool) -> Self {
        let api = Arc::new(SmallApi::default());
        let config = Config {
            resources: resources(),
            root_certificate: Some("PEM".to_owned()),
            without_scheduler,
            ..Config::default()
        };
        let started = SystemControllers::start(Client::in_process(api.clone()), Arc::new(SystemClock), config).await;
        Self { api, controllers: started.expect("the controllers start") }
    }

    pub(crate) async fn shutdown(self) {
        self.controllers.shutdown().await;
    }

    fn call(&self, verb: Verb, plural: &str, namespace: &str, name: Option<&str>, body: Body) -> Option<Response> {
        let resource = resources().into_iter().find(|it| it.gvr.plural == plural).expect("a known resource").gvr;
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        let request = Request::new(verb, resource, namespace, name).body(body);
        self.api.call(request).ok().map(|reply| reply.response)
    }

    fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        match self.call(Verb::Get, plural, namespace, Some(name), Body::Empty)? {
            Response::Object { object, .. } => Some(object.to_value()),
            _ => None,
        }
    }

    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Value {
        self.object(plural, namespace, name).unwrap_or_default()
    }

    pub(crate) fn has(&self, plural: &str, namespace: &str, name: &str) -> bool {
        self.object(plural, namespace, name).is_some()
    }

    fn create(&self, plural: &str, namespace: &str, mut object: Value) {
        let known = resources().into_iter().find(|it| it.gvr.plural == plural).expect("a known resource");
        object["apiVersion"] = known.kind.api_version().into();
        object["kind"] = known.kind.kind.to_string().into();
        self.call(Verb::Create, plural, namespace, None, Body::Object(object)).expect("created");
    }

    pub(crate) fn put(&self, plural: &str, namespace: &str, name: &str, owners: &[Value]) {
        self.create(plural, namespace, json!({ "metadata": { "name": name, "ownerReferences": owners } }));
    }

    pub(crate) fn edit(&self, plural: &str, namespace: &str, name: &str, change: impl Fn(&mut Value)) {
        let mut object = self.get(plural, namespace, name);
        change(&mut object);
        self.call(Verb::Update, plural, namespace, Some(name), Body::Object(object)).expect("updated");
    }

    pub(crate) fn hold(&self, plural: &str, namespace: &str, name: &str, finalizer: &str) {
        self.edit(plural, namespace, name, |object| object["metadata"]["finalizers"] = json!([finalizer]));
    }

    pub(crate) fn release(&self, plural: &str, namespace: &str, name: &str, finalizer: &str) {
        self.edit(plural, namespace, name, |object| {
            let finalizers = object["metadata"]["finalizers"].as_array_mut().expect("finalizers");
            finalizers.retain(|entry| entry != finalizer);
        });
    }

    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str, policy: &str) {
        let options = json!({ "propagationPolicy": policy });
        // It may be gone already: then there is nothing to delete.
        let _gone = self.call(Verb::Delete, plural, namespace, Some(name), Body::Object(options));
    }

    /// Whether every event of every watch was taken.
    pub(crate) fn observed(&self) -> bool {
        self.api.underway.load(Ordering::SeqCst) == 0
    }

    /// Lets the controllers run until nothing is underway for a while.
    pub(crate) async fn settle(&self) {
        for _ in 0..200 {
            eventually(|| self.observed()).await;
            tokio::task::yield_now().await;
        }
    }

    /// The messages of all events with that reason.
    pub(crate) fn messages(&self, reason: &str) -> Vec<String> {
        let request = Request::new(Verb::List, EVENTS, None, None).options(Options::default());
        let Response::List(list) = self.api.call(request).expect("a list").response else { return Vec::new() };
        let events = list.items.iter().map(|event| event.to_value());
        let fits = events.filter(|event| event["reason"] == reason);
        fits.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_cluster_starts_with_its_namespaces_and_what_each_has() {
    let world = World::start().await;
    for namespace in crate::namespaces::SYSTEM_NAMESPACES {
        assert!(world.has("namespaces", "", namespace), "exists when start returns");
        eventually(|| world.has("serviceaccounts", namespace, "default")).await;
        eventually(|| world.get("configmaps", namespace, "kube-root-ca.crt")["data"]["ca.crt"] == "PEM").await;
    }
    world.put("namespaces", "", "new", &[]);
    eventually(|| world.has("serviceaccounts", "new", "default")).await;
    world.delete("serviceaccounts", "new", "default", "Background");
    eventually(|| world.has("serviceaccounts", "new", "default")).await;
    world.edit("configmaps", "new", "kube-root-ca.crt", |object| object["data"] = json!({}));
    eventually(|| world.get("configmaps", "new", "kube-root-ca.crt")["data"]["ca.crt"] == "PEM").await;
    world.shutdown().await;
}

#[tokio::test]
async fn a_deleted_namespace_goes_with_its_content_pods_first() {
    let world = World::start().await;
    world.put("namespaces", "", "team", &[]);
    eventually(|| world.has("serviceaccounts", "team", "default")).await;
    world.put("pods", "team", "p", &[]);
    world.hold("pods", "team", "p", "test/hold");
    world.put("configmaps", "team", "c", &[]);
    world.delete("namespaces", "", "team", "Background");
    eventually(|| world.get("namespaces", "", "team")["status"]["phase"] == "Terminating").await;
    let conditions = world.get("namespaces", "", "team");
    let remaining = api::conditions::find(&conditions, "NamespaceFinalizersRemaining").expect("a condition");
    assert!(remaining["message"].as_str().is_some_and(|text| text.contains("test/hold in 1 resource instances")));
    assert!(world.has("configmaps", "team", "c"), "the rest waits for the pods");
    world.release("pods", "team", "p", "test/hold");
    eventually(|| !world.has("namespaces", "", "team")).await;
    assert!(!world.has("configmaps", "team", "c") && !world.has("serviceaccounts", "team", "default"));
    world.shutdown().await;
}

#[tokio::test]
async fn a_namespace_of_the_system_comes_back() {
    let world = World::start().await;
    let before = world.get("namespaces", "", "kube-node-lease")["metadata"]["uid"].clone();
    world.delete("namespaces", "", "kube-node-lease", "Background");
    eventually(|| {
        let uid = &world.get("namespaces", "", "kube-node-lease")["metadata"]["uid"];
        uid.is_string() && *uid != before
    })
    .await;
    eventually(|| world.has("serviceaccounts", "kube-node-lease", "default")).await;
    world.shutdown().await;
}

fn node(name: &str, labels: Value) -> Value {
    json!({
        "metadata": { "name": name, "labels": labels },
        "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

#[tokio::test]
async fn pods_are_bound_as_soon_as_a_node_takes_them() {
    let world = World::start().await;
    world.create(
        "pods",
        "default",
        json!({ "metadata": { "name": "p" }, "spec": { "nodeSelector": { "disk": "ssd" } } }),
    );
    let condition = |pod: &Value| api::conditions::find(pod, "PodScheduled").cloned().unwrap_or_default();
    let message = |name: &str| condition(&world.get("pods", "default", name))["message"].clone();
    eventually(|| message("p") == "no nodes available to schedule pods").await;
    world.create("nodes", "", node("a", json!({})));
    let why = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to \
               deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    eventually(|| message("p") == why).await;
    eventually(|| world.messages("FailedScheduling").iter().any(|text| text == why)).await;
    world.create("nodes", "", node("b", json!({ "disk": "ssd" })));
    eventually(|| world.get("pods", "default", "p")["spec"]["nodeName"] == "b").await;
    eventually(|| world.messages("Scheduled") == ["Successfully assigned default/p to b"]).await;
    world.shutdown().await;
}

#[tokio::test]
async fn gated_pods_wait_for_their_gates() {
    let world = World::start().await;
    world.create("nodes", "", node("a", json!({})));
    let gated = json!({ "metadata": { "name": "p" }, "spec": { "schedulingGates": [{ "name": "x" }] } });
    world.create("pods", "default", gated);
    let reason = || {
        let pod = world.get("pods", "default", "p");
        api::conditions::find(&pod, "PodScheduled").map(|condition| condition["reason"].clone())
    };
    eventually(|| reason() == Some("SchedulingGated".into())).await;
    world.edit("pods", "default", "p", |pod| pod["spec"]["schedulingGates"] = json!([]));
    eventually(|| world.get("pods", "default", "p")["spec"]["nodeName"] == "a").await;
    world.shutdown().await;
}

#[tokio::test]
async fn thousands_of_pods_are_bound_each_once() {
    let world = World::start().await;
    world.create("nodes", "", node("a", json!({})));
    for number in 0..2_000 {
        world.create("pods", "default", json!({ "metadata": { "name": format!("p{number}") } }));
    }
    let bound = |number: usize| world.get("pods", "default", &format!("p{number}"))["spec"]["nodeName"] == "a";
    eventually(|| bound(1_999)).await;
    eventually(|| (0..2_000).all(bound)).await;
    world.shutdown().await;
}

#[tokio::test]
async fn events_go_an_hour_after_their_last_write_by_the_injected_clock() {
    let start: jiff::Timestamp = "2024-01-01T00:00:00Z".parse().expect("a time");
    let clock = Arc::new(clock::ManualClock::new(start));
    let api = Arc::new(SmallApi::default());
    let client = Client::in_process(api.clone());
    let runner = crate::event_expiry::start(client.clone(), clock.clone());
    runner.synced().await;
    let event = |name: &str| json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}});
    let there = |name: &str| api.call(Request::new(Verb::Get, EVENTS, Some("default"), Some(name))).is_ok();
    client.create(&EVENTS, Some("default"), event("a")).await.expect("created");
    eventually(|| clock.next_deadline() == Some(start + Duration::from_secs(3600))).await;
    clock.advance_to(start + Duration::from_secs(1800));
    client.create(&EVENTS, Some("default"), event("b")).await.expect("created");
    clock.advance_to(start + Duration::from_secs(3600));
    eventually(|| !there("a")).await;
    assert!(there("b"));
    runner.shutdown().await;
}

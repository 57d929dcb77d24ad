//! A cluster per test, its two clients, and waiting for a state.

use std::path::Path;
use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::{Gvr, Options, Request, Verb, WatchEvent};
use client::{Client, Observation, Selection, observe};
use clock::{SharedClock, SkewClock, SystemClock};
use cluster::{Cluster, Config, SupervisorCommand};
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const JOBS: Gvr = api::resource::JOBS;
pub(crate) const PODS: Gvr = api::resource::PODS;

/// A cluster with a directory and a clock of its own.
pub(crate) struct Own {
    pub(crate) cluster: Cluster,
    pub(crate) clock: Arc<SkewClock>,
    /// Kept for as long as the cluster lives.
    _state: TempDir,
}

pub(crate) async fn start() -> Own {
    let state = tempfile::tempdir().expect("a directory");
    let clock = Arc::new(SkewClock::default());
    let cluster = start_in(state.path(), clock.clone()).await;
    Own { cluster, clock, _state: state }
}

/// A cluster in a directory that outlives it.
pub(crate) async fn start_in(state: &Path, clock: SharedClock) -> Cluster {
    let program = env!("CARGO_BIN_EXE_cluster-supervisor").into();
    let mut config = Config::new(state.to_owned(), SupervisorCommand { program, args: Vec::new() });
    config.clock = clock;
    Cluster::start(config).await.expect("the cluster starts")
}

/// A client that goes through a real TLS socket.
pub(crate) async fn http_client(own: &Own) -> Client {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = own.cluster.serve_https(listener).await.expect("serves");
    let path = own._state.path().join("kubeconfig");
    std::fs::write(&path, endpoint.kubeconfig).expect("written");
    let options = client::ConnectOptions { kubeconfig: Some(path), ..Default::default() };
    Client::connect(options).await.expect("connects").0
}

/// A Job of shell commands.
pub(crate) fn job(name: &str, script: &str, spec: Value) -> Value {
    let container = json!({"name": "c", "image": "shell", "command": ["sh", "-c", script]});
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    });
    for (field, value) in spec.as_object().expect("a spec") {
        job["spec"][field] = value.clone();
    }
    job
}

pub(crate) async fn create(client: &Client, job: Value) -> Job {
    let object = client.create(&JOBS, Some("default"), job).await.expect("created");
    object.decode().expect("a Job")
}

/// Follows an object until it satisfies a condition, and answers with that state.
pub(crate) async fn until(client: &Client, resource: &Gvr, name: &str, holds: impl FnMut(&Value) -> bool) -> Value {
    until_any(client, resource, Some(format!("metadata.name={name}")), holds).await
}

/// Follows a collection until one of its objects satisfies a condition, and answers with that one.
pub(crate) async fn until_any(
    client: &Client,
    resource: &Gvr,
    field_selector: Option<String>,
    mut holds: impl FnMut(&Value) -> bool,
) -> Value {
    let selection = Selection { namespace: Some("default".to_owned()), field_selector, ..Selection::default() };
    let clock: SharedClock = Arc::new(SystemClock);
    let mut observations = observe(client.clone(), clock, resource.clone(), selection);
    while let Some(observation) = observations.next().await {
        let objects = match observation {
            Observation::Restarted { objects, .. } => objects,
            Observation::Applied(object) => vec![object],
            Observation::Deleted(_) | Observation::Reached(_) => Vec::new(),
        };
        for object in objects {
            let value = object.to_value();
            if holds(&value) {
                return value;
            }
        }
    }
    unreachable!("observations do not end")
}

pub(crate) fn condition<'a>(object: &'a Value, condition_type: &str) -> Option<&'a Value> {
    api::conditions::find(object, condition_type).filter(|condition| condition["status"] == "True")
}

/// Follows a Job to its end.
pub(crate) async fn finished(client: &Client, name: &str) -> Value {
    until(client, &JOBS, name, |job| condition(job, "Complete").or(condition(job, "Failed")).is_some()).await
}

pub(crate) async fn pods(client: &Client, job: &str) -> Vec<Value> {
    let options = Options { label_selector: Some(format!("job-name={job}")), ..Options::default() };
    let list = client.list(&PODS, Some("default"), options).await.expect("listed");
    list.items.iter().map(|pod| pod.to_value()).collect()
}

/// Waits until no object of a collection is left.
pub(crate) async fn until_none(client: &Client, resource: &Gvr, label_selector: &str) {
    let options = Options { label_selector: Some(label_selector.to_owned()), ..Options::default() };
    let list = client.list(resource, Some("default"), options.clone()).await.expect("listed");
    let mut left: std::collections::BTreeSet<_> = list.items.iter().map(|item| item.meta().uid.clone()).collect();
    let options = Options { resource_version: Some(list.revision), ..options };
    let request = Request::new(Verb::Watch, resource.clone(), Some("default"), None).options(options);
    let mut events = client.watch(request).await.expect("opens");
    while !left.is_empty() {
        match events.next().await.expect("the watch goes on").expect("an event") {
            WatchEvent::Added(object) => drop(left.insert(object.meta().uid.clone())),
            WatchEvent::Deleted(object) => drop(left.remove(&object.meta().uid)),
            _ => {}
        }
    }
}

pub(crate) async fn log(client: &Client, pod: &str) -> String {
    let mut stream = client.logs("default", pod, api::logs::LogOptions::default()).await.expect("opens");
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.expect("a chunk"));
    }
    String::from_utf8(bytes).expect("text")
}

//! What watches and writes promise while many write at once, over both transports: a list and the watch from its
//! revision miss and repeat nothing, and compare-and-set counts exactly.

use std::collections::BTreeMap;

use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::{Gvr, Options, PatchType, Request, Revision, Verb, WatchEvent};
use client::Client;
use futures::StreamExt;
use futures::future::join_all;
use serde_json::json;

use super::common::{http_client, start};

const CONFIG_MAPS: Gvr = api::resource::CONFIG_MAPS;
const NAMESPACE: Option<&str> = Some("default");
/// Every object of these tests carries it, whatever its state is.
const LABEL: &str = "test=consistency";

/// Name to revision: what an observer takes the collection for.
type State = BTreeMap<String, Revision>;

/// A small generator, so that a run can be told again by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Creates, changes and deletes objects of its own, the last of which stays.
async fn write(client: Client, writer: u64, steps: usize) {
    let mut dice = Dice(writer);
    for step in 0..steps {
        let name = format!("w{writer}-{}", dice.roll(3));
        let metadata = json!({"name": name, "labels": {"test": "consistency"}});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"n": "0"}});
        if client.create(&CONFIG_MAPS, NAMESPACE, object).await.is_ok() {
            continue;
        }
        if dice.roll(3) == 0 {
            client.delete(&CONFIG_MAPS, NAMESPACE, &name, &DeleteOptions::default()).await.expect("its own");
        } else {
            let patch = (PatchType::Merge, json!({"data": {"n": step.to_string()}}));
            client.patch(&CONFIG_MAPS, NAMESPACE, &name, None, patch).await.expect("its own");
        }
    }
}

fn options() -> Options {
    Options { label_selector: Some(LABEL.to_owned()), ..Options::default() }
}

async fn listed(client: &Client) -> (State, Revision) {
    let list = client.list(&CONFIG_MAPS, NAMESPACE, options()).await.expect("listed");
    let state = list.items.iter().map(|item| (item.meta().name.clone(), item.meta().revision)).collect();
    (state, list.revision)
}

/// Follows from a list until the marker is seen, and answers with what it takes the collection for.
async fn follow(client: Client) -> State {
    let (mut state, revision) = listed(&client).await;
    // One that only came to its list when all was written has nothing to follow.
    if state.contains_key("marker") {
        return state;
    }
    let options = Options { resource_version: Some(revision), ..options() };
    let request = Request::new(Verb::Watch, CONFIG_MAPS, NAMESPACE, None).options(options);
    let mut events = client.watch(request).await.expect("opens");
    let mut last = revision;
    loop {
        let event = events.next().await.expect("the watch goes on").expect("an event");
        let (WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object)) = &event else {
            panic!("neither bookmarks nor errors are due: {event:?}");
        };
        let (name, at) = (object.meta().name.clone(), object.meta().revision);
        assert!(at > last, "{name} at {at} comes after {last}: repeated or out of order");
        last = at;
        let known = state.contains_key(&name);
        match event {
            WatchEvent::Added(_) => assert!(!known, "{name} was added twice"),
            _ => assert!(known, "{name} was changed or deleted before it was added"),
        }
        if let WatchEvent::Deleted(_) = event {
            state.remove(&name);
        } else {
            state.insert(name.clone(), at);
        }
        if name == "marker" {
            return state;
        }
    }
}

async fn observers_agree_with_the_list(client: Client) {
    const WRITERS: u64 = 6;
    let writers = join_all((0..WRITERS).map(|writer| tokio::spawn(write(client.clone(), writer, 60))));
    let observers: Vec<_> = (0..4).map(|_| tokio::spawn(follow(client.clone()))).collect();
    for writer in writers.await {
        writer.expect("it wrote");
    }
    let metadata = json!({"name": "marker", "labels": {"test": "consistency"}});
    let marker = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    client.create(&CONFIG_MAPS, NAMESPACE, marker).await.expect("created");
    let (state, _) = listed(&client).await;
    for observer in observers {
        assert_eq!(observer.await.expect("it followed"), state);
    }
}

async fn increments_are_exact(client: Client) {
    const WRITERS: usize = 32;
    const EACH: usize = 10;
    let counter = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "counter"}, "data": {"n": "0"}});
    client.create(&CONFIG_MAPS, NAMESPACE, counter).await.expect("created");
    let increment = |client: Client| async move {
        let mut done = 0;
        while done < EACH {
            let mut object = client.get(&CONFIG_MAPS, NAMESPACE, "counter").await.expect("kept").to_value();
            let count: usize = object["data"]["n"].as_str().expect("text").parse().expect("a number");
            object["data"]["n"] = (count + 1).to_string().into();
            match client.update(&CONFIG_MAPS, NAMESPACE, "counter", None, object).await {
                Ok(_) => done += 1,
                Err(error) => assert_eq!(error.status().expect("a refusal").code, 409),
            }
        }
    };
    join_all((0..WRITERS).map(|_| tokio::spawn(increment(client.clone())))).await;
    let object = client.get(&CONFIG_MAPS, NAMESPACE, "counter").await.expect("kept").to_value();
    assert_eq!(object["data"]["n"], (WRITERS * EACH).to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_and_its_watch_miss_and_repeat_nothing_in_process_and_over_https() {
    let own = start().await;
    observers_agree_with_the_list(own.cluster.client()).await;
    own.cluster.shutdown().await;
    let own = start().await;
    let client = http_client(&own).await;
    observers_agree_with_the_list(client).await;
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn increments_by_compare_and_set_are_exact_in_process_and_over_https() {
    let own = start().await;
    increments_are_exact(own.cluster.client()).await;
    own.cluster.shutdown().await;
    let own = start().await;
    let client = http_client(&own).await;
    increments_are_exact(client).await;
    own.cluster.shutdown().await;
}

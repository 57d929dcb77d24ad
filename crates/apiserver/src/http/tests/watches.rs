//! Watch lines over the wire.

use super::*;
use client::PATIENCE;
use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

/// The lines of an open watch.
pub(super) struct Lines {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Lines {
    pub(super) async fn open(client: &mut Client, path: &str, accept: &str) -> Self {
        let request = client.request(Method::GET, path).header("accept", accept);
        let response = client.open(request, "").await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        Self { body: response.into_body(), buffer: Vec::new() }
    }

    /// The next line; `None` when the watch has ended.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("the watch goes on")?;
            self.buffer.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
    }

    pub(super) async fn expect(&mut self, event: &str, name: &str) -> Value {
        let line = self.next().await.expect("the watch goes on");
        assert_eq!((&line["type"], &line["object"]["metadata"]["name"]), (&json!(event), &json!(name)), "{line}");
        line["object"].clone()
    }
}

#[tokio::test]
async fn changes_arrive_in_order_on_both_protocols() {
    let fixture = Fixture::start().await;
    for http2 in [false, true] {
        let mut client = fixture.client(false).await;
        let mut watcher = fixture.client(http2).await;
        let revision = client.get(CONFIG_MAPS).await.json()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        let path = format!("{CONFIG_MAPS}?watch=true&resourceVersion={revision}");
        let mut lines = Lines::open(&mut watcher, &path, "application/json").await;
        let created = client.post(CONFIG_MAPS, &config_map("a")).await.json();
        assert_eq!(lines.expect("ADDED", "a").await, created);
        let mut changed = created;
        changed["data"]["a"] = "z".into();
        let put = client.request(Method::PUT, &format!("{CONFIG_MAPS}/a"));
        let changed = client.send(put, changed.to_string()).await.json();
        assert_eq!(lines.expect("MODIFIED", "a").await, changed);
        client.delete(&format!("{CONFIG_MAPS}/a")).await;
        let deleted = lines.expect("DELETED", "a").await;
        assert_ne!(deleted["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"]);
    }
}

#[tokio::test]
async fn a_watch_begins_with_what_is_and_ends_at_its_timeout() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    for name in ["a", "b"] {
        client.post(CONFIG_MAPS, &config_map(name)).await;
    }
    let mut lines = Lines::open(&mut client, &format!("{CONFIG_MAPS}?watch=1&timeoutSeconds=1"), "*/*").await;
    lines.expect("ADDED", "a").await;
    lines.expect("ADDED", "b").await;
    assert_eq!(lines.next().await, None);
    let list = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut lines = Lines::open(&mut client, &format!("{CONFIG_MAPS}?watch=1&{list}"), "*/*").await;
    lines.expect("ADDED", "a").await;
    lines.expect("ADDED", "b").await;
    let bookmark = lines.next().await.unwrap();
    assert_eq!((&bookmark["type"], &bookmark["object"]["kind"]), (&json!("BOOKMARK"), &json!("ConfigMap")));
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

#[tokio::test]
async fn single_objects_are_watched_by_selector_or_legacy_path() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    for name in ["a", "b"] {
        client.post(CONFIG_MAPS, &config_map(name)).await;
    }
    let selector = format!("{CONFIG_MAPS}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Db");
    for path in [selector.as_str(), "/api/v1/watch/namespaces/default/configmaps/b"] {
        Lines::open(&mut client, path, "*/*").await.expect("ADDED", "b").await;
    }
}

#[tokio::test]
async fn table_watches_name_the_columns_once() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(true).await;
    for name in ["a", "b"] {
        client.post(PODS, &pod(name)).await;
    }
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let mut lines = Lines::open(&mut client, &format!("{PODS}?watch=true"), accept).await;
    let (first, second) = (lines.next().await.unwrap(), lines.next().await.unwrap());
    assert_eq!((&first["type"], &first["object"]["kind"]), (&json!("ADDED"), &json!("Table")));
    assert!(first["object"]["columnDefinitions"].as_array().is_some_and(|columns| !columns.is_empty()));
    assert_eq!(second["object"]["columnDefinitions"], Value::Null);
    assert_eq!(second["object"]["rows"][0]["cells"][0], "b");
    let accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let mut lines = Lines::open(&mut client, &format!("{PODS}?watch=true"), accept).await;
    let object = lines.expect("ADDED", "a").await;
    assert_eq!((&object["kind"], object.get("spec")), (&json!("PartialObjectMetadata"), None));
}

#[tokio::test]
async fn revisions_beyond_the_server_are_refused() {
    let fixture = Fixture::start().await;
    let mut client = fixture.client(false).await;
    let answer = client.get(&format!("{PODS}?watch=true&resourceVersion=999999")).await;
    assert_eq!((answer.code, &answer.json()["reason"]), (504, &json!("Timeout")));
}

/// A watcher that does not read costs nobody anything: writers go on, and it can still catch up.
#[tokio::test]
async fn a_stalled_watcher_does_not_hold_up_writers() {
    let fixture = Fixture::start().await;
    let mut watcher = fixture.client(true).await;
    let mut lines = Lines::open(&mut watcher, &format!("{CONFIG_MAPS}?watch=true"), "*/*").await;
    let mut client = fixture.client(false).await;
    for number in 0..200 {
        let mut object = config_map(&format!("c{number:03}"));
        object["data"]["a"] = "x".repeat(50_000).into();
        assert_eq!(client.post(CONFIG_MAPS, &object).await.code, 201);
    }
    for number in 0..200 {
        lines.expect("ADDED", &format!("c{number:03}")).await;
    }
}

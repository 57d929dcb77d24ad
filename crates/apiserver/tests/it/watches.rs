//! Watches: every selected event once, in order, from any revision that is still known.

use api::{Body, Options, PatchType, Request, Revision, Verb, WatchEvent};
use apiserver::{ApiServer, Watch};
use serde_json::json;
use std::sync::Arc;
use store::Bounds;

use super::common::{call, config_map, create, server, server_with};

const CONFIG_MAPS: api::Gvr = api::resource::CONFIG_MAPS;

fn watch(server: &Arc<ApiServer>, options: Options) -> Result<Watch, api::Status> {
    server.watch(&Request::new(Verb::Watch, CONFIG_MAPS, Some("default"), None).options(options))
}

fn label(server: &ApiServer, name: &str, value: serde_json::Value) {
    let patch = Body::Patch(PatchType::Merge, json!({"metadata": {"labels": {"on": value}}}));
    call(server, Request::new(Verb::Patch, CONFIG_MAPS, Some("default"), Some(name)).body(patch));
}

fn shown(event: &WatchEvent) -> String {
    match event {
        WatchEvent::Added(object) => format!("+{}", object.meta().name),
        WatchEvent::Modified(object) => format!("~{}", object.meta().name),
        WatchEvent::Deleted(object) => format!("-{}", object.meta().name),
        WatchEvent::Bookmark { initial_events_end, .. } => format!("bookmark {initial_events_end}"),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

async fn take(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(shown(&watch.next().await.expect("an event")));
    }
    events
}

#[tokio::test]
async fn objects_that_come_to_match_are_added_and_that_cease_to_are_deleted() {
    let server = server();
    create(&server, CONFIG_MAPS, config_map("a"));
    let options = Options { label_selector: Some("on=yes".to_owned()), ..Options::default() };
    let mut watch = watch(&server, options).expect("opens");
    label(&server, "a", json!("yes"));
    label(&server, "a", json!("no"));
    label(&server, "a", json!("yes"));
    call(&server, Request::new(Verb::Delete, CONFIG_MAPS, Some("default"), Some("a")));
    assert_eq!(take(&mut watch, 4).await, ["+a", "-a", "+a", "-a"]);
}

#[tokio::test]
async fn a_watch_begins_with_the_state_or_from_a_revision() {
    let server = server();
    create(&server, CONFIG_MAPS, config_map("a"));
    let revision = server.watch_revision();
    create(&server, CONFIG_MAPS, config_map("b"));
    let mut from_state = watch(&server, Options::default()).expect("opens");
    assert_eq!(take(&mut from_state, 2).await, ["+a", "+b"]);
    let from = Options { resource_version: Some(revision), ..Options::default() };
    let mut from_revision = watch(&server, from).expect("opens");
    assert_eq!(take(&mut from_revision, 1).await, ["+b"]);
    let initial = Options { send_initial_events: Some(true), allow_watch_bookmarks: true, ..Options::default() };
    let mut streamed = watch(&server, initial).expect("opens");
    assert_eq!(take(&mut streamed, 3).await, ["+a", "+b", "bookmark true"]);
    create(&server, CONFIG_MAPS, config_map("c"));
    assert_eq!(take(&mut streamed, 1).await, ["+c"]);
}

#[tokio::test]
async fn history_that_is_gone_is_an_event_of_the_stream() {
    let server = server_with(Bounds { events: 8, bytes: 1 << 20 });
    let mut slow = watch(&server, Options::default()).expect("opens");
    for index in 0..20 {
        create(&server, CONFIG_MAPS, config_map(&format!("m{index}")));
    }
    let old = Options { resource_version: Some(Revision(2)), ..Options::default() };
    let mut refused = watch(&server, old).expect("opens");
    assert_eq!(take(&mut refused, 1).await, ["error 410"]);
    assert!(refused.next().await.is_none(), "the stream ends");
    assert_eq!(take(&mut slow, 1).await, ["error 410"]);
    assert!(slow.next().await.is_none(), "the stream ends");
}

#[tokio::test]
async fn a_watch_ends_at_its_timeout_with_a_bookmark_just_before() {
    let server = server();
    create(&server, CONFIG_MAPS, config_map("a"));
    let options = Options {
        allow_watch_bookmarks: true,
        timeout_seconds: Some(1),
        resource_version: Some(server.watch_revision()),
        ..Options::default()
    };
    let mut watch = watch(&server, options).expect("opens");
    assert_eq!(take(&mut watch, 1).await, ["bookmark false"]);
    assert!(watch.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_and_the_watch_from_it_miss_and_repeat_nothing_under_concurrent_writes() {
    let server = server();
    let writer = {
        let server = server.clone();
        tokio::task::spawn_blocking(move || {
            for index in 0..500 {
                create(&server, CONFIG_MAPS, config_map(&format!("m{index:03}")));
            }
        })
    };
    let options = Options { send_initial_events: Some(true), ..Options::default() };
    let mut watch = watch(&server, options).expect("opens");
    let mut seen = Vec::new();
    while seen.len() < 500 {
        seen.push(shown(&watch.next().await.expect("an event")));
    }
    writer.await.expect("the writer ends");
    let expected: Vec<String> = (0..500).map(|index| format!("+m{index:03}")).collect();
    assert_eq!(seen, expected);
}

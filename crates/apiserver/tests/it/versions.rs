//! Kinds that are served in several versions and stored in one: whatever the version asked for, all of an answer is in
//! it, and all versions see the same objects at the same revisions.

use api::request::FieldValidation;
use api::{Body, Gvr, ObjectList, Options, PatchType, Request, Response, Verb, WatchEvent};
use serde_json::{Value, json};

use super::common::{call, create, failure, get, object, server};

const CORE: Gvr = api::resource::EVENTS;
const EVENTS: Gvr = Gvr::known("events.k8s.io", "v1", "events");

fn event(name: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name},
        "eventTime": "2024-01-01T00:00:00.000000Z", "reportingController": "me", "reportingInstance": "me-1",
        "action": "Run", "reason": "Started", "note": "It runs.", "type": "Normal",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "p"},
    })
}

fn list(server: &apiserver::ApiServer, resource: Gvr, options: Options) -> ObjectList {
    let request = Request::new(Verb::List, resource, Some("default"), None).options(options);
    match call(server, request).response {
        Response::List(list) => list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_version_shows_the_same_object_under_its_own_names() {
    let server = server();
    let created = create(&server, EVENTS, event("a"));
    assert_eq!(created["apiVersion"], "events.k8s.io/v1");
    assert_eq!((&created["note"], &created["regarding"]["name"]), (&json!("It runs."), &json!("p")));
    assert_eq!((created.get("message"), &created["deprecatedSource"]), (None, &json!({})));
    let core = get(&server, CORE, "a");
    assert_eq!((&core["apiVersion"], &core["message"]), (&json!("v1"), &json!("It runs.")));
    assert_eq!((&core["reportingComponent"], &core["source"]), (&json!("me"), &json!({})));
    assert_eq!(core["metadata"], created["metadata"]);
    assert_eq!(get(&server, EVENTS, "a"), created);
}

#[test]
fn lists_and_their_selectors_follow_the_version() {
    let server = server();
    create(&server, EVENTS, event("a"));
    let selecting = |text: &str| Options { field_selector: Some(text.to_owned()), ..Options::default() };
    let found = list(&server, EVENTS, selecting("regarding.name=p,reportingController=me"));
    assert_eq!((found.api_version.as_str(), found.kind.as_str()), ("events.k8s.io/v1", "EventList"));
    assert_eq!(found.items[0].meta().api_version, "events.k8s.io/v1");
    let found = list(&server, CORE, selecting("involvedObject.name=p,source=me"));
    assert_eq!((found.api_version.as_str(), found.items[0].meta().api_version.as_str()), ("v1", "v1"));
    let request = Request::new(Verb::List, EVENTS, Some("default"), None);
    let status = failure(&server, request.options(selecting("involvedObject.name=p")));
    assert_eq!(status.message, "field label not supported: involvedObject.name");
}

#[test]
fn patches_and_updates_name_fields_of_their_version() {
    let server = server();
    create(&server, EVENTS, event("a"));
    let patch = json!({"series": {"count": 2, "lastObservedTime": "2024-01-01T00:00:01.000000Z"}});
    let request = Request::new(Verb::Patch, EVENTS, Some("default"), Some("a"));
    let strict = Options { field_validation: FieldValidation::Strict, ..Options::default() };
    let patched = call(&server, request.options(strict.clone()).body(Body::Patch(PatchType::StrategicMerge, patch)));
    assert_eq!(object(patched)["series"]["count"], 2);
    let request = Request::new(Verb::Patch, EVENTS, Some("default"), Some("a")).options(strict);
    let status = failure(&server, request.body(Body::Patch(PatchType::Merge, json!({"message": "x"}))));
    assert!(status.message.ends_with("strict decoding error: unknown field \"message\""), "{}", status.message);
    let mut core = get(&server, CORE, "a");
    core["message"] = json!("It ran.");
    let request = Request::new(Verb::Update, CORE, Some("default"), Some("a"));
    call(&server, request.body(Body::Object(core.clone())));
    assert_eq!(get(&server, EVENTS, "a")["note"], "It ran.");
    let request = Request::new(Verb::Update, EVENTS, Some("default"), Some("a"));
    let status = failure(&server, request.body(Body::Object(core)));
    let expected = "the API version in the data (v1) does not match the expected API version (events.k8s.io/v1)";
    assert_eq!(status.message, expected);
}

#[tokio::test]
async fn watches_of_either_version_see_writes_through_the_other() {
    let server = server();
    let mut watch = server.watch(&Request::new(Verb::Watch, EVENTS, Some("default"), None)).expect("a watch");
    create(
        &server,
        CORE,
        json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "b"}, "message": "m",
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
        }),
    );
    let Some(WatchEvent::Added(added)) = watch.next().await else { panic!("an event is added") };
    assert_eq!((added.meta().api_version.as_str(), &added.to_value()["note"]), ("events.k8s.io/v1", &json!("m")));
    call(&server, Request::new(Verb::Delete, EVENTS, Some("default"), Some("b")));
    let Some(WatchEvent::Deleted(deleted)) = watch.next().await else { panic!("the event goes") };
    assert_eq!(deleted.meta().api_version, "events.k8s.io/v1");
    assert_eq!(failure(&server, Request::new(Verb::Get, CORE, Some("default"), Some("b"))).code, 404);
}

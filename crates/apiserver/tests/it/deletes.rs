//! Options of deletes: what is refused, and in which words.

use api::{Body, Gvr, Request, Verb};
use apiserver::ApiServer;
use serde_json::{Value, json};

use crate::common::{call, config_map, create, failure, get, job, object, server};

const MAPS: Gvr = api::resource::CONFIG_MAPS;

fn delete(resource: Gvr, name: &str, options: Value) -> Request {
    Request::new(Verb::Delete, resource, Some("default"), Some(name)).body(Body::Object(options))
}

fn refusal(server: &ApiServer, options: Value) -> (u16, String) {
    let status = failure(server, delete(MAPS, "a", options));
    (status.code, status.message)
}

#[test]
fn options_that_contradict_or_do_not_exist_are_refused() {
    let server = server();
    create(&server, MAPS, config_map("a"));
    let invalid = |detail: &str| (422, format!("DeleteOptions.meta.k8s.io \"\" is invalid: {detail}"));
    assert_eq!(
        refusal(&server, json!({"propagationPolicy": "Background", "orphanDependents": true})),
        invalid(
            "propagationPolicy: Invalid value: \"Background\": orphanDependents and deletionPropagation cannot be both set"
        )
    );
    let supported = "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
    for policy in ["foreground", ""] {
        let detail = format!("propagationPolicy: Unsupported value: {policy:?}: {supported}");
        assert_eq!(refusal(&server, json!({ "propagationPolicy": policy })), invalid(&detail));
    }
    assert_eq!(
        refusal(&server, json!({"dryRun": ["All", "Some"]})),
        invalid("dryRun: Unsupported value: [\"All\",\"Some\"]: supported values: \"All\"")
    );
    get(&server, MAPS, "a");
}

#[test]
fn preconditions_are_compared_with_the_object() {
    let server = server();
    let made = create(&server, MAPS, config_map("a"));
    let (uid, revision) = (made["metadata"]["uid"].clone(), made["metadata"]["resourceVersion"].clone());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    assert_eq!(
        refusal(&server, json!({"preconditions": {"uid": "other"}})),
        (
            409,
            format!(
                "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (other) does not match \
                 the UID in record ({}). The object might have been deleted and then recreated",
                text(&uid)
            )
        )
    );
    assert_eq!(
        refusal(&server, json!({"preconditions": {"resourceVersion": "1"}})),
        (
            409,
            format!(
                "Operation cannot be fulfilled on ConfigMap \"a\": the ResourceVersion in the precondition (1) does not \
                 match the ResourceVersion in record ({}). The object might have been modified",
                text(&revision)
            )
        )
    );
    call(&server, delete(MAPS, "a", json!({"preconditions": {"uid": uid, "resourceVersion": revision}})));
}

#[test]
fn a_dry_run_deletes_nothing() {
    let server = server();
    create(&server, MAPS, config_map("a"));
    call(&server, delete(MAPS, "a", json!({"dryRun": ["All"]})));
    get(&server, MAPS, "a");
}

#[test]
fn a_foreground_delete_can_still_become_a_background_one() {
    let server = server();
    create(&server, api::resource::JOBS, job("j"));
    let lingering = object(call(&server, delete(api::resource::JOBS, "j", json!({"propagationPolicy": "Foreground"}))));
    assert_eq!(lingering["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert_eq!(lingering["metadata"]["generation"], 2);
    call(&server, delete(api::resource::JOBS, "j", json!({"propagationPolicy": "Background"})));
    let gone = failure(&server, Request::new(Verb::Get, api::resource::JOBS, Some("default"), Some("j")));
    assert_eq!(gone.code, 404);
}

#[test]
fn a_collection_is_deleted_with_the_same_options() {
    let server = server();
    for name in ["a", "b"] {
        create(&server, MAPS, config_map(name));
    }
    let collection =
        |options: Value| Request::new(Verb::DeleteCollection, MAPS, Some("default"), None).body(Body::Object(options));
    assert_eq!(failure(&server, collection(json!({"propagationPolicy": "x"}))).code, 422);
    call(&server, collection(json!({"dryRun": ["All"]})));
    get(&server, MAPS, "a");
    call(&server, collection(json!({})));
    assert_eq!(failure(&server, Request::new(Verb::Get, MAPS, Some("default"), Some("b"))).code, 404);
}

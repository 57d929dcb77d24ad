//! Server-side apply and `managedFields`, as the verbs keep them.

use super::common::{call, config_map, failure, job, pod, server};
use api::request::FieldValidation;
use api::{Body, Gvr, Object, Options, PatchType, Reply, Request, Response, Verb};
use apiserver::ApiServer;
use serde_json::{Value, json};
use std::sync::Arc;

const CONFIG_MAPS: Gvr = api::resource::CONFIG_MAPS;
const JOBS: Gvr = api::resource::JOBS;
const PODS: Gvr = api::resource::PODS;

fn by(manager: &str) -> Options {
    Options { field_manager: Some(manager.to_owned()), ..Options::default() }
}

fn apply(resource: Gvr, name: &str, config: Value) -> Request {
    let request = Request::new(Verb::Patch, resource, Some("default"), Some(name)).options(by("me"));
    request.body(Body::Patch(PatchType::Apply, config))
}

fn create(server: &ApiServer, resource: Gvr, manager: &str, value: Value) -> Value {
    let request = Request::new(Verb::Create, resource, Some("default"), None).options(by(manager));
    wire(call(server, request.body(Body::Object(value))))
}

fn update(resource: Gvr, manager: &str, value: Value) -> Request {
    let name = value["metadata"]["name"].as_str().expect("a name").to_owned();
    Request::new(Verb::Update, resource, Some("default"), Some(&name)).options(by(manager)).body(Body::Object(value))
}

fn patch(resource: Gvr, manager: &str, name: &str, patch: (PatchType, Value)) -> Request {
    let request = Request::new(Verb::Patch, resource, Some("default"), Some(name)).options(by(manager));
    request.body(Body::Patch(patch.0, patch.1))
}

/// The object as a client over HTTP sees it.
fn wire(reply: Reply) -> Value {
    reply.into_object().expect("an object answers").to_wire_value()
}

fn stored(server: &ApiServer, resource: Gvr, name: &str) -> Arc<Object> {
    let reply = call(server, Request::new(Verb::Get, resource, Some("default"), Some(name)));
    reply.into_object().expect("an object answers")
}

/// Managers with their operation's first letter and subresource: `U:kubelet/status`.
fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let name = |entry: &Value| {
        let subresource = entry["subresource"].as_str().map(|name| format!("/{name}")).unwrap_or_default();
        let text = |name: &str| entry[name].as_str().expect("text");
        format!("{}:{}{subresource}", &text("operation")[..1], text("manager"))
    };
    entries.iter().map(name).collect()
}

fn fields<'a>(object: &'a Value, manager: &str) -> &'a Value {
    let entries = object["metadata"]["managedFields"].as_array().expect("managers");
    &entries.iter().find(|entry| entry["manager"] == manager).expect("the manager")["fieldsV1"]
}

#[test]
fn apply_creates_what_is_not_there_and_changes_what_is() {
    let server = server();
    let reply = call(&server, apply(CONFIG_MAPS, "a", config_map("a")));
    assert!(matches!(reply.response, Response::Object { created: true, .. }));
    let created = wire(reply);
    assert_eq!(managers(&created), ["A:me"]);
    assert_eq!(fields(&created, "me"), &json!({"f:data": {"f:k": {}}}));
    assert_eq!(created["metadata"]["managedFields"][0]["apiVersion"], "v1");
    assert!(created["metadata"]["managedFields"][0]["time"].as_str().expect("a time").ends_with('Z'));

    let again = call(&server, apply(CONFIG_MAPS, "a", config_map("a")));
    assert!(matches!(again.response, Response::Object { created: false, .. }));
    assert_eq!(wire(again), created, "nothing changed, so there is no new revision");

    let mut other = config_map("a");
    other["data"] = json!({"l": "w"});
    let changed = wire(call(&server, apply(CONFIG_MAPS, "a", other)));
    assert_eq!(changed["data"], json!({"l": "w"}));
    assert_ne!(changed["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
}

#[test]
fn an_applied_job_is_defaulted_prepared_and_owned_as_it_was_sent() {
    let server = server();
    let created = wire(call(&server, apply(JOBS, "a", job("a"))));
    assert_eq!(created["spec"]["backoffLimit"], 6);
    assert_eq!(created["metadata"]["generation"], 1);
    let container = json!({".": {}, "f:command": {}, "f:image": {}, "f:name": {}});
    let spec = json!({"f:containers": {"k:{\"name\":\"c\"}": container}, "f:restartPolicy": {}});
    assert_eq!(fields(&created, "me"), &json!({"f:spec": {"f:template": {"f:spec": spec}}}));
    let again = wire(call(&server, apply(JOBS, "a", job("a"))));
    assert_eq!(again, created);
    let mut changed = job("a");
    changed["spec"]["parallelism"] = 3.into();
    let changed = wire(call(&server, apply(JOBS, "a", changed)));
    assert_eq!((&changed["spec"]["parallelism"], &changed["metadata"]["generation"]), (&json!(3), &json!(2)));
    let mut immutable = job("a");
    immutable["spec"]["template"]["spec"]["containers"][0]["image"] = "other".into();
    let status = failure(&server, apply(JOBS, "a", immutable));
    assert!(status.code == 422 && status.message.contains("field is immutable"), "{status:?}");
}

#[test]
fn a_created_job_is_managed_with_its_defaults_but_without_what_the_server_generates() {
    let server = server();
    let created = create(&server, JOBS, "kubectl-create", job("a"));
    assert_eq!(managers(&created), ["U:kubectl-create"]);
    let container = json!({
        ".": {}, "f:command": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {},
        "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
    });
    let template = json!({
        "f:containers": {"k:{\"name\":\"c\"}": container}, "f:dnsPolicy": {}, "f:restartPolicy": {},
        "f:schedulerName": {}, "f:securityContext": {}, "f:terminationGracePeriodSeconds": {},
    });
    let spec = json!({
        "f:backoffLimit": {}, "f:completionMode": {}, "f:completions": {}, "f:manualSelector": {}, "f:parallelism": {},
        "f:podReplacementPolicy": {}, "f:suspend": {}, "f:template": {"f:spec": template},
    });
    assert_eq!(fields(&created, "kubectl-create"), &json!({"f:spec": spec}));
}

#[test]
fn conflicts_are_409_and_force_takes_the_field() {
    let server = server();
    create(&server, JOBS, "kubectl-client-side-apply", job("a"));
    let mut config =
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {"parallelism": 2}});
    let status = failure(&server, apply(JOBS, "a", config.clone()));
    assert_eq!(
        status.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using batch/v1: .spec.parallelism"
    );
    assert_eq!(status.code, 409);
    let cause = &status.details.as_ref().expect("details").causes[0];
    assert_eq!((cause.reason.as_str(), cause.field.as_str()), ("FieldManagerConflict", ".spec.parallelism"));
    assert_eq!(stored(&server, JOBS, "a").to_value()["spec"]["parallelism"], 1);
    let mut request = apply(JOBS, "a", config.clone());
    request.options.force = true;
    let forced = wire(call(&server, request));
    assert_eq!(forced["spec"]["parallelism"], 2);
    assert_eq!(fields(&forced, "me"), &json!({"f:spec": {"f:parallelism": {}}}));
    assert_eq!(fields(&forced, "kubectl-client-side-apply")["f:spec"].get("f:parallelism"), None);
    config["spec"] = json!({});
    let dropped = wire(call(&server, apply(JOBS, "a", config)));
    assert_eq!(dropped["spec"]["parallelism"], 1, "a dropped field has its default again");
}

#[test]
fn identity_and_preconditions_are_held_against_the_object() {
    let server = server();
    let message = |request: Request| failure(&server, request).message;
    let mut with_uid = config_map("a");
    with_uid["metadata"]["uid"] = "u".into();
    assert_eq!(
        message(apply(CONFIG_MAPS, "a", with_uid)),
        "Operation cannot be fulfilled on configmaps \"a\": uid mismatch: the provided object specified uid u, and no existing object was found"
    );
    let nameless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}});
    assert_eq!(
        message(apply(CONFIG_MAPS, "a", nameless)),
        "the name of the object (a based on URL) was undeterminable: name must be provided"
    );
    let misnamed = "the name of the object (b) does not match the name on the URL (a)";
    assert_eq!(message(apply(CONFIG_MAPS, "a", config_map("b"))), misnamed);
    let created = wire(call(&server, apply(CONFIG_MAPS, "a", config_map("a"))));
    assert_eq!(message(apply(CONFIG_MAPS, "a", config_map("b"))), misnamed);
    let mut old = config_map("a");
    old["metadata"]["resourceVersion"] = "1".into();
    assert!(message(apply(CONFIG_MAPS, "a", old)).contains("the object has been modified"));
    let mut current = config_map("a");
    current["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"].clone();
    current["data"]["k"] = "w".into();
    call(&server, apply(CONFIG_MAPS, "a", current));
    assert_eq!(message(apply(JOBS, "a", config_map("a"))), "invalid object type: /v1, Kind=ConfigMap");
    let mut elsewhere = config_map("a");
    elsewhere["metadata"]["namespace"] = "other".into();
    assert_eq!(
        message(apply(CONFIG_MAPS, "a", elsewhere)),
        "the namespace of the provided object does not match the namespace sent on the request"
    );
    let nowhere = Request { namespace: Some("nowhere".to_owned()), ..apply(CONFIG_MAPS, "a", config_map("a")) };
    assert_eq!(message(nowhere), "namespaces \"nowhere\" not found");
}

#[test]
fn unknown_fields_and_wrong_types_fail_as_upstream_fails() {
    let server = server();
    let mut config = job("a");
    config["spec"]["foo"] = 1.into();
    let status = failure(&server, apply(JOBS, "a", config));
    assert_eq!((status.code, status.reason.clone()), (500, None));
    assert_eq!(
        status.message,
        "failed to create typed patch object (/a; batch/v1, Kind=Job): .spec.foo: field not declared in schema"
    );
    let mut config = job("a");
    config["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "x"}});
    let status = failure(&server, apply(JOBS, "a", config));
    assert!(
        status.code == 500
            && status.message.starts_with("failed to convert new object (/a; batch/v1, Kind=Job) to proper version: "),
        "{status:?}"
    );
    let mut twice = apply(JOBS, "a", job("a"));
    twice.strict_errors = vec!["duplicate field \"spec\"".to_owned()];
    twice.options.field_validation = FieldValidation::Strict;
    let status = failure(&server, twice.clone());
    assert_eq!((status.code, status.message.as_str()), (400, "error strict decoding YAML: duplicate field \"spec\""));
    twice.options.field_validation = FieldValidation::Warn;
    assert_eq!(call(&server, twice).warnings, ["duplicate field \"spec\""]);
}

#[test]
fn quantities_in_another_form_are_no_new_revision() {
    let server = server();
    let config = |cpu: Value| {
        let mut config = pod("a");
        config["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
        config
    };
    let created = wire(call(&server, apply(PODS, "a", config(json!("500m")))));
    let again = wire(call(&server, apply(PODS, "a", config(json!("0.5")))));
    assert_eq!(again["metadata"]["managedFields"], created["metadata"]["managedFields"]);
}

#[test]
fn a_dry_run_shows_the_outcome_and_keeps_nothing() {
    let server = server();
    let mut request = apply(CONFIG_MAPS, "a", config_map("a"));
    request.options.dry_run = true;
    let shown = call(&server, request.clone());
    assert!(matches!(shown.response, Response::Object { created: true, .. }));
    assert_eq!(managers(&wire(shown)), ["A:me"]);
    assert_eq!(failure(&server, Request::new(Verb::Get, CONFIG_MAPS, Some("default"), Some("a"))).code, 404);
    create(&server, CONFIG_MAPS, "other", config_map("a"));
    request.body = Body::Patch(
        PatchType::Apply,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"l": "w"}}),
    );
    let shown = wire(call(&server, request));
    assert_eq!((managers(&shown), &shown["data"]["l"]), (vec!["A:me".to_owned(), "U:other".to_owned()], &json!("w")));
    assert_eq!(stored(&server, CONFIG_MAPS, "a").to_value()["data"], json!({"k": "v"}));
}

#[test]
fn writes_through_status_are_managed_apart_and_leave_the_spec_alone() {
    let server = server();
    create(&server, PODS, "creator", pod("a"));
    let mut changed = stored(&server, PODS, "a").to_value();
    changed["status"]["message"] = "hi".into();
    changed["spec"]["activeDeadlineSeconds"] = 5.into();
    changed["metadata"]["managedFields"] = json!([]);
    let updated = wire(call(&server, update(PODS, "kubelet", changed).subresource("status")));
    assert_eq!(managers(&updated), ["U:creator", "U:kubelet/status"]);
    assert_eq!(fields(&updated, "kubelet"), &json!({"f:status": {"f:message": {}}}));
    let config = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "status": {"reason": "r"}, "spec": {"activeDeadlineSeconds": 7}});
    let applied = wire(call(&server, apply(PODS, "a", config.clone()).subresource("status")));
    assert_eq!(fields(&applied, "me"), &json!({"f:status": {"f:reason": {}}}));
    assert_eq!((&applied["status"]["reason"], applied["spec"].get("activeDeadlineSeconds")), (&json!("r"), None));
    let missing = Request { name: Some("b".to_owned()), ..apply(PODS, "b", config).subresource("status") };
    assert_eq!(failure(&server, missing).code, 404);
}

#[test]
fn every_kind_of_write_is_tracked_by_its_manager() {
    let server = server();
    create(&server, CONFIG_MAPS, "one", config_map("a"));
    let merge = (PatchType::Merge, json!({"data": {"m": "1"}}));
    call(&server, patch(CONFIG_MAPS, "two", "a", merge));
    let add = json!([{"op": "add", "path": "/data/j", "value": "1"}]);
    call(&server, patch(CONFIG_MAPS, "three", "a", (PatchType::Json, add)));
    call(&server, patch(CONFIG_MAPS, "four", "a", (PatchType::StrategicMerge, json!({"data": {"s": "1"}}))));
    let mut value = stored(&server, CONFIG_MAPS, "a").to_value();
    value["data"]["k"] = "changed".into();
    let updated = wire(call(&server, update(CONFIG_MAPS, "five", value.clone())));
    for (manager, expected) in [
        ("one", json!({"f:data": {}})),
        ("two", json!({"f:data": {"f:m": {}}})),
        ("five", json!({"f:data": {"f:k": {}}})),
    ] {
        assert_eq!(fields(&updated, manager), &expected, "{manager}");
    }
    let revision = updated["metadata"]["resourceVersion"].clone();
    value["metadata"]["resourceVersion"] = revision.clone();
    let same = wire(call(&server, update(CONFIG_MAPS, "six", value)));
    assert_eq!(same, updated, "a write that changes nothing is not tracked");
}

#[test]
fn clients_may_change_and_clear_managed_fields() {
    let server = server();
    let clear: [(PatchType, Value); 4] = [
        (PatchType::Merge, json!({"metadata": {"managedFields": [{}]}})),
        (PatchType::StrategicMerge, json!({"metadata": {"managedFields": [{}]}})),
        (PatchType::Json, json!([{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}])),
        (PatchType::Json, json!([{"op": "remove", "path": "/metadata/managedFields/0"}])),
    ];
    for (index, clearing) in clear.into_iter().enumerate() {
        let name = format!("a{index}");
        create(&server, CONFIG_MAPS, "one", config_map(&name));
        let cleared = wire(call(&server, patch(CONFIG_MAPS, "two", &name, clearing)));
        assert_eq!(cleared["metadata"].get("managedFields"), None, "{name}");
        let untracked =
            wire(call(&server, patch(CONFIG_MAPS, "two", &name, (PatchType::Merge, json!({"data": {"x": "y"}})))));
        assert_eq!(managers(&untracked), Vec::<String>::new());
    }
    let mut value = create(&server, CONFIG_MAPS, "one", config_map("b"));
    value["metadata"]["managedFields"][0]["manager"] = "renamed".into();
    let renamed = wire(call(&server, update(CONFIG_MAPS, "two", value.clone())));
    assert_eq!(managers(&renamed), ["U:renamed"]);
    value["metadata"]["resourceVersion"] = renamed["metadata"]["resourceVersion"].clone();
    value["metadata"]["managedFields"] = json!([{"manager": "x", "operation": "No", "apiVersion": "v1"}]);
    assert_eq!(
        wire(call(&server, update(CONFIG_MAPS, "two", value.clone()))),
        renamed,
        "what cannot be read is passed over"
    );
    value["metadata"]["managedFields"] = json!([]);
    assert_eq!(managers(&wire(call(&server, update(CONFIG_MAPS, "two", value)))), Vec::<String>::new());
}

#[test]
fn deletes_and_bindings_leave_managers_as_they_were() {
    let server = server();
    let mut held = config_map("a");
    held["metadata"]["finalizers"] = json!(["x/y"]);
    create(&server, CONFIG_MAPS, "one", held);
    call(&server, Request::new(Verb::Delete, CONFIG_MAPS, Some("default"), Some("a")));
    let lingering = stored(&server, CONFIG_MAPS, "a").to_wire_value();
    assert!(lingering["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(managers(&lingering), ["U:one"]);
}

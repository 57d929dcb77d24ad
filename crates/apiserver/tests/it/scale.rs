//! The `scale` subresource, as `kubectl scale` and autoscalers use it.

use api::{Body, Gvr, Options, PatchType, Request, Verb};
use serde_json::{Value, json};

use super::common::{call, create, failure, get, object, server};

const CONTROLLERS: Gvr = Gvr::known("", "v1", "replicationcontrollers");

fn controller() -> Value {
    json!({
        "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "a"},
        "spec": {"replicas": 2, "template": {
            "metadata": {"labels": {"app": "a", "tier": "b"}},
            "spec": {"containers": [{"name": "c", "image": "busybox"}]},
        }},
    })
}

fn request(verb: Verb) -> Request {
    Request::new(verb, CONTROLLERS, Some("default"), Some("a")).subresource("scale")
}

#[test]
fn a_scale_shows_replicas_and_selector_of_its_object() {
    let server = server();
    let created = create(&server, CONTROLLERS, controller());
    let scale = object(call(&server, request(Verb::Get)));
    let metadata = &created["metadata"];
    let expected = json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {
            "name": "a", "namespace": "default", "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": 2},
        "status": {"replicas": 0, "selector": "app=a,tier=b"},
    });
    assert_eq!(scale, expected);
}

#[test]
fn a_written_scale_changes_the_object_as_an_update_does() {
    let server = server();
    create(&server, CONTROLLERS, controller());
    let mut scale = object(call(&server, request(Verb::Get)));
    scale["spec"]["replicas"] = json!(5);
    let updated = object(call(&server, request(Verb::Update).body(Body::Object(scale.clone()))));
    assert_eq!((&updated["kind"], &updated["spec"]["replicas"]), (&json!("Scale"), &json!(5)));
    let stored = get(&server, CONTROLLERS, "a");
    assert_eq!((&stored["spec"]["replicas"], &stored["metadata"]["generation"]), (&json!(5), &json!(2)));
    assert_eq!(stored["metadata"]["resourceVersion"], updated["metadata"]["resourceVersion"]);
    let stale = failure(&server, request(Verb::Update).body(Body::Object(scale.clone())));
    assert_eq!(stale.code, 409);
    scale["metadata"] = json!({"name": "a", "namespace": "default"});
    scale["spec"] = json!({});
    call(&server, request(Verb::Update).body(Body::Object(scale)));
    assert_eq!(get(&server, CONTROLLERS, "a")["spec"]["replicas"], 0, "a scale says zero by saying nothing");
}

#[test]
fn a_scale_is_patched_in_each_form_and_checked() {
    let server = server();
    create(&server, CONTROLLERS, controller());
    let patch = |patch_type, patch| request(Verb::Patch).body(Body::Patch(patch_type, patch));
    let patches = [
        (PatchType::Merge, json!({"spec": {"replicas": 3}}), 3),
        (PatchType::StrategicMerge, json!({"spec": {"replicas": 4}}), 4),
        (PatchType::Json, json!([{"op": "replace", "path": "/spec/replicas", "value": 6}]), 6),
    ];
    for (patch_type, body, replicas) in patches {
        assert_eq!(object(call(&server, patch(patch_type, body)))["spec"]["replicas"], replicas);
        assert_eq!(get(&server, CONTROLLERS, "a")["spec"]["replicas"], replicas);
    }
    let refused = failure(&server, patch(PatchType::Merge, json!({"spec": {"replicas": -1}})));
    let expected =
        "Scale.autoscaling \"a\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0";
    assert_eq!((refused.code, refused.message.as_str()), (422, expected));
    let dry = Options { dry_run: true, ..Options::default() };
    let body = json!({"spec": {"replicas": 9}});
    assert_eq!(object(call(&server, patch(PatchType::Merge, body).options(dry)))["spec"]["replicas"], 9);
    assert_eq!(get(&server, CONTROLLERS, "a")["spec"]["replicas"], 6);
    let missing = Request::new(Verb::Get, CONTROLLERS, Some("default"), Some("b")).subresource("scale");
    assert_eq!(failure(&server, missing).code, 404);
    assert_eq!(failure(&server, request(Verb::Create)).code, 405);
}

#[test]
fn an_applied_scale_is_managed_as_the_objects_replicas() {
    let server = server();
    create(&server, CONTROLLERS, controller());
    let apply = |manager: &str, spec: Value, force: bool| {
        let options = Options { field_manager: Some(manager.to_owned()), force, ..Options::default() };
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": spec});
        request(Verb::Patch).body(Body::Patch(PatchType::Apply, scale)).options(options)
    };
    let conflict = failure(&server, apply("autoscaler", json!({"replicas": 7}), false));
    assert_eq!(conflict.code, 409, "{conflict:?}");
    assert!(conflict.message.ends_with("using v1: .spec.replicas"), "{conflict:?}");
    let scaled = object(call(&server, apply("autoscaler", json!({"replicas": 7}), true)));
    assert_eq!((&scaled["kind"], &scaled["spec"]["replicas"]), (&json!("Scale"), &json!(7)));
    let stored = Request::new(Verb::Get, CONTROLLERS, Some("default"), Some("a"));
    let stored = call(&server, stored).into_object().expect("an object answers").to_wire_value();
    assert_eq!((&stored["spec"]["replicas"], &stored["metadata"]["generation"]), (&json!(7), &json!(2)));
    let managers = stored["metadata"]["managedFields"].as_array().unwrap();
    let own = managers.iter().find(|entry| entry["manager"] == "autoscaler").unwrap();
    assert_eq!(
        (&own["operation"], &own["apiVersion"], &own["subresource"], &own["fieldsV1"]),
        (&json!("Apply"), &json!("v1"), &json!("scale"), &json!({"f:spec": {"f:replicas": {}}}))
    );
    let again = object(call(&server, apply("autoscaler", json!({"replicas": 7}), false)));
    assert_eq!(again["metadata"]["resourceVersion"], stored["metadata"]["resourceVersion"]);
    call(&server, apply("autoscaler", json!({}), false));
    assert_eq!(get(&server, CONTROLLERS, "a")["spec"]["replicas"], 0, "what is applied no more is gone");
    for (spec, code) in [(json!({"replicas": -1}), 422), (json!({"replicas": "x"}), 500), (json!({"size": 1}), 500)] {
        assert_eq!(failure(&server, apply("autoscaler", spec, true)).code, code);
    }
}

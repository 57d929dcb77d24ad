//! Metadata is refused in upstream's words.

use serde_json::{Value, json};

use super::{validate_create, validate_update};
use crate::fixtures::{texts, with};

fn meta() -> Value {
    json!({"name": "a", "namespace": "default", "uid": "u", "creationTimestamp": "2024-01-01T00:00:00Z"})
}

fn create(patch: Value) -> Vec<String> {
    texts(validate_create(&with(meta(), &patch), true, &api::names::dns_subdomain_errors))
}

fn update(patch: Value) -> Vec<String> {
    texts(validate_update(&with(meta(), &patch), &meta()))
}

#[test]
fn right_metadata_passes() {
    let patch = json!({
        "generateName": "a-",
        "labels": {"a.io/b": "c", "d": ""},
        "annotations": {"A.io/B": "anything at all"},
        "finalizers": ["a.io/b", "orphan"],
        "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "v", "controller": true}],
    });
    assert!(create(patch.clone()).is_empty());
    assert!(update(patch).is_empty());
}

#[test]
fn names_and_namespaces_are_required_and_checked() {
    assert_eq!(create(json!({"name": null})), ["metadata.name: Required value: name or generateName is required"]);
    assert_eq!(create(json!({"namespace": null})), ["metadata.namespace: Required value"]);
    assert!(
        create(json!({"name": "A"}))[0]
            .starts_with("metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain")
    );
    assert!(create(json!({"generateName": "-A"}))[0].starts_with("metadata.generateName: Invalid value: \"-A\": "));
    assert!(create(json!({"namespace": "a.b"}))[0].starts_with("metadata.namespace: Invalid value: \"a.b\": "));
    let cluster = texts(validate_create(&meta(), false, &api::names::dns_subdomain_errors));
    assert_eq!(cluster, ["metadata.namespace: Forbidden: not allowed on this type"]);
}

#[test]
fn labels_and_annotations_are_checked() {
    assert!(
        create(json!({"labels": {"a b": "c"}}))[0].starts_with("metadata.labels: Invalid value: \"a b\": name part")
    );
    assert!(
        create(json!({"labels": {"a": "b c"}}))[0]
            .starts_with("metadata.labels: Invalid value: \"b c\": a valid label")
    );
    assert!(
        create(json!({"annotations": {"a b": "c"}}))[0].starts_with("metadata.annotations: Invalid value: \"a b\": ")
    );
    let big = "x".repeat(256 * 1024);
    let expected = ["metadata.annotations: Too long: may not be more than 262144 bytes"];
    assert_eq!(create(json!({"annotations": {"a": big}})), expected);
    assert_eq!(update(json!({"annotations": {"a": big}})), expected);
}

#[test]
fn owners_are_complete_and_have_one_controller() {
    assert_eq!(
        create(json!({"ownerReferences": [{}]})),
        [
            "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
            "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty",
            "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
            "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
        ]
    );
    let owner = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": name, "controller": true});
    let errors = create(json!({"ownerReferences": [owner("a"), owner("b")]}));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].ends_with(
        "Only one reference can have Controller set to true. Found \"true\" in references for Pod/a and Pod/b"
    ));
    let event = json!([{"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"}]);
    assert!(
        create(json!({ "ownerReferences": event }))[0].ends_with("/v1, Kind=Event is disallowed from being an owner")
    );
}

#[test]
fn finalizers_are_qualified_and_do_not_conflict() {
    assert_eq!(
        create(json!({"finalizers": ["mine"]})),
        [
            "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified"
        ]
    );
    assert_eq!(
        create(json!({"finalizers": ["orphan", "foregroundDeletion"]})),
        [
            "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be both set"
        ]
    );
}

#[test]
fn system_fields_are_immutable() {
    for (name, value) in [
        ("name", json!("b")),
        ("namespace", json!("other")),
        ("uid", json!("v")),
        ("creationTimestamp", json!("2025-01-01T00:00:00Z")),
        ("deletionTimestamp", json!("2025-01-01T00:00:00Z")),
        ("deletionGracePeriodSeconds", json!(5)),
    ] {
        let expected = format!("metadata.{name}: Invalid value: {value}: field is immutable");
        assert_eq!(update(json!({ name: value })), [expected]);
    }
    assert!(update(json!({"uid": null, "creationTimestamp": null})).is_empty());
}

#[test]
fn deleted_objects_gain_no_finalizers() {
    let old = with(meta(), &json!({"deletionTimestamp": "2025-01-01T00:00:00Z", "finalizers": ["a.io/a", "a.io/b"]}));
    let update =
        |finalizers: Value| texts(validate_update(&with(old.clone(), &json!({ "finalizers": finalizers })), &old));
    assert!(update(json!(["a.io/b"])).is_empty());
    assert_eq!(
        update(json!(["a.io/b", "a.io/c"])),
        [
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"a.io/c\"}"
        ]
    );
}

#[test]
fn managed_fields_name_a_known_operation() {
    let fields = json!([{"manager": "kubectl", "operation": "Guess", "fieldsType": "FieldsV2"}]);
    assert_eq!(
        update(json!({ "managedFields": fields })),
        [
            "metadata.managedFields[0].operation: Invalid value: \"Guess\": must be `Apply` or `Update`",
            "metadata.managedFields[0].fieldsType: Invalid value: \"FieldsV2\": must be `FieldsV1`",
        ]
    );
}

#[test]
fn owners_are_shown_in_the_order_of_their_declaration() {
    let owner = |name: &str| json!({"apiVersion": "v1", "kind": "K", "name": name, "uid": "u", "controller": true});
    let shown = |name: &str| {
        format!("{{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"{name}\",\"uid\":\"u\",\"controller\":true}}")
    };
    assert_eq!(
        create(json!({"ownerReferences": [owner("a"), owner("b")]})),
        [format!(
            "metadata.ownerReferences: Invalid value: [{},{}]: Only one reference can have Controller set to true. Found \"true\" in references for K/a and K/b",
            shown("a"),
            shown("b")
        )]
    );
}

#[test]
fn finalizers_are_checked_on_updates_too() {
    assert!(update(json!({"finalizers": ["a b/c"]}))[0].starts_with("metadata.finalizers: Invalid value: \"a b/c\": "));
}

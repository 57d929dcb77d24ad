//! Patches behave as the RFCs and upstream's strategic merge say.

use api::Kind;
use serde_json::json;

use super::*;
use crate::schema;

fn strategic(object: Value, patch: Value) -> Value {
    let mut object = object;
    let pod = schema::of_kind(&Kind::known("", "v1", "Pod"));
    assert!(pod.is_some(), "the schema knows pods");
    apply(&mut object, PatchType::StrategicMerge, patch, pod).expect("applies");
    object
}

#[test]
fn lists_with_a_merge_key_merge_by_it() {
    let object = json!({"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}});
    let patched = strategic(object, json!({"spec": {"containers": [{"name": "b", "image": "z"}, {"name": "c"}]}}));
    let expected = json!([{"name": "a", "image": "x"}, {"name": "b", "image": "z"}, {"name": "c"}]);
    assert_eq!(patched["spec"]["containers"], expected);
}

#[test]
fn lists_without_a_merge_key_are_replaced() {
    let object = json!({"spec": {"containers": [{"name": "a", "args": ["1", "2"]}]}});
    let patched = strategic(object, json!({"spec": {"containers": [{"name": "a", "args": ["3"]}]}}));
    assert_eq!(patched["spec"]["containers"][0]["args"], json!(["3"]));
}

#[test]
fn directives_delete_and_replace() {
    let object = json!({
        "metadata": {"finalizers": ["x", "y"], "labels": {"a": "1", "b": "2"},
            "ownerReferences": [{"uid": "1"}, {"uid": "2"}]},
        "spec": {"nodeSelector": {"a": "1"}},
    });
    let patch = json!({
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["x"],
            "labels": {"a": null, "c": "3"},
            "ownerReferences": [{"$patch": "delete", "uid": "1"}],
        },
        "spec": {"nodeSelector": {"$patch": "replace", "z": "9"}},
    });
    let patched = strategic(object, patch);
    assert_eq!(patched["metadata"]["finalizers"], json!(["y"]));
    assert_eq!(patched["metadata"]["labels"], json!({"b": "2", "c": "3"}));
    assert_eq!(patched["metadata"]["ownerReferences"], json!([{"uid": "2"}]));
    assert_eq!(patched["spec"]["nodeSelector"], json!({"z": "9"}));
}

#[test]
fn primitive_lists_with_merge_strategy_unite() {
    let patched =
        strategic(json!({"metadata": {"finalizers": ["x"]}}), json!({"metadata": {"finalizers": ["y", "x"]}}));
    assert_eq!(patched["metadata"]["finalizers"], json!(["x", "y"]));
}

#[test]
fn element_order_sorts_and_leaves_the_servers_own_items_in_place() {
    let object = json!({"spec": {"containers": [{"name": "s"}, {"name": "a"}, {"name": "b"}]}});
    let patch = json!({"spec": {
        "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
        "containers": [{"name": "a", "image": "x"}],
    }});
    let patched = strategic(object, patch);
    assert_eq!(patched["spec"]["containers"], json!([{"name": "s"}, {"name": "b"}, {"name": "a", "image": "x"}]));
}

#[test]
fn new_content_carries_no_directives() {
    let patch = json!({"spec": {"containers": [{"name": "a", "$retainKeys": ["name"]}], "volumes": [
        {"name": "v", "$patch": "delete"}]}});
    let patched = strategic(json!({}), patch);
    assert_eq!(patched["spec"], json!({"containers": [{"name": "a"}], "volumes": []}));
}

#[test]
fn an_item_without_its_merge_key_is_refused() {
    let mut object = json!({"spec": {"containers": [{"name": "a"}]}});
    let patch = json!({"spec": {"containers": [{"image": "x"}]}});
    let pod = schema::of_kind(&Kind::known("", "v1", "Pod"));
    let error = apply(&mut object, PatchType::StrategicMerge, patch, pod).expect_err("refused");
    assert_eq!(error.code, 422);
}

#[test]
fn json_patch_applies_tests_and_is_bounded() {
    let mut object = json!({"a": {"b": [1, 2]}});
    let patch = json!([
        {"op": "test", "path": "/a/b/0", "value": 1},
        {"op": "add", "path": "/a/b/-", "value": 3},
        {"op": "remove", "path": "/a/b/0"},
    ]);
    apply(&mut object, PatchType::Json, patch, None).expect("applies");
    assert_eq!(object, json!({"a": {"b": [2, 3]}}));
    let failing = json!([{"op": "test", "path": "/a/b/0", "value": 1}]);
    let refused = apply(&mut object, PatchType::Json, failing, None).expect_err("fails");
    assert_eq!((refused.code, refused.details), (422, Some(Box::default())));
    assert_eq!(refused.message, "the server rejected our request due to an error in our request");
    let many: Vec<Value> = (0..10_001).map(|_| json!({"op": "test", "path": "/a", "value": 1})).collect();
    let error = apply(&mut object, PatchType::Json, Value::Array(many), None).expect_err("too many");
    assert_eq!(error.code, 413);
    assert_eq!(error.message, "The allowed maximum operations in a JSON patch is 10000, got 10001");
    assert_eq!(apply(&mut object, PatchType::Json, json!({"op": 1}), None).expect_err("no patch").code, 400);
}

#[test]
fn copies_cannot_grow_an_object_without_bound() {
    let mut object = json!({"a": ["x".repeat(1 << 20)]});
    let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
    let patch = Value::Array(vec![double; 10]);
    assert_eq!(apply(&mut object, PatchType::Json, patch, None).expect_err("bounded").code, 422);
    assert!(object.to_string().len() < 8 << 20);
}

#[test]
fn merge_patch_removes_on_null_and_replaces_lists() {
    let mut object = json!({"a": 1, "b": {"c": [1], "d": 2}});
    apply(&mut object, PatchType::Merge, json!({"a": null, "b": {"c": [2]}}), None).expect("applies");
    assert_eq!(object, json!({"b": {"c": [2], "d": 2}}));
    assert_eq!(apply(&mut object, PatchType::Merge, json!([]), None).expect_err("no object").code, 400);
}

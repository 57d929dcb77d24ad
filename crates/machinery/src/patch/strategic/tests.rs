//! Strategic merge gives upstream's results and errors, for every directive.

use api::{Kind, PatchType, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::patch::apply;
use crate::schema;

fn try_merge(object: Value, patch: Value) -> Result<Value, Status> {
    let mut object = object;
    let pod = schema::of_kind(&Kind::known("", "v1", "Pod"));
    assert!(pod.is_some(), "the schema knows pods");
    apply(&mut object, PatchType::StrategicMerge, patch, pod)?;
    Ok(object)
}

fn merge(object: Value, patch: Value) -> Value {
    try_merge(object, patch).expect("applies")
}

#[track_caller]
fn merges(object: Value, patch: Value, expected: Value) {
    assert_eq!(merge(object, patch), expected);
}

#[track_caller]
fn refuses(object: Value, patch: Value, code: u16, message: &str) {
    let error = try_merge(object, patch).expect_err("refused");
    assert_eq!((error.code, error.message.as_str()), (code, message));
}

fn spec(spec: Value) -> Value {
    json!({"spec": spec})
}

fn finalizers(items: Value) -> Value {
    json!({"metadata": {"finalizers": items}})
}

#[test]
fn lists_with_a_merge_key_merge_by_it_in_the_patchs_order() {
    let object = spec(json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}));
    let patch = spec(json!({"containers": [{"name": "b", "image": "z"}, {"name": "c"}]}));
    let expected = json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "z"}, {"name": "c"}]});
    merges(object, patch, spec(expected));
    let object = spec(json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}));
    let patch = spec(json!({"containers": [{"name": "c", "image": "z"}, {"name": "a", "image": "z"}]}));
    let expected = json!({"containers": [{"name": "b"}, {"name": "c", "image": "z"}, {"name": "a", "image": "z"}]});
    merges(object, patch, spec(expected));
}

#[test]
fn lists_without_a_merge_key_are_replaced() {
    let object = spec(json!({"containers": [{"name": "a", "args": ["1", "2"]}], "tolerations": [{"key": "a"}]}));
    let patch = spec(json!({"containers": [{"name": "a", "args": ["3"]}], "tolerations": [{"key": "b"}]}));
    merges(object, patch, spec(json!({"containers": [{"name": "a", "args": ["3"]}], "tolerations": [{"key": "b"}]})));
}

#[test]
fn primitive_lists_unite_with_the_patchs_items_in_its_order() {
    merges(finalizers(json!(["x"])), finalizers(json!(["y", "x"])), finalizers(json!(["y", "x"])));
    merges(finalizers(json!(["s", "x"])), finalizers(json!(["y", "x", "y"])), finalizers(json!(["y", "s", "x"])));
    merges(finalizers(json!(["s", "s"])), finalizers(json!(["y"])), finalizers(json!(["y", "s"])));
}

#[test]
fn nulls_delete_and_are_dropped_from_what_is_new() {
    let object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
    let patch = json!({"metadata": {"labels": {"a": null, "c": "3", "d": null}, "annotations": {"x": null}}});
    merges(object, patch, json!({"metadata": {"labels": {"b": "2", "c": "3"}, "annotations": {}}}));
}

#[test]
fn a_map_is_replaced_or_emptied_by_directive() {
    let object = spec(json!({"nodeSelector": {"a": "1"}, "securityContext": {"runAsUser": 1}}));
    let patch = spec(json!({"nodeSelector": {"$patch": "replace", "z": "9"}, "securityContext": {"$patch": "delete"}}));
    merges(object, patch, spec(json!({"nodeSelector": {"z": "9"}, "securityContext": {}})));
}

#[test]
fn a_directive_in_new_content_takes_that_content_away() {
    let patch = spec(json!({
        "nodeSelector": {"$patch": "replace", "z": "9"},
        "containers": [{"name": "a"}],
        "volumes": [{"name": "v", "$patch": "delete"}],
    }));
    merges(json!({}), patch, spec(json!({"containers": [{"name": "a"}], "volumes": []})));
}

#[test]
fn an_unknown_directive_is_an_error_of_the_server() {
    let object = spec(json!({"nodeSelector": {"a": "1"}, "containers": [{"name": "a"}]}));
    let patch = spec(json!({"nodeSelector": {"$patch": "merge", "b": "2"}}));
    refuses(object.clone(), patch, 500, "unknown patch type: merge in map: map[$patch:merge b:2]");
    let patch = spec(json!({"containers": [{"$patch": "merge", "name": "a"}]}));
    refuses(object.clone(), patch, 500, "merging lists cannot yet be specified in the patch");
    let patch = spec(json!({"containers": [{"$patch": "x", "name": "a"}]}));
    refuses(object, patch, 500, "unknown patch type: x in map: map[$patch:x name:a]");
}

#[test]
fn items_are_deleted_by_key_and_whole_lists_replaced() {
    let object = spec(json!({"containers": [{"name": "a", "image": "x"}, {"name": "b"}, {"name": "c"}]}));
    let patch = spec(json!({"containers": [{"$patch": "delete", "name": "b"}, {"name": "a", "image": "y"}]}));
    merges(object.clone(), patch, spec(json!({"containers": [{"name": "a", "image": "y"}, {"name": "c"}]})));
    let patch = spec(json!({"containers": [{"name": "z"}, {"$patch": "replace"}, {"name": "y"}]}));
    merges(object.clone(), patch, spec(json!({"containers": [{"name": "z"}, {"name": "y"}]})));
    let patch = spec(json!({"containers": [{"$patch": "delete"}]}));
    refuses(object, patch, 500, "map: map[$patch:delete] does not contain declared merge key: name");
}

#[test]
fn an_item_without_its_merge_key_is_an_error_of_the_server() {
    let object = spec(json!({"containers": [{"name": "a"}]}));
    let patch = spec(json!({"containers": [{"image": "x", "args": ["1", "2"], "tty": true}]}));
    let message = "map: map[args:[1 2] image:x tty:true] does not contain declared merge key: name";
    refuses(object, patch, 500, message);
}

#[test]
fn retain_keys_drops_all_other_fields() {
    let object = spec(json!({"volumes": [{"name": "v", "emptyDir": {}}]}));
    let patch = spec(json!({"volumes": [
        {"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}
    ]}));
    merges(object.clone(), patch, spec(json!({"volumes": [{"name": "v", "configMap": {"name": "c"}}]})));
    let malformed = "invalid patch format of retainKeys";
    let patch = spec(json!({"volumes": [{"name": "v", "$retainKeys": ["name"], "configMap": {"name": "c"}}]}));
    refuses(object.clone(), patch, 400, malformed);
    let patch = spec(json!({"volumes": [{"name": "v", "$retainKeys": "name"}]}));
    refuses(object.clone(), patch, 400, malformed);
    let patch = spec(json!({"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": null}]}));
    merges(object, patch, spec(json!({"volumes": [{"name": "v"}]})));
}

#[test]
fn items_of_primitive_lists_are_deleted_by_directive() {
    let delete = |items: Value| json!({"metadata": {"$deleteFromPrimitiveList/finalizers": items}});
    merges(finalizers(json!(["x", "y"])), delete(json!(["x", "z"])), finalizers(json!(["y"])));
    merges(json!({"metadata": {}}), delete(json!(["x"])), json!({"metadata": {}}));
    merges(finalizers(json!(["x"])), delete(Value::Null), json!({"metadata": {}}));
    let both = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"], "finalizers": ["z"]}});
    merges(finalizers(json!(["x", "y"])), both, finalizers(json!(["z", "y"])));
    let mixed = "list element types are not identical: [[x] [1]]";
    refuses(finalizers(json!(["x"])), delete(json!([1])), 500, mixed);
    refuses(
        finalizers(json!(["x"])),
        json!({"metadata": {"$deleteFromPrimitiveList": ["x"]}}),
        400,
        "invalid patch format of primitive list",
    );
}

#[test]
fn element_order_sorts_and_leaves_the_servers_own_items_in_place() {
    let object = spec(json!({"containers": [{"name": "s"}, {"name": "a"}, {"name": "b"}]}));
    let patch = spec(json!({
        "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
        "containers": [{"name": "a", "image": "x"}],
    }));
    merges(
        object.clone(),
        patch,
        spec(json!({"containers": [{"name": "s"}, {"name": "b"}, {"name": "a", "image": "x"}]})),
    );
    let patch = spec(json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}, {"name": "s"}]}));
    merges(object, patch, spec(json!({"containers": [{"name": "b"}, {"name": "a"}, {"name": "s"}]})));
    let order = json!({"metadata": {"$setElementOrder/finalizers": ["b", "a"], "finalizers": ["a"]}});
    merges(finalizers(json!(["a", "s", "b"])), order.clone(), finalizers(json!(["s", "b", "a"])));
    merges(json!({"metadata": {}}), order.clone(), finalizers(json!(["a"])));
    let only_order = json!({"metadata": {"$setElementOrder/finalizers": ["b", "a"]}});
    merges(json!({"metadata": {}}), only_order, json!({"metadata": {}}));
}

#[test]
fn deleted_items_need_not_be_in_the_order() {
    let object = spec(json!({"containers": [{"name": "a"}, {"name": "b"}]}));
    let patch = spec(json!({
        "$setElementOrder/containers": [{"name": "b"}],
        "containers": [{"name": "a", "$patch": "delete"}, {"name": "b", "image": "x"}],
    }));
    merges(object, patch, spec(json!({"containers": [{"name": "b", "image": "x"}]})));
}

#[test]
fn a_list_that_contradicts_its_order_is_refused() {
    let object = finalizers(json!(["a", "b"]));
    let patch = json!({"metadata": {"$setElementOrder/finalizers": ["a", "b"], "finalizers": ["b", "a"]}});
    let message = "The order in patch list:\n[b a]\n doesn't match $setElementOrder list:\n[a b]\n";
    refuses(object.clone(), patch, 500, message);
    let patch = json!({"metadata": {"$setElementOrder/finalizers": "a"}});
    refuses(object.clone(), patch, 500, "expected a []interface {}, but received a string");
    let patch = json!({"metadata": {"$setElementOrder": ["a"]}});
    refuses(object, patch, 400, "invalid patch format of setElementOrder list");
    let patch = spec(json!({"$setElementOrder/nosuch": ["a"]}));
    refuses(
        json!({"spec": {}}),
        patch,
        500,
        "unable to find api field in struct PodSpec for the json field \"nosuch\"",
    );
}

#[test]
fn lists_of_lists_are_not_supported() {
    let message = "the server rejected our request due to an error in our request";
    refuses(
        finalizers(json!(["a"])),
        finalizers(json!([["a"]])),
        500,
        "list element types are not identical: [[a] [[a]]]",
    );
    refuses(finalizers(json!([["b"]])), finalizers(json!([["a"]])), 422, message);
}

#[test]
fn values_of_another_type_are_replaced() {
    merges(
        spec(json!({"nodeSelector": {"a": "b"}})),
        spec(json!({"nodeSelector": "x"})),
        spec(json!({"nodeSelector": "x"})),
    );
}

#[test]
fn a_patch_that_is_no_map_is_refused_in_gos_words() {
    refuses(json!({}), json!([]), 400, "json: cannot unmarshal array into Go value of type map[string]interface {}");
    merges(json!({"kind": "Pod"}), Value::Null, json!({"kind": "Pod"}));
}

#[test]
fn values_of_wrong_types_are_refused_in_the_converters_words() {
    let job = Kind::known("batch", "v1", "Job");
    let cases = [
        (json!({"spec": {"parallelism": "x"}}), "unrecognized type: int32"),
        (json!({"spec": {"parallelism": 1.5}}), "cannot convert float64 to int32"),
        (json!({"metadata": {"labels": {"a": 1}}}), "cannot convert int64 to string"),
        (json!({"metadata": {"labels": "x"}}), "cannot restore map from string"),
        (json!({"metadata": {"finalizers": {}}}), "cannot restore slice from map"),
        (json!({"spec": []}), "cannot restore struct from: slice"),
        (json!({"spec": {"suspend": 1}}), "unrecognized type: bool"),
    ];
    for (patched, why) in cases {
        let shown = crate::patch::gotext::print(&patched);
        let refused = crate::patch::refuse_types(PatchType::StrategicMerge, &job, &patched, &patched, "other");
        assert_eq!(refused.message, format!(" \"\" is invalid: patch: Invalid value: \"{shown}\": {why}"));
    }
    let patched = json!({"spec": {"parallelism": "x"}});
    let refused = crate::patch::refuse_types(PatchType::Merge, &job, &patched, &patched, "other");
    assert!(refused.message.ends_with("other"), "{refused}");
}

#[test]
fn ports_merge_by_their_number() {
    let object = spec(json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "x"}]}]}));
    let patch = spec(json!({"containers": [{"name": "a", "ports": [
        {"containerPort": 80, "name": "y"}, {"containerPort": 81}
    ]}]}));
    let ports = json!([{"containerPort": 80, "name": "y"}, {"containerPort": 81}]);
    merges(object, patch, spec(json!({"containers": [{"name": "a", "ports": ports}]})));
}

/// A quadratic merge takes minutes for this.
#[test]
fn a_list_of_thirty_thousand_merges_in_linear_time() {
    let env = |value: &str| -> Vec<Value> {
        (0..30_000).map(|index| json!({"name": format!("V{index}"), "value": value})).collect()
    };
    let container = |env: Vec<Value>| spec(json!({"containers": [{"name": "a", "env": env}]}));
    let order: Vec<Value> = env("x").into_iter().rev().collect();
    let mut patch = container(env("new"));
    let merged = merge(container(env("old")), patch.clone());
    assert_eq!(merged, patch);
    patch["spec"]["containers"][0] = json!({"name": "a", "$setElementOrder/env": order});
    let sorted = merge(container(env("old")), patch);
    assert_eq!(sorted["spec"]["containers"][0]["env"][0]["name"], "V29999");
}

/// A patch that turns one pod spec into another, made the way kubectl makes its patches.
fn diff(old: &Value, new: &Value) -> Value {
    let (old_items, new_items) = (containers(old), containers(new));
    let order: Vec<Value> = new_items.iter().map(|(name, _)| json!({"name": name})).collect();
    let mut list: Vec<Value> = Vec::new();
    for (name, image) in &new_items {
        if !old_items.contains(&(name.clone(), image.clone())) {
            list.push(json!({"name": name, "image": image}));
        }
    }
    for (name, _) in &old_items {
        if !new_items.iter().any(|(other, _)| other == name) {
            list.push(json!({"name": name, "$patch": "delete"}));
        }
    }
    spec(json!({"$setElementOrder/containers": order, "containers": list}))
}

fn containers(object: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let items = object["spec"]["containers"].as_array().expect("a list");
    items.iter().map(|item| (text(item, "name"), text(item, "image"))).collect()
}

fn any_containers() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-h]", "[xyz]", 1..6)
        .prop_flat_map(|map| Just(map.into_iter().collect::<Vec<_>>()).prop_shuffle())
        .prop_map(|items| {
            let items: Vec<Value> = items.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
            spec(json!({"containers": items}))
        })
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = "(spec|metadata|containers|env|name|labels|finalizers|volumes|\\$patch|\\$retainKeys|\
                 \\$setElementOrder/containers|\\$setElementOrder/finalizers|\\$deleteFromPrimitiveList/finalizers)";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4_i64).prop_map(Value::from),
        "(a|b|replace|delete|merge|name)".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(names, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_patch_of_a_difference_gives_the_target_and_again(old in any_containers(), new in any_containers()) {
        let patch = diff(&old, &new);
        let merged = merge(old, patch.clone());
        prop_assert_eq!(&merged, &new);
        prop_assert_eq!(merge(merged.clone(), patch), merged);
    }

    #[test]
    fn garbage_is_merged_or_refused_and_never_panics(object in any_json(), patch in any_json()) {
        let _ = try_merge(object, patch);
    }
}

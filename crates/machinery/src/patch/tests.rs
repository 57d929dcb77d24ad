//! Patches behave as the RFCs and upstream's strategic merge say.

use proptest::prelude::*;
use serde_json::json;

use super::*;
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

fn json_patch(object: Value, patch: Value) -> Result<Value, Status> {
    let mut object = object;
    apply(&mut object, PatchType::Json, patch, None).map(|_| object)
}

/// The examples of RFC 6902, appendix A: object, patch, and the result or nothing.
#[test]
fn json_patch_gives_the_results_of_its_rfc() {
    let cases = [
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux"}]),
            Some(json!({"baz": "qux", "foo": "bar"})),
        ),
        (
            json!({"foo": ["bar", "baz"]}),
            json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            Some(json!({"foo": ["bar", "qux", "baz"]})),
        ),
        (json!({"baz": "qux", "foo": "bar"}), json!([{"op": "remove", "path": "/baz"}]), Some(json!({"foo": "bar"}))),
        (
            json!({"foo": ["bar", "qux", "baz"]}),
            json!([{"op": "remove", "path": "/foo/1"}]),
            Some(json!({"foo": ["bar", "baz"]})),
        ),
        (
            json!({"baz": "qux"}),
            json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
            Some(json!({"baz": "boo"})),
        ),
        (
            json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            Some(json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}})),
        ),
        (
            json!({"foo": ["all", "grass", "cows", "eat"]}),
            json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            Some(json!({"foo": ["all", "cows", "eat", "grass"]})),
        ),
        (json!({"baz": "qux"}), json!([{"op": "test", "path": "/baz", "value": "bar"}]), None),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/child", "value": {"grandchild": {}}}]),
            Some(json!({"foo": "bar", "child": {"grandchild": {}}})),
        ),
        (
            json!({"foo": "bar"}),
            json!([{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}]),
            Some(json!({"foo": "bar", "baz": "qux"})),
        ),
        (json!({"foo": "bar"}), json!([{"op": "add", "path": "/baz/bat", "value": "qux"}]), None),
        (
            json!({"/": 9, "~1": 10}),
            json!([{"op": "test", "path": "/~01", "value": 10}]),
            Some(json!({"/": 9, "~1": 10})),
        ),
        (json!({"/": 9, "~1": 10}), json!([{"op": "test", "path": "/~01", "value": "10"}]), None),
        (
            json!({"foo": ["bar"]}),
            json!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            Some(json!({"foo": ["bar", ["abc", "def"]]})),
        ),
    ];
    for (object, patch, expected) in cases {
        assert_eq!(json_patch(object, patch.clone()).ok(), expected, "{patch}");
    }
}

/// What the library that upstream uses does beyond the RFC, or against it.
#[test]
fn json_patch_has_the_habits_of_upstreams_library() {
    let object = json!({"a": [1, 2], "n": null});
    let cases = [
        (json!([{"op": "add", "path": "/a/-1", "value": 3}]), Some(json!({"a": [1, 2, 3], "n": null}))),
        (json!([{"op": "remove", "path": "/a/-1"}]), Some(json!({"a": [1], "n": null}))),
        (json!([{"op": "add", "path": "/b"}]), Some(json!({"a": [1, 2], "b": null, "n": null}))),
        (json!([{"op": "test", "path": "/b", "value": null}]), Some(object.clone())),
        (json!([{"op": "test", "path": "/n"}]), Some(object.clone())),
        (json!([{"op": "test", "path": "/a/7", "value": null}]), None),
        (json!([{"op": "replace", "path": "/b", "value": 1}]), None),
        (json!([{"op": "remove", "path": "/b"}]), None),
        (json!([{"op": "copy", "from": "/b", "path": "/c"}]), None),
        (json!([{"op": "add", "path": "", "value": {}}]), None),
        (json!([{"op": "add", "path": "b", "value": 1}]), None),
        (json!([{"op": "add", "path": "/a/x", "value": 1}]), None),
        (json!([{"op": "add", "path": "/a/3", "value": 1}]), None),
        (json!([{"op": "add", "path": "/a/-4", "value": 1}]), None),
        (json!([{"op": "add", "path": "/n/b", "value": 1}]), None),
        (json!([{"op": "move", "from": "/a", "path": "/a/0"}]), None),
        (json!([{"op": "jump", "path": "/a"}]), None),
        (json!([{"path": "/a"}]), None),
        (json!([{"op": "add", "value": 1}]), None),
        (json!([null]), None),
        (Value::Null, Some(object.clone())),
    ];
    for (patch, expected) in cases {
        assert_eq!(json_patch(object.clone(), patch.clone()).ok(), expected, "{patch}");
    }
}

#[test]
fn a_json_patch_that_cannot_be_read_is_refused_in_gos_words() {
    let cases = [
        (json!({}), "json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        (json!(["x"]), "json: cannot unmarshal string into Go value of type handlers.jsonPatchOp"),
        (json!([{"op": 1}]), "json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"),
        (
            json!([{"op": "add", "path": []}]),
            "json: cannot unmarshal array into Go struct field jsonPatchOp.path of type string",
        ),
    ];
    for (patch, why) in cases {
        let refused = json_patch(json!({}), patch).expect_err(why);
        assert_eq!((refused.code, refused.message), (400, format!("error decoding patch: {why}")));
    }
}

#[test]
fn fields_that_no_operation_has_are_held_against_a_json_patch() {
    let patch = json!([{"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "/a", "extra": 1}]);
    let held = apply(&mut json!({}), PatchType::Json, patch, None).expect("applies");
    assert_eq!(held, ["json patch unknown field \"[1].extra\""]);
}

/// The examples of RFC 7386, appendix A, whose target and patch are objects.
#[test]
fn merge_patch_gives_the_results_of_its_rfc() {
    let cases = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ];
    for (mut object, patch, expected) in cases {
        apply(&mut object, PatchType::Merge, patch.clone(), None).expect("applies");
        assert_eq!(object, expected, "{patch}");
    }
    let refused = |patch: Value| apply(&mut json!({}), PatchType::Merge, patch, None).expect_err("refused").message;
    assert_eq!(refused(Value::Null), "Invalid JSON Patch");
    assert_eq!(
        refused(json!("x")),
        "error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}"
    );
}

#[test]
fn a_result_that_cannot_be_decoded_is_shown_with_its_patch() {
    let patched = json!({"spec": {"foo": 1}});
    let refused = refuse_result(PatchType::Merge, &patched, &patched, "why");
    assert_eq!(refused.code, 422);
    assert_eq!(refused.message, " \"\" is invalid: patch: Invalid value: \"{\\\"spec\\\":{\\\"foo\\\":1}}\": why");
    let refused = refuse_result(PatchType::StrategicMerge, &patched, &patched, "why");
    assert_eq!(refused.message, " \"\" is invalid: patch: Invalid value: \"map[spec:map[foo:1]]\": why");
}

fn any_document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), (0..3_i64).prop_map(Value::from), "[ab]".prop_map(Value::from)];
    let any = leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            proptest::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map("[ab]", any, 0..3).prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn any_operation() -> impl Strategy<Value = Value> {
    let pointer = "(/[ab01]){1,3}|/a/-";
    let op = "(add|remove|replace|move|copy|test)";
    (op, pointer, pointer, any_document())
        .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
}

proptest! {
    /// The crate `json-patch` follows the RFC; where it applies a patch, so do we, with one result.
    #[test]
    fn json_patch_agrees_with_another_implementation(
        document in any_document(),
        operations in proptest::collection::vec(any_operation(), 1..4),
    ) {
        let ours = json_patch(document.clone(), Value::Array(operations.clone()));
        let patch: json_patch::Patch = serde_json::from_value(Value::Array(operations)).expect("well-formed");
        let mut theirs = document;
        if json_patch::patch_unsafe(&mut theirs, &patch).is_ok() {
            prop_assert_eq!(ours.ok(), Some(theirs));
        }
    }

    #[test]
    fn a_merge_patch_of_what_is_wanted_gives_it_and_again(object in any_document(), patch in any_document()) {
        let merge = |object: &Value| {
            let mut object = object.clone();
            apply(&mut object, PatchType::Merge, patch.clone(), None).expect("applies");
            object
        };
        let once = merge(&object);
        prop_assert_eq!(merge(&once), once);
    }

    #[test]
    fn no_document_as_a_json_patch_panics(object in any_document(), patch in any_document()) {
        let _ = json_patch(object.clone(), patch.clone());
        let _ = json_patch(object, Value::Array(vec![patch]));
    }
}

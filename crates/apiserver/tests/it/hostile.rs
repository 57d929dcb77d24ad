//! Whatever bytes come, decoding and patching end in a value or an error, and soon: the fuzz targets' claims, held by
//! generated input on a stable compiler, and the worst inputs known by hand.

use std::time::{Duration, Instant};

use api::selector::{FieldSelector, LabelSelector};
use api::{Kind, PatchType};
use machinery::{decode, patch, protobuf, schema, strict};
use proptest::prelude::*;
use serde_json::{Value, json};

const POD: Kind = Kind::known("", "v1", "Pod");

/// A small input may not take longer, even in a build without optimization on a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn soon<T>(what: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = what();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    result
}

fn pod() -> Value {
    let containers = json!([
        {"name": "a", "image": "i", "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 1}]},
        {"name": "b", "image": "i", "command": ["x", "y"]},
    ]);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "labels": {"a": "b"}, "finalizers": ["x/y"], "ownerReferences": [{"uid": "1"}]},
        "spec": {"containers": containers, "tolerations": [{"key": "k"}], "nodeSelector": {"d": "e"}},
    })
}

/// Values that are made of the names and directives that patches look for.
fn patches() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        "(a|b|A|delete|replace|merge|x/y|\\PC{0,4})".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 5, |inner| {
        let name = "(metadata|spec|containers|name|image|env|value|labels|finalizers|ownerReferences|uid|tolerations\
                    |\\$patch|\\$retainKeys|\\$setElementOrder/containers|\\$deleteFromPrimitiveList/finalizers\
                    |ports|containerPort|nodeSelector|command|[a-z$/]{0,4})";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Operations of JSON patches, right and wrong ones.
fn operations() -> impl Strategy<Value = Value> {
    let pointer =
        "(|/|/spec|/spec/containers|/spec/containers/(0|1|2|-|01)|/spec/containers/0/name|/metadata/labels/~1~0|~|x)";
    let kind = "(add|remove|replace|move|copy|test|\\PC{0,3})";
    let one = (kind, pointer, pointer, patches())
        .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}));
    prop::collection::vec(one, 0..8).prop_map(Value::from)
}

proptest! {
    #[test]
    fn patches_of_any_shape_end_in_a_value_or_an_error(patch in patches(), operations in operations()) {
        let schema = schema::of_kind(&POD);
        for (patch_type, patch) in [
            (PatchType::StrategicMerge, &patch),
            (PatchType::Merge, &patch),
            (PatchType::Json, &patch),
            (PatchType::Json, &operations),
        ] {
            let mut object = pod();
            if soon(|| patch::apply(&mut object, patch_type, patch.clone(), schema)).is_ok() {
                let _ = soon(|| strict::check(&POD, &mut object));
            }
        }
    }

    #[test]
    fn changed_bodies_end_in_a_value_or_an_error(at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..4)) {
        let json = pod().to_string().into_bytes();
        let protobuf = protobuf::encode(&pod()).expect("a Pod has a message");
        for (body, media_type) in [(&json, "application/json"), (&json, "application/yaml"), (&protobuf, "application/vnd.kubernetes.protobuf")] {
            let mut changed = body.clone();
            let at = at.index(changed.len());
            let end = (at + bytes.len()).min(changed.len());
            changed.splice(at..end, bytes.iter().copied());
            if let Ok(mut decoded) = soon(|| decode::decode_as(&POD, &changed, Some(media_type))) {
                let _ = soon(|| strict::check(&POD, &mut decoded.value));
            }
        }
    }

    #[test]
    fn selectors_of_any_shape_end_in_a_value_or_an_error(text in "[a-z!=<>(),. /\\\\0-9-]{0,40}", any in "\\PC{0,20}") {
        for text in [&text, &any] {
            let labels = soon(|| LabelSelector::parse(text));
            let fields = soon(|| FieldSelector::parse(text));
            if let Ok(selector) = labels {
                selector.matches(&std::collections::BTreeMap::new());
            }
            if let Ok(selector) = fields {
                selector.matches(|_| String::new());
            }
        }
    }
}

#[test]
fn ten_thousand_operations_on_a_large_list_take_no_quadratic_time() {
    let mut object = json!({"metadata": {"finalizers": vec!["a/b"; 20_000]}});
    let operation = json!({"op": "add", "path": "/metadata/finalizers/-", "value": "c/d"});
    let operations = Value::from(vec![operation; 10_000]);
    soon(|| patch::apply(&mut object, PatchType::Json, operations, None)).expect("they apply");
    assert_eq!(object["metadata"]["finalizers"].as_array().map(Vec::len), Some(30_000));
}

#[test]
fn large_lists_merge_strategically_in_no_quadratic_time() {
    let list =
        |image: &str| -> Value { (0..5_000).map(|n| json!({"name": format!("c{n}"), "image": image})).collect() };
    let order: Value = (0..5_000).map(|n| json!({"name": format!("c{n}")})).collect();
    let mut object = json!({"spec": {"containers": list("old")}});
    let patch = json!({"spec": {"containers": list("new"), "$setElementOrder/containers": order}});
    soon(|| patch::apply(&mut object, PatchType::StrategicMerge, patch, schema::of_kind(&POD))).expect("it applies");
    assert_eq!(object["spec"]["containers"][0], json!({"name": "c0", "image": "new"}));
}

#[test]
fn the_worst_bodies_known_are_read_soon() {
    let size = 300_000;
    for body in ["[", "{\"a\":", "- ", "? ", "&a ", "*a ", "[{", "a: |\n", "\"\\u0000", "%", "!a ", "<<: "] {
        let body = body.repeat(size / body.len());
        soon(|| decode::json(body.as_bytes()).is_ok());
        soon(|| decode::yaml(body.as_bytes()).is_ok());
    }
    let anchors: String = (0..20_000).map(|n| format!("a{n}: &a{n} x\n")).collect();
    soon(|| decode::yaml(anchors.as_bytes()).is_ok());
    let keys: String = (0..20_000).map(|n| format!("\"k{n}\":1,\"k{n}\":2,")).collect();
    let decoded = soon(|| decode::json(format!("{{{}\"z\":1}}", keys).as_bytes())).expect("it is JSON");
    assert_eq!(decoded.strict_errors.len(), decode::MAX_STRICT_ERRORS);
}

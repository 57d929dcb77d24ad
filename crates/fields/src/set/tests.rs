//! The algebra of sets and the round trip of `FieldsV1`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::element::Name;
use crate::managers::Managers;
use crate::show;

fn element() -> impl Strategy<Value = PathElement> {
    prop_oneof![
        4 => "[a-c]".prop_map(|name| PathElement::field(&name)),
        1 => "[a-b<\"\\\\]".prop_map(|text| PathElement::value(text.into())),
        1 => (0..3_i64).prop_map(|number| PathElement::value(number.into())),
        1 => (0..2_i64).prop_map(PathElement::Index),
        1 => ("[a-b]", 0..2_i64).prop_map(|(name, port)| {
            PathElement::key(vec![("port".into(), port.into()), ("name".into(), name.into())])
        }),
    ]
}

fn set() -> impl Strategy<Value = Set> {
    let path = proptest::collection::vec(element(), 1..4);
    proptest::collection::vec(path, 0..10).prop_map(|paths| paths.into_iter().collect())
}

fn well_formed(set: &Set) -> bool {
    set.nodes.windows(2).all(|pair| pair[0].element < pair[1].element)
        && set.nodes.iter().all(|node| {
            node.is_needed() && node.children.as_deref().is_none_or(|below| !below.is_empty() && well_formed(below))
        })
}

fn sorted(set: &Set) -> Vec<Path> {
    let mut paths = set.paths();
    paths.sort();
    paths
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn operations_do_to_paths_what_their_names_say(a in set(), b in set()) {
        let (pa, pb) = (sorted(&a), sorted(&b));
        let mut both: Vec<Path> = pa.iter().chain(&pb).cloned().collect();
        both.sort();
        both.dedup();
        prop_assert_eq!(sorted(&a.union(&b)), both);
        let common: Vec<Path> = pa.iter().filter(|path| pb.contains(path)).cloned().collect();
        prop_assert_eq!(a.intersects(&b), !common.is_empty());
        prop_assert_eq!(sorted(&a.intersection(&b)), common);
        let rest: Vec<Path> = pa.iter().filter(|path| !pb.contains(path)).cloned().collect();
        prop_assert_eq!(sorted(&a.difference(&b)), rest);
        let covered = |path: &Path| (1..=path.len()).any(|length| pb.contains(&path[..length].to_vec()));
        let outside: Vec<Path> = pa.iter().filter(|path| !covered(path)).cloned().collect();
        prop_assert_eq!(sorted(&a.recursive_difference(&b)), outside);
        prop_assert_eq!(a.is_subset(&b), pa.iter().all(|path| pb.contains(path)));
        prop_assert_eq!(a.len(), pa.len());
        for made in [a.union(&b), a.intersection(&b), a.difference(&b), a.recursive_difference(&b)] {
            prop_assert!(well_formed(&made));
        }
    }

    #[test]
    fn sets_obey_the_laws_of_sets(a in set(), b in set(), c in set()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(a.union(&b).difference(&b).union(&b), a.union(&b));
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
        prop_assert!(a.difference(&b).intersection(&b).is_empty());
        prop_assert_eq!(a.intersection(&b.union(&c)), a.intersection(&b).union(&a.intersection(&c)));
        prop_assert!(a.is_subset(&a.union(&b)));
    }

    #[test]
    fn fields_v1_reads_back_as_what_was_written(set in set()) {
        let text = set.to_json();
        let value: Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(Set::from_json(&value).expect("FieldsV1"), set);
    }
}

#[test]
fn fields_v1_is_written_as_upstream_writes_it() {
    let mut set = Set::default();
    let field = PathElement::field;
    let key =
        |port: i64| PathElement::key(vec![("protocol".into(), "TCP".into()), ("containerPort".into(), port.into())]);
    for path in [
        vec![field("spec"), field("ports"), key(80)],
        vec![field("spec"), field("ports"), key(8)],
        vec![field("spec"), field("ports"), key(80), field("name")],
        vec![field("spec"), field("finalizers"), PathElement::value("a<b".into())],
        vec![field("spec"), field("finalizers"), PathElement::value(2.into())],
        vec![field("spec"), field("list"), PathElement::Index(1)],
        vec![field("metadata"), field("labels"), field("a\"b")],
        vec![field("metadata"), field("labels")],
    ] {
        set.insert(&path);
    }
    let expected = concat!(
        r#"{"f:metadata":{"f:labels":{".":{},"f:a\"b":{}}},"#,
        r#""f:spec":{"f:finalizers":{"v:2":{},"v:\"a\\u003cb\"":{}},"f:list":{"i:1":{}},"#,
        r#""f:ports":{"k:{\"containerPort\":8,\"protocol\":\"TCP\"}":{},"#,
        r#""k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{}}}}}"#
    );
    assert_eq!(set.to_json(), expected);
}

#[test]
fn unknown_elements_are_dropped_and_broken_ones_refused() {
    let read = |value: Value| Set::from_json(&value).map(|set| set.to_json());
    assert_eq!(read(json!({"x:a": {}, "f:b": {}})), Ok("{\"f:b\":{}}".to_owned()));
    assert_eq!(read(json!({"f:a": {"x:b": {}}})), Ok("{\"f:a\":{}}".to_owned()));
    assert_eq!(read(json!({"f:a": null})), Ok("{\"f:a\":{}}".to_owned()));
    assert_eq!(read(Value::Null), Ok("{}".to_owned()));
    for broken in
        [json!({"f": {}}), json!({"fa": {}}), json!({"i:x": {}}), json!({"v:": {}}), json!({"k:1": {}}), json!([])]
    {
        assert!(read(broken.clone()).is_err(), "{broken}");
    }
}

#[test]
fn paths_read_as_conflicts_name_them() {
    let name: Name = "name".into();
    let path = [PathElement::field("spec"), PathElement::key(vec![(name, "a".into()), ("port".into(), 1.into())])];
    assert_eq!(show(&path), ".spec[name=\"a\",port=1]");
    assert_eq!(show(&[PathElement::field("f"), PathElement::value("x".into())]), ".f[=\"x\"]");
}

#[test]
fn entries_come_out_in_upstreams_order_and_form() {
    let entries = json!([
        {"manager": "b", "operation": "Update", "apiVersion": "v1", "time": "2024-01-01T00:00:02Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:b": {}}, "subresource": "status"},
        {"manager": "c", "operation": "Update", "apiVersion": "v1", "time": "2024-01-01T00:00:01Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:c": {}}},
        {"manager": "z", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:z": {}}},
    ]);
    let managers = Managers::from_value(&entries).expect("entries");
    let mut text = Vec::new();
    managers.write_json(&mut text);
    assert_eq!(text.len(), managers.json_len());
    let expected = concat!(
        r#"[{"manager":"z","operation":"Apply","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:z":{}}},"#,
        r#"{"manager":"c","operation":"Update","apiVersion":"v1","time":"2024-01-01T00:00:01Z","fieldsType":"FieldsV1","fieldsV1":{"f:c":{}}},"#,
        r#"{"manager":"b","operation":"Update","apiVersion":"v1","time":"2024-01-01T00:00:02Z","fieldsType":"FieldsV1","fieldsV1":{"f:b":{}},"subresource":"status"}]"#
    );
    assert_eq!(String::from_utf8(text).expect("text"), expected);
    let why = |entry: Value| Managers::from_value(&json!([entry])).expect_err("no entry");
    assert_eq!(why(json!({"operation": "Get"})), "operation must be `Apply` or `Update`");
    assert_eq!(why(json!({"operation": "Apply"})), "apiVersion must not be empty");
    assert_eq!(why(json!({"operation": "Apply", "apiVersion": "v1"})), "missing fieldsType in managed fields entry 0");
    let other = json!({"operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV2"});
    assert_eq!(why(other), "invalid fieldsType \"FieldsV2\" in managed fields entry 0");
}

#[test]
fn numbers_have_one_total_order() {
    let big = 1_i64 << 53;
    let texts = [
        "-0.0",
        "0",
        "1",
        "1.5",
        "9007199254740992.0",
        "9007199254740993",
        "18446744073709551614",
        "18446744073709551615",
        "1e300",
    ];
    let elements: Vec<PathElement> =
        texts.iter().map(|text| PathElement::value(serde_json::from_str(text).unwrap())).collect();
    let order: Vec<_> = elements.windows(2).map(|pair| pair[0].cmp(&pair[1])).collect();
    assert_eq!(order.iter().filter(|order| order.is_lt()).count(), texts.len() - 2, "{order:?}");
    assert_eq!(elements[0], elements[1]);
    assert_eq!(elements[4], PathElement::value(big.into()));
    for (a, b) in (0..texts.len()).flat_map(|a| (0..texts.len()).map(move |b| (a, b))) {
        let wanted = if a.min(b) == 0 && a.max(b) == 1 { std::cmp::Ordering::Equal } else { a.cmp(&b) };
        assert_eq!(elements[a].cmp(&elements[b]), wanted, "{} and {}", texts[a], texts[b]);
    }
}

#[test]
fn many_elements_in_another_order_than_their_texts_are_read_in_no_time() {
    // Put in one by one, each key would move all positions, as text orders them before it.
    let mut fields = serde_json::Map::new();
    for n in 0..100_000 {
        fields.insert(format!("i:{n}"), json!({}));
        fields.insert(format!("k:{{\"a\":{n}}}"), json!({}));
    }
    let set = Set::from_json(&Value::Object(fields)).unwrap();
    assert!(well_formed(&set));
    assert_eq!(set.nodes().len(), 200_000);
}

#[test]
fn of_managers_with_one_identity_the_last_is_kept() {
    let entry = |version: &str, operation: &str, field: &str| {
        json!({
            "manager": "m", "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1",
            "fieldsV1": {field: {}},
        })
    };
    let entries = json!([
        entry("v1", "Apply", "f:a"),
        entry("v1", "Update", "f:b"),
        entry("v2", "Apply", "f:c"),
        entry("v2", "Update", "f:d")
    ]);
    let managers = Managers::from_value(&entries).unwrap();
    let sets: Vec<String> = managers.iter().map(|manager| manager.set.to_json()).collect();
    assert_eq!(sets, [r#"{"f:c":{}}"#, r#"{"f:b":{}}"#, r#"{"f:d":{}}"#]);
}

proptest! {
    #[test]
    fn no_fields_are_too_strange(
        keys in proptest::collection::vec("(f:|k:|v:|i:|.|q:|)(\\PC{0,6}|[0-9.e-]{0,8}|\\{\"[a-b]\":[0-9.e]{1,4}\\})", 0..12),
        below in "(\\.|f:[a-c]|v:[0-9]{1,3}|\\PC{0,4})",
    ) {
        let entries: serde_json::Map<String, Value> =
            keys.iter().map(|key| (key.clone(), json!({below.as_str(): {}}))).collect();
        for key in &keys {
            if let Ok(set) = Set::from_json(&json!({key.as_str(): {}})) {
                prop_assert!(well_formed(&set));
            }
        }
        if let Ok(set) = Set::from_json(&Value::Object(entries)) {
            prop_assert!(well_formed(&set));
            let again = Set::from_json(&serde_json::from_str(&set.to_json()).unwrap()).unwrap();
            prop_assert_eq!(again.to_json(), set.to_json());
        }
    }
}

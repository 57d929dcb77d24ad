//! How configurations merge, and what dropping fields from them removes.

use super::*;

fn containers(names: &[&str]) -> Value {
    let items: Vec<Value> = names.iter().map(|name| json!({"name": name, "image": "i"})).collect();
    pod(json!({"containers": items}))
}

fn order(live: &Live) -> Vec<String> {
    let items = live.object["spec"]["containers"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn applying_the_same_again_changes_nothing() {
    let mut live = Live::none();
    let config = pod(json!({
        "containers": [{"name": "a", "image": "i", "ports": [{"containerPort": 80}], "args": ["x"]}],
        "nodeSelector": {"a": "b"},
    }));
    assert!(live.apply("one", &config));
    let before = live.managers.clone();
    assert!(!live.apply("one", &config));
    assert!(live.managers.same_but_for_times(&before));
    assert_eq!(live.managers.iter().next().unwrap().time.unwrap().as_second(), 1);
}

#[test]
fn a_field_that_is_no_longer_applied_goes() {
    let mut live = Live::none();
    live.apply("one", &labelled(json!({"a": "1", "b": "2"})));
    assert!(live.apply("one", &labelled(json!({"a": "1"}))));
    assert_eq!(live.object["metadata"]["labels"], json!({"a": "1"}));
    assert_eq!(live.fields("A:one"), r#"{"f:metadata":{"f:labels":{"f:a":{}}}}"#);
}

#[test]
fn a_field_that_another_manager_has_stays() {
    let mut live = Live::none();
    live.apply("one", &labelled(json!({"a": "1", "b": "2"})));
    live.apply("two", &labelled(json!({"b": "2"})));
    live.apply("one", &labelled(json!({"a": "1"})));
    assert_eq!(live.object["metadata"]["labels"], json!({"a": "1", "b": "2"}));
    live.apply("two", &labelled(json!({"c": "3"})));
    assert_eq!(live.object["metadata"]["labels"], json!({"a": "1", "c": "3"}));
}

#[test]
fn a_field_that_an_updater_took_over_stays() {
    let mut live = Live::none();
    live.apply("one", &labelled(json!({"a": "1", "b": "2"})));
    live.edit("two", |pod| pod["metadata"]["labels"]["b"] = "3".into());
    assert_eq!(live.fields("A:one"), r#"{"f:metadata":{"f:labels":{"f:a":{}}}}"#);
    assert_eq!(live.fields("U:two"), r#"{"f:metadata":{"f:labels":{"f:b":{}}}}"#);
    live.apply("one", &labelled(json!({"a": "1"})));
    assert_eq!(live.object["metadata"]["labels"], json!({"a": "1", "b": "3"}));
}

#[test]
fn a_map_goes_with_its_last_owned_entry_only_when_nobody_else_is_in_it() {
    let mut live = Live::none();
    live.apply("one", &labelled(json!({"a": "1"})));
    live.edit("two", |pod| pod["metadata"]["labels"]["b"] = "2".into());
    live.apply("one", &pod(json!({"hostname": "h"})));
    assert_eq!(live.object["metadata"]["labels"], json!({"b": "2"}));
}

#[test]
fn items_are_removed_by_their_keys() {
    let mut live = Live::none();
    live.apply("one", &containers(&["a", "b", "c"]));
    live.apply("one", &containers(&["a", "c"]));
    assert_eq!(order(&live), ["a", "c"]);
}

#[test]
fn an_item_goes_with_its_applier_although_an_updater_set_a_field_of_it_but_not_when_it_is_applied_by_another() {
    let mut live = Live::none();
    live.apply("one", &containers(&["a", "b"]));
    live.edit("two", |pod| pod["spec"]["containers"][1]["imagePullPolicy"] = "Never".into());
    live.apply("one", &containers(&["a"]));
    assert_eq!(order(&live), ["a"]);

    live.apply("one", &containers(&["a", "b"]));
    live.apply("two", &pod(json!({"containers": [{"name": "b", "imagePullPolicy": "Never"}]})));
    live.apply("one", &containers(&["a"]));
    assert_eq!(live.object["spec"]["containers"][1], json!({"name": "b", "imagePullPolicy": "Never"}));
}

#[test]
fn lists_keep_the_order_that_was_applied_and_the_places_of_others() {
    let cases: [(&[&str], &[&str], &[&str]); 9] = [
        (&["a", "b", "c"], &["a", "b", "c"], &["a", "b", "c"]),
        (&["a", "b"], &["c"], &["a", "b", "c"]),
        (&["a", "b"], &["b", "c"], &["a", "b", "c"]),
        (&["a", "b", "c"], &["c", "a"], &["b", "c", "a"]),
        (&["a", "b", "c"], &["c", "b", "a"], &["c", "b", "a"]),
        (&["a", "b", "c", "d"], &["d", "x", "a"], &["b", "c", "d", "x", "a"]),
        (&["b", "c"], &["a", "b", "c"], &["a", "b", "c"]),
        (&["a", "b", "c"], &["b", "x", "c"], &["a", "b", "x", "c"]),
        (&[], &["a"], &["a"]),
    ];
    for (there, applied, expected) in cases {
        let mut live = Live::none();
        live.create("two", containers(there));
        live.try_apply("one", &containers(applied), true).unwrap();
        assert_eq!(order(&live), expected, "{there:?} + {applied:?}");
    }
}

#[test]
fn an_item_without_a_key_field_has_its_default() {
    let port = |port: Value| pod(json!({"containers": [{"name": "a", "ports": [port]}]}));
    let mut live = Live::none();
    live.apply("one", &port(json!({"containerPort": 80, "name": "x"})));
    assert_eq!(
        live.fields("A:one"),
        concat!(
            r#"{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{},"#,
            r#""f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{}}}}}}}"#
        )
    );
    // The server writes the default; the item is still the same one.
    live.edit("server", |pod| pod["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP".into());
    assert!(!live.apply("one", &port(json!({"containerPort": 80, "name": "x"}))));
    live.apply("two", &port(json!({"containerPort": 80, "protocol": "UDP"})));
    assert_eq!(live.object["spec"]["containers"][0]["ports"].as_array().unwrap().len(), 2);
}

#[test]
fn sets_unite_and_lose_what_is_dropped() {
    let config =
        |names: &[&str]| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": names}});
    let mut live = Live::none();
    live.apply("one", &config(&["x/a", "x/b"]));
    live.apply("two", &config(&["x/c"]));
    assert_eq!(live.object["metadata"]["finalizers"], json!(["x/a", "x/b", "x/c"]));
    live.apply("one", &config(&["x/b"]));
    assert_eq!(live.object["metadata"]["finalizers"], json!(["x/b", "x/c"]));
    assert_eq!(live.fields("A:two"), r#"{"f:metadata":{"f:finalizers":{"v:\"x/c\"":{}}}}"#);
}

#[test]
fn atomic_values_are_replaced_and_owned_as_one() {
    let mut live = Live::none();
    live.apply("one", &pod(json!({"nodeSelector": {"a": "1"}, "tolerations": [{"key": "x"}]})));
    assert_eq!(live.fields("A:one"), r#"{"f:spec":{"f:nodeSelector":{},"f:tolerations":{}}}"#);
    let error = live.try_apply("two", &pod(json!({"nodeSelector": {"b": "2"}})), false).unwrap_err();
    assert_eq!(error.message, "Apply failed with 1 conflict: conflict with \"one\": .spec.nodeSelector");
    live.try_apply("two", &pod(json!({"nodeSelector": {"b": "2"}})), true).unwrap();
    assert_eq!(live.object["spec"]["nodeSelector"], json!({"b": "2"}));
    assert_eq!(live.fields("A:one"), r#"{"f:spec":{"f:tolerations":{}}}"#);
}

#[test]
fn empty_and_null_values_are_owned_but_change_nothing_that_is_there() {
    let mut live = Live::none();
    live.apply("one", &labelled(json!({"a": "1"})));
    live.apply("two", &labelled(json!({})));
    assert_eq!(live.object["metadata"]["labels"], json!({"a": "1"}));
    assert_eq!(live.fields("A:two"), r#"{"f:metadata":{"f:labels":{}}}"#);
    live.apply("three", &pod(json!({"hostname": null, "containers": []})));
    assert_eq!(live.fields("A:three"), r#"{"f:spec":{"f:hostname":{}}}"#);
    assert_eq!(live.object["spec"].get("hostname"), None);
    // A null for a scalar takes it away.
    live.apply("four", &pod(json!({"subdomain": "s"})));
    live.try_apply("five", &pod(json!({"subdomain": null})), true).unwrap();
    assert_eq!(live.object["spec"].get("subdomain"), None);
}

#[test]
fn an_empty_struct_is_another_thing_than_none() {
    let volume = |source: Value| pod(json!({"volumes": [source]}));
    let mut live = Live::none();
    live.apply("one", &volume(json!({"name": "v", "emptyDir": {}})));
    assert_eq!(
        live.fields("A:one"),
        r#"{"f:spec":{"f:volumes":{"k:{\"name\":\"v\"}":{".":{},"f:emptyDir":{},"f:name":{}}}}}"#
    );
    live.apply("one", &volume(json!({"name": "v", "hostPath": {"path": "/x"}})));
    assert_eq!(live.object["spec"]["volumes"][0], json!({"name": "v", "hostPath": {"path": "/x"}}));
}

#[test]
fn duplicates_that_are_there_are_not_merged_and_those_that_are_applied_are_refused() {
    let env = |items: Value| pod(json!({"containers": [{"name": "a", "image": "i", "env": items}]}));
    let mut live = Live::none();
    live.create(
        "two",
        env(json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "B", "value": "3"}])),
    );
    assert!(
        live.fields("U:two").contains(
            r#""f:env":{".":{},"k:{\"name\":\"A\"}":{},"k:{\"name\":\"B\"}":{".":{},"f:name":{},"f:value":{}}}"#
        ),
        "{}",
        live.fields("U:two")
    );
    live.try_apply("one", &env(json!([{"name": "C", "value": "4"}])), true).unwrap();
    let names: Vec<_> = live.object["spec"]["containers"][0]["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].clone())
        .collect();
    assert_eq!(names, ["A", "A", "B", "C"]);
    live.try_apply("one", &env(json!([{"name": "A", "value": "9"}])), true).unwrap();
    let values: Vec<_> = live.object["spec"]["containers"][0]["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["value"].clone())
        .collect();
    assert_eq!(values, ["9", "3"]);
    let error = live.try_apply("one", &env(json!([{"name": "A"}, {"name": "A"}])), true).unwrap_err();
    assert_eq!((error.code, &error.reason), (500, &None));
    assert_eq!(
        error.message,
        "failed to create typed patch object (/p; /v1, Kind=Pod): .spec.containers[name=\"a\"].env: duplicate entries for key [name=\"A\"]"
    );
}

#[test]
fn configurations_are_held_against_the_schema_in_upstreams_words() {
    let cases = [
        (json!({"foo": 1}), ".spec.foo: field not declared in schema"),
        (
            json!({"activeDeadlineSeconds": "x"}),
            ".spec.activeDeadlineSeconds: expected numeric (int or float), got string",
        ),
        (json!({"hostname": 1}), ".spec.hostname: expected string, got &value.valueUnstructured{Value:1}"),
        (json!({"hostNetwork": "x"}), ".spec.hostNetwork: expected boolean, got &{x}"),
        (json!({"containers": {"a": 1}}), ".spec.containers: expected list, got &{map[a:1]}"),
        (json!({"nodeSelector": ["a"]}), ".spec.nodeSelector: expected map, got &{[a]}"),
        (
            json!({"containers": ["a"]}),
            ".spec.containers: element 0: associative list with keys may not have non-map elements",
        ),
        (
            json!({"containers": [null]}),
            ".spec.containers: element 0: associative list with keys may not have a null element",
        ),
        (
            json!({"tolerations": [{"key": 1}]}),
            ".spec.tolerations[0].key: expected string, got &value.valueUnstructured{Value:1}",
        ),
        (
            json!({"hostname": 1, "subdomain": []}),
            "errors:\n  .spec.hostname: expected string, got &value.valueUnstructured{Value:1}\n  .spec.subdomain: expected string, got &value.valueUnstructured{Value:[]interface {}{}}",
        ),
    ];
    for (spec, why) in cases {
        let error = Live::none().try_apply("one", &pod(spec.clone()), false).unwrap_err();
        assert_eq!(error.message, format!("failed to create typed patch object (/p; /v1, Kind=Pod): {why}"), "{spec}");
    }
    let set = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": [{}]}});
    let error = Live::none().try_apply("one", &set, false).unwrap_err();
    assert!(
        error.message.ends_with(
            ".metadata.finalizers: element 0: associative list without keys has an element that's a map type"
        )
    );
}

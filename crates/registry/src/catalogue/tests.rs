//! What every kind must keep, and the rules of the small kinds, each with upstream's message.

mod cluster_kinds;

use serde_json::{Value, json};

use crate::catalogue::Catalogue;
use crate::event::EventStrategy;
use crate::fixtures::{create_errors, created, texts, update_errors, updated, with};
use crate::strategy::Strategy;

/// One valid object of each kind: the files of `samples/`, which the API server's conformance suite reads as well.
fn samples() -> Vec<Value> {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples")).expect("the samples are there");
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a sample is text");
        let sample: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        sample["object"].clone()
    };
    files.map(|file| read(file.expect("a sample can be read").path())).map(placed).collect()
}

/// The object with the metadata that the generic verbs set.
fn placed(mut object: Value) -> Value {
    let catalogue = Catalogue::default();
    object["metadata"]["uid"] = json!("u");
    if strategy(&catalogue, &object).descriptor().namespaced {
        object["metadata"]["namespace"] = json!("default");
    }
    object
}

fn strategy<'a>(catalogue: &'a Catalogue, object: &Value) -> &'a dyn Strategy {
    let found = catalogue.iter().find(|strategy| object["kind"] == *strategy.descriptor().kind.kind);
    found.unwrap_or_else(|| panic!("no strategy of {}", object["kind"]))
}

fn check_create(object: &Value, patch: Value, expected: &[&str]) {
    let catalogue = Catalogue::default();
    assert_eq!(create_errors(strategy(&catalogue, object), with(object.clone(), &patch)), expected, "{patch}");
}

fn check_update(object: &Value, subresource: Option<&str>, patch: Value, expected: &[&str]) {
    let catalogue = Catalogue::default();
    let strategy = strategy(&catalogue, object);
    let old = created(strategy, object.clone());
    assert_eq!(update_errors(strategy, with(old.clone(), &patch), &old, subresource), expected, "{patch}");
}

fn cells(object: &Value, patch: &Value) -> Vec<Value> {
    let catalogue = Catalogue::default();
    let strategy = strategy(&catalogue, object);
    let mut object = created(strategy, with(object.clone(), patch));
    object["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    strategy.row(&object, "2024-01-01T00:01:40Z".parse().expect("a time")).cells
}

fn sample(kind: &str) -> Value {
    samples().into_iter().find(|object| object["kind"] == kind).expect("a sample")
}

fn event() -> Value {
    bare("Event", &json!({"involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"}}))
}

fn node() -> Value {
    bare("Node", &json!({"status": {"capacity": {"cpu": "2000m"}}}))
}

/// An object of a small kind with nothing in it but what is given.
fn bare(kind: &str, more: &Value) -> Value {
    placed(with(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}}), more))
}

#[test]
fn every_kind_is_found_by_resource_and_by_kind() {
    let catalogue = Catalogue::default();
    assert_eq!(catalogue.stored().count(), samples().len());
    for (index, strategy) in catalogue.iter().enumerate() {
        let descriptor = strategy.descriptor();
        assert_eq!(catalogue.find(&descriptor.resource()).map(|served| served.position), Some(index));
        assert!(catalogue.of_kind(&descriptor.kind).is_some());
        let stored =
            strategy.view().map_or(Some(index), |view| catalogue.find(&view.stored).map(|served| served.position));
        assert_eq!(catalogue.find(&descriptor.resource()).map(|served| served.stored), stored);
        assert_eq!(descriptor.singular, descriptor.kind.kind.to_lowercase());
    }
}

#[test]
fn defaults_are_idempotent_and_valid_objects_stay_valid() {
    let catalogue = Catalogue::default();
    for sample in samples() {
        let strategy = strategy(&catalogue, &sample);
        let object = created(strategy, sample.clone());
        assert!(strategy.validate_create(&object).is_empty(), "{object}");
        for subresource in [None, Some("status")] {
            let again = updated(strategy, object.clone(), &object, subresource);
            assert_eq!(again, object, "{subresource:?}");
            assert_eq!(texts(strategy.validate_update(&again, &object, subresource)), Vec::<String>::new());
        }
    }
}

#[test]
fn rows_have_one_cell_per_column_and_one_column_names_the_row() {
    let catalogue = Catalogue::default();
    for sample in samples() {
        let columns = strategy(&catalogue, &sample).columns();
        assert_eq!(cells(&sample, &json!({})).len(), columns.len(), "{}", sample["kind"]);
        assert_eq!(columns.iter().filter(|column| column.format == "name").count(), 1);
        assert!(columns.iter().all(|column| !column.description.is_empty()));
    }
}

#[test]
fn config_maps_have_right_keys_and_are_not_too_big() {
    let map = bare("ConfigMap", &json!({"data": {"a": "b"}}));
    check_create(
        &map,
        json!({"data": {"a": "b"}, "binaryData": {"a": "Yg=="}}),
        &["data[a]: Invalid value: \"a\": duplicate of key present in binaryData"],
    );
    check_create(&map, json!({"data": {"..": "b"}}), &["data[..]: Invalid value: \"..\": must not be '..'"]);
    let big = "x".repeat(1024 * 1024);
    check_create(&map, json!({ "data": {"a": big, "b": "c"} }), &["[]: Too long: may not be more than 1048576 bytes"]);
    assert_eq!(cells(&map, &json!({"binaryData": {"c": "Yg=="}}))[..2], [json!("a"), json!(2)]);
}

#[test]
fn immutable_maps_and_secrets_stay() {
    let map = with(bare("ConfigMap", &json!({"data": {"a": "b"}})), &json!({"immutable": true}));
    let detail = "field is immutable when `immutable` is set";
    let expected = [format!("immutable: Forbidden: {detail}"), format!("data: Forbidden: {detail}")];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check_update(&map, None, json!({"immutable": null, "data": {"a": "c"}}), &expected);
    check_update(&map, None, json!({"metadata": {"labels": {"a": "b"}}}), &[]);
    let secret = with(bare("Secret", &json!({"stringData": {"a": "b"}})), &json!({"immutable": true}));
    check_update(&secret, None, json!({"stringData": {"a": "c"}}), &expected[1..]);
}

#[test]
fn secrets_take_string_data_and_check_their_type() {
    let catalogue = Catalogue::default();
    let secret = bare("Secret", &json!({"stringData": {"a": "b"}}));
    let object = created(strategy(&catalogue, &secret), secret.clone());
    assert_eq!((&object["data"], &object["type"]), (&json!({"a": "Yg=="}), &json!("Opaque")));
    assert_eq!(object.get("stringData"), None);
    check_create(
        &secret,
        json!({"type": "kubernetes.io/tls"}),
        &["data[tls.crt]: Required value", "data[tls.key]: Required value"],
    );
    check_create(
        &secret,
        json!({"type": "kubernetes.io/basic-auth"}),
        &["data[username]: Required value", "data[password]: Required value"],
    );
    check_create(
        &secret,
        json!({"type": "kubernetes.io/service-account-token"}),
        &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
    );
    check_create(
        &secret,
        json!({"type": "kubernetes.io/dockerconfigjson"}),
        &["data[.dockerconfigjson]: Required value"],
    );
    check_update(&secret, None, json!({"type": "x"}), &["type: Invalid value: \"x\": field is immutable"]);
    assert_eq!(cells(&secret, &json!({}))[..3], [json!("a"), json!("Opaque"), json!(1)]);
}

#[test]
fn secret_contents_stay_out_of_errors() {
    let patch = json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "hunter2"}});
    let catalogue = Catalogue::default();
    let secret = bare("Secret", &json!({"stringData": {"a": "b"}}));
    let errors = create_errors(strategy(&catalogue, &secret), with(secret.clone(), &patch));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": "));
    assert!(!errors[0].contains("hunter2"));
}

#[test]
fn namespaces_get_their_finalizer_label_and_phase() {
    let catalogue = Catalogue::default();
    let namespace = sample("Namespace");
    let object = created(strategy(&catalogue, &namespace), namespace.clone());
    assert_eq!(object["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "a"}));
    assert_eq!(object["spec"], json!({"finalizers": ["kubernetes"]}));
    assert_eq!(object["status"], json!({"phase": "Active"}));
    assert_eq!(cells(&namespace, &json!({})), [json!("a"), json!("Active"), json!("100s")]);
}

#[test]
fn namespace_finalizers_change_through_finalize_only() {
    let catalogue = Catalogue::default();
    let namespace = sample("Namespace");
    let strategy = strategy(&catalogue, &namespace);
    let old = created(strategy, namespace.clone());
    let patch = json!({"spec": {"finalizers": []}, "status": {"phase": "Terminating"}});
    let main = updated(strategy, with(old.clone(), &patch), &old, None);
    assert_eq!(main, old);
    let finalized = updated(strategy, with(old.clone(), &patch), &old, Some("finalize"));
    assert_eq!((finalized["spec"].get("finalizers"), &finalized["status"]), (None, &old["status"]));
    check_update(
        &namespace,
        Some("finalize"),
        json!({"spec": {"finalizers": ["mine"]}}),
        &[
            "spec.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified",
        ],
    );
    check_update(
        &namespace,
        Some("status"),
        json!({"status": {"phase": "Terminating"}}),
        &["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
    );
    assert_eq!(strategy.name_errors("a.b"), ["must not contain dots"]);
}

#[test]
fn nodes_default_their_allocatable_and_keep_their_identity() {
    let catalogue = Catalogue::default();
    let node = with(node(), &json!({"spec": {"providerID": "p", "podCIDRs": ["10.0.0.0/24"]}}));
    let object = created(strategy(&catalogue, &node), node.clone());
    assert_eq!(object["status"], json!({"capacity": {"cpu": "2"}, "allocatable": {"cpu": "2"}}));
    check_update(
        &node,
        None,
        json!({"spec": {"providerID": "q", "podCIDRs": ["10.1.0.0/24"]}}),
        &[
            "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
            "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
        ],
    );
    let taint = json!({"key": "a", "effect": "NoSchedule"});
    check_create(
        &node,
        json!({"spec": {"taints": [taint, taint]}}),
        &[
            "metadata.taints[1]: Duplicate value: {\"Key\":\"a\",\"Value\":\"\",\"Effect\":\"NoSchedule\",\"TimeAdded\":null}: taints must be unique by key and effect pair",
        ],
    );
    check_create(&node, json!({"spec": {"taints": [{"key": "a"}]}}), &["metadata.taints[0].effect: Required value"]);
}

#[test]
fn node_rows_show_readiness_roles_and_system() {
    let patch = json!({
        "metadata": {"labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "control-plane"}},
        "spec": {"unschedulable": true},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.2", "kernelVersion": "6.1", "architecture": "amd64"},
        },
    });
    assert_eq!(
        cells(&node(), &patch),
        [
            "a",
            "Ready,SchedulingDisabled",
            "control-plane,worker",
            "100s",
            "v1.36.2",
            "127.0.0.1",
            "<none>",
            "<unknown>",
            "6.1 (amd64)",
            "<unknown>"
        ]
    );
    assert_eq!(cells(&node(), &json!({}))[1..3], [json!("Unknown"), json!("<none>")]);
}

#[test]
fn events_live_beside_what_they_are_about() {
    let event = event();
    let path = "involvedObject.namespace";
    check_create(
        &event,
        json!({"involvedObject": {"namespace": "other"}}),
        &[&format!("{path}: Invalid value: \"other\": does not match event.namespace")],
    );
    check_create(&event, json!({"involvedObject": {"namespace": null}}), &[]);
    let other = json!({"metadata": {"namespace": "other"}, "involvedObject": {"namespace": null}});
    check_create(&event, other, &[&format!("{path}: Invalid value: \"\": does not match event.namespace")]);
}

#[test]
fn events_with_an_event_time_name_their_reporter() {
    let event = event();
    let time = json!({"eventTime": "2024-01-01T00:00:00.000000Z"});
    let errors = [
        "reportingComponent: Required value",
        "reportingComponent: Invalid value: \"\": name part must be non-empty",
        "reportingInstance: Required value",
        "action: Required value",
        "reason: Required value",
    ];
    let catalogue = Catalogue::default();
    let found = create_errors(strategy(&catalogue, &event), with(event.clone(), &time));
    assert_eq!(found.iter().filter(|error| errors.contains(&error.as_str())).count(), errors.len(), "{found:?}");
    let full = json!({
        "eventTime": "2024-01-01T00:00:00.000000Z", "reportingComponent": "a", "reportingInstance": "b",
        "action": "c", "reason": "d",
    });
    check_create(&event, full.clone(), &[]);
    let long = with(full, &json!({"message": "x".repeat(1025)}));
    check_create(&event, long, &["message: Invalid value: \"\": can have at most 1024 characters"]);
}

#[test]
fn events_of_the_newer_version_are_strict() {
    let strategy = EventStrategy::Events;
    let event = with(
        event(),
        &json!({
            "eventTime": "2024-01-01T00:00:00.000000Z", "reportingComponent": "a", "reportingInstance": "b",
            "action": "c", "reason": "d", "type": "Normal",
        }),
    );
    assert_eq!(create_errors(&strategy, event.clone()), Vec::<String>::new());
    let patch = json!({
        "type": "x", "count": 1, "source": {"host": "h"}, "firstTimestamp": "2024-01-01T00:00:00Z",
        "series": {"count": 1}, "reportingComponent": null,
    });
    let expected = [
        "reportingController: Required value",
        "reportingController: Invalid value: \"\": name part must be non-empty",
        "reportingController: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        "series.count: Invalid value: \"\": should be at least 2",
        "series.lastObservedTime: Required value",
        "type: Invalid value: \"\": has invalid value: x",
        "firstTimestamp: Invalid value: \"\": needs to be unset",
        "count: Invalid value: \"\": needs to be unset",
        "source: Invalid value: \"\": needs to be unset",
    ];
    assert_eq!(create_errors(&strategy, with(event.clone(), &patch)), expected);
    let old = created(&strategy, event);
    let series = json!({"series": {"count": 2, "lastObservedTime": "2024-01-01T00:00:01.000000Z"}});
    let change = with(series, &json!({"reason": "other"}));
    let expected = ["reason: Invalid value: \"other\": field is immutable"];
    assert_eq!(update_errors(&strategy, with(old.clone(), &change), &old, None), expected);
}

#[test]
fn event_rows_show_when_and_how_often() {
    let patch = json!({
        "type": "Normal", "reason": "SuccessfulCreate", "message": " Created pod: pi-x\n",
        "source": {"component": "job-controller", "host": "h"}, "count": 3,
        "involvedObject": {"fieldPath": "spec.containers{c}"},
        "firstTimestamp": "2024-01-01T00:00:00Z", "lastTimestamp": "2024-01-01T00:01:30Z",
    });
    let row = cells(&event(), &patch);
    let expected = [
        json!("10s"),
        json!("Normal"),
        json!("SuccessfulCreate"),
        json!("pod/p"),
        json!("spec.containers{c}"),
        json!("job-controller, h"),
        json!("Created pod: pi-x"),
        json!("100s"),
        json!(3),
        json!("a"),
    ];
    assert_eq!(row, expected);
    let single = cells(&event(), &json!({"eventTime": "2024-01-01T00:01:00.000000Z"}));
    assert_eq!((&single[0], &single[7], &single[8]), (&json!("40s"), &json!("40s"), &json!(1)));
    let series = json!({"series": {"count": 9, "lastObservedTime": "2024-01-01T00:01:39.000000Z"}});
    let series = cells(&event(), &series);
    assert_eq!((&series[0], &series[7], &series[8]), (&json!("1s"), &json!("<unknown>"), &json!(9)));
}

#[test]
fn service_accounts_keep_the_names_of_their_secrets() {
    let catalogue = Catalogue::default();
    let account = bare("ServiceAccount", &json!({"secrets": [{"name": "s", "kind": "Secret"}]}));
    let strategy = strategy(&catalogue, &account);
    let object = created(strategy, account.clone());
    assert_eq!(object["secrets"], json!([{"name": "s"}]));
    let annotated = json!({"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}});
    let annotated = with(object.clone(), &annotated);
    assert_eq!(strategy.warnings(&annotated, Some(&object)).len(), 1);
    assert!(strategy.warnings(&annotated, Some(&annotated)).is_empty());
}

#[test]
fn absent_selectable_fields_read_as_upstreams_zero_values() {
    let catalogue = Catalogue::default();
    let default = |kind: &str, field: &str| {
        let strategy = strategy(&catalogue, &sample(kind));
        assert!(strategy.selectable_fields().iter().any(|(name, _)| *name == field));
        strategy.selectable_default(field)
    };
    assert_eq!(default("Job", "status.successful"), "0");
    assert_eq!(default("Pod", "spec.hostNetwork"), "false");
    assert_eq!(default("Node", "spec.unschedulable"), "false");
    assert_eq!(default("Pod", "spec.nodeName"), "");
}

//! Who manages what after which write.

use super::*;

#[test]
fn a_creator_manages_what_it_sent_but_neither_system_fields_nor_status() {
    let mut live = Live::none();
    live.create(
        "kubectl-create",
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "generateName": "p-", "creationTimestamp": "2024-01-01T00:00:00Z", "labels": {"a": "1"}},
            "spec": {"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/m"}]}], "volumes": [], "securityContext": {}},
            "status": {"phase": "Running"},
        }),
    );
    let expected = concat!(
        r#"{"f:metadata":{"f:generateName":{},"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"#,
        r#""f:image":{},"f:name":{},"f:resources":{},"f:volumeMounts":{".":{},"k:{\"mountPath\":\"/m\"}":{".":{},"f:mountPath":{},"f:name":{}}}}},"f:securityContext":{}}}"#
    );
    assert_eq!(live.fields("U:kubectl-create"), expected);
}

#[test]
fn fields_go_to_whoever_changes_them_and_times_only_change_with_them() {
    let mut live = Live::none();
    live.create("one", labelled(json!({"a": "1", "b": "2"})));
    live.edit("two", |pod| pod["metadata"]["labels"]["b"] = "3".into());
    assert_eq!(live.fields("U:one"), r#"{"f:metadata":{"f:labels":{".":{},"f:a":{}}}}"#);
    assert_eq!(live.fields("U:two"), r#"{"f:metadata":{"f:labels":{"f:b":{}}}}"#);
    let before = live.managers.to_value();
    let object = live.object.clone();
    live.update("three", object);
    assert_eq!(live.managers.to_value(), before);
    live.edit("two", |pod| pod["metadata"]["labels"]["b"] = "4".into());
    let times: Vec<_> = live.managers.iter().map(|manager| manager.time.unwrap().as_second()).collect();
    assert_eq!(times, [1, 4]);
}

#[test]
fn removed_fields_are_nobodys() {
    let mut live = Live::none();
    live.create("one", labelled(json!({"a": "1", "b": "2"})));
    live.edit("two", |pod| pod["metadata"]["labels"] = json!({"a": "1"}));
    assert_eq!(live.names(), ["U:one"]);
    assert_eq!(live.fields("U:one"), r#"{"f:metadata":{"f:labels":{".":{},"f:a":{}}}}"#);
    live.edit("two", |pod| drop(pod["metadata"].as_object_mut().unwrap().remove("labels")));
    assert!(live.managers.is_empty());
}

#[test]
fn an_object_whose_managers_were_cleared_is_not_tracked_until_it_is_applied_to() {
    let mut live = Live::none();
    live.create("one", labelled(json!({"a": "1"})));
    live.managers = Managers::default();
    live.edit("two", |pod| pod["metadata"]["labels"]["b"] = "2".into());
    assert!(live.managers.is_empty());
    live.apply("three", &labelled(json!({"c": "3"})));
    assert_eq!(live.names(), ["A:three", "U:before-first-apply"]);
    assert_eq!(live.fields("U:before-first-apply"), r#"{"f:metadata":{"f:labels":{".":{},"f:a":{},"f:b":{}}}}"#);
}

#[test]
fn a_write_through_a_subresource_manages_that_only() {
    let mut live = Live::none();
    live.create("one", pod(json!({"hostname": "h"})));
    let mut object = live.object.clone();
    object["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    object["spec"]["hostname"] = "other".into();
    live.through("kubelet", "status", &["spec", "metadata.ownerReferences"], |writer, live| {
        live.managers = updated(writer, &live.object, &object, &live.managers);
    });
    assert_eq!(live.names(), ["U:one", "U:kubelet/status"]);
    assert_eq!(
        live.fields("U:kubelet"),
        r#"{"f:status":{"f:conditions":{".":{},"k:{\"type\":\"Ready\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}}},"f:phase":{}}}"#
    );
    assert_eq!(live.fields("U:one"), r#"{"f:spec":{"f:hostname":{}}}"#);
}

#[test]
fn a_subresource_for_a_few_fields_manages_no_others() {
    let spec = |image: &str, cpu: &str| {
        pod(json!({"containers": [{"name": "c", "image": image, "resources": {"requests": {"cpu": cpu}}}]}))
    };
    let mut live = Live::none();
    live.create("one", spec("i", "1"));
    live.seconds += 1;
    let (kind, new) = (kind(), spec("j", "2"));
    let reset = Reset::all_but(&["spec.containers.*.resources", "spec.initContainers.*.resources"]);
    let now = jiff::Timestamp::from_second(live.seconds).unwrap();
    let st = schema::of_kind(&kind).unwrap();
    let writer = Writer { st, kind: &kind, name: "two", subresource: "resize", reset: &reset, now };
    live.managers = updated(&writer, &live.object, &new, &live.managers);
    assert_eq!(
        live.fields("U:two"),
        r#"{"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{"f:resources":{"f:requests":{"f:cpu":{}}}}}}}"#
    );
    assert!(live.fields("U:one").contains("f:image") && !live.fields("U:one").contains("f:cpu"));
}

#[test]
fn the_oldest_updaters_become_one_when_there_are_more_than_ten() {
    let mut live = Live::none();
    live.create("m0", labelled(json!({"m0": "x"})));
    for number in 1..14 {
        live.edit(&format!("m{number}"), |pod| pod["metadata"]["labels"][format!("m{number}")] = "x".into());
    }
    assert_eq!(live.managers.iter().count(), 10);
    assert_eq!(live.names()[..2], ["U:ancient-changes", "U:m5"]);
    assert_eq!(
        live.fields("U:ancient-changes"),
        r#"{"f:metadata":{"f:labels":{".":{},"f:m0":{},"f:m1":{},"f:m2":{},"f:m3":{},"f:m4":{}}}}"#
    );
    live.apply("applier", &labelled(json!({"y": "z"})));
    assert_eq!(live.managers.iter().count(), 11);
}

#[test]
fn conflicts_are_told_as_upstream_tells_them() {
    let mut live = Live::none();
    live.create("kubectl-client-side-apply", labelled(json!({"a": "1", "b": "2"})));
    let error = live.try_apply("kubectl", &labelled(json!({"a": "9"})), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .metadata.labels.a"
    );
    assert_eq!((error.code, error.reason.as_ref().unwrap().0.as_ref()), (409, "Conflict"));
    let causes = &error.details.as_ref().unwrap().causes;
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0].reason, "FieldManagerConflict");
    assert_eq!(causes[0].message, "conflict with \"kubectl-client-side-apply\" using v1");
    assert_eq!(causes[0].field, ".metadata.labels.a");

    live.apply("other", &pod(json!({"hostname": "h"})));
    let config = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a": "8", "b": "8"}}, "spec": {"hostname": "g"}});
    let error = live.try_apply("kubectl", &config, false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 3 conflicts: conflicts with \"kubectl-client-side-apply\" using v1:\n- .metadata.labels.a\n- .metadata.labels.b\nconflicts with \"other\":\n- .spec.hostname"
    );
    let managers = live.managers.to_value();
    assert!(live.try_apply("kubectl", &config, true).unwrap());
    assert_ne!(live.managers.to_value(), managers);
    assert_eq!(live.names(), ["A:kubectl", "U:kubectl-client-side-apply"]);
}

#[test]
fn a_conflict_with_a_subresources_manager_names_it() {
    let mut live = Live::none();
    live.create("one", labelled(json!({"a": "1"})));
    let mut object = live.object.clone();
    object["metadata"]["labels"]["a"] = "2".into();
    live.through("kubelet", "status", &["spec"], |writer, live| {
        live.managers = updated(writer, &live.object, &object, &live.managers);
        live.object = object.clone();
    });
    let error = live.try_apply("me", &labelled(json!({"a": "3"})), false).unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"kubelet\" with subresource \"status\" using v1: .metadata.labels.a"
    );
}

#[test]
fn the_same_value_is_shared_without_conflict() {
    let mut live = Live::none();
    live.create("one", labelled(json!({"a": "1"})));
    assert!(!live.apply("two", &labelled(json!({"a": "1"}))));
    assert_eq!(live.names(), ["A:two", "U:one"]);
}

#[test]
fn an_apply_of_another_kind_or_with_managed_fields_is_refused() {
    let mut live = Live::none();
    let error = |config: Value| live.clone().try_apply("one", &config, false).unwrap_err();
    let refused = error(json!({"apiVersion": "v1", "kind": "Job", "metadata": {"name": "p"}}));
    assert_eq!((refused.code, refused.message.as_str()), (400, "invalid object type: /v1, Kind=Job"));
    assert_eq!(
        error(json!({"apiVersion": "batch/v1", "kind": "Pod"})).message,
        "invalid object type: batch/v1, Kind=Pod"
    );
    assert_eq!(error(json!({})).message, "invalid object type: /, Kind=");
    let managed = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "managedFields": []}});
    let refused = error(managed);
    assert_eq!((refused.code, refused.message.as_str()), (400, "metadata.managedFields must be nil"));
    live.apply("one", &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "managedFields": null}}));
}

#[test]
fn what_a_client_names_below_an_atomic_value_becomes_that_value() {
    let entries = json!([{"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:nodeSelector": {".": {}, "f:a": {}}, "f:hostname": {}}}}]);
    let managers = Managers::from_value(&entries).unwrap();
    let conformed = conform(schema::of_kind(&kind()).unwrap(), &managers);
    let set = conformed.iter().next().unwrap().set.to_json();
    assert_eq!(set, r#"{"f:spec":{"f:hostname":{},"f:nodeSelector":{}}}"#);
}

#[test]
fn managers_of_an_unknown_version_are_dropped() {
    let mut live = Live::none();
    live.create("one", labelled(json!({"a": "1"})));
    let mut entries = live.managers.to_value();
    entries[0]["apiVersion"] = "v0".into();
    live.managers = Managers::from_value(&entries).unwrap();
    live.apply("two", &labelled(json!({"b": "1"})));
    assert_eq!(live.names(), ["A:two"]);
}

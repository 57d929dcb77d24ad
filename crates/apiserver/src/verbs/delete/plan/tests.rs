//! Deletes of pods, which have grace, and of config maps, which have none.

use registry::Catalogue;
use serde_json::json;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_000).unwrap()
}

fn planned(kind: &str, options: &Options, object: Value) -> Plan {
    let catalogue = Catalogue::default();
    let strategy = catalogue.iter().find(|strategy| strategy.descriptor().kind.kind == kind).unwrap();
    let meta = Meta::of(&object).unwrap();
    plan(strategy, options, &meta, object, now())
}

fn stays(plan: Plan) -> Value {
    match plan {
        Plan::Stays(object) => object["metadata"].clone(),
        other => panic!("{other:?}"),
    }
}

fn with_grace(seconds: i64) -> Options {
    Options { grace_period_seconds: Some(seconds), ..Options::default() }
}

fn with_propagation(propagation: Propagation) -> Options {
    Options { propagation: Some(propagation), ..Options::default() }
}

fn running(metadata: Value) -> Value {
    json!({"metadata": metadata, "spec": {"nodeName": "n", "terminationGracePeriodSeconds": 30}})
}

#[test]
fn a_kind_without_grace_goes_at_once_and_unmarked() {
    let object = json!({"metadata": {"name": "a"}});
    assert_eq!(planned("ConfigMap", &with_grace(30), object.clone()), Plan::Goes(object));
}

#[test]
fn finalizers_keep_a_marked_object_of_any_kind() {
    let object = json!({"metadata": {"finalizers": ["a.b/c"], "generation": 1}});
    let metadata = stays(planned("ConfigMap", &with_grace(30), object));
    assert_eq!(
        metadata,
        json!({
            "finalizers": ["a.b/c"],
            "generation": 2,
            "deletionTimestamp": "1970-01-01T00:16:40Z",
            "deletionGracePeriodSeconds": 0,
        })
    );
}

#[test]
fn a_second_delete_only_shortens_the_grace_and_counts_from_the_first() {
    let first = stays(planned("Pod", &Options::default(), running(json!({"generation": 1}))));
    assert_eq!(first["deletionTimestamp"], "1970-01-01T00:17:10Z");
    assert_eq!((&first["deletionGracePeriodSeconds"], &first["generation"]), (&json!(30), &json!(2)));
    assert_eq!(planned("Pod", &Options::default(), running(first.clone())), Plan::Pending);
    assert_eq!(planned("Pod", &with_grace(30), running(first.clone())), Plan::Pending);
    let shorter = stays(planned("Pod", &with_grace(5), running(first.clone())));
    assert_eq!(shorter["deletionTimestamp"], "1970-01-01T00:16:45Z");
    assert_eq!((&shorter["deletionGracePeriodSeconds"], &shorter["generation"]), (&json!(5), &json!(2)));
    assert!(matches!(planned("Pod", &with_grace(0), running(first)), Plan::Goes(_)));
}

#[test]
fn negative_grace_is_one_second() {
    let metadata = stays(planned("Pod", &with_grace(-7), running(json!({}))));
    assert_eq!(metadata["deletionGracePeriodSeconds"], 1);
}

#[test]
fn a_pod_that_was_never_bound_goes_at_once() {
    let Plan::Goes(pod) = planned("Pod", &with_grace(30), json!({"metadata": {}})) else { panic!("goes") };
    assert_eq!(pod["metadata"]["deletionGracePeriodSeconds"], 0);
}

#[test]
fn a_pending_delete_takes_no_new_propagation_but_a_marked_one_without_grace_does() {
    let pod = running(json!({"deletionTimestamp": "1970-01-01T00:17:10Z", "deletionGracePeriodSeconds": 30}));
    assert_eq!(planned("Pod", &with_propagation(Propagation::Foreground), pod), Plan::Pending);
    let map = json!({"metadata": {
        "deletionTimestamp": "1970-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "finalizers": ["foregroundDeletion"],
    }});
    assert!(matches!(planned("ConfigMap", &with_propagation(Propagation::Background), map), Plan::Goes(_)));
}

#[test]
fn options_win_over_finalizers_and_those_over_the_kinds_default() {
    let finalizers = |kind: &str, options: &Options, finalizers: Value| match planned(
        kind,
        options,
        json!({"metadata": {"finalizers": finalizers}}),
    ) {
        Plan::Stays(object) => object["metadata"]["finalizers"].clone(),
        _ => Value::Null,
    };
    let none = Options::default();
    assert_eq!(finalizers("Job", &none, json!([])), json!(["orphan"]));
    assert_eq!(finalizers("Job", &none, json!(["foregroundDeletion"])), json!(["foregroundDeletion"]));
    assert_eq!(finalizers("Job", &with_propagation(Propagation::Background), json!(["orphan"])), Value::Null);
    let foreground = with_propagation(Propagation::Foreground);
    assert_eq!(
        finalizers("ConfigMap", &foreground, json!(["a.b/c", "orphan"])),
        json!(["a.b/c", "foregroundDeletion"])
    );
    assert_eq!(finalizers("ConfigMap", &none, json!(["orphan"])), json!(["orphan"]));
    assert_eq!(finalizers("Event", &with_propagation(Propagation::Orphan), json!([])), Value::Null);
}

#[test]
fn a_namespace_stays_for_its_own_finalizers_and_has_no_seconds() {
    let namespace =
        json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
    let Plan::Stays(namespace) = planned("Namespace", &Options::default(), namespace) else { panic!("stays") };
    assert_eq!(namespace["metadata"], json!({"name": "a", "deletionTimestamp": "1970-01-01T00:16:40Z"}));
    assert_eq!(namespace["status"]["phase"], "Terminating");
    let Plan::Stays(again) = planned("Namespace", &with_grace(0), namespace.clone()) else { panic!("stays") };
    assert_eq!(again, namespace);
}

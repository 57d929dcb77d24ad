//! Laws of apply, over made-up configurations of a Pod.

use proptest::prelude::*;
use serde_json::Map;

use super::*;

/// A configuration with fields of all shapes whose names come from one manager's own letters.
fn config(letters: &'static str) -> impl Strategy<Value = Value> {
    let name = || name_of(letters);
    let text = || "[0-2]";
    let labels = proptest::collection::btree_map(name(), text(), 0..3);
    let finalizers = proptest::collection::btree_set(name(), 0..3);
    let port = (1..3_i64, proptest::option::of(prop_oneof![Just("TCP"), Just("UDP")]));
    let container = (
        proptest::option::of(text()),
        proptest::collection::vec(text(), 0..2),
        proptest::collection::btree_set(port, 0..3),
    );
    let containers = proptest::collection::btree_map(name(), container, 0..3);
    (labels, finalizers, containers).prop_map(|(labels, finalizers, containers)| {
        let mut items = Vec::new();
        for (name, (image, args, ports)) in containers {
            let mut item = Map::from_iter([("name".to_owned(), name.into())]);
            if let Some(image) = image {
                item.insert("image".to_owned(), image.into());
            }
            if !args.is_empty() {
                item.insert("args".to_owned(), args.into());
            }
            let mut seen = std::collections::BTreeSet::new();
            let ports: Vec<Value> = ports
                .into_iter()
                .filter(|(port, protocol)| seen.insert((*port, protocol.unwrap_or("TCP"))))
                .map(|(port, protocol)| {
                    protocol.map_or_else(
                        || json!({"containerPort": port}),
                        |protocol| json!({"containerPort": port, "protocol": protocol}),
                    )
                })
                .collect();
            if !ports.is_empty() {
                item.insert("ports".to_owned(), ports.into());
            }
            items.push(Value::Object(item));
        }
        // An empty map is a field of its own, which conflicts with entries: that is not what these laws are about.
        let mut config = nothing();
        if !labels.is_empty() {
            config["metadata"]["labels"] = json!(labels);
        }
        if !finalizers.is_empty() {
            config["metadata"]["finalizers"] = json!(finalizers);
        }
        if !items.is_empty() {
            config["spec"] = json!({"containers": items});
        }
        config
    })
}

fn nothing() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}})
}

fn name_of(letters: &'static str) -> BoxedStrategy<String> {
    proptest::sample::select(letters.chars().map(String::from).collect::<Vec<_>>()).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn applying_twice_is_applying_once(config in config("abc"), other in config("bcd")) {
        let mut live = Live::none();
        live.create("other", other);
        live.try_apply("one", &config, true).unwrap();
        let (object, managers) = (live.object.clone(), live.managers.to_value());
        prop_assert!(!live.apply("one", &config));
        prop_assert_eq!(&live.object, &object);
        prop_assert_eq!(live.managers.to_value(), managers);
    }

    #[test]
    fn managers_without_a_field_in_common_never_conflict(one in config("abc"), two in config("xyz"), again in config("abc")) {
        let mut live = Live::none();
        live.apply("one", &one);
        live.apply("two", &two);
        live.apply("one", &again);
    }

    #[test]
    fn dropping_everything_removes_ones_own_fields_and_no_others(one in config("abc"), two in config("xyz")) {
        let mut alone = Live::none();
        alone.apply("two", &two);
        let mut live = Live::none();
        live.apply("one", &one);
        live.apply("two", &two);
        live.apply("one", &nothing());
        let clean = |object: &Value| {
            let mut object = object.clone();
            crate::strict::check(&kind(), &mut object).unwrap();
            if object["spec"] == json!({}) || object["spec"].is_null() {
                object.as_object_mut().unwrap().remove("spec");
            }
            object
        };
        prop_assert_eq!(clean(&live.object), clean(&alone.object));
    }

    #[test]
    fn every_field_of_the_configuration_is_owned_and_has_its_value(config in config("abc"), other in config("abc")) {
        let mut live = Live::none();
        live.create("other", other);
        live.try_apply("one", &config, true).unwrap();
        let st = schema::of_kind(&kind()).unwrap();
        let sent = super::super::fieldset::of(st, &config);
        let there = super::super::fieldset::of(st, &live.object);
        let owned = live.managers.iter().find(|manager| &*manager.identity.name == "one").map(|manager| manager.set.clone()).unwrap_or_default();
        prop_assert!(owned.is_subset(&sent));
        for path in owned.paths().iter().filter(|path| path.len() > 2) {
            prop_assert!(there.has(path), "{}", fields::show(path));
        }
        let diff = super::super::diff::objects(st, (&config, Form::Sent), (&live.object, Form::Sent), None);
        prop_assert!(!diff.changed.intersects(&sent), "{}", diff.changed.to_json());
    }

    #[test]
    fn updates_leave_every_changed_field_with_one_manager(first in config("abc"), second in config("abc"), third in config("bcd")) {
        // An object that loses its last manager is not tracked any more.
        let managed = |mut object: Value| {
            object["spec"]["hostname"] = "h".into();
            object
        };
        let third = managed(third);
        let mut live = Live::none();
        live.create("one", managed(first));
        live.update("two", managed(second));
        live.update("three", third.clone());
        let sets: Vec<_> = live.managers.iter().map(|manager| manager.set.clone()).collect();
        for (position, set) in sets.iter().enumerate() {
            prop_assert!(sets[position + 1..].iter().all(|other| !other.intersects(set)));
        }
        let mut fresh = Live::none();
        fresh.create("all", third);
        let all = sets.iter().fold(fields::Set::default(), |all, set| all.union(set));
        prop_assert_eq!(all.to_json(), fresh.managers.iter().next().map_or("{}".to_owned(), |manager| manager.set.to_json()));
    }
}

//! Garbage collection that starts late, or sees things late: kubernetes/kubernetes#88097, #65200, #92743, #109748,
//! #114603, #98040.

use api::Gvr;
use api::resource::CONFIG_MAPS;
use serde_json::{Value, json};
use testkit::{Component, JOBS, PODS, Run, Simulation, job, minutes, seconds};

use crate::harness::both;

fn config_map(name: &str, owners: &[&Value]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            let meta = &owner["metadata"];
            json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"], "blockOwnerDeletion": true})
        })
        .collect();
    let metadata = json!({"name": name, "namespace": "default", "ownerReferences": owners});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
}

fn exists(sim: &Simulation, resource: &Gvr, name: &str) -> bool {
    !sim.get(resource, name).is_null()
}

#[test]
fn a_collector_that_starts_late_deletes_nothing_that_is_owned_and_everything_that_is_not() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.stop(Component::System);
            let owner = sim.create(&CONFIG_MAPS, config_map("owner", &[]));
            let lost = sim.create(&CONFIG_MAPS, config_map("lost", &[]));
            sim.create(&CONFIG_MAPS, config_map("held", &[&owner]));
            sim.create(&CONFIG_MAPS, config_map("both", &[&owner, &lost]));
            sim.create(&CONFIG_MAPS, config_map("alone", &[&lost]));
            sim.delete(&CONFIG_MAPS, "lost", "Background");
            sim.resume(Component::System);
            sim.advance(minutes(1));
            let there = ["owner", "held", "both", "alone"].map(|name| exists(sim, &CONFIG_MAPS, name));
            assert_eq!(there, [true, true, true, false]);
            let references = sim.get(&CONFIG_MAPS, "both")["metadata"]["ownerReferences"].as_array().map(Vec::len);
            assert_eq!(references, Some(1), "the reference to what is gone was taken off");
        },
    );
}

#[test]
fn an_owner_deleted_while_the_collector_is_away_takes_its_dependents_along() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&JOBS, job("owner", json!({"parallelism": 2, "completions": 2})));
            sim.advance(seconds(5));
            sim.stop(Component::System);
            sim.delete(&JOBS, "owner", "Background");
            sim.advance(minutes(1));
            assert_eq!(sim.list(&PODS, "").len(), 2, "nobody collects");
            sim.resume(Component::System);
            sim.advance(minutes(1));
            assert_eq!(sim.list(&PODS, "").len(), 0);
        },
    );
}

#[test]
fn an_owner_in_another_namespace_owns_nothing() {
    both(
        |_| Run::never_ends(),
        |sim| {
            let namespaces = testkit::NAMESPACES;
            sim.create(&namespaces, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "far"}}));
            let mut far = config_map("owner", &[]);
            far["metadata"]["namespace"] = json!("far");
            let owner = sim.create(&CONFIG_MAPS, far);
            sim.create(&CONFIG_MAPS, config_map("dependent", &[&owner]));
            sim.advance(minutes(1));
            assert!(!exists(sim, &CONFIG_MAPS, "dependent"));
            let far = sim.cluster().view().get(&CONFIG_MAPS, Some("far"), "owner");
            assert!(far.is_some());
            let told = sim.events("dependent");
            assert!(told.iter().any(|line| line.contains("OwnerRefInvalidNamespace")), "{told:?}");
        },
    );
}

#[test]
fn a_reference_moved_while_events_are_late_moves_the_dependent() {
    both(
        |_| Run::never_ends(),
        |sim| {
            let first = sim.create(&CONFIG_MAPS, config_map("first", &[]));
            let second = sim.create(&CONFIG_MAPS, config_map("second", &[]));
            sim.create(&CONFIG_MAPS, config_map("moved", &[&first]));
            sim.settle();
            sim.faults().hold_watches(Component::System, &CONFIG_MAPS);
            let owners = config_map("moved", &[&second])["metadata"]["ownerReferences"].clone();
            sim.patch(&CONFIG_MAPS, "moved", json!({"metadata": {"ownerReferences": owners}}));
            sim.delete(&CONFIG_MAPS, "first", "Background");
            sim.advance(seconds(10));
            sim.faults().release_watches(Component::System);
            sim.advance(minutes(1));
            assert!(exists(sim, &CONFIG_MAPS, "moved"));
            sim.delete(&CONFIG_MAPS, "second", "Background");
            sim.advance(minutes(1));
            assert!(!exists(sim, &CONFIG_MAPS, "moved"));
        },
    );
}

#[test]
fn a_circle_deleted_in_the_foreground_goes() {
    both(
        |_| Run::never_ends(),
        |sim| {
            let first = sim.create(&CONFIG_MAPS, config_map("first", &[]));
            let second = sim.create(&CONFIG_MAPS, config_map("second", &[&first]));
            let owners = config_map("first", &[&second])["metadata"]["ownerReferences"].clone();
            sim.patch(&CONFIG_MAPS, "first", json!({"metadata": {"ownerReferences": owners}}));
            sim.settle();
            sim.delete(&CONFIG_MAPS, "first", "Foreground");
            sim.advance(minutes(1));
            assert!(!exists(sim, &CONFIG_MAPS, "first") && !exists(sim, &CONFIG_MAPS, "second"));
        },
    );
}

//! Nodes are refused in upstream's words.

use serde_json::{Value, json};

use super::NodeStrategy;
use crate::fixtures::{create_errors, created, update_errors, with};

fn node(patch: Value) -> Value {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "u"}});
    with(node, &patch)
}

#[track_caller]
fn check(patch: Value, expected: &[&str]) {
    assert_eq!(create_errors(&NodeStrategy, node(patch.clone())), expected, "{patch}");
}

#[test]
fn taints_are_unique_and_well_formed() {
    let taint = json!({"key": "a", "effect": "NoSchedule"});
    let shown = "{\"Key\":\"a\",\"Value\":\"\",\"Effect\":\"NoSchedule\",\"TimeAdded\":null}";
    check(
        json!({"spec": {"taints": [taint, taint]}}),
        &[&format!("metadata.taints[1]: Duplicate value: {shown}: taints must be unique by key and effect pair")],
    );
    check(json!({"spec": {"taints": [{"key": "a"}]}}), &["metadata.taints[0].effect: Required value"]);
}

#[test]
fn ranges_of_pods_are_one_per_family() {
    check(json!({"spec": {"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}}), &[]);
    check(
        json!({"spec": {"podCIDRs": ["10.0.0.0/24", "10.0.1.0/24"]}}),
        &[
            "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.1.0/24\"]: may specify no more than one CIDR for each IP family",
        ],
    );
    check(
        json!({"spec": {"podCIDRs": ["x"]}}),
        &["spec.podCIDRs[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
    );
}

#[test]
fn declared_features_are_named_and_sorted() {
    let features = |names: Value| json!({"status": {"declaredFeatures": names}});
    check(features(json!(["A", "B/c"])), &[]);
    check(
        features(json!(["B", "A", "A"])),
        &[
            "status.declaredFeatures[1]: Invalid value: \"A\": list must be sorted alphabetically",
            "status.declaredFeatures[2]: Duplicate value: \"A\"",
        ],
    );
    let errors = create_errors(&NodeStrategy, node(features(json!(["a"]))));
    assert!(
        errors[0].starts_with("status.declaredFeatures[0]: Invalid value: \"a\": invalid feature name \"a\": must")
    );
}

#[test]
fn addresses_are_not_doubled() {
    let old = created(&NodeStrategy, node(json!({})));
    let address = json!({"type": "Hostname", "address": "h"});
    let new = with(old.clone(), &json!({"status": {"addresses": [address, address]}}));
    assert_eq!(
        update_errors(&NodeStrategy, new, &old, Some("status")),
        ["status.addresses[1]: Duplicate value: {\"Type\":\"Hostname\",\"Address\":\"h\"}"]
    );
}

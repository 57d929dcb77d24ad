//! `v1 Node` (`pkg/registry/core/node/strategy.go`). Unlike other kinds, a node may be created with its status.

use std::collections::HashSet;
use std::net::IpAddr;

use api::field::{FieldErrors, Path, go_quoted};
use api::{Kind, names};
use jiff::Timestamp;
use serde_json::Value;

use crate::errors::{NOT_NEGATIVE, duplicate_as};
use crate::fields::{child, drop_empty, entries, flag, get, items, map_of, take_from, text};
use crate::labels::validate_label_name;
use crate::pod_spec::canonical_list;
use crate::quantity::Quantity;
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column, wide_column};

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";
const ADDRESSES: &str = "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).";

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Node"),
    plural: "nodes",
    singular: "node",
    short_names: &["no"],
    categories: &[],
    namespaced: false,
    subresources: &["status"],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column("Status", "The status of the node"),
    text_column("Roles", "The roles of the node"),
    AGE,
    text_column("Version", "Kubelet Version reported by the node."),
    wide_column("Internal-IP", ADDRESSES),
    wide_column("External-IP", ADDRESSES),
    wide_column("OS-Image", "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy))."),
    wide_column("Kernel-Version", "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64)."),
    wide_column(
        "Container-Runtime",
        "ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).",
    ),
];

/// The strategy of Nodes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeStrategy;

impl Strategy for NodeStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        let spec = child(object, "spec");
        map_of(spec);
        drop_empty(spec, &["podCIDR", "podCIDRs", "providerID", "taints", "unschedulable"]);
        let status = child(object, "status");
        map_of(status);
        drop_empty(status, &["addresses", "allocatable", "capacity", "conditions", "images", "phase"]);
        if get(status, "allocatable").is_none()
            && let Some(capacity) = get(status, "capacity").cloned()
        {
            map_of(status).insert("allocatable".to_owned(), capacity);
        }
        for list in ["allocatable", "capacity"] {
            if let Some(list) = status.get_mut(list) {
                canonical_list(list);
            }
        }
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        take_from(new, old, if subresource == Some("status") { "spec" } else { "status" });
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        validate_taints(&mut errors, object);
        validate_resources(&mut errors, object);
        validate_features(&mut errors, object);
        validate_ranges(&mut errors, object);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value, subresource: Option<&str>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        validate_resources(&mut errors, new);
        validate_features(&mut errors, new);
        validate_addresses(&mut errors, new);
        if subresource.is_none() {
            validate_spec_update(&mut errors, new, old);
            validate_taints(&mut errors, new);
        }
        errors
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[("spec.unschedulable", "/spec/unschedulable")]
    }

    fn selectable_default(&self, field: &str) -> &'static str {
        if field == "spec.unschedulable" { "false" } else { "" }
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        row(object, now)
    }
}

fn validate_taints(errors: &mut FieldErrors, node: &Value) {
    let mut seen = HashSet::new();
    let taints = get(node, "spec").map_or(&[][..], |spec| items(spec, "taints"));
    for (index, taint) in taints.iter().enumerate() {
        // Upstream names the taints under metadata.
        let path = Path::new("metadata").child("taints").index(index);
        let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        validate_label_name(errors, &path.child("key"), key);
        let wrong = names::label_value_errors(value);
        if !wrong.is_empty() {
            errors.push(path.child("value").invalid(value, wrong.join(";")));
        }
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        match effect {
            "" => errors.push(path.child("effect").required("")),
            effect if !effects.contains(&effect) => errors.push(path.child("effect").not_supported(effect, &effects)),
            _ => {}
        }
        if !seen.insert((key, effect)) {
            let mut error = duplicate_as(&path, "Taint", taint);
            error.body.push_str(": taints must be unique by key and effect pair");
            errors.push(error);
        }
    }
}

fn validate_resources(errors: &mut FieldErrors, node: &Value) {
    let Some(status) = get(node, "status") else { return };
    for list in ["capacity", "allocatable"] {
        for (name, value) in entries(status, list) {
            let path = || Path::new("status").child(list).child(name);
            match Quantity::of(value) {
                Ok(quantity) if quantity.nanos() < 0 => {
                    errors.push(path().invalid(quantity.to_string(), NOT_NEGATIVE));
                }
                Ok(_) => {}
                // Differs: upstream refuses a broken quantity while decoding, as 400.
                Err(why) => errors.push(path().invalid(value.clone(), why)),
            }
        }
    }
}

fn validate_addresses(errors: &mut FieldErrors, node: &Value) {
    let mut seen = HashSet::new();
    let addresses = get(node, "status").map_or(&[][..], |status| items(status, "addresses"));
    for (index, address) in addresses.iter().enumerate() {
        if !seen.insert((text(address, "type"), text(address, "address"))) {
            let path = Path::new("status").child("addresses").index(index);
            errors.push(duplicate_as(&path, "NodeAddress", address));
        }
    }
}

/// `validateNodeDeclaredFeatures`: names in the order of the alphabet, each once.
fn validate_features(errors: &mut FieldErrors, node: &Value) {
    let features = get(node, "status").map_or(&[][..], |status| items(status, "declaredFeatures"));
    let names: Vec<&str> = features.iter().filter_map(Value::as_str).collect();
    let path = Path::new("status").child("declaredFeatures");
    for (index, name) in names.iter().enumerate() {
        if let Some(why) = feature_error(name) {
            errors.push(path.index(index).invalid(*name, format!("invalid feature name {}: {why}", go_quoted(name))));
        }
        match names.get(index + 1) {
            Some(next) if next == name => errors.push(path.index(index + 1).duplicate(*next)),
            Some(next) if next < name => {
                errors.push(path.index(index + 1).invalid(*next, "list must be sorted alphabetically"));
            }
            _ => {}
        }
    }
}

fn feature_error(name: &str) -> Option<&'static str> {
    if name.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_right = name.starts_with(|first: char| first.is_ascii_uppercase()) && name.split('/').all(is_segment);
    (!is_right).then_some(
        "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes",
    )
}

/// The ranges of pod addresses, one of each IP family at the most.
fn validate_ranges(errors: &mut FieldErrors, node: &Value) {
    let ranges = get(node, "spec").map_or(&[][..], |spec| items(spec, "podCIDRs"));
    let path = Path::new("spec").child("podCIDRs");
    let mut families = Vec::new();
    for (index, range) in ranges.iter().filter_map(Value::as_str).enumerate() {
        let address = range.split_once('/').and_then(|(address, bits)| {
            let address: IpAddr = address.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            bits.parse::<u8>().ok().filter(|bits| *bits <= most).map(|_| address)
        });
        match address {
            Some(address) => families.push(address.is_ipv4()),
            None => errors.push(
                path.index(index).invalid(range, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
            ),
        }
    }
    let is_pair = families.len() == ranges.len() && families.first() != families.get(1);
    if ranges.len() > 1 && (ranges.len() > 2 || !is_pair) {
        errors.push(path.invalid(ranges.to_vec(), "may specify no more than one CIDR for each IP family"));
    }
}

fn validate_spec_update(errors: &mut FieldErrors, new: &Value, old: &Value) {
    let null = &Value::Null;
    let (new, old) = (new.get("spec").unwrap_or(null), old.get("spec").unwrap_or(null));
    let path = Path::new("spec");
    if !items(old, "podCIDRs").is_empty() && items(old, "podCIDRs") != items(new, "podCIDRs") {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.push(path.child("podCIDRs").forbidden(detail));
    }
    if !text(old, "providerID").is_empty() && text(old, "providerID") != text(new, "providerID") {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.push(path.child("providerID").forbidden(detail));
    }
}

fn row(node: &Value, now: Timestamp) -> Row {
    let status = node.get("status").unwrap_or(&Value::Null);
    let info = status.get("nodeInfo").unwrap_or(&Value::Null);
    let known = |field| match text(info, field) {
        "" => "<unknown>",
        text => text,
    };
    let mut kernel = known("kernelVersion").to_owned();
    let architecture = text(info, "architecture");
    if !architecture.is_empty() {
        kernel.push_str(&format!(" ({architecture})"));
    }
    let address = |kind| {
        let found = items(status, "addresses").iter().find(|address| text(address, "type") == kind);
        found.map_or("<none>", |address| text(address, "address"))
    };
    let cells = vec![
        name(node),
        status_cell(node, status).into(),
        roles_cell(node).into(),
        age(node, now),
        text(info, "kubeletVersion").into(),
        address("InternalIP").into(),
        address("ExternalIP").into(),
        known("osImage").into(),
        kernel.into(),
        known("containerRuntimeVersion").into(),
    ];
    Row { cells, conditions: Vec::new() }
}

fn status_cell(node: &Value, status: &Value) -> String {
    let ready = items(status, "conditions").iter().rev().find(|condition| text(condition, "type") == "Ready");
    let state = match ready.map(|condition| text(condition, "status")) {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    };
    let cordoned = get(node, "spec").is_some_and(|spec| flag(spec, "unschedulable"));
    if cordoned { format!("{state},SchedulingDisabled") } else { state.to_owned() }
}

fn roles_cell(node: &Value) -> String {
    let metadata = node.get("metadata").unwrap_or(&Value::Null);
    let role = |(key, value): (&String, &Value)| match key.strip_prefix(ROLE_PREFIX) {
        Some(role) => Some(role.to_owned()),
        None if key == ROLE_LABEL => value.as_str().map(str::to_owned),
        None => None,
    };
    let mut roles: Vec<String> = entries(metadata, "labels").filter_map(role).filter(|role| !role.is_empty()).collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}

#[cfg(test)]
mod tests;

//! What objects cost (`pkg/quota/v1/evaluator/core`): pods and Services by what is in them, everything else by the piece.
//! Admission and the quota controller reckon by the same functions.

use std::collections::{BTreeMap, BTreeSet};

use api::Gvr;
use serde_json::Value;

use super::{scopes, selectors};
use crate::admission::Amounts;
use crate::admission::pod_resources::{List, total_with_overhead};
use crate::fields::{at, flag, get, items, number, text};
use crate::pod_spec::{is_huge_page, is_native};
use crate::quantity::Quantity;

/// Bounds of pods that a container has to name an amount for.
const NAMED_BY_CONTAINERS: [&str; 6] =
    ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];
const POD_BOUNDS: [&str; 11] = [
    "count/pods",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "pods",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const SERVICE_BOUNDS: [&str; 4] = ["count/services", "services", "services.loadbalancers", "services.nodeports"];
/// Kinds that have a bare name from before there were counts of every kind.
const BARE: [&str; 4] = ["configmaps", "replicationcontrollers", "resourcequotas", "secrets"];

/// Whether objects of a resource are counted at all; events never were.
pub fn is_counted(resource: &Gvr) -> bool {
    resource.plural != "events"
}

fn is_core(resource: &Gvr, plural: &str) -> bool {
    resource.group.is_empty() && resource.plural == plural
}

/// `count/jobs.batch`.
fn count_name(resource: &Gvr) -> String {
    format!("count/{}", resource.qualified())
}

/// Whether a bound of that name is about objects of the resource (`MatchingResources`).
pub fn is_of(resource: &Gvr, name: &str) -> bool {
    if is_core(resource, "pods") {
        let extended = name.starts_with("requests.") && !is_native(name);
        return POD_BOUNDS.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-") || extended;
    }
    if is_core(resource, "services") {
        return SERVICE_BOUNDS.contains(&name);
    }
    let bare = resource.group.is_empty() && BARE.contains(&&*resource.plural) && name == resource.plural;
    bare || name == count_name(resource)
}

/// Whether a quota counts an object: it bounds something of it, and all its scopes take it in.
pub(super) fn counts(quota: &Value, resource: &Gvr, object: &Value) -> bool {
    let hard = at(quota, &["status", "hard"]).and_then(Value::as_object);
    if !hard.is_some_and(|hard| hard.keys().any(|name| is_of(resource, name))) {
        return false;
    }
    takes(quota, resource, object)
}

/// Whether the scopes of a quota take an object in. Only pods have any.
fn takes(quota: &Value, resource: &Gvr, object: &Value) -> bool {
    selectors(quota).into_iter().all(|selector| is_core(resource, "pods") && scopes::takes(object, selector))
}

/// What one object costs.
pub fn of(resource: &Gvr, object: &Value) -> Amounts {
    let mut cost = Amounts::default();
    cost.set(count_name(resource), Quantity::whole(1));
    if is_core(resource, "pods") {
        add_pod(&mut cost, object);
    } else if is_core(resource, "services") {
        add_service(&mut cost, object);
    } else if resource.group.is_empty() && BARE.contains(&&*resource.plural) {
        cost.set(resource.plural.as_ref(), Quantity::whole(1));
    }
    cost
}

/// A pod that ended costs nothing but its place (`QuotaV1Pod`).
/// Differs: one whose grace is over counts until it is gone, which here is at once.
fn add_pod(cost: &mut Amounts, pod: &Value) {
    let phase = get(pod, "status").map_or("", |status| text(status, "phase"));
    if matches!(phase, "Succeeded" | "Failed") {
        return;
    }
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    cost.add(&compute(&total_with_overhead(spec, List::Requests), &total_with_overhead(spec, List::Limits)));
}

/// `podComputeUsageHelper`.
fn compute(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut cost = Amounts::default();
    cost.set("pods", Quantity::whole(1));
    for (name, amount) in &requests.0 {
        let plain = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name);
        if plain {
            cost.set(name.as_str(), *amount);
        }
        if plain || !is_native(name) {
            cost.set(format!("requests.{name}"), *amount);
        }
    }
    for (name, amount) in &limits.0 {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            cost.set(format!("limits.{name}"), *amount);
        }
    }
    cost
}

fn add_service(cost: &mut Amounts, service: &Value) {
    let spec = service.get("spec").unwrap_or(&Value::Null);
    let ports = items(spec, "ports");
    let balanced = text(spec, "type") == "LoadBalancer";
    let on_demand =
        get(spec, "allocateLoadBalancerNodePorts").is_none_or(|_| flag(spec, "allocateLoadBalancerNodePorts"));
    let node_ports = match text(spec, "type") {
        "NodePort" => ports.len(),
        "LoadBalancer" if on_demand => ports.len(),
        "LoadBalancer" => ports.iter().filter(|port| number(port, "nodePort") != 0).count(),
        _ => 0,
    };
    cost.set("services", Quantity::whole(1));
    cost.set("services.loadbalancers", Quantity::whole(i64::from(balanced)));
    cost.set("services.nodeports", Quantity::whole(node_ports as i64));
}

/// What containers of a pod would have to name for these bounds (`Constraints`).
pub(super) fn missing(resource: &Gvr, object: &Value, bounded: &Amounts) -> Option<String> {
    let spec = get(object, "spec").filter(|_| is_core(resource, "pods"))?;
    let whole = ["requests", "limits"].iter().any(|list| at(spec, &["resources", list]).is_some());
    if whole {
        return None;
    }
    let required = NAMED_BY_CONTAINERS.into_iter().filter(|name| bounded.get(name).is_some());
    let required: Vec<&str> = required.collect();
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in ["containers", "initContainers"].iter().flat_map(|list| items(spec, list)) {
        let named = compute(&List::Requests.of(container), &List::Limits.of(container));
        for name in required.iter().filter(|name| named.get(name).is_none()) {
            missing.entry(name).or_default().insert(text(container, "name"));
        }
    }
    let show = |(name, containers): (&str, BTreeSet<&str>)| {
        format!("{name} for: {}", containers.into_iter().collect::<Vec<_>>().join(","))
    };
    let parts: Vec<String> = missing.into_iter().map(show).collect();
    (!parts.is_empty()).then(|| format!("must specify {}", parts.join("; ")))
}

/// What all objects of a namespace cost a quota: for each resource that one of its bounds is about, the objects.
/// Bounds of what is not served are at zero.
pub fn total<'a>(quota: &Value, objects: impl Iterator<Item = (&'a Gvr, &'a Value)>) -> Amounts {
    let hard = Amounts::of(at(quota, &["spec", "hard"]));
    let mut used = Amounts(hard.0.keys().map(|name| (name.clone(), Quantity::whole(0))).collect());
    for (resource, object) in objects {
        if takes(quota, resource, object) {
            used.add(&of(resource, object).only(|name| hard.get(name).is_some() && is_of(resource, name)));
        }
    }
    used
}

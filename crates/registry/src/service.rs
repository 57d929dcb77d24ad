//! `v1 Service` (`pkg/registry/core/service/strategy.go`). Addresses and node ports are given out by `allocation`,
//! from what the other Services have.

mod allocation;
mod families;
mod kind;
mod range;
mod table;
mod validation;

use api::field::FieldErrors;
use api::{Kind, Status, names};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{
    child, default_text, default_to, drop_empty, get, items, items_mut, map_of, number, take_from, text,
};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::surroundings::Surroundings;
use kind::{externally_accessible, needs_cluster_ip, needs_health_check, needs_node_port, spec};

pub use range::ServiceRange;

/// Seconds for which a client stays with its endpoint.
const AFFINITY_SECONDS: i64 = 10_800;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Service"),
    plural: "services",
    singular: "service",
    short_names: &["svc"],
    categories: &["all"],
    namespaced: true,
    subresources: &["status"],
};

/// What `omitempty` leaves out of a `ServiceSpec`.
const OMITTED: &[&str] = &[
    "clusterIP",
    "clusterIPs",
    "externalIPs",
    "externalName",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "ipFamilies",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "ports",
    "publishNotReadyAddresses",
    "selector",
];

/// The strategy of Services.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceStrategy;

impl Strategy for ServiceStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        let spec = child(object, "spec");
        map_of(spec).retain(|_, value| !value.is_null());
        drop_empty(spec, OMITTED);
        default_spec(spec);
        let of_balancer = text(spec, "type") == "LoadBalancer";
        let status = child(object, "status");
        default_to(status, "loadBalancer", json!({}));
        drop_empty(status, &["conditions"]);
        let balancer = child(status, "loadBalancer");
        drop_empty(balancer, &["ingress"]);
        for ingress in items_mut(balancer, "ingress") {
            if of_balancer && !text(ingress, "ip").is_empty() {
                default_to(ingress, "ipMode", "VIP");
            }
        }
    }

    fn allocates(&self) -> bool {
        true
    }

    fn allocate(&self, new: &mut Value, old: Option<&Value>, around: &dyn Surroundings) -> Result<(), Status> {
        allocation::allocate(new, old, around)
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({"loadBalancer": {}});
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        if subresource == Some("status") {
            take_from(new, old, "spec");
            self.default(new);
            return;
        }
        take_from(new, old, "status");
        drop_dependent_fields(new, old);
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validation::validate(object, None)
    }

    fn validate_update(&self, new: &Value, old: &Value, subresource: Option<&str>) -> FieldErrors {
        match subresource {
            Some("status") => validation::validate_status(new, old),
            _ => validation::validate_update(new, old),
        }
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        names::dns_label_errors(name)
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        validation::warnings(new)
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[("spec.clusterIP", "/spec/clusterIP"), ("spec.type", "/spec/type")]
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        table::COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        table::row(object, now)
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }
}

/// `SetDefaults_Service`.
fn default_spec(spec: &mut Value) {
    default_text(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => drop(map_of(spec).remove("sessionAffinityConfig")),
        "ClientIP" => {
            let given = spec.pointer("/sessionAffinityConfig/clientIP/timeoutSeconds").is_some_and(|it| !it.is_null());
            if !given {
                spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}});
            }
        }
        _ => {}
    }
    default_text(spec, "type", "ClusterIP");
    for port in items_mut(spec, "ports") {
        default_text(port, "protocol", "TCP");
        drop_empty(port, &["name", "nodePort"]);
        let target = get(port, "targetPort").filter(|target| target.as_i64() != Some(0) && target.as_str() != Some(""));
        if target.is_none() {
            port["targetPort"] = number(port, "port").into();
        }
    }
    if externally_accessible(spec) {
        default_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if needs_cluster_ip(spec) {
        default_to(spec, "internalTrafficPolicy", "Cluster");
    }
    if text(spec, "type") == "LoadBalancer" {
        default_to(spec, "allocateLoadBalancerNodePorts", true);
    }
}

/// Drops what the new type has no use for and the client did not touch (`dropTypeDependentFields`).
fn drop_dependent_fields(new: &mut Value, old: &Value) {
    let before = spec(old);
    let after = child(new, "spec");
    let same = |after: &Value, field: &str| get(after, field) == get(before, field);
    let mut gone = Vec::new();
    if needs_cluster_ip(before) && !needs_cluster_ip(after) {
        if same(after, "clusterIP") && same(after, "clusterIPs") {
            gone.extend(["clusterIP", "clusterIPs"]);
        }
        gone.extend(["ipFamilies", "ipFamilyPolicy"].into_iter().filter(|field| same(after, field)));
    }
    if needs_node_port(before) && !needs_node_port(after) && !has_new_node_ports(after, before) {
        for port in items_mut(after, "ports") {
            map_of(port).remove("nodePort");
        }
    }
    let is_balancer = |spec: &Value| text(spec, "type") == "LoadBalancer";
    if needs_health_check(before) && !needs_health_check(after) && same(after, "healthCheckNodePort") {
        gone.push("healthCheckNodePort");
    }
    if is_balancer(before) && !is_balancer(after) {
        let fields = ["allocateLoadBalancerNodePorts", "loadBalancerClass"];
        gone.extend(fields.into_iter().filter(|field| same(after, field)));
    }
    if externally_accessible(before) && !externally_accessible(after) && same(after, "externalTrafficPolicy") {
        gone.push("externalTrafficPolicy");
    }
    let still_balanced = is_balancer(after);
    map_of(after).retain(|field, _| !gone.contains(&field.as_str()));
    if !still_balanced {
        child(new, "status")["loadBalancer"] = json!({});
    }
}

fn has_new_node_ports(after: &Value, before: &Value) -> bool {
    let known: Vec<i64> = items(before, "ports").iter().map(|port| number(port, "nodePort")).collect();
    items(after, "ports").iter().map(|port| number(port, "nodePort")).any(|port| port != 0 && !known.contains(&port))
}

#[cfg(test)]
mod tests;

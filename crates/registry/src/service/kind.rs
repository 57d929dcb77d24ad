//! What the type of a Service says of its fields (`pkg/api/service/util.go`).

use serde_json::Value;

use crate::fields::{items, text};

/// The spec of a Service.
pub(super) fn spec(service: &Value) -> &Value {
    service.get("spec").unwrap_or(&Value::Null)
}

/// Every type but ExternalName has an address, even if it is `None`.
pub(super) fn needs_cluster_ip(spec: &Value) -> bool {
    matches!(text(spec, "type"), "ClusterIP" | "NodePort" | "LoadBalancer")
}

/// Whether each port has one on every node.
pub(super) fn needs_node_port(spec: &Value) -> bool {
    matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
}

/// Whether a load balancer has to ask nodes for their health.
pub(super) fn needs_health_check(spec: &Value) -> bool {
    text(spec, "type") == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
}

/// Whether clients outside of the cluster may reach it.
pub(super) fn externally_accessible(spec: &Value) -> bool {
    needs_node_port(spec) || (text(spec, "type") == "ClusterIP" && !items(spec, "externalIPs").is_empty())
}

/// Whether it has no address of its own, on purpose.
pub(super) fn is_headless(spec: &Value) -> bool {
    text(spec, "type") == "ClusterIP" && text(spec, "clusterIP") == "None"
}

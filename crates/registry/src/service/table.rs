//! The columns of Services.

use jiff::Timestamp;
use serde_json::Value;

use super::kind::spec;
use crate::fields::{entries, get, items, number, text};
use crate::strategy::{Column, Row};
use crate::table::{AGE, NAME, age, name, text_column, wide_column};

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    text_column(
        "Type",
        "type determines how the Service is exposed. Defaults to ClusterIP. Valid options are ExternalName, ClusterIP, NodePort, and LoadBalancer. \"ClusterIP\" allocates a cluster-internal IP address for load-balancing to endpoints. Endpoints are determined by the selector or if that is not specified, by manual construction of an Endpoints object or EndpointSlice objects. If clusterIP is \"None\", no virtual IP is allocated and the endpoints are published as a set of endpoints rather than a virtual IP. \"NodePort\" builds on ClusterIP and allocates a port on every node which routes to the same endpoints as the clusterIP. \"LoadBalancer\" builds on NodePort and creates an external load-balancer (if supported in the current cloud) which routes to the same endpoints as the clusterIP. \"ExternalName\" aliases this service to the specified externalName. Several other fields do not apply to ExternalName services. More info: https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
    ),
    text_column(
        "Cluster-IP",
        "clusterIP is the IP address of the service and is usually assigned randomly. If an address is specified manually, is in-range (as per system configuration), and is not in use, it will be allocated to the service; otherwise creation of the service will fail. This field may not be changed through updates unless the type field is also being changed to ExternalName (which requires this field to be blank) or the type field is being changed from ExternalName (in which case this field may optionally be specified, as describe above).  Valid values are \"None\", empty string (\"\"), or a valid IP address. Setting this to \"None\" makes a \"headless service\" (no virtual IP), which is useful when direct endpoint connections are preferred and proxying is not required.  Only applies to types ClusterIP, NodePort, and LoadBalancer. If this field is specified when creating a Service of type ExternalName, creation will fail. This field will be wiped when updating a Service to type ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    text_column(
        "External-IP",
        "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.  These IPs are not managed by Kubernetes.  The user is responsible for ensuring that traffic arrives at a node with this IP.  A common example is external load-balancers that are not part of the Kubernetes system.",
    ),
    text_column(
        "Port(s)",
        "The list of ports that are exposed by this service. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    AGE,
    wide_column(
        "Selector",
        "Route service traffic to pods with label keys and values matching this selector. If empty or not present, the service is assumed to have an external process managing its endpoints, which Kubernetes will not modify. Only applies to types ClusterIP, NodePort, and LoadBalancer. Ignored if type is ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/",
    ),
];

pub(super) fn row(service: &Value, now: Timestamp) -> Row {
    let spec = spec(service);
    let address = items(spec, "clusterIPs").first().and_then(Value::as_str).unwrap_or("<none>");
    let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
    let cells = vec![
        name(service),
        text(spec, "type").into(),
        address.into(),
        external_cell(service, spec).into(),
        or_none(ports_cell(spec)).into(),
        age(service, now),
        or_none(selector_cell(spec)).into(),
    ];
    Row { cells, conditions: Vec::new() }
}

/// `getServiceExternalIP`; the table has one form for both widths, so the addresses are never cut.
fn external_cell(service: &Value, spec: &Value) -> String {
    let own: Vec<&str> = items(spec, "externalIPs").iter().filter_map(Value::as_str).collect();
    match text(spec, "type") {
        "ExternalName" => text(spec, "externalName").to_owned(),
        "ClusterIP" | "NodePort" if own.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => own.join(","),
        "LoadBalancer" => {
            let mut all = balancer_addresses(service);
            all.extend(own);
            if all.is_empty() { "<pending>".to_owned() } else { all.join(",") }
        }
        _ => "<unknown>".to_owned(),
    }
}

fn balancer_addresses(service: &Value) -> Vec<&str> {
    let balancer = get(service, "status").and_then(|status| get(status, "loadBalancer"));
    let ingress = balancer.map_or(&[][..], |balancer| items(balancer, "ingress"));
    let address = |ingress| match text(ingress, "ip") {
        "" => text(ingress, "hostname"),
        ip => ip,
    };
    let mut addresses: Vec<&str> = ingress.iter().map(address).filter(|text| !text.is_empty()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// `makePortString`.
fn ports_cell(spec: &Value) -> String {
    let port = |port: &Value| {
        let (number, protocol) = (number(port, "port"), text(port, "protocol"));
        match crate::fields::number(port, "nodePort") {
            0 => format!("{number}/{protocol}"),
            node_port => format!("{number}:{node_port}/{protocol}"),
        }
    };
    items(spec, "ports").iter().map(port).collect::<Vec<_>>().join(",")
}

fn selector_cell(spec: &Value) -> String {
    let term = |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
    entries(spec, "selector").map(term).collect::<Vec<_>>().join(",")
}

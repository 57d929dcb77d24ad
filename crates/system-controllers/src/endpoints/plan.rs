//! What the Endpoints and EndpointSlices of a Service say (`pkg/controller/endpoint/endpoints_controller.go`,
//! `staging/src/k8s.io/endpointslice`). Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::k8s::api::core::v1::{Pod, Service};
use api::k8s::apimachinery::pkg::apis::meta::v1::LabelSelector as SelectorFields;
use api::k8s::apimachinery::pkg::util::intstr::IntOrString;
use api::selector::LabelSelector;
use api::{Object, ObjectKey};
use serde_json::{Map, Value, json};

/// Most endpoints of one slice (`--max-endpoints-per-slice`).
const MAX_PER_SLICE: usize = 100;
/// The label that names a slice's Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const SLICE_MANAGED_BY: (&str, &str) = ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");
const ENDPOINTS_MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");
/// The label of what belongs to a Service without an address.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// The fields of Endpoints that are kept.
pub const ENDPOINTS_FIELDS: &[&str] = &["subsets"];
/// The fields of slices that are kept.
pub const SLICE_FIELDS: &[&str] = &["endpoints", "ports"];

/// A Service as the plan reads it.
#[derive(Clone, Debug)]
pub struct ServiceView {
    name: String,
    namespace: String,
    uid: String,
    labels: BTreeMap<String, String>,
    headless: bool,
    /// Pods that are not ready serve as well.
    publishes_all: bool,
    /// `IPv4`, `IPv6`.
    families: Vec<String>,
    ports: Vec<Port>,
}

#[derive(Clone, Debug)]
struct Port {
    name: String,
    protocol: String,
    target: IntOrString,
}

/// A pod as the plan reads it.
#[derive(Clone, Debug)]
pub struct PodView {
    name: String,
    uid: String,
    node: Option<String>,
    /// Under which Service it has which host name.
    host: Option<(String, String)>,
    addresses: Vec<IpAddr>,
    ready: bool,
    over: bool,
    deleting: bool,
    /// Named ports of its containers.
    ports: Vec<(String, String, i32)>,
}

/// A port as a pod serves it: name, protocol, number.
type Served = (String, String, i32);

/// Whose pods serve a Service; `None` when it selects none and somebody else fills its Endpoints.
pub fn selector(service: &Object) -> Option<LabelSelector> {
    let labels =
        service.field("/spec/selector").filter(|labels| labels.as_object().is_some_and(|map| !map.is_empty()))?;
    let external = service.field("/spec/type").is_some_and(|kind| kind == "ExternalName");
    let labels = serde_json::from_value(labels).ok().filter(|_| !external)?;
    LabelSelector::of(Some(&SelectorFields { match_labels: Some(labels), ..Default::default() })).ok()
}

/// The Service of a slice that this controller keeps.
pub fn service_of(slice: &Object) -> Option<ObjectKey> {
    let meta = slice.meta();
    let own = meta.labels.get(SLICE_MANAGED_BY.0).is_some_and(|by| by == SLICE_MANAGED_BY.1);
    let name = meta.labels.get(SERVICE_NAME).filter(|_| own)?;
    Some(ObjectKey::namespaced(meta.namespace.as_deref()?, name))
}

/// Whether Endpoints are kept by this controller.
pub fn is_own(endpoints: &Object) -> bool {
    endpoints.meta().labels.get(ENDPOINTS_MANAGED_BY.0).is_some_and(|by| by == ENDPOINTS_MANAGED_BY.1)
}

impl ServiceView {
    /// Reads a Service.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(object: &Object) -> Result<Self, serde_json::Error> {
        let service: Service = object.decode()?;
        let spec = service.spec.unwrap_or_default();
        let text = |value: Option<String>, default: &str| value.unwrap_or_else(|| default.to_owned());
        let port = |port: api::k8s::api::core::v1::ServicePort| Port {
            name: port.name.unwrap_or_default(),
            protocol: text(port.protocol, "TCP"),
            target: match port.target_port {
                Some(IntOrString::Int(0)) | None => IntOrString::Int(port.port),
                Some(target) => target,
            },
        };
        let meta = object.meta();
        Ok(Self {
            name: meta.name.clone(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            uid: meta.uid.to_string(),
            labels: (*meta.labels).clone(),
            headless: spec.cluster_ip.as_deref() == Some("None"),
            publishes_all: spec.publish_not_ready_addresses == Some(true),
            families: spec.ip_families.filter(|list| !list.is_empty()).unwrap_or_else(|| vec!["IPv4".to_owned()]),
            ports: spec.ports.into_iter().flatten().map(port).collect(),
        })
    }

    fn labels(&self, managed_by: (&str, &str)) -> Map<String, Value> {
        let own = self.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        let mut labels: Map<String, Value> = own.filter(|(key, _)| key != HEADLESS).collect();
        if self.headless {
            labels.insert(HEADLESS.to_owned(), "".into());
        }
        labels.insert(managed_by.0.to_owned(), managed_by.1.into());
        labels
    }
}

impl PodView {
    /// Reads a pod.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(object: &Object) -> Result<Self, serde_json::Error> {
        let pod: Pod = object.decode()?;
        let (spec, status) = (pod.spec.unwrap_or_default(), pod.status.unwrap_or_default());
        let mut addresses: Vec<IpAddr> =
            status.pod_ips.iter().flatten().filter_map(|address| address.ip.parse().ok()).collect();
        if addresses.is_empty() {
            addresses.extend(status.pod_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()));
        }
        let ready = status.conditions.iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True");
        let sidecars =
            spec.init_containers.iter().flatten().filter(|it| it.restart_policy.as_deref() == Some("Always"));
        let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
        let named = |port: &api::k8s::api::core::v1::ContainerPort| {
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            Some((port.name.clone()?, protocol, port.container_port))
        };
        let meta = object.meta();
        Ok(Self {
            name: meta.name.clone(),
            uid: meta.uid.to_string(),
            node: spec.node_name.filter(|node| !node.is_empty()),
            host: spec.subdomain.zip(spec.hostname.filter(|name| !name.is_empty())),
            addresses,
            ready,
            over: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            deleting: meta.is_deleting(),
            ports: ports.filter_map(named).collect(),
        })
    }

    fn address(&self, family: &str) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|address| address.is_ipv6() == (family == "IPv6"))
    }

    /// The ports under which it serves; those that it does not have are left out (`FindPort`).
    fn serves(&self, service: &ServiceView) -> Vec<Served> {
        let number = |port: &Port| match &port.target {
            IntOrString::Int(number) => Some(*number),
            IntOrString::String(name) => {
                let named = self.ports.iter().find(|(known, protocol, _)| known == name && *protocol == port.protocol);
                named.map(|(_, _, number)| *number)
            }
        };
        let served = |port: &Port| Some((port.name.clone(), port.protocol.clone(), number(port)?));
        service.ports.iter().filter_map(served).collect()
    }

    fn hostname(&self, service: &ServiceView) -> Option<&str> {
        self.host.as_ref().filter(|(subdomain, _)| *subdomain == service.name).map(|(_, host)| host.as_str())
    }

    fn target(&self, service: &ServiceView) -> Value {
        json!({ "kind": "Pod", "namespace": service.namespace, "name": self.name, "uid": self.uid })
    }
}

/// The Endpoints of a Service.
pub fn endpoints(service: &ServiceView, pods: &[PodView]) -> Value {
    let family = service.families.first().map_or("IPv4", String::as_str);
    let mut groups: BTreeMap<Vec<Served>, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !pod.over && (!pod.deleting || service.publishes_all)) {
        let Some(address) = pod.address(family) else { continue };
        let ports = pod.serves(service);
        // Only a Service that has no ports at all has endpoints without any.
        if ports.is_empty() && !(service.ports.is_empty() && service.headless) {
            continue;
        }
        let mut entry = json!({ "ip": address.to_string(), "targetRef": pod.target(service) });
        if let Some(node) = &pod.node {
            entry["nodeName"] = node.as_str().into();
        }
        if let Some(hostname) = pod.hostname(service) {
            entry["hostname"] = hostname.into();
        }
        let group = groups.entry(ports).or_default();
        if pod.ready || service.publishes_all { group.0.push(entry) } else { group.1.push(entry) }
    }
    let subset = |(ports, (ready, not_ready)): (Vec<Served>, (Vec<Value>, Vec<Value>))| {
        let mut subset = Map::new();
        let ports = ports.iter().map(|port| endpoint_port(port, false)).collect();
        for (field, list) in [("addresses", ready), ("notReadyAddresses", not_ready), ("ports", ports)] {
            if !list.is_empty() {
                subset.insert(field.to_owned(), list.into());
            }
        }
        Value::Object(subset)
    };
    let subsets: Vec<Value> = groups.into_iter().map(subset).collect();
    let mut endpoints = json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": service.name,
            "namespace": service.namespace,
            "labels": service.labels(ENDPOINTS_MANAGED_BY),
        },
    });
    if !subsets.is_empty() {
        endpoints["subsets"] = subsets.into();
    }
    endpoints
}

fn endpoint_port((name, protocol, number): &Served, always_named: bool) -> Value {
    let mut port = json!({ "port": number, "protocol": protocol });
    if always_named || !name.is_empty() {
        port["name"] = name.as_str().into();
    }
    port
}

/// The slices of a Service, at least one per family of addresses.
pub fn slices(service: &ServiceView, pods: &[PodView]) -> Vec<Value> {
    service.families.iter().flat_map(|family| slices_of(service, pods, family)).collect()
}

fn slices_of(service: &ServiceView, pods: &[PodView], family: &str) -> Vec<Value> {
    let mut groups: BTreeMap<Vec<Served>, Vec<Value>> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !pod.over) {
        let Some(address) = pod.address(family) else { continue };
        groups.entry(pod.serves(service)).or_default().push(slice_endpoint(service, pod, address));
    }
    let slice = |ports: Value, endpoints: Value| {
        let mut labels = service.labels(SLICE_MANAGED_BY);
        labels.insert(SERVICE_NAME.to_owned(), service.name.as_str().into());
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "generateName": format!("{}-", service.name),
                "namespace": service.namespace,
                "labels": labels,
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "Service", "name": service.name, "uid": service.uid,
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "addressType": family,
            "endpoints": endpoints,
            "ports": ports,
        })
    };
    if groups.is_empty() {
        return vec![slice(Value::Null, Value::Null)];
    }
    let of_group = |(ports, endpoints): (Vec<Served>, Vec<Value>)| {
        let ports: Vec<Value> = ports.iter().map(|port| endpoint_port(port, true)).collect();
        let chunks: Vec<Value> = endpoints.chunks(MAX_PER_SLICE).map(|chunk| chunk.to_vec().into()).collect();
        chunks.into_iter().map(|chunk| slice(ports.clone().into(), chunk)).collect::<Vec<Value>>()
    };
    groups.into_iter().flat_map(of_group).collect()
}

fn slice_endpoint(service: &ServiceView, pod: &PodView, address: IpAddr) -> Value {
    let ready = service.publishes_all || (pod.ready && !pod.deleting);
    let mut endpoint = json!({
        "addresses": [address.to_string()],
        "conditions": { "ready": ready, "serving": pod.ready, "terminating": pod.deleting },
        "targetRef": pod.target(service),
    });
    if let Some(node) = &pod.node {
        endpoint["nodeName"] = node.as_str().into();
    }
    if let Some(hostname) = pod.hostname(service) {
        endpoint["hostname"] = hostname.into();
    }
    endpoint
}

/// Gives an object the wanted labels and fields; returns whether any differed. Other labels stay.
pub fn bring_up_to_date(object: &mut Value, wanted: &Value, fields: &[&str]) -> bool {
    let mut changed = false;
    for (key, value) in wanted["metadata"]["labels"].as_object().into_iter().flatten() {
        if object["metadata"]["labels"][key] != *value {
            object["metadata"]["labels"][key] = value.clone();
            changed = true;
        }
    }
    for field in fields {
        if object[*field] != wanted[*field] {
            object[*field] = wanted[*field].clone();
            changed = true;
        }
    }
    changed
}

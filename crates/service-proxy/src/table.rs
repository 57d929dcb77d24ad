//! Which addresses answer, and for whom: from Services, EndpointSlices and Endpoints. Pure.
//!
//! The rules are those of kube-proxy (`pkg/proxy/{serviceport,endpointslicecache,topology}.go`): slices tell the
//! endpoints of a Service, matched by the names of its ports; ready ones, or those that still serve while they end when
//! there are no others. Endpoints are read for Services that have no slices, whose users write Endpoints by themselves:
//! upstream's mirroring controller makes slices of those.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use api::k8s::api::core::v1::{Endpoints, Service, ServicePort, ServiceSpec};
use api::k8s::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use api::{Meta, Object, ObjectKey};
use jiff::SignedDuration;

/// The label of a slice that names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// How long a client keeps its endpoint unless the Service says.
const AFFINITY_SECONDS: i32 = 10_800;
/// The Service that the proxy leaves alone.
const API_SERVICE: (&str, &str) = ("default", "kubernetes");
/// Where node ports are.
const NODE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// One port of one Service.
#[derive(Clone, Debug)]
pub struct Front {
    /// The Service, to say things about it.
    pub service: Meta,
    /// How long a client keeps its endpoint; `None` for no affinity.
    pub affinity: Option<SignedDuration>,
    /// Where connections go.
    pub backends: Vec<SocketAddr>,
}

/// What listens where.
pub type Table = BTreeMap<SocketAddr, Front>;

/// What is known.
#[derive(Default)]
pub struct State {
    services: BTreeMap<ObjectKey, (Meta, ServiceSpec)>,
    /// By their Service.
    slices: BTreeMap<ObjectKey, BTreeMap<Arc<str>, EndpointSlice>>,
    endpoints: BTreeMap<ObjectKey, Endpoints>,
}

/// A kind that is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Services.
    Services,
    /// EndpointSlices.
    Slices,
    /// Endpoints.
    Endpoints,
}

impl State {
    /// Forgets all objects of a kind.
    pub fn clear(&mut self, source: Source) {
        match source {
            Source::Services => self.services.clear(),
            Source::Slices => self.slices.clear(),
            Source::Endpoints => self.endpoints.clear(),
        }
    }

    /// Takes in an object that is new or has changed. One that cannot be read counts as gone.
    pub fn apply(&mut self, source: Source, object: &Object) {
        self.remove(source, object);
        let key = object.meta().key();
        match source {
            Source::Services => {
                if let Some(spec) = object.decode::<Service>().ok().and_then(|service| service.spec) {
                    self.services.insert(key, (object.meta().clone(), spec));
                }
            }
            Source::Slices => {
                if let (Some(service), Ok(slice)) = (service_of(object), object.decode()) {
                    self.slices.entry(service).or_default().insert(key.name, slice);
                }
            }
            Source::Endpoints => {
                if let Ok(endpoints) = object.decode() {
                    self.endpoints.insert(key, endpoints);
                }
            }
        }
    }

    /// Takes in that an object is gone.
    pub fn remove(&mut self, source: Source, object: &Object) {
        let key = object.meta().key();
        match source {
            Source::Services => drop(self.services.remove(&key)),
            Source::Endpoints => drop(self.endpoints.remove(&key)),
            Source::Slices => self.slices.retain(|service, slices| {
                if service.namespace == key.namespace {
                    slices.remove(&key.name);
                }
                !slices.is_empty()
            }),
        }
    }

    /// What listens where. A port of a Service without endpoints has an entry without backends.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        let fronted = self.services.iter().filter(|(key, (meta, _))| !is_api(key) && !meta.is_deleting());
        for (key, (meta, spec)) in fronted {
            let tcp = spec.ports.iter().flatten().filter(|port| is_tcp(port));
            for port in tcp {
                let front = Front {
                    service: meta.clone(),
                    affinity: affinity(spec),
                    backends: self.backends(key, port.name.as_deref().unwrap_or_default()),
                };
                for address in addresses(spec, port) {
                    // Addresses are given out once; of two that someone forced, the first in order has it.
                    table.entry(address).or_insert_with(|| front.clone());
                }
            }
        }
        table
    }

    /// The Services, with what is not honoured of each.
    pub fn notes(&self) -> impl Iterator<Item = (&Meta, Vec<String>)> {
        let notes =
            self.services.iter().filter(|(key, _)| !is_api(key)).map(|(_, (meta, spec))| (meta, unhonoured(spec)));
        notes.filter(|(_, notes)| !notes.is_empty())
    }

    fn backends(&self, service: &ObjectKey, port: &str) -> Vec<SocketAddr> {
        let Some(slices) = self.slices.get(service) else {
            return self.endpoints.get(service).map(|endpoints| of_endpoints(endpoints, port)).unwrap_or_default();
        };
        let chosen = |keep: fn(&Endpoint) -> bool| {
            let mut all: Vec<SocketAddr> = slices.values().flat_map(|slice| of_slice(slice, port, keep)).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let ready = chosen(|endpoint| endpoint.conditions.as_ref().and_then(|it| it.ready) != Some(false));
        if !ready.is_empty() {
            return ready;
        }
        chosen(|endpoint| {
            endpoint.conditions.as_ref().is_some_and(|it| it.terminating == Some(true) && it.serving != Some(false))
        })
    }
}

/// The Service that a slice belongs to.
fn service_of(slice: &Object) -> Option<ObjectKey> {
    let meta = slice.meta();
    Some(ObjectKey::namespaced(meta.namespace.as_deref()?, meta.labels.get(SERVICE_NAME)?))
}

fn is_api(key: &ObjectKey) -> bool {
    (key.namespace_or_empty(), &*key.name) == API_SERVICE
}

fn is_tcp(port: &ServicePort) -> bool {
    port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP")
}

fn affinity(spec: &ServiceSpec) -> Option<SignedDuration> {
    let by_client = spec.session_affinity.as_deref() == Some("ClientIP");
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = config.and_then(|client_ip| client_ip.timeout_seconds).unwrap_or(AFFINITY_SECONDS);
    by_client.then(|| SignedDuration::from_secs(seconds.into()))
}

/// Where a port of a Service listens: at its addresses, and at its node port.
///
/// Only addresses of the loopback network are this machine's to bind; another cluster's are not.
fn addresses(spec: &ServiceSpec, port: &ServicePort) -> Vec<SocketAddr> {
    if spec.type_.as_deref() == Some("ExternalName") {
        return Vec::new();
    }
    let number = |number: i32| u16::try_from(number).ok().filter(|number| *number != 0);
    let ips = spec.cluster_ip.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()).filter(IpAddr::is_loopback);
    let own = ips.filter_map(|ip| Some(SocketAddr::new(ip, number(port.port)?)));
    let node = port.node_port.and_then(number).map(|port| SocketAddr::from((NODE, port)));
    own.chain(node).collect()
}

fn of_slice(slice: &EndpointSlice, name: &str, keep: fn(&Endpoint) -> bool) -> Vec<SocketAddr> {
    let is_it = |port: &&EndpointPort| {
        port.name.as_deref().unwrap_or_default() == name && port.protocol.as_deref().is_none_or(|it| it == "TCP")
    };
    let port = slice.ports.iter().flatten().find(is_it).and_then(|port| u16::try_from(port.port?).ok());
    let Some(port) = port.filter(|_| slice.address_type != "FQDN") else { return Vec::new() };
    let endpoints = slice.endpoints.iter().flatten().filter(|endpoint| keep(endpoint));
    // Consumers take the first address; the others are there for old objects.
    let first = |endpoint: &Endpoint| endpoint.addresses.first()?.parse().ok();
    endpoints.filter_map(first).map(|ip: IpAddr| SocketAddr::new(ip, port)).collect()
}

fn of_endpoints(endpoints: &Endpoints, name: &str) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ports = subset.ports.iter().flatten();
        let mut named = ports.filter(|port| {
            port.name.as_deref().unwrap_or_default() == name && port.protocol.as_deref().is_none_or(|it| it == "TCP")
        });
        let Some(port) = named.next().and_then(|port| u16::try_from(port.port).ok()) else { continue };
        let ips = subset.addresses.iter().flatten().filter_map(|address| address.ip.parse::<IpAddr>().ok());
        all.extend(ips.map(|ip| SocketAddr::new(ip, port)));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// What of a Service has no effect on this machine, as paths with a reason.
pub fn unhonoured(spec: &ServiceSpec) -> Vec<String> {
    let mut notes = Vec::new();
    let by_name = spec.cluster_ip.as_deref() == Some("None");
    for (index, port) in spec.ports.iter().flatten().enumerate().filter(|(_, port)| !is_tcp(port) && !by_name) {
        let protocol = port.protocol.as_deref().unwrap_or_default();
        notes.push(format!("spec.ports[{index}].protocol: {protocol} is not forwarded"));
    }
    match spec.type_.as_deref() {
        Some("ExternalName") => notes.push(
            "spec.externalName: no name server answers for it, and a hosts file cannot give a name to another name"
                .to_owned(),
        ),
        Some("LoadBalancer") => notes.push("spec.type: there is no load balancer; the node port is bound".to_owned()),
        _ => {}
    }
    if spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()) {
        notes.push("spec.externalIPs: not bound".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests;

//! What containers are told of Services (`pkg/kubelet/envvars`), and of the API server above all.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::k8s::api::core::v1::{Endpoints, Service, ServicePort};

/// The Service of the API server, in the namespace [`API_SERVICE_NAMESPACE`].
pub const API_SERVICE: &str = "kubernetes";
/// Where it is.
pub const API_SERVICE_NAMESPACE: &str = "default";
/// The port under which programs look for the API server.
const API_PORT: i32 = 443;

/// Where the API server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAddress {
    /// Its address.
    pub ip: String,
    /// Its port.
    pub port: i32,
}

impl ApiAddress {
    /// The first address that the Service's Endpoints name.
    pub fn of(endpoints: &Endpoints) -> Option<Self> {
        let subset = endpoints.subsets.as_deref()?.first()?;
        let ip = subset.addresses.as_deref()?.first()?.ip.clone();
        Some(Self { ip, port: subset.ports.as_deref()?.first()?.port })
    }

    /// `HOST:PORT`, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        join(&self.ip, self.port)
    }

    /// The variables of the Service `kubernetes`.
    ///
    /// Differs: upstream's name the Service's own address and port 443, which a proxy on each node forwards. There is
    /// none here, so they name where the server listens; the names keep the 443 that programs look for.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let port = ServicePort { name: Some("https".to_owned()), port: API_PORT, ..ServicePort::default() };
        let mut variables = BTreeMap::new();
        add(&mut variables, API_SERVICE, &self.ip, &[port], |_| self.port);
        variables
    }
}

/// The variables of the Services of a pod's namespace, but for those without an address of their own.
pub fn variables<'a>(services: impl IntoIterator<Item = &'a Service>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for service in services {
        let Some(spec) = &service.spec else { continue };
        let Some(ip) = spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty() && *ip != "None") else { continue };
        let name = service.metadata.name.as_deref().unwrap_or_default();
        add(&mut variables, name, ip, spec.ports.as_deref().unwrap_or_default(), |port| port.port);
    }
    variables
}

/// Adds a Service's variables. `reached` says where a port is really reached.
fn add(
    variables: &mut BTreeMap<String, String>,
    name: &str,
    ip: &str,
    ports: &[ServicePort],
    reached: impl Fn(&ServicePort) -> i32,
) {
    let Some(first) = ports.first() else { return };
    let prefix = variable_name(name);
    let mut set = |suffix: String, value: String| drop(variables.insert(format!("{prefix}_{suffix}"), value));
    set("SERVICE_HOST".to_owned(), ip.to_owned());
    set("SERVICE_PORT".to_owned(), reached(first).to_string());
    for (index, port) in ports.iter().enumerate() {
        let number = reached(port);
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            set(format!("SERVICE_PORT_{}", variable_name(name)), number.to_string());
        }
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let scheme = protocol.to_lowercase();
        let url = format!("{scheme}://{}", join(ip, number));
        if index == 0 {
            set("PORT".to_owned(), url.clone());
        }
        let of_port = format!("PORT_{}_{}", port.port, protocol.to_uppercase());
        set(of_port.clone(), url);
        set(format!("{of_port}_PROTO"), scheme);
        set(format!("{of_port}_PORT"), number.to_string());
        set(format!("{of_port}_ADDR"), ip.to_owned());
    }
}

fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

fn join(ip: &str, port: i32) -> String {
    match ip.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        _ => format!("{ip}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(variables: &BTreeMap<String, String>) -> Vec<String> {
        variables.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn the_api_server_is_named_where_it_listens() {
        let endpoints =
            json!({"subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"name": "https", "port": 6443}]}]});
        let address = ApiAddress::of(&serde_json::from_value(endpoints).unwrap()).unwrap();
        let expected = [
            "KUBERNETES_PORT=tcp://127.0.0.1:6443",
            "KUBERNETES_PORT_443_TCP=tcp://127.0.0.1:6443",
            "KUBERNETES_PORT_443_TCP_ADDR=127.0.0.1",
            "KUBERNETES_PORT_443_TCP_PORT=6443",
            "KUBERNETES_PORT_443_TCP_PROTO=tcp",
            "KUBERNETES_SERVICE_HOST=127.0.0.1",
            "KUBERNETES_SERVICE_PORT=6443",
            "KUBERNETES_SERVICE_PORT_HTTPS=6443",
        ];
        assert_eq!(shown(&address.variables()), expected);
        let six = ApiAddress { ip: "::1".to_owned(), port: 6443 };
        assert_eq!(six.variables()["KUBERNETES_PORT"], "tcp://[::1]:6443");
        assert_eq!(ApiAddress::of(&Endpoints::default()), None);
    }

    #[test]
    fn services_with_an_address_are_told_port_by_port() {
        let ports = json!([{"name": "web", "port": 80}, {"name": "dns-x", "port": 53, "protocol": "UDP"}]);
        let service = |name: &str, ip: &str| -> Service {
            serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"clusterIP": ip, "ports": ports}}))
                .unwrap()
        };
        let services = [service("my-db", "10.96.0.7"), service("headless", "None"), service("external", "")];
        let expected = [
            "MY_DB_PORT=tcp://10.96.0.7:80",
            "MY_DB_PORT_53_UDP=udp://10.96.0.7:53",
            "MY_DB_PORT_53_UDP_ADDR=10.96.0.7",
            "MY_DB_PORT_53_UDP_PORT=53",
            "MY_DB_PORT_53_UDP_PROTO=udp",
            "MY_DB_PORT_80_TCP=tcp://10.96.0.7:80",
            "MY_DB_PORT_80_TCP_ADDR=10.96.0.7",
            "MY_DB_PORT_80_TCP_PORT=80",
            "MY_DB_PORT_80_TCP_PROTO=tcp",
            "MY_DB_SERVICE_HOST=10.96.0.7",
            "MY_DB_SERVICE_PORT=80",
            "MY_DB_SERVICE_PORT_DNS_X=53",
            "MY_DB_SERVICE_PORT_WEB=80",
        ];
        assert_eq!(shown(&variables(&services)), expected);
    }
}

//! `v1 Endpoints` (`pkg/registry/core/endpoint/strategy.go`).

use api::field::{FieldErrors, Path};
use api::{Kind, names};
use jiff::Timestamp;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{default_text, drop_empty, get, items, items_mut, number, text};
use crate::ip;
use crate::labels::label;
use crate::pod_spec::validate_port_number;
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

/// What the table shows at the most.
const SHOWN: usize = 3;
/// The label of those that the Endpoints controller made.
const MANAGED_BY: (&str, &str) = ("endpoints.kubernetes.io/managed-by", "endpoint-controller");

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Endpoints"),
    plural: "endpoints",
    singular: "endpoints",
    short_names: &["ep"],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column(
        "Endpoints",
        "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
    ),
    AGE,
];

/// The strategy of Endpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointsStrategy;

impl Strategy for EndpointsStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        drop_empty(object, &["subsets"]);
        for subset in items_mut(object, "subsets") {
            drop_empty(subset, &["addresses", "notReadyAddresses", "ports"]);
            for port in items_mut(subset, "ports") {
                default_text(port, "protocol", "TCP");
                drop_empty(port, &["name"]);
            }
        }
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        for (index, subset) in items(object, "subsets").iter().enumerate() {
            validate_subset(&mut errors, &Path::new("subsets").index(index), subset);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value, _subresource: Option<&str>) -> FieldErrors {
        // What did not change was valid when it came in.
        if get(new, "subsets") == get(old, "subsets") { FieldErrors::new() } else { self.validate_create(new) }
    }

    fn deprecation(&self) -> Option<&'static str> {
        Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let mut warnings = Vec::new();
        if get(new, "metadata").and_then(|metadata| label(metadata, MANAGED_BY.0)) == Some(MANAGED_BY.1) {
            return warnings;
        }
        for (index, subset) in items(new, "subsets").iter().enumerate() {
            for list in ["addresses", "notReadyAddresses"] {
                let path = Path::new("subsets").index(index).child(list);
                let addresses = items(subset, list).iter().enumerate();
                let of = |(index, address)| ip::warning(&path.index(index).child("ip"), text(address, "ip"));
                warnings.extend(addresses.filter_map(of));
            }
        }
        warnings
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        Row { cells: vec![name(object), cell(object).into(), age(object, now)], conditions: Vec::new() }
    }
}

fn validate_subset(errors: &mut FieldErrors, path: &Path, subset: &Value) {
    let lists = ["addresses", "notReadyAddresses"];
    if lists.iter().all(|list| items(subset, list).is_empty()) {
        errors.push(path.required("must specify `addresses` or `notReadyAddresses`"));
    }
    for list in lists {
        for (index, address) in items(subset, list).iter().enumerate() {
            validate_address(errors, &path.child(list).index(index), address);
        }
    }
    let ports = items(subset, "ports");
    for (index, port) in ports.iter().enumerate() {
        validate_port(errors, &path.child("ports").index(index), port, ports.len() > 1);
    }
}

fn validate_address(errors: &mut FieldErrors, path: &Path, address: &Value) {
    let (address_text, at) = (text(address, "ip"), path.child("ip"));
    ip::validate(errors, &at, address_text, &[]);
    let hostname = text(address, "hostname");
    if !hostname.is_empty() {
        extend_invalid(errors, &path.child("hostname"), hostname, names::dns_label_errors(hostname));
    }
    if let Some(node) = get(address, "nodeName").and_then(Value::as_str) {
        extend_invalid(errors, &path.child("nodeName"), node, names::dns_subdomain_errors(node));
    }
    ip::validate_for_endpoints(errors, &at, address_text);
}

fn validate_port(errors: &mut FieldErrors, path: &Path, port: &Value, named: bool) {
    let port_name = text(port, "name");
    if named && port_name.is_empty() {
        errors.push(path.child("name").required(""));
    } else if !port_name.is_empty() {
        extend_invalid(errors, &path.child("name"), port_name, names::dns_label_errors(port_name));
    }
    validate_port_number(errors, &path.child("port"), number(port, "port"));
    validate_protocol(errors, &path.child("protocol"), text(port, "protocol"));
    validate_app_protocol(errors, &path.child("appProtocol"), port);
}

/// The protocols that ports may have.
pub(crate) fn validate_protocol(errors: &mut FieldErrors, path: &Path, protocol: &str) {
    match protocol {
        "" => errors.push(path.required("")),
        "TCP" | "UDP" | "SCTP" => {}
        other => errors.push(path.not_supported(other, &["SCTP", "TCP", "UDP"])),
    }
}

/// `appProtocol` is a qualified name.
pub(crate) fn validate_app_protocol(errors: &mut FieldErrors, path: &Path, port: &Value) {
    if let Some(protocol) = get(port, "appProtocol").and_then(Value::as_str) {
        extend_invalid(errors, path, protocol, names::qualified_name_errors(protocol));
    }
}

/// `formatEndpoints`.
fn cell(endpoints: &Value) -> String {
    let mut all = Vec::new();
    for subset in items(endpoints, "subsets") {
        let addresses = || items(subset, "addresses").iter().map(|address| text(address, "ip"));
        let ports = items(subset, "ports");
        if ports.is_empty() {
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            let number = number(port, "port");
            let join = |ip: &str| if ip.contains(':') { format!("[{ip}]:{number}") } else { format!("{ip}:{number}") };
            all.extend(addresses().map(join));
        }
    }
    if items(endpoints, "subsets").is_empty() { "<none>".to_owned() } else { with_more(all) }
}

/// The first items, and how many more there are (`listWithMoreString`).
pub(crate) fn with_more(mut all: Vec<String>) -> String {
    let count = all.len();
    all.truncate(SHOWN);
    let list = all.join(",");
    if count > SHOWN { format!("{list} + {} more...", count - SHOWN) } else { list }
}

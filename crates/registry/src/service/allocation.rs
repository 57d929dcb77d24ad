//! Gives out cluster addresses and node ports (`pkg/registry/core/service/storage/{storage,alloc}.go`): from what all
//! other Services have, so that nothing has to be kept beside them. The generic verbs let one Service at a time through.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use api::field::{FieldErrors, Path};
use api::{Gvr, Kind, Status};
use serde_json::{Value, json};

use super::families::{self, family_of, texts};
use super::kind::{needs_cluster_ip, needs_health_check, needs_node_port, spec};
use crate::fields::{child, flag, get, items, items_mut, map_of, number, text};
use crate::surroundings::Surroundings;

/// `v1 services`.
const SERVICES: Gvr = Gvr::known("", "v1", "services");
/// Where node ports come from.
const FIRST_PORT: i64 = 30_000;
const LAST_PORT: i64 = 32_767;
/// How often a draw is tried before the free ones are looked for in order.
const DRAWS: usize = 16;

/// What the other Services have.
#[derive(Default)]
struct Taken {
    addresses: HashSet<String>,
    ports: HashSet<i64>,
}

impl Taken {
    fn of_others(service: &Value, around: &dyn Surroundings) -> Self {
        let own = |field: &str| get(service, "metadata").map_or("", |metadata| text(metadata, field));
        let (namespace, name) = (own("namespace"), own("name"));
        let mut taken = Self::default();
        for other in around.list(&SERVICES, None) {
            if other.meta().namespace.as_deref() == Some(namespace) && other.meta().name == name {
                continue;
            }
            let value = other.to_value();
            let spec = spec(&value);
            taken.addresses.extend(texts(spec, "clusterIPs").into_iter().map(str::to_owned));
            taken.ports.extend(items(spec, "ports").iter().map(|port| number(port, "nodePort")));
            taken.ports.insert(number(spec, "healthCheckNodePort"));
        }
        taken
    }
}

/// Fills in addresses, families and ports of a new Service or of an update.
pub(super) fn allocate(service: &mut Value, old: Option<&Value>, around: &dyn Surroundings) -> Result<(), Status> {
    let mut after = service.get("spec").cloned().unwrap_or_else(|| json!({}));
    let before = old.map(spec);
    if let Some(before) = before {
        keep_allocated(&mut after, before);
    }
    align_addresses(&mut after, before);
    let mut errors = FieldErrors::new();
    choose_families(&mut errors, &mut after, before);
    if errors.is_empty() {
        let requested = items(&after, "ports").iter().map(|port| number(port, "nodePort")).collect();
        let taken = Taken::of_others(service, around);
        let mut draft = Draft { taken, requested, around, errors: &mut errors };
        draft.give_address(&mut after, before)?;
        draft.give_ports(&mut after, before)?;
    }
    if errors.is_empty() {
        service["spec"] = after;
        return Ok(());
    }
    let name = get(service, "metadata").map_or("", |metadata| text(metadata, "name"));
    Err(Status::invalid(&Kind::known("", "v1", "Service"), name, &errors))
}

/// What a client left out of an update it means to keep (`patchAllocatedValues`).
fn keep_allocated(after: &mut Value, before: &Value) {
    let keep = |after: &mut Value, field: &str| {
        if let Some(value) = get(before, field).filter(|_| get(after, field).is_none()) {
            map_of(after).insert(field.to_owned(), value.clone());
        }
    };
    if needs_cluster_ip(before) && needs_cluster_ip(after) {
        keep(after, "clusterIP");
        keep(after, "clusterIPs");
    }
    if needs_node_port(before) && needs_node_port(after) {
        keep_node_ports(after, before);
    }
    if needs_health_check(before) && needs_health_check(after) {
        keep(after, "healthCheckNodePort");
    }
}

fn keep_node_ports(after: &mut Value, before: &Value) {
    let of = |spec: &Value| items(spec, "ports").iter().map(|port| number(port, "nodePort")).collect::<HashSet<_>>();
    let used: HashSet<i64> = of(before).intersection(&of(after)).copied().filter(|port| *port != 0).collect();
    for port in items_mut(after, "ports") {
        let same = items(before, "ports").iter().rev().find(|other| text(other, "name") == text(port, "name"));
        let kept = same.map_or(0, |other| number(other, "nodePort"));
        if number(port, "nodePort") == 0 && kept != 0 && !used.contains(&kept) {
            port["nodePort"] = kept.into();
        }
    }
}

/// `clusterIP` and `clusterIPs` say the same, whichever of them the client knows (`normalizeClusterIPs`).
fn align_addresses(after: &mut Value, before: Option<&Value>) {
    let Some(before) = before else {
        let address = text(after, "clusterIP").to_owned();
        if !address.is_empty() && items(after, "clusterIPs").is_empty() {
            after["clusterIPs"] = json!([address]);
        }
        return;
    };
    let (was, is) = (text(before, "clusterIP"), text(after, "clusterIP").to_owned());
    if was == is {
        if items(after, "clusterIPs").is_empty() && !items(before, "clusterIPs").is_empty() {
            after["clusterIPs"] = before["clusterIPs"].clone();
        }
    } else if items(after, "clusterIPs") == items(before, "clusterIPs") {
        if is.is_empty() {
            map_of(after).remove("clusterIPs");
        } else {
            after["clusterIPs"] = json!([is]);
        }
    }
}

/// Fills in families and their policy (`initIPFamilyFields`), on a cluster that has IPv4 only.
fn choose_families(errors: &mut FieldErrors, after: &mut Value, before: Option<&Value>) {
    if !needs_cluster_ip(after) {
        return;
    }
    let path = |field: &str| Path::new("spec").child(field);
    let selectorless = text(after, "clusterIP") == "None" && crate::fields::is_empty_map(after, "selector");
    if get(after, "ipFamilyPolicy").is_none() {
        let old = before.and_then(|before| get(before, "ipFamilyPolicy")).cloned();
        let default = if selectorless { "RequireDualStack" } else { "SingleStack" };
        after["ipFamilyPolicy"] = old.unwrap_or_else(|| default.into());
    }
    families::validate(errors, after, before);
    if !errors.is_empty() {
        return;
    }
    let policy = text(after, "ipFamilyPolicy").to_owned();
    for (list, what) in [("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")] {
        if policy == "SingleStack" && items(after, list).len() == 2 {
            let detail = format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
            errors.push(path("ipFamilyPolicy").invalid(policy.as_str(), detail));
        }
    }
    let chosen = families_of_addresses(errors, after);
    after["ipFamilies"] = if selectorless {
        families_without_selector(chosen, &policy).into()
    } else {
        families_of_cluster(errors, chosen, &policy).into()
    };
}

/// The families that are given, and those of addresses that are given beyond them.
fn families_of_addresses(errors: &mut FieldErrors, after: &Value) -> Vec<String> {
    let mut chosen: Vec<String> = texts(after, "ipFamilies").into_iter().map(str::to_owned).collect();
    let addresses: Vec<String> = texts(after, "clusterIPs").into_iter().map(str::to_owned).collect();
    for (index, address) in addresses.iter().enumerate().filter(|(_, address)| *address != "None").skip(chosen.len()) {
        match family_of(address) {
            "IPv4" => chosen.push("IPv4".to_owned()),
            other => {
                let path = Path::new("spec").child("clusterIPs").index(index);
                errors.push(path.invalid(addresses.clone(), format!("{other} is not configured on this cluster")));
            }
        }
    }
    chosen
}

/// Endpoints that users write may be of any family.
fn families_without_selector(mut chosen: Vec<String>, policy: &str) -> Vec<String> {
    if chosen.is_empty() {
        chosen.push("IPv4".to_owned());
    }
    if chosen.len() == 1 && policy != "SingleStack" {
        chosen.push(if chosen[0] == "IPv4" { "IPv6" } else { "IPv4" }.to_owned());
    }
    chosen
}

fn families_of_cluster(errors: &mut FieldErrors, mut chosen: Vec<String>, policy: &str) -> Vec<String> {
    let path = |field: &str| Path::new("spec").child(field);
    if policy == "RequireDualStack" {
        let detail = "this cluster is not configured for dual-stack services";
        errors.push(path("ipFamilyPolicy").invalid(policy, detail));
    }
    for (index, family) in chosen.iter().enumerate().filter(|(_, family)| *family != "IPv4") {
        errors.push(path("ipFamilies").index(index).invalid(family.as_str(), "not configured on this cluster"));
    }
    if chosen.is_empty() {
        chosen.push("IPv4".to_owned());
    }
    chosen
}

struct Draft<'a> {
    taken: Taken,
    /// Node ports that the Service itself asks for, which no draw may hit.
    requested: HashSet<i64>,
    around: &'a dyn Surroundings,
    errors: &'a mut FieldErrors,
}

impl Draft<'_> {
    fn give_address(&mut self, after: &mut Value, before: Option<&Value>) -> Result<(), Status> {
        let had_one = before.is_some_and(needs_cluster_ip);
        if !needs_cluster_ip(after) || had_one || text(after, "clusterIP") == "None" {
            return Ok(());
        }
        let wanted = text(after, "clusterIP").to_owned();
        let address = if wanted.is_empty() {
            let Some(address) = self.free_address() else {
                return Err(Status::internal("failed to allocate a serviceIP for Service: range is full"));
            };
            address
        } else {
            let path = Path::new("spec").child("clusterIPs");
            if let Err(why) = self.check_address(&wanted) {
                let detail = format!("failed to allocate IP {wanted}: {why}");
                self.errors.push(path.invalid(json!([wanted]), detail));
            }
            wanted
        };
        after["clusterIP"] = address.as_str().into();
        after["clusterIPs"] = json!([address]);
        Ok(())
    }

    fn check_address(&self, address: &str) -> Result<(), &'static str> {
        let number = address.parse::<Ipv4Addr>().map(u32::from).unwrap_or_default();
        let range = self.around.service_range();
        let offset = number.wrapping_sub(range.network());
        if offset == 0 || offset >= range.addresses() - 1 {
            return Err("the provided network does not match the current range");
        }
        if self.taken.addresses.contains(address) { Err("provided IP is already allocated") } else { Ok(()) }
    }

    fn free_address(&self) -> Option<String> {
        // The first address is kept for the API server itself.
        let range = self.around.service_range();
        let (first, count) = (2, range.addresses() - 3);
        let text = |offset: u32| Ipv4Addr::from(range.network() + first + offset).to_string();
        let drawn = (0..DRAWS).map(|_| self.around.draw(count)).map(text);
        let mut all = drawn.chain((0..count).map(text));
        all.find(|address| !self.taken.addresses.contains(address))
    }

    fn give_ports(&mut self, after: &mut Value, before: Option<&Value>) -> Result<(), Status> {
        let known: HashSet<i64> = before
            .filter(|before| needs_node_port(before))
            .map(|before| items(before, "ports").iter().map(|port| number(port, "nodePort")).collect())
            .unwrap_or_default();
        if needs_node_port(after) {
            let on_demand = text(after, "type") == "NodePort" || flag(after, "allocateLoadBalancerNodePorts");
            self.give_node_ports(child(after, "ports"), &known, on_demand)?;
        }
        if needs_health_check(after) && !before.is_some_and(needs_health_check) {
            let wanted = number(after, "healthCheckNodePort");
            let port = if wanted == 0 { self.free_port()? } else { wanted };
            if let Err(why) = self.check_port(port) {
                let why = format!("failed to allocate requested HealthCheck NodePort {port}: {why}");
                return Err(Status::internal(why));
            }
            after["healthCheckNodePort"] = port.into();
        }
        Ok(())
    }

    fn give_node_ports(&mut self, ports: &mut Value, known: &HashSet<i64>, on_demand: bool) -> Result<(), Status> {
        let list = ports.as_array_mut().map_or(&mut [][..], Vec::as_mut_slice);
        // The same port under two protocols gets one node port (`initNodePorts`).
        let mut by_port: Vec<(i64, i64)> = list
            .iter()
            .map(|port| (number(port, "port"), number(port, "nodePort")))
            .filter(|(_, node_port)| *node_port != 0)
            .collect();
        let mut own = HashSet::new();
        for (index, port) in list.iter_mut().enumerate() {
            let mut node_port = number(port, "nodePort");
            if node_port == 0 {
                if !on_demand {
                    continue;
                }
                let shared = by_port.iter().find(|(number_of, _)| *number_of == number(port, "port"));
                node_port = match shared {
                    Some((_, node_port)) => *node_port,
                    None => self.free_port()?,
                };
                self.taken.ports.insert(node_port);
                own.insert(node_port);
                port["nodePort"] = node_port.into();
                by_port.push((number(port, "port"), node_port));
            }
            if known.contains(&node_port) || !own.insert(node_port) {
                continue;
            }
            if let Err(why) = self.check_port(node_port) {
                let path = Path::new("spec").child("ports").index(index).child("nodePort");
                self.errors.push(path.invalid(node_port, why));
            }
        }
        self.taken.ports.extend(own);
        Ok(())
    }

    fn check_port(&self, port: i64) -> Result<(), String> {
        if !(FIRST_PORT..=LAST_PORT).contains(&port) {
            let range = format!("{FIRST_PORT}-{LAST_PORT}");
            return Err(format!("provided port is not in the valid range. The range of valid ports is {range}"));
        }
        if self.taken.ports.contains(&port) { Err("provided port is already allocated".to_owned()) } else { Ok(()) }
    }

    /// A port that no Service has.
    fn free_port(&self) -> Result<i64, Status> {
        let count = (LAST_PORT - FIRST_PORT + 1) as u32;
        let drawn = (0..DRAWS).map(|_| FIRST_PORT + i64::from(self.around.draw(count)));
        let is_free = |port: &i64| !self.taken.ports.contains(port) && !self.requested.contains(port);
        let found = drawn.chain(FIRST_PORT..=LAST_PORT).find(is_free);
        found.ok_or_else(|| Status::internal("failed to allocate a nodePort: range is full"))
    }
}

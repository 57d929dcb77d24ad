//! Validation of Services (`validateService`, `ValidateServiceUpdate`, `ValidateServiceStatusUpdate`) and their warnings.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use super::families::{self, texts};
use super::kind::{externally_accessible, is_headless, needs_cluster_ip, needs_health_check, spec};
use crate::endpoints::{validate_app_protocol, validate_protocol};
use crate::errors::{IMMUTABLE, extend_invalid};
use crate::fields::{at, get, int, items, number, text};
use crate::ip;
use crate::labels::validate_labels;
use crate::pod_spec::{port_name_errors, validate_port_number};

const MAX_AFFINITY_SECONDS: i64 = 86_400;
const TOPOLOGY_HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const TOPOLOGY_MODE: &str = "service.kubernetes.io/topology-mode";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const ONLY_BALANCED: &str = "may only be used when `type` is 'LoadBalancer'";
const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/// What is wrong with a Service; `old` is what it was before an update.
pub(super) fn validate(service: &Value, old: Option<&Value>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let errors_ = &mut errors;
    let (spec, old_spec) = (spec(service), old.map(spec));
    validate_topology(errors_, service);
    validate_type(errors_, spec);
    validate_ports(errors_, spec);
    validate_labels(errors_, &path("selector"), spec, "selector");
    validate_affinity(errors_, spec);
    families::validate(errors_, spec, old_spec);
    validate_external_addresses(errors_, spec, old_spec);
    match text(spec, "type") {
        "" => errors_.push(path("type").required("")),
        kind if !TYPES.contains(&kind) => errors_.push(path("type").not_supported(kind, &TYPES)),
        _ => {}
    }
    validate_node_ports(errors_, spec);
    validate_duplicates(errors_, spec);
    validate_source_ranges(errors_, service, old);
    validate_balancer(errors_, spec);
    validate_traffic(errors_, spec);
    errors
}

fn path(field: &str) -> Path {
    Path::new("spec").child(field)
}

/// An update: what may not change, and then all of the above.
pub(super) fn validate_update(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let (after, before) = (spec(new), spec(old));
    families::validate_change(&mut errors, after, before);
    let class = "loadBalancerClass";
    let balanced = |spec: &Value| text(spec, "type") == "LoadBalancer";
    if balanced(before) && balanced(after) && get(before, class) != get(after, class) {
        errors.push(path(class).invalid(after.get(class).cloned().unwrap_or(Value::Null), "may not change once set"));
    }
    let port = "healthCheckNodePort";
    if needs_health_check(before) && needs_health_check(after) && number(before, port) != number(after, port) {
        errors.push(path(port).forbidden(IMMUTABLE));
    }
    errors.extend(validate(new, Some(old)));
    errors
}

fn annotation<'a>(service: &'a Value, key: &str) -> Option<&'a str> {
    at(service, &["metadata", "annotations", key]).and_then(Value::as_str)
}

fn validate_topology(errors: &mut FieldErrors, service: &Value) {
    if let (Some(mode), Some(hints)) = (annotation(service, TOPOLOGY_MODE), annotation(service, TOPOLOGY_HINTS))
        && mode != hints
    {
        let path = Path::new("metadata").child("annotations").key(TOPOLOGY_MODE);
        let detail = format!("must match annotations[{TOPOLOGY_HINTS}] when both are specified");
        errors.push(path.invalid(mode, detail));
    }
}

fn validate_type(errors: &mut FieldErrors, spec: &Value) {
    let kind = text(spec, "type");
    if items(spec, "ports").is_empty() && !is_headless(spec) && kind != "ExternalName" {
        errors.push(path("ports").required(""));
    }
    // Upstream asks here whether a Service of another type than ClusterIP is headless, which it never is.
    if kind != "ExternalName" {
        return;
    }
    for field in ["clusterIPs", "ipFamilies"] {
        if !items(spec, field).is_empty() {
            errors.push(path(field).forbidden("may not be set for ExternalName services"));
        }
    }
    if get(spec, "ipFamilyPolicy").is_some() {
        errors.push(path("ipFamilyPolicy").forbidden("may not be set for ExternalName services"));
    }
    let domain = text(spec, "externalName");
    match domain.strip_suffix('.').unwrap_or(domain) {
        "" => errors.push(path("externalName").required("")),
        domain => extend_invalid(errors, &path("externalName"), domain, names::dns_subdomain_errors(domain)),
    }
}

fn validate_ports(errors: &mut FieldErrors, spec: &Value) {
    let ports = items(spec, "ports");
    for (index, port) in ports.iter().enumerate() {
        let path = path("ports").index(index);
        let name = text(port, "name");
        if name.is_empty() {
            if ports.len() > 1 {
                errors.push(path.child("name").required(""));
            }
        } else {
            extend_invalid(errors, &path.child("name"), name, names::dns_label_errors(name));
            if ports[..index].iter().any(|earlier| text(earlier, "name") == name) {
                errors.push(path.child("name").duplicate(name));
            }
        }
        validate_port_number(errors, &path.child("port"), number(port, "port"));
        validate_protocol(errors, &path.child("protocol"), text(port, "protocol"));
        let target = path.child("targetPort");
        match get(port, "targetPort") {
            Some(Value::String(name)) => extend_invalid(errors, &target, name, port_name_errors(name)),
            number => validate_port_number(errors, &target, number.and_then(Value::as_i64).unwrap_or_default()),
        }
        validate_app_protocol(errors, &path.child("appProtocol"), port);
    }
}

fn validate_affinity(errors: &mut FieldErrors, spec: &Value) {
    let config = path("sessionAffinityConfig");
    match text(spec, "sessionAffinity") {
        "" => errors.push(path("sessionAffinity").required("")),
        "None" => {
            if get(spec, "sessionAffinityConfig").is_some() {
                errors.push(config.forbidden("must not be set when session affinity is None"));
            }
        }
        "ClientIP" => {
            let client = at(spec, &["sessionAffinityConfig", "clientIP"]).unwrap_or(&Value::Null);
            let path = config.child("clientIP").child("timeoutSeconds");
            match int(client, "timeoutSeconds") {
                None => errors.push(path.required("when session affinity type is ClientIP")),
                Some(seconds) if seconds <= 0 || seconds > MAX_AFFINITY_SECONDS => {
                    let detail = format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}");
                    errors.push(path.invalid(seconds, detail));
                }
                Some(_) => {}
            }
        }
        other => errors.push(path("sessionAffinity").not_supported(other, &["ClientIP", "None"])),
    }
}

fn validate_external_addresses(errors: &mut FieldErrors, spec: &Value, old: Option<&Value>) {
    let known = old.map(|old| texts(old, "externalIPs")).unwrap_or_default();
    for (index, address) in texts(spec, "externalIPs").into_iter().enumerate() {
        let path = path("externalIPs").index(index);
        if ip::validate(errors, &path, address, &known) {
            ip::validate_for_endpoints(errors, &path, address);
        }
    }
}

fn validate_node_ports(errors: &mut FieldErrors, spec: &Value) {
    if text(spec, "type") != "ClusterIP" {
        return;
    }
    for (index, port) in items(spec, "ports").iter().enumerate() {
        if number(port, "nodePort") != 0 {
            let path = path("ports").index(index).child("nodePort");
            errors.push(path.forbidden("may not be used when `type` is 'ClusterIP'"));
        }
    }
}

/// Ports are told apart by protocol and number, and so are node ports.
fn validate_duplicates(errors: &mut FieldErrors, spec: &Value) {
    let ports = items(spec, "ports");
    let seen = |index: usize, field: &str| {
        let key = |port: &Value| (text(port, "protocol").to_owned(), number(port, field));
        number(&ports[index], field) != 0 && ports[..index].iter().any(|earlier| key(earlier) == key(&ports[index]))
    };
    for index in (0..ports.len()).filter(|index| seen(*index, "nodePort")) {
        let path = path("ports").index(index).child("nodePort");
        errors.push(path.duplicate(number(&ports[index], "nodePort")));
    }
    for index in (0..ports.len()).filter(|index| seen(*index, "port")) {
        // Upstream shows its internal type, whose fields have Go's names and order.
        let shown = format!(
            "{{\"Name\":\"\",\"Protocol\":{:?},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
            text(&ports[index], "protocol"),
            number(&ports[index], "port")
        );
        let mut error = path("ports").index(index).duplicate(Value::Null);
        error.body = format!("Duplicate value: {shown}");
        errors.push(error);
    }
}

fn validate_source_ranges(errors: &mut FieldErrors, service: &Value, old: Option<&Value>) {
    let after = spec(service);
    let balanced = text(after, "type") == "LoadBalancer";
    let ranges = |spec| texts(spec, "loadBalancerSourceRanges").into_iter().map(str::trim).collect::<Vec<_>>();
    let given = ranges(after);
    if !given.is_empty() {
        let path = path("LoadBalancerSourceRanges");
        if !balanced {
            errors.push(path.forbidden(ONLY_BALANCED));
        }
        let known = old.map(|old| ranges(spec(old))).unwrap_or_default();
        for (index, range) in given.into_iter().enumerate() {
            ip::validate_range(errors, &path.index(index), range, &known);
        }
    } else if let Some(annotated) = annotation(service, SOURCE_RANGES) {
        let path = Path::new("metadata").child("annotations").key(SOURCE_RANGES);
        if !balanced {
            errors.push(path.forbidden(ONLY_BALANCED));
        }
        let same = old.is_some_and(|old| annotation(old, SOURCE_RANGES) == Some(annotated));
        if !same && !annotated.trim().is_empty() {
            for range in annotated.trim().split(',') {
                ip::validate_range(errors, &path, range.trim(), &[]);
            }
        }
    }
}

fn validate_balancer(errors: &mut FieldErrors, spec: &Value) {
    let balanced = text(spec, "type") == "LoadBalancer";
    let ports = "allocateLoadBalancerNodePorts";
    match get(spec, ports) {
        Some(_) if !balanced => errors.push(path(ports).forbidden(ONLY_BALANCED)),
        None if balanced => errors.push(Path::new(ports).required("")),
        _ => {}
    }
    let class = path("loadBalancerClass");
    match get(spec, "loadBalancerClass").and_then(Value::as_str) {
        Some(text) if balanced => extend_invalid(errors, &class, text, names::qualified_name_errors(text)),
        Some(_) => errors.push(class.forbidden(ONLY_BALANCED)),
        None => {}
    }
}

fn validate_traffic(errors: &mut FieldErrors, spec: &Value) {
    let policies = ["Cluster", "Local"];
    let at = path("externalTrafficPolicy");
    match (externally_accessible(spec), text(spec, "externalTrafficPolicy")) {
        (false, "") => {}
        (false, policy) => errors.push(at.invalid(policy, "may only be set for externally-accessible services")),
        (true, "") => errors.push(at.required("")),
        (true, policy) if !policies.contains(&policy) => errors.push(at.not_supported(policy, &policies)),
        (true, _) => {}
    }
    let (at, port) = (path("healthCheckNodePort"), number(spec, "healthCheckNodePort"));
    match (needs_health_check(spec), port) {
        (false, 0) => {}
        (false, port) => {
            let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.push(at.invalid(port, detail));
        }
        (true, 0) => errors.push(at.required("")),
        (true, port) => validate_port_number(errors, &at, port),
    }
    let at = path("internalTrafficPolicy");
    match get(spec, "internalTrafficPolicy").and_then(Value::as_str) {
        None if needs_cluster_ip(spec) => errors.push(at.required("")),
        Some(policy) if !policies.contains(&policy) => errors.push(at.not_supported(policy, &policies)),
        _ => {}
    }
    let distributions = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    if let Some(given) = get(spec, "trafficDistribution").and_then(Value::as_str)
        && !distributions.contains(&given)
    {
        errors.push(path("trafficDistribution").not_supported(given, &distributions));
    }
}

/// `ValidateLoadBalancerStatus`.
pub(super) fn validate_status(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let ingress_of = |service| at(service, &["status", "loadBalancer"]).map_or(&[][..], |it| items(it, "ingress"));
    let (ingress, path) = (ingress_of(new), Path::new("status").child("loadBalancer").child("ingress"));
    if text(spec(new), "type") != "LoadBalancer" {
        if !ingress.is_empty() {
            errors.push(path.forbidden("may only be used when `spec.type` is 'LoadBalancer'"));
        }
        return errors;
    }
    let known: Vec<&str> = ingress_of(old).iter().map(|it| text(it, "ip")).filter(|text| !text.is_empty()).collect();
    for (index, point) in ingress.iter().enumerate() {
        validate_ingress(&mut errors, &path.index(index), point, &known);
    }
    errors
}

fn validate_ingress(errors: &mut FieldErrors, path: &Path, point: &Value, known: &[&str]) {
    let address = text(point, "ip");
    if !address.is_empty() {
        ip::validate(errors, &path.child("ip"), address, known);
    }
    let modes = ["Proxy", "VIP"];
    let at = path.child("ipMode");
    match get(point, "ipMode").and_then(Value::as_str) {
        None if !address.is_empty() => errors.push(at.required("must be specified when `ip` is set")),
        None => {}
        Some(_) if address.is_empty() => errors.push(at.forbidden("may not be specified when `ip` is not set")),
        Some(mode) if !modes.contains(&mode) => errors.push(at.not_supported(mode, &modes)),
        Some(_) => {}
    }
    let host = text(point, "hostname");
    if !host.is_empty() {
        let at = path.child("hostname");
        extend_invalid(errors, &at, host, names::dns_subdomain_errors(host));
        if ip::parse_sloppy(host).is_some() {
            errors.push(at.invalid(host, "must be a DNS name, not an IP address"));
        }
    }
}

/// `GetWarningsForService`.
pub(super) fn warnings(service: &Value) -> Vec<String> {
    let spec = spec(service);
    let (kind, headless) = (text(spec, "type"), is_headless(spec));
    let mut warnings = Vec::new();
    if annotation(service, TOPOLOGY_HINTS).is_some() {
        warnings.push(format!("annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead"));
    }
    let of_list = |list: &str| {
        let addresses = texts(spec, list).into_iter().enumerate();
        addresses.filter_map(|(index, address)| ip::warning(&path(list).index(index), address)).collect::<Vec<_>>()
    };
    if !headless {
        warnings.extend(of_list("clusterIPs"));
    }
    let external = !items(spec, "externalIPs").is_empty();
    let balancer_address = text(spec, "loadBalancerIP");
    if headless {
        let ignored = [
            (!balancer_address.is_empty(), "spec.loadBalancerIP"),
            (external, "spec.externalIPs"),
            (text(spec, "sessionAffinity") != "None", "spec.SessionAffinity"),
        ];
        let ignored = ignored.into_iter().filter(|(given, _)| *given);
        warnings.extend(ignored.map(|(_, field)| format!("{field} is ignored for headless services")));
    }
    warnings.extend(of_list("externalIPs"));
    if external && !headless && kind != "ExternalName" {
        warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned());
    }
    warnings.extend(ip::warning(&path("loadBalancerIP"), balancer_address));
    if external && kind == "ExternalName" {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if kind != "ExternalName" && !text(spec, "externalName").is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if text(spec, "trafficDistribution") == "PreferClose" {
        warnings.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned());
    }
    warnings.extend(unserved(spec));
    warnings
}

/// What this server takes and does not do.
fn unserved(spec: &Value) -> Option<String> {
    let kind = text(spec, "type");
    // Differs: there is no proxy behind the addresses, and no load balancer that would give out external ones.
    (kind == "LoadBalancer")
        .then(|| "spec.type: this server has no load balancers; the address stays pending".to_owned())
}

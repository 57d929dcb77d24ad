//! Warnings about pod specs and templates (`pkg/api/pod/warnings.go`): what is deprecated, doubled or without effect.
//!
//! `path` names the holder of `metadata` and `spec`: `spec.template`, or nothing for a pod.

mod containers;
mod overlaps;

use std::collections::HashSet;
use std::net::IpAddr;

use api::field::{Path, go_quoted};
use api::names;
use serde_json::Value;

use crate::fields::{at, entries, get, int, items, text};
use crate::ip::parse_sloppy;
use crate::quantity::Quantity;

const NULL_SELECTOR: &str = "a null labelSelector results in matching no pod";
const SECCOMP: &str = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";

const DEPRECATED_ANNOTATIONS: &[(&str, &str)] = &[
    (
        "scheduler.alpha.kubernetes.io/critical-pod",
        "non-functional in v1.16+; use the \"priorityClassName\" field instead",
    ),
    ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
];

const DEPRECATED_LABELS: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    ("failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"),
    ("beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    ("scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];

/// Kinds of volumes, the name in the warning's path, and the warning.
const DEPRECATED_VOLUMES: &[(&str, &str, &str)] = &[
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// The warnings about a pod, or about the template that `path` names.
pub(crate) fn warnings(path: &Path, holder: &Value) -> Vec<String> {
    let null = &Value::Null;
    let (metadata, spec) = (holder.get("metadata").unwrap_or(null), holder.get("spec").unwrap_or(null));
    let of_metadata = path.child("metadata").child("annotations");
    let path_of_spec = path.child("spec");
    let mut warnings = Vec::new();
    of_labels(&mut warnings, &path_of_spec, spec);
    of_topology(&mut warnings, &path_of_spec.child("topologySpreadConstraints"), spec);
    for (key, why) in DEPRECATED_ANNOTATIONS {
        if has_annotation(metadata, key) {
            warnings.push(format!("{}: {why}", of_metadata.key(key)));
        }
    }
    of_volumes(&mut warnings, &path_of_spec.child("volumes"), spec);
    overlaps::warnings(&mut warnings, items(spec, "volumes"));
    of_lists(&mut warnings, &path_of_spec, spec);
    let of_overhead = || path_of_spec.child("overhead");
    fractional(&mut warnings, of_overhead, get(spec, "overhead"), &["memory", "ephemeral-storage"]);
    if at(spec, &["securityContext", "seccompProfile"]).is_none() && has_annotation(metadata, SECCOMP_POD) {
        warnings.push(format!("{}: {SECCOMP}", of_metadata.key(SECCOMP_POD)));
    }
    containers::warnings(&mut warnings, &path_of_spec, &of_metadata, metadata, spec);
    if int(spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        let path = path_of_spec.child("terminationGracePeriodSeconds");
        warnings.push(format!("{path}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    of_pod_affinity(&mut warnings, &path_of_spec.child("affinity"), spec);
    of_addresses(&mut warnings, &path_of_spec, spec);
    warnings
}

fn has_annotation(metadata: &Value, key: &str) -> bool {
    at(metadata, &["annotations", key]).is_some()
}

fn deprecated_label(key: &str) -> Option<&'static str> {
    DEPRECATED_LABELS.iter().find(|(label, _)| *label == key).map(|(_, why)| *why)
}

fn of_labels(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    for (key, _) in entries(spec, "nodeSelector") {
        if let Some(why) = deprecated_label(key) {
            warnings.push(format!("{}: {why}", path.child("nodeSelector").key(key)));
        }
    }
    let Some(affinity) = at(spec, &["affinity", "nodeAffinity"]) else { return };
    let path = path.child("affinity").child("nodeAffinity");
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let terms = get(affinity, required).map_or(&[][..], |selector| items(selector, "nodeSelectorTerms"));
    for (index, term) in terms.iter().enumerate() {
        of_term(warnings, &path.child(required).child("nodeSelectorTerms").index(index), term, false);
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (index, weighted) in items(affinity, preferred).iter().enumerate() {
        let term = weighted.get("preference").unwrap_or(&Value::Null);
        of_term(warnings, &path.child(preferred).index(index).child("preference"), term, true);
    }
}

fn of_term(warnings: &mut Vec<String>, path: &Path, term: &Value, checks_values: bool) {
    for (index, expression) in items(term, "matchExpressions").iter().enumerate() {
        let path = path.child("matchExpressions").index(index);
        let key = text(expression, "key");
        if let Some(why) = deprecated_label(key) {
            warnings.push(format!("{}: {key} is {why}", path.child("key")));
        }
        let values = items(expression, "values").iter().filter_map(Value::as_str).enumerate();
        for (index, value) in values.filter(|_| checks_values) {
            for why in names::label_value_errors(value) {
                warnings.push(format!("{}: {value} is invalid, {why}", path.child("values").index(index)));
            }
        }
    }
}

fn of_topology(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    for (index, constraint) in items(spec, "topologySpreadConstraints").iter().enumerate() {
        let path = path.index(index);
        let key = text(constraint, "topologyKey");
        if let Some(why) = deprecated_label(key) {
            warnings.push(format!("{}: {key} is {why}", path.child("topologyKey")));
        }
        if get(constraint, "labelSelector").is_none() {
            warnings.push(format!("{}: {NULL_SELECTOR}", path.child("labelSelector")));
        }
    }
}

fn of_volumes(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    for (index, volume) in items(spec, "volumes").iter().enumerate() {
        let path = path.index(index);
        for (kind, shown, why) in DEPRECATED_VOLUMES {
            if get(volume, kind).is_some() {
                warnings.push(format!("{}: {why}", path.child(shown)));
            }
        }
        if let Some(resources) = at(volume, &["ephemeral", "volumeClaimTemplate", "spec", "resources"]) {
            let path = path.child("ephemeral").child("volumeClaimTemplate").child("spec").child("resources");
            for list in ["requests", "limits"] {
                fractional(warnings, || path.child(list), get(resources, list), &["storage"]);
            }
        }
    }
}

/// Amounts of bytes that are no whole number.
fn fractional(warnings: &mut Vec<String>, path: impl Fn() -> Path, list: Option<&Value>, resources: &[&str]) {
    for name in resources {
        let quantity = list.and_then(|list| get(list, name)).and_then(|quantity| Quantity::of(quantity).ok());
        if let Some(quantity) = quantity.filter(|quantity| !quantity.rounded_up_to_milli().is_integer()) {
            let path = path().key(name);
            warnings.push(format!("{path}: fractional byte value \"{quantity}\" is invalid, must be an integer"));
        }
    }
}

fn of_lists(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    let mut doubled = |list: &str, field: &str| {
        let mut seen = HashSet::new();
        for (index, item) in items(spec, list).iter().enumerate() {
            let value = text(item, field);
            if !seen.insert(value) {
                let path = path.child(list).index(index).child(field);
                warnings.push(format!("{path}: duplicate {field} {}", go_quoted(value)));
            }
        }
    };
    doubled("hostAliases", "ip");
    doubled("imagePullSecrets", "name");
    for (index, secret) in items(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            let path = path.child("imagePullSecrets").index(index).child("name");
            warnings.push(format!("{path}: invalid empty name \"\""));
        }
    }
}

fn of_pod_affinity(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = at(spec, &["affinity", kind]) else { continue };
        let path = path.child(kind);
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        for (index, term) in items(affinity, required).iter().enumerate() {
            if get(term, "labelSelector").is_none() {
                let path = path.child(required).index(index).child("labelSelector");
                warnings.push(format!("{path}: {NULL_SELECTOR}"));
            }
        }
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
        for (index, term) in items(affinity, preferred).iter().enumerate() {
            if at(term, &["podAffinityTerm", "labelSelector"]).is_none() {
                let path = path.child(preferred).index(index).child("podAffinityTerm").child("labelSelector");
                warnings.push(format!("{path}: {NULL_SELECTOR}"));
            }
        }
    }
}

fn of_addresses(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    let mut check = |path: Path, address: &str| {
        // Validation lets no other address through that has a better form.
        if let Some(IpAddr::V6(parsed)) = parse_sloppy(address).filter(|parsed| parsed.to_string() != address) {
            warnings.push(format!(
                "{path}: IPv6 address {} should be in RFC 5952 canonical format (\"{parsed}\")",
                go_quoted(address)
            ));
        }
    };
    let servers = get(spec, "dnsConfig").map_or(&[][..], |config| items(config, "nameservers"));
    for (index, server) in servers.iter().filter_map(Value::as_str).enumerate() {
        check(path.child("dnsConfig").child("nameservers").index(index), server);
    }
    for (index, alias) in items(spec, "hostAliases").iter().enumerate() {
        check(path.child("hostAliases").index(index).child("ip"), text(alias, "ip"));
    }
}

//! Warnings about containers: their environment, ports and resources, and annotations that speak of them.

use std::collections::{HashMap, HashSet};

use api::field::{Path, go_quoted};
use serde_json::Value;

use super::{SECCOMP, fractional, has_annotation};
use crate::fields::{at, get, items, number, text};
use crate::pod_spec::each_container;

const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) fn warnings(warnings: &mut Vec<String>, path: &Path, annotations: &Path, metadata: &Value, spec: &Value) {
    each_container(spec, path, |path, container| {
        of_annotations(warnings, annotations, metadata, (spec, container));
        let resources = get(container, "resources").unwrap_or(&Value::Null);
        for resource in ["memory", "ephemeral-storage"] {
            for list in ["limits", "requests"] {
                let path = || path.child("resources").child(list);
                fractional(warnings, path, get(resources, list), &[resource]);
            }
        }
        of_environment(warnings, path, container);
    });
    of_ports(warnings, path, spec);
    of_port_names(warnings, path, spec);
}

fn of_annotations(warnings: &mut Vec<String>, path: &Path, metadata: &Value, (spec, container): (&Value, &Value)) {
    if get(metadata, "annotations").is_none() {
        return;
    }
    let key = format!("{SECCOMP_CONTAINER}{}", text(container, "name"));
    if at(container, &["securityContext", "seccompProfile"]).is_none() && has_annotation(metadata, &key) {
        warnings.push(format!("{}: {SECCOMP}", path.key(&key)));
    }
    let key = format!("{APP_ARMOR}{}", text(container, "name"));
    let Some(annotation) = at(metadata, &["annotations", &key]).and_then(Value::as_str) else { return };
    let of_pod = at(spec, &["securityContext", "appArmorProfile"]);
    let says_the_same = of_pod.is_some_and(|profile| match annotation {
        "runtime/default" => text(profile, "type") == "RuntimeDefault",
        "unconfined" => text(profile, "type") == "Unconfined",
        other => Some(text(profile, "localhostProfile")) == other.strip_prefix("localhost/"),
    });
    if at(container, &["securityContext", "appArmorProfile"]).is_none() && !says_the_same {
        warnings.push(format!("{}: deprecated since v1.30; use the \"appArmorProfile\" field instead", path.key(&key)));
    }
}

/// A later variable hides an earlier one of its name, unless it builds on it.
fn of_environment(warnings: &mut Vec<String>, path: &Path, container: &Value) {
    let variables = items(container, "env");
    let mut seen = HashSet::with_capacity(variables.len());
    for (index, variable) in variables.iter().enumerate() {
        let (name, value) = (text(variable, "name"), text(variable, "value"));
        if seen.insert(name) {
            continue;
        }
        let reference = format!("$({name})");
        if get(variable, "valueFrom").is_some() || value == reference || !value.contains(&reference) {
            warnings.push(format!(
                "{}: hides previous definition of {}, which may be dropped when using apply",
                path.child("env").index(index),
                go_quoted(name)
            ));
        }
    }
}

/// Earlier ports of one number and protocol that are told apart at the most: the rest say nothing new.
const MAX_COMPARED: usize = 64;

fn of_ports(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    let mut known: HashMap<(i64, &str), Vec<(Path, &Value)>> = HashMap::new();
    each_container(spec, path, |path, container| {
        for (index, port) in items(container, "ports").iter().enumerate() {
            let path = path.child("ports").index(index);
            let (host_ip, host_port) = (text(port, "hostIP"), number(port, "hostPort"));
            if !host_ip.is_empty() && host_port == 0 {
                warnings.push(format!("{path}: hostIP set without hostPort: {}", printed(port)));
            }
            let others = known.entry((number(port, "containerPort"), text(port, "protocol"))).or_default();
            for (other_path, other) in others.iter() {
                let (other_ip, other_port) = (text(other, "hostIP"), number(other, "hostPort"));
                let what = if host_ip == other_ip && host_port == other_port {
                    "duplicate"
                } else if host_port == 0 || other_port == 0 {
                    "overlapping"
                } else if host_port == other_port && host_ip.is_empty() != other_ip.is_empty() {
                    "dangerously ambiguous"
                } else {
                    continue;
                };
                warnings.push(format!("{path}: {what} port definition with {other_path}"));
            }
            if others.len() < MAX_COMPARED {
                others.push((path, port));
            }
        }
    });
}

/// A port as Go's `%+v` prints it.
fn printed(port: &Value) -> String {
    format!(
        "{{Name:{} HostPort:{} ContainerPort:{} Protocol:{} HostIP:{}}}",
        text(port, "name"),
        number(port, "hostPort"),
        number(port, "containerPort"),
        text(port, "protocol"),
        text(port, "hostIP")
    )
}

fn of_port_names(warnings: &mut Vec<String>, path: &Path, spec: &Value) {
    let mut known: HashMap<&str, Path> = HashMap::new();
    each_container(spec, path, |path, container| {
        for (index, port) in items(container, "ports").iter().enumerate() {
            let path = path.child("ports").index(index);
            let name = text(port, "name");
            if name.is_empty() {
                continue;
            }
            match known.get(name) {
                Some(other) => warnings.push(format!(
                    "{path}: duplicate port name {} with {other}, services and probes that select ports by name will use {other}",
                    go_quoted(name)
                )),
                None => drop(known.insert(name, path)),
            }
        }
    });
}

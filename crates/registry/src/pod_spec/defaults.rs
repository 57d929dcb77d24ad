//! Defaults of pod specs. Applying them twice is the same as once. Besides filling in, this brings the spec into the
//! form in which upstream writes it: what `omitempty` leaves out is left out, quantities are canonical.

use api::quantity::{Finest, canonical};
use serde_json::{Map, Value, json};

use crate::fields::{child, child_map, default_number, default_text, default_to, drop_empty, drop_nulls};
use crate::fields::{entries, flag, get, items_mut, map_of, number, text};
use crate::pod_spec::image::is_latest;
use crate::pod_spec::pod_resources;

const FILE_MODE: i64 = 0o644;
const TOKEN_SECONDS: i64 = 3600;

/// What `omitempty` leaves out of a `PodSpec`.
const SPEC_OMITTED: &[&str] = &[
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "hostname",
    "subdomain",
    "nodeName",
    "nodeSelector",
    "overhead",
    "priorityClassName",
    "schedulerName",
    "serviceAccount",
    "serviceAccountName",
    "restartPolicy",
    "dnsPolicy",
];
/// What `omitempty` leaves out of a `Container`.
const CONTAINER_OMITTED: &[&str] = &[
    "image",
    "imagePullPolicy",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "workingDir",
];
const PORT_OMITTED: &[&str] = &["hostIP", "hostPort", "name", "protocol"];
const MOUNT_OMITTED: &[&str] = &["readOnly", "subPath", "subPathExpr"];
const PROBE_OMITTED: &[&str] =
    &["failureThreshold", "initialDelaySeconds", "periodSeconds", "successThreshold", "timeoutSeconds"];
const META_OMITTED: &[&str] =
    &["annotations", "creationTimestamp", "generateName", "labels", "name", "namespace", "resourceVersion", "uid"];

/// Defaults the spec of a pod object.
pub fn default_pod(spec: &mut Value) {
    clean(spec);
    default_pod_only(spec);
    default_spec(spec);
}

/// Defaults a pod template. Requests from limits and `enableServiceLinks` are given to pods only.
pub fn default_template(template: &mut Value) {
    drop_nulls(template);
    clean_template_metadata(child(template, "metadata"));
    let spec = child(template, "spec");
    clean(spec);
    default_spec(spec);
}

/// Writes the metadata of a template as Go does.
pub(crate) fn clean_template_metadata(metadata: &mut Value) {
    map_of(metadata);
    drop_nulls(metadata);
    drop_empty(metadata, META_OMITTED);
}

fn clean(spec: &mut Value) {
    map_of(spec);
    drop_nulls(spec);
    drop_empty(spec, SPEC_OMITTED);
    for_each_container(spec, |container| {
        drop_empty(container, CONTAINER_OMITTED);
        items_mut(container, "ports").iter_mut().for_each(|port| drop_empty(port, PORT_OMITTED));
        items_mut(container, "volumeMounts").iter_mut().for_each(|mount| drop_empty(mount, MOUNT_OMITTED));
        items_mut(container, "env").iter_mut().for_each(|variable| drop_empty(variable, &["value"]));
        items_mut(container, "envFrom").iter_mut().for_each(|source| drop_empty(source, &["prefix"]));
        canonical_resources(child(container, "resources"));
    });
    if let Some(resources) = spec.get_mut("resources") {
        canonical_resources(resources);
    }
}

fn for_each_container(spec: &mut Value, mut change: impl FnMut(&mut Value)) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        items_mut(spec, list).iter_mut().for_each(&mut change);
    }
}

/// `SetDefaults_Pod`.
fn default_pod_only(spec: &mut Value) {
    let host_network = flag(spec, "hostNetwork");
    for list in ["containers", "initContainers"] {
        for container in items_mut(spec, list) {
            requests_from_limits(child(container, "resources"));
            if host_network {
                for port in items_mut(container, "ports") {
                    let container_port = number(port, "containerPort");
                    default_number(port, "hostPort", container_port);
                }
            }
        }
    }
    if get(spec, "resources").is_some() {
        pod_resources::default(spec);
    }
    default_to(spec, "enableServiceLinks", true);
}

fn requests_from_limits(resources: &mut Value) {
    if get(resources, "limits").is_none() {
        return;
    }
    let limits: Vec<(String, Value)> = entries(resources, "limits").map(|(k, v)| (k.clone(), v.clone())).collect();
    let requests = child_map(resources, "requests");
    for (name, limit) in limits {
        requests.entry(name).or_insert(limit);
    }
}

/// `SetDefaults_PodSpec` and the defaults of everything within.
fn default_spec(spec: &mut Value) {
    default_text(spec, "dnsPolicy", "ClusterFirst");
    default_text(spec, "restartPolicy", "Always");
    default_to(spec, "securityContext", json!({}));
    default_to(spec, "terminationGracePeriodSeconds", 30);
    default_text(spec, "schedulerName", "default-scheduler");
    match_service_account(spec);
    items_mut(spec, "volumes").iter_mut().for_each(default_volume);
    for_each_container(spec, default_container);
    if let Some(overhead) = spec.get_mut("overhead") {
        canonical_list(overhead);
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`; upstream writes both.
fn match_service_account(spec: &mut Value) {
    let name = match (text(spec, "serviceAccountName"), text(spec, "serviceAccount")) {
        ("", "") => return,
        ("", old) => old.to_owned(),
        (name, _) => name.to_owned(),
    };
    let map = map_of(spec);
    map.insert("serviceAccount".to_owned(), name.clone().into());
    map.insert("serviceAccountName".to_owned(), name.into());
}

/// `SetDefaults_Container`.
fn default_container(container: &mut Value) {
    let policy = if is_latest(text(container, "image")) { "Always" } else { "IfNotPresent" };
    default_text(container, "imagePullPolicy", policy);
    default_text(container, "terminationMessagePath", "/dev/termination-log");
    default_text(container, "terminationMessagePolicy", "File");
    child_map(container, "resources");
    for port in items_mut(container, "ports") {
        default_text(port, "protocol", "TCP");
    }
    for variable in items_mut(container, "env") {
        default_env(variable);
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            default_probe(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(action) = container.pointer_mut(&format!("/lifecycle/{hook}/httpGet")) {
            default_http_get(action);
        }
    }
}

fn default_env(variable: &mut Value) {
    let Some(source) = variable.get_mut("valueFrom") else { return };
    if let Some(reference) = source.get_mut("fieldRef") {
        default_text(reference, "apiVersion", "v1");
    }
    if let Some(reference) = source.get_mut("resourceFieldRef") {
        canonical_divisor(reference);
    }
    if let Some(reference) = source.get_mut("fileKeyRef") {
        default_to(reference, "optional", false);
    }
}

/// The divisor is written always: upstream holds it by value, and a zero quantity is no empty one to `omitempty`.
fn canonical_divisor(reference: &mut Value) {
    let divisor = child(reference, "divisor");
    if divisor.is_null() {
        *divisor = "0".into();
    }
    canonical_quantity(divisor, Finest::Nano);
}

/// `SetDefaults_Probe`.
fn default_probe(probe: &mut Value) {
    drop_empty(probe, PROBE_OMITTED);
    default_number(probe, "timeoutSeconds", 1);
    default_number(probe, "periodSeconds", 10);
    default_number(probe, "successThreshold", 1);
    default_number(probe, "failureThreshold", 3);
    if let Some(action) = probe.get_mut("httpGet") {
        default_http_get(action);
    }
    if let Some(action) = probe.get_mut("grpc") {
        default_to(action, "service", "");
    }
}

fn default_http_get(action: &mut Value) {
    default_text(action, "path", "/");
    default_text(action, "scheme", "HTTP");
}

/// `SetDefaults_Volume` and the defaults of the sources.
fn default_volume(volume: &mut Value) {
    if map_of(volume).keys().all(|key| key == "name") {
        default_to(volume, "emptyDir", json!({}));
    }
    for (source, list) in [("secret", ""), ("configMap", ""), ("downwardAPI", "items"), ("projected", "sources")] {
        let Some(source) = volume.get_mut(source) else { continue };
        default_to(source, "defaultMode", FILE_MODE);
        for item in items_mut(source, list) {
            default_downward_item(item);
            default_projection(item);
        }
    }
    if let Some(path) = volume.get_mut("hostPath") {
        default_to(path, "type", "");
    }
    default_remote(volume);
    if let Some(image) = volume.get_mut("image") {
        let policy = if is_latest(text(image, "reference")) { "Always" } else { "IfNotPresent" };
        default_text(image, "pullPolicy", policy);
    }
    if let Some(directory) = volume.get_mut("emptyDir") {
        drop_empty(directory, &["medium"]);
        if let Some(limit) = directory.get_mut("sizeLimit") {
            canonical_quantity(limit, Finest::Nano);
        }
    }
}

/// Texts that are given to volumes from elsewhere.
const REMOTE_TEXTS: &[(&str, &str, &str)] = &[
    ("iscsi", "iscsiInterface", "default"),
    ("rbd", "pool", "rbd"),
    ("rbd", "user", "admin"),
    ("rbd", "keyring", "/etc/ceph/keyring"),
    ("scaleIO", "storageMode", "ThinProvisioned"),
    ("scaleIO", "fsType", "xfs"),
];

fn default_remote(volume: &mut Value) {
    for (kind, field, value) in REMOTE_TEXTS {
        if let Some(source) = volume.get_mut(kind) {
            default_text(source, field, value);
        }
    }
    if let Some(disk) = volume.get_mut("azureDisk") {
        for (field, value) in [("cachingMode", "ReadWrite"), ("fsType", "ext4"), ("kind", "Shared")] {
            default_to(disk, field, value);
        }
        default_to(disk, "readOnly", false);
    }
    if let Some(claim) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec") {
        default_to(claim, "volumeMode", "Filesystem");
        for list in ["requests", "limits"] {
            if let Some(list) = claim.pointer_mut(&format!("/resources/{list}")) {
                canonical_list(list);
            }
        }
    }
}

fn default_downward_item(item: &mut Value) {
    if let Some(reference) = item.get_mut("fieldRef") {
        default_text(reference, "apiVersion", "v1");
    }
    if let Some(reference) = item.get_mut("resourceFieldRef") {
        canonical_divisor(reference);
    }
}

fn default_projection(source: &mut Value) {
    if let Some(token) = source.get_mut("serviceAccountToken") {
        default_to(token, "expirationSeconds", TOKEN_SECONDS);
    }
    if let Some(downward) = source.get_mut("downwardAPI") {
        items_mut(downward, "items").iter_mut().for_each(default_downward_item);
    }
}

/// Writes limits and requests in canonical form. `resources` itself is written always, even when empty.
fn canonical_resources(resources: &mut Value) {
    map_of(resources);
    drop_empty(resources, &["limits", "requests"]);
    for list in ["limits", "requests"] {
        if let Some(list) = resources.get_mut(list) {
            canonical_list(list);
        }
    }
}

/// `SetDefaults_ResourceList`: rounded up to thousandths. A broken quantity stays for validation to name.
pub(crate) fn canonical_list(list: &mut Value) {
    for quantity in list.as_object_mut().into_iter().flat_map(Map::values_mut) {
        canonical_quantity(quantity, Finest::Milli);
    }
}

fn canonical_quantity(quantity: &mut Value, finest: Finest) {
    let number = quantity.as_number().map(ToString::to_string);
    let Some(text) = number.as_deref().or(quantity.as_str()) else { return };
    if let Ok(canonical) = canonical(text, finest)
        && quantity.as_str() != Some(&*canonical)
    {
        *quantity = canonical.into_owned().into();
    }
}

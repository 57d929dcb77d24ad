//! Validation of volumes that come from elsewhere. No kubelet here serves them, but a manifest that upstream refuses is
//! refused here as well.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use super::paths::validate_relative;
use crate::errors::extend_invalid;
use crate::fields::{entries, flag, get, int, items, text};

const HOST_PORTS: &str = "must be a host:port pair or multiple pairs separated by commas";
const MAX_TENANT_BYTES: usize = 64;
const MAX_DRIVER_BYTES: usize = 63;
const CACHING_MODES: &[&str] = &["None", "ReadOnly", "ReadWrite"];
const DISK_KINDS: &[&str] = &["Dedicated", "Managed", "Shared"];
const MANAGED_DISK: &str =
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
const BLOB_DISK: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";

/// The fields that may not be empty, of sources that have no other rule, or whose other rules follow.
fn required(kind: &str) -> &'static [&'static str] {
    match kind {
        "gitRepo" => &["repository"],
        "gcePersistentDisk" => &["pdName"],
        "awsElasticBlockStore" | "portworxVolume" | "cinder" => &["volumeID"],
        "nfs" => &["server", "path"],
        "glusterfs" => &["endpoints", "path"],
        "persistentVolumeClaim" => &["claimName"],
        "rbd" => &["monitors", "image"],
        "cephfs" => &["monitors"],
        "flexVolume" => &["driver"],
        "azureFile" => &["secretName", "shareName"],
        "azureDisk" => &["diskName", "diskURI"],
        "vsphereVolume" => &["volumePath"],
        "photonPersistentDisk" => &["pdID"],
        "scaleIO" => &["gateway", "system", "volumeName"],
        "storageos" => &["volumeName"],
        _ => &[],
    }
}

/// Validates one source. `volume` is the name of the volume, whose path is `path`.
pub(super) fn validate(errors: &mut FieldErrors, path: &Path, kind: &str, source: &Value, volume: &str) {
    // Upstream calls this one by an old name.
    let source_path = path.child(if kind == "gcePersistentDisk" { "persistentDisk" } else { kind });
    for name in required(kind) {
        if text(source, name).is_empty() && items(source, name).is_empty() {
            errors.push(source_path.child(name).required(""));
        }
    }
    match kind {
        "gitRepo" => validate_relative(errors, &source_path.child("directory"), text(source, "directory")),
        "gcePersistentDisk" | "awsElasticBlockStore" => {
            require_range(errors, &source_path.child("partition"), int(source, "partition"), "1 and 255");
        }
        "nfs" if !text(source, "path").starts_with('/') => {
            errors.push(source_path.child("path").invalid(text(source, "path"), "must be an absolute path"));
        }
        "iscsi" => validate_iscsi(errors, path, source, volume),
        "fc" => validate_fibre_channel(errors, &source_path, source),
        "quobyte" => validate_quobyte(errors, &source_path, source),
        "flocker" => validate_flocker(errors, &source_path, source),
        "cinder" => require_secret_name(errors, &source_path, source),
        "flexVolume" => validate_flex_options(errors, &source_path.child("options"), source),
        "azureDisk" => validate_azure_disk(errors, &source_path, source),
        "storageos" => validate_storageos(errors, &source_path, source),
        "csi" => validate_csi(errors, &source_path, source),
        _ => {}
    }
}

fn require_range(errors: &mut FieldErrors, path: &Path, value: Option<i64>, shown: &str) {
    if let Some(value) = value.filter(|value| !(0..=255).contains(value)) {
        errors.push(path.invalid(value, format!("must be between {shown}, inclusive")));
    }
}

fn require_secret_name(errors: &mut FieldErrors, path: &Path, source: &Value) {
    if get(source, "secretRef").is_some_and(|secret| text(secret, "name").is_empty()) {
        errors.push(path.child("secretRef").child("name").required(""));
    }
}

fn validate_iscsi(errors: &mut FieldErrors, volume_path: &Path, source: &Value, volume: &str) {
    let path = volume_path.child("iscsi");
    let portal = text(source, "targetPortal");
    if portal.is_empty() {
        errors.push(path.child("targetPortal").required(""));
    }
    match text(source, "iqn") {
        "" => errors.push(path.child("iqn").required("")),
        name => validate_initiator(errors, &path.child("iqn"), name),
    }
    require_range(errors, &path.child("lun"), int(source, "lun"), "0 and 255");
    let authenticates = flag(source, "chapAuthDiscovery") || flag(source, "chapAuthSession");
    if authenticates && get(source, "secretRef").is_none() {
        errors.push(path.child("secretRef").required(""));
    }
    let Some(initiator) = get(source, "initiatorName").and_then(Value::as_str) else { return };
    validate_initiator(errors, &path.child("initiatorname"), initiator);
    if volume.len() + 1 + portal.len() > 64 {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        errors.push(volume_path.child("name").invalid(volume, detail));
    }
}

fn validate_initiator(errors: &mut FieldErrors, path: &Path, name: &str) {
    let alphanumeric =
        |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    // The patterns take any byte where the dot is.
    let rest = || name.get(4..).unwrap_or_default();
    let is_right = match name.get(..3) {
        Some("iqn") => is_qualified_name(name),
        Some("eui") => alphanumeric(rest(), 16),
        Some("naa") => alphanumeric(rest(), 32),
        _ => {
            errors.push(path.invalid(name, "must be valid format starting with iqn, eui, or naa"));
            return;
        }
    };
    if !is_right {
        errors.push(path.invalid(name, "must be valid format"));
    }
}

/// `iqn.YYYY-MM.authority:name`.
fn is_qualified_name(name: &str) -> bool {
    let Some((head, unique)) = name.strip_prefix("iqn.").and_then(|rest| rest.split_once(':')) else { return false };
    let digits = |range: std::ops::Range<usize>| {
        head.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let dated = digits(0..4) && head.get(4..5) == Some("-") && digits(5..7) && head.get(7..8) == Some(".");
    let authority = head.get(8..).unwrap_or_default();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    dated
        && !authority.is_empty()
        && authority.bytes().all(known)
        && !unique.is_empty()
        && !unique.contains([',', ';', '*', '&', '$', '|', ' ', '\t', '\n', '\r', '\x0c'])
}

fn validate_fibre_channel(errors: &mut FieldErrors, path: &Path, source: &Value) {
    let (names, ids) = (items(source, "targetWWNs"), items(source, "wwids"));
    let path_of_names = path.child("targetWWNs");
    if names.is_empty() && ids.is_empty() {
        errors.push(path_of_names.required("must specify either targetWWNs or wwids, but not both"));
    }
    if !names.is_empty() && !ids.is_empty() {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        errors.push(path_of_names.invalid(names.to_vec(), detail));
    }
    if !names.is_empty() {
        match int(source, "lun") {
            None => errors.push(path.child("lun").required("lun is required if targetWWNs is specified")),
            lun => require_range(errors, &path.child("lun"), lun, "0 and 255"),
        }
    }
}

fn validate_quobyte(errors: &mut FieldErrors, path: &Path, source: &Value) {
    let registry = text(source, "registry");
    if registry.is_empty() {
        errors.push(path.child("registry").required(HOST_PORTS));
    } else if text(source, "tenant").len() > MAX_TENANT_BYTES {
        let detail = "must be a UUID and may not exceed a length of 64 characters";
        errors.push(path.child("tenant").required(detail));
    } else {
        for pair in registry.split(',') {
            let is_pair = pair.rsplit_once(':').is_some_and(|(host, port)| {
                let bracketed = host.starts_with('[') && host.ends_with(']');
                (bracketed || !host.contains(':')) && !port.contains(']')
            });
            if !is_pair {
                errors.push(path.child("registry").invalid(registry, HOST_PORTS));
            }
        }
    }
    if text(source, "volume").is_empty() {
        errors.push(path.child("volume").required(""));
    }
}

fn validate_flocker(errors: &mut FieldErrors, path: &Path, source: &Value) {
    let (name, id) = (text(source, "datasetName"), text(source, "datasetUUID"));
    match (name.is_empty(), id.is_empty()) {
        (true, true) => errors.push(path.required("one of datasetName and datasetUUID is required")),
        (false, false) => {
            let detail = "datasetName and datasetUUID can not be specified simultaneously";
            errors.push(path.invalid("resource", detail));
        }
        _ => {}
    }
    if name.contains('/') {
        errors.push(path.child("datasetName").invalid(name, "must not contain '/'"));
    }
}

fn validate_flex_options(errors: &mut FieldErrors, path: &Path, source: &Value) {
    for (key, _) in entries(source, "options") {
        let namespace = key.split('/').next().unwrap_or_default();
        let domain = format!(".{}", namespace.to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            errors.push(path.key(key).invalid(key.as_str(), detail));
        }
    }
}

fn validate_azure_disk(errors: &mut FieldErrors, path: &Path, source: &Value) {
    for (name, known) in [("cachingMode", CACHING_MODES), ("kind", DISK_KINDS)] {
        if let Some(value) = get(source, name).and_then(Value::as_str).filter(|value| !known.contains(value)) {
            errors.push(path.child(name).not_supported(value, known));
        }
    }
    let uri = text(source, "diskURI");
    let (start, form) = match get(source, "kind").and_then(Value::as_str) {
        None => return,
        Some("Managed") => ("/subscriptions/", MANAGED_DISK),
        Some(_) => ("https://", BLOB_DISK),
    };
    if !uri.starts_with(start) {
        errors.push(path.child("diskURI").not_supported(uri, &[form]));
    }
}

fn validate_storageos(errors: &mut FieldErrors, path: &Path, source: &Value) {
    for name in ["volumeName", "volumeNamespace"] {
        let value = text(source, name);
        if !value.is_empty() {
            extend_invalid(errors, &path.child(name), value, names::dns_label_errors(value));
        }
    }
    require_secret_name(errors, path, source);
}

fn validate_csi(errors: &mut FieldErrors, path: &Path, source: &Value) {
    let driver = text(source, "driver");
    if driver.is_empty() {
        errors.push(path.child("driver").required(""));
    } else {
        if driver.len() > MAX_DRIVER_BYTES {
            errors.push(path.child("driver").too_long(MAX_DRIVER_BYTES));
        }
        extend_invalid(errors, &path.child("driver"), driver, names::dns_subdomain_errors(&driver.to_lowercase()));
    }
    let Some(secret) = get(source, "nodePublishSecretRef") else { return };
    match text(secret, "name") {
        "" => errors.push(path.child("nodePublishSecretRef").child("name").required("")),
        name => extend_invalid(errors, &path.child("name"), name, names::dns_subdomain_errors(name)),
    }
}

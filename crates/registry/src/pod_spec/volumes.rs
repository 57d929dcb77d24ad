//! Validation of `volumes`: the list here and the sources that a local kubelet can serve, the others in [`remote`].

mod claims;
pub(crate) mod mounts;
pub(crate) mod paths;
mod projected;
mod remote;

use std::collections::{HashMap, HashSet};

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{at, get, int, items, text};
use crate::pod_spec::Holder;
use crate::quantity::Quantity;
use paths::{forbid_backsteps, validate_mode};

/// The volumes that mounts may use: name and kind of source.
pub(crate) type Volumes<'a> = HashMap<&'a str, &'a str>;

const HOST_PATH_TYPES: &[&str] =
    &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];

/// The sources in the order in which upstream looks at them: of two, the first counts and the second is too many.
const KINDS: &[&str] = &[
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

/// Validates the volumes (`ValidateVolumes`); gives back those that mounts may use. `pod` is the name of the pod, for
/// the names of the claims that it makes; empty when there is none yet.
pub(crate) fn validate<'a>(
    errors: &mut FieldErrors,
    path: &Path,
    spec: &'a Value,
    pod: &str,
    holder: Holder,
) -> Volumes<'a> {
    let volumes = items(spec, "volumes");
    let mut known = Volumes::with_capacity(volumes.len());
    let claims = claims_made(volumes, pod);
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let before = errors.0.len();
        let kind = validate_source(errors, &path, volume, pod, holder);
        let name = text(volume, "name");
        match name {
            "" => errors.push(path.child("name").required("")),
            name => extend_invalid(errors, &path.child("name"), name, names::dns_label_errors(name)),
        }
        if known.contains_key(name) {
            errors.push(path.child("name").duplicate(name));
        }
        if errors.0.len() == before {
            known.insert(name, kind);
        }
        let claim = at(volume, &["persistentVolumeClaim", "claimName"]).and_then(Value::as_str).unwrap_or_default();
        if claims.contains(claim) {
            let detail = "must not reference a PVC that gets created for an ephemeral volume";
            errors.push(path.child("persistentVolumeClaim").child("claimName").invalid(claim, detail));
        }
    }
    known
}

/// The names of the claims that will be made for the pod's ephemeral volumes.
fn claims_made(volumes: &[Value], pod: &str) -> HashSet<String> {
    let ephemeral = volumes.iter().filter(|volume| !pod.is_empty() && get(volume, "ephemeral").is_some());
    ephemeral.map(|volume| format!("{pod}-{}", text(volume, "name"))).collect()
}

/// `validateVolumeSource`. Gives back the kind of source that counts.
fn validate_source(errors: &mut FieldErrors, path: &Path, volume: &Value, pod: &str, holder: Holder) -> &'static str {
    let mut found = "";
    for kind in KINDS {
        let Some(source) = get(volume, kind) else { continue };
        if !found.is_empty() {
            // Two of upstream's paths are misspelt.
            let shown = match *kind {
                "cephfs" => "cephFS",
                "downwardAPI" => "downwarAPI",
                kind => kind,
            };
            errors.push(path.child(shown).forbidden("may not specify more than 1 volume type"));
            continue;
        }
        found = kind;
        validate_kind(errors, path, kind, source, holder);
        if *kind == "ephemeral" {
            claims::validate(errors, &path.child(kind), source);
            validate_claim_name(errors, path, pod, text(volume, "name"));
        } else {
            remote::validate(errors, path, kind, source, text(volume, "name"));
        }
    }
    if found.is_empty() {
        errors.push(path.required("must specify a volume type"));
    }
    found
}

fn validate_claim_name(errors: &mut FieldErrors, path: &Path, pod: &str, volume: &str) {
    if pod.is_empty() || volume.is_empty() {
        return;
    }
    let claim = format!("{pod}-{volume}");
    for why in names::dns_subdomain_errors(&claim) {
        errors.push(path.child("name").invalid(volume, format!("PVC name {claim:?}: {why}")));
    }
}

/// The sources that a local kubelet serves.
fn validate_kind(errors: &mut FieldErrors, path: &Path, kind: &str, source: &Value, holder: Holder) {
    let path = path.child(kind);
    match kind {
        "emptyDir" => {
            let negative = get(source, "sizeLimit").and_then(|limit| Quantity::of(limit).ok());
            if negative.is_some_and(|limit| limit.nanos() < 0) {
                errors.push(path.child("sizeLimit").forbidden("SizeLimit field must be a valid resource quantity"));
            }
        }
        "hostPath" => validate_host_path(errors, &path, source),
        "secret" | "configMap" => {
            let name = if kind == "secret" { "secretName" } else { "name" };
            if text(source, name).is_empty() {
                errors.push(path.child(name).required(""));
            }
            validate_mode(errors, &path.child("defaultMode"), int(source, "defaultMode"));
            for (index, item) in items(source, "items").iter().enumerate() {
                projected::validate_key_to_path(errors, &path.child("items").index(index), item);
            }
        }
        "downwardAPI" => {
            validate_mode(errors, &path.child("defaultMode"), int(source, "defaultMode"));
            items(source, "items").iter().for_each(|file| projected::validate_downward_file(errors, &path, file));
        }
        "projected" => projected::validate(errors, &path, source),
        "image" => validate_image(errors, &path, source, holder),
        _ => {}
    }
}

fn validate_host_path(errors: &mut FieldErrors, path: &Path, source: &Value) {
    match text(source, "path") {
        "" => errors.push(path.child("path").required("")),
        target => {
            forbid_backsteps(errors, &path.child("path"), target);
            let kind = text(source, "type");
            if !HOST_PATH_TYPES.contains(&kind) {
                errors.push(path.child("type").not_supported(kind, HOST_PATH_TYPES));
            }
        }
    }
}

fn validate_image(errors: &mut FieldErrors, path: &Path, source: &Value, holder: Holder) {
    if holder == Holder::Pod && text(source, "reference").is_empty() {
        errors.push(path.child("reference").required(""));
    }
    match text(source, "pullPolicy") {
        "" => errors.push(path.child("pullPolicy").required("")),
        policy if !PULL_POLICIES.contains(&policy) => {
            errors.push(path.child("pullPolicy").not_supported(policy, PULL_POLICIES));
        }
        _ => {}
    }
}

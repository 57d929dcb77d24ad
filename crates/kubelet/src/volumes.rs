//! What the volumes of a pod are, and what files they hold. Pure but for [`disk`], which writes them.
//!
//! Follows upstream's `pkg/volume/{configmap,secret,projected,downwardapi,emptydir,hostpath}`: items, modes, optional
//! sources, the words of errors, and the layout with `..data`, so that a program that watches a mounted ConfigMap sees
//! its change in one step.

pub(crate) mod disk;
mod files;
mod host_path;
mod projection;

use std::collections::BTreeMap;

use api::k8s::api::core::v1::{Container, Pod, Volume};

pub(crate) use files::{File, Files};
pub(crate) use host_path::{Check, check};
pub(crate) use projection::{Projection, Wants, projections};

use crate::environment::{Host, Sources};

/// What stands behind a volume.
#[derive(Debug, PartialEq)]
pub(crate) enum Kind<'a> {
    /// A directory that lives as long as the pod; with `memory`, in memory.
    Empty { memory: bool },
    /// A file or directory of this host.
    Host { path: &'a str, check: &'a str },
    /// Files made of objects, with this mode unless they say otherwise.
    Files(Vec<Projection<'a>>),
    /// Anything else, by the name of its field.
    Unsupported(&'static str),
}

/// Reads what a volume is.
pub(crate) fn kind(volume: &Volume) -> Kind<'_> {
    if let Some(empty) = &volume.empty_dir {
        return Kind::Empty { memory: empty.medium.as_deref() == Some("Memory") };
    }
    if let Some(host) = &volume.host_path {
        return Kind::Host { path: &host.path, check: host.type_.as_deref().unwrap_or_default() };
    }
    projections(volume).map_or_else(|| Kind::Unsupported(unsupported(volume)), Kind::Files)
}

/// The field of a volume whose kind is not known here.
fn unsupported(volume: &Volume) -> &'static str {
    let set = [
        (volume.persistent_volume_claim.is_some(), "persistentVolumeClaim"),
        (volume.nfs.is_some(), "nfs"),
        (volume.csi.is_some(), "csi"),
        (volume.ephemeral.is_some(), "ephemeral"),
        (volume.image.is_some(), "image"),
        (volume.iscsi.is_some(), "iscsi"),
        (volume.git_repo.is_some(), "gitRepo"),
        (volume.fc.is_some(), "fc"),
    ];
    set.iter().find(|(set, _)| *set).map_or("its kind", |(_, name)| name)
}

/// Whether nothing here can stand behind a volume; its field.
pub(crate) fn unsupported_kind(volume: &Volume) -> Option<&'static str> {
    match kind(volume) {
        Kind::Unsupported(field) => Some(field),
        _ => None,
    }
}

/// The volumes that a container mounts, each once.
pub(crate) fn mounted<'a>(pod: &'a Pod, container: &Container) -> Vec<&'a Volume> {
    let names: Vec<&str> = container.volume_mounts.iter().flatten().map(|mount| mount.name.as_str()).collect();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter(|volume| names.contains(&volume.name.as_str())).collect()
}

/// What was found for a volume's sources.
pub(crate) struct Found<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) host: &'a Host,
    pub(crate) sources: &'a Sources,
    /// Tokens by the audience that they are for and their lifetime in seconds.
    pub(crate) tokens: &'a BTreeMap<(String, i64), String>,
}

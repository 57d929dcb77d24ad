//! Which files of a directory an image is made of: OCI image layouts, and what `docker save` writes.
//!
//! A manifest is trusted because its digest is known, its config because the manifest has its digest, and each layer
//! because the config has the digest of what it unpacks to.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::layer::digest_text;
use crate::tree::Tree;

/// Manifests, configs and indexes that are longer are no such thing.
pub(crate) const JSON_BYTES_MAX: u64 = 4 << 20;
/// Indexes in indexes, at most.
const INDEXES_MAX: u32 = 4;
/// Layers of one image, at most.
const LAYERS_MAX: usize = 1024;
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An image as files of a directory.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The config as it is.
    pub(crate) config: Vec<u8>,
    /// Its digest, which is the image's id.
    pub(crate) id: String,
    /// The layers from the lowest to the highest, as paths in the directory.
    pub(crate) layers: Vec<PathBuf>,
    /// Bytes of config and layers as they are.
    pub(crate) size: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// An index or a manifest: which of the two tells what is in it.
#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// The machine's architecture as Go names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// Where a blob of a layout is, if the digest is one.
pub(crate) fn blob(digest: &str) -> Result<PathBuf, Error> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
    match hex.filter(|hex| hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))) {
        Some(hex) => Ok(Path::new("blobs/sha256").join(hex)),
        None => Err(Error::malformed(format!("digest {digest:?}"), "not sha256:HEX")),
    }
}

/// The image in an OCI image layout: the one of that tag, or the only one.
pub(crate) fn of_layout(tree: &Tree, tag: Option<&str>) -> Result<Parts, Error> {
    let index: Document = parse("index.json", &read(tree, Path::new("index.json"))?)?;
    let descriptors = index.manifests.unwrap_or_default();
    let is_wanted = |descriptor: &&Descriptor| match (tag, descriptor.annotations.get(REF_NAME)) {
        (None, _) => true,
        (Some(tag), Some(name)) => name == tag || name.rsplit_once(':').is_some_and(|(_, last)| last == tag),
        (Some(_), None) => false,
    };
    let wanted: Vec<Descriptor> = descriptors.iter().filter(is_wanted).cloned().collect();
    of_descriptor(tree, &choose(wanted, tag)?, INDEXES_MAX)
}

fn choose(descriptors: Vec<Descriptor>, tag: Option<&str>) -> Result<Descriptor, Error> {
    let is_for_here = |descriptor: &&Descriptor| {
        let platform = descriptor.platform.as_ref();
        platform.is_none_or(|platform| {
            (platform.os.is_empty() || platform.os == "linux")
                && (platform.architecture.is_empty() || platform.architecture == architecture())
        })
    };
    let mut fit = descriptors.iter().filter(is_for_here);
    match (fit.next(), fit.next(), tag) {
        (Some(only), None, _) | (Some(only), _, Some(_)) => Ok(only.clone()),
        (Some(_), Some(_), None) => Err(Error::malformed("index.json", "several images: name a tag")),
        (None, ..) => Err(Error::NotFound(tag.unwrap_or("an image for this machine").to_owned())),
    }
}

fn of_descriptor(tree: &Tree, descriptor: &Descriptor, indexes_left: u32) -> Result<Parts, Error> {
    let bytes = read_blob(tree, &descriptor.digest)?;
    let document: Document = parse(&descriptor.digest, &bytes)?;
    match (document.manifests, document.config) {
        (Some(manifests), None) if indexes_left > 0 => {
            of_descriptor(tree, &choose(manifests, Some("manifest"))?, indexes_left - 1)
        }
        (None, Some(config)) => of_manifest(tree, &config, &document.layers),
        _ => Err(Error::malformed(&descriptor.digest, "neither a manifest nor an index")),
    }
}

fn of_manifest(tree: &Tree, config: &Descriptor, layers: &[Descriptor]) -> Result<Parts, Error> {
    if layers.len() > LAYERS_MAX {
        return Err(Error::malformed("manifest", "too many layers"));
    }
    let bytes = read_blob(tree, &config.digest)?;
    let size = layers.iter().map(|layer| layer.size).fold(bytes.len() as u64, u64::saturating_add);
    let layers = layers.iter().map(|layer| blob(&layer.digest)).collect::<Result<_, _>>()?;
    Ok(Parts { config: bytes, id: config.digest.clone(), layers, size })
}

/// The image in what `docker save` has written: the one of that name, or the only one.
pub(crate) fn of_saved(tree: &Tree, name: Option<&str>) -> Result<Parts, Error> {
    let images: Vec<Saved> = parse("manifest.json", &read(tree, Path::new("manifest.json"))?)?;
    let is_wanted = |image: &&Saved| match name {
        None => true,
        Some(name) => image.repo_tags.iter().flatten().any(|tag| tag == name),
    };
    let mut wanted = images.iter().filter(is_wanted);
    let image = match (wanted.next(), wanted.next()) {
        (Some(only), None) => only,
        (Some(_), Some(_)) => return Err(Error::malformed("manifest.json", "several images: name one")),
        (None, _) => return Err(Error::NotFound(name.unwrap_or("an image").to_owned())),
    };
    if image.layers.len() > LAYERS_MAX {
        return Err(Error::malformed("manifest.json", "too many layers"));
    }
    let config = read(tree, Path::new(&image.config))?;
    let id = digest_of(&config);
    let layers: Vec<PathBuf> = image.layers.iter().map(PathBuf::from).collect();
    let mut size = config.len() as u64;
    for layer in &layers {
        let file = tree.read(layer).and_then(|file| file.metadata());
        size = size.saturating_add(file.map_err(Error::file(layer))?.len());
    }
    Ok(Parts { config, id, layers, size })
}

fn parse<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::malformed(what, error))
}

fn read(tree: &Tree, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = tree.read(path).map_err(Error::file(path))?;
    file.take(JSON_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Error::file(path))?;
    if bytes.len() as u64 > JSON_BYTES_MAX {
        return Err(Error::malformed(path.display().to_string(), "too long"));
    }
    Ok(bytes)
}

fn read_blob(tree: &Tree, digest: &str) -> Result<Vec<u8>, Error> {
    let bytes = read(tree, &blob(digest)?)?;
    let actual = digest_of(&bytes);
    if actual != digest {
        return Err(Error::Digest { what: "blob".to_owned(), expected: digest.to_owned(), actual });
    }
    Ok(bytes)
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    digest_text(Sha256::new_with_prefix(bytes))
}

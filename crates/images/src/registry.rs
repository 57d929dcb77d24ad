//! Pulls from a registry: manifest, config and layers into a directory that looks like an OCI image layout.
//!
//! Registries on this machine (localhost, 127/8, ::1) are spoken to without TLS, as container runtimes do.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, ParseError, Reference};
use tokio::io::AsyncWrite;

use crate::Error;
use crate::layout::{JSON_BYTES_MAX, Parts, blob, digest_of};

/// How long a registry may say nothing.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The name of an image, whole: registry, repository, and a tag or digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Reference);

impl Name {
    /// Reads a name as container runtimes do.
    ///
    /// # Errors
    /// Upstream's words when it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: ParseError| match error {
            ParseError::ReferenceInvalidFormat if text.to_lowercase().parse::<Reference>().is_ok() => {
                format!("invalid reference format: repository name ({}) must be lowercase", repository(text))
            }
            other => other.to_string(),
        })
    }

    /// With registry, repository, and tag or digest.
    pub fn whole(&self) -> String {
        self.0.whole()
    }

    /// Registry and repository.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.0.registry(), self.0.repository())
    }
}

/// The repository of a name that is no valid one, for the message.
fn repository(text: &str) -> String {
    let name = text.split_once('@').map_or(text, |(name, _)| name);
    let name = match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    };
    if name.contains('/') { name.to_owned() } else { format!("library/{name}") }
}

/// What is wrong with a name, if anything, in upstream's words.
pub fn bad_name(text: &str) -> Option<String> {
    if is_plain(text) {
        return None;
    }
    Name::parse(text).err().map(|error| format!("couldn't parse image name \"{text}\": {error}"))
}

/// Whether a name is a valid one that can be told at a glance, as most can. The grammar of all names is a regular
/// expression whose compilation takes 20 MiB and tens of milliseconds, once for each process.
fn is_plain(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (name, tag) = match text.rsplit_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (text, None),
    };
    // No longer than 63: a name of 64 hexadecimal digits is a digest.
    let part = |part: &str| (1..64).contains(&part.len()) && part.bytes().all(alphanumeric);
    let component = |component: &str| component.split(['.', '_', '-']).all(part);
    let is_tag = |tag: &str| {
        let first = tag.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        first && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    text.len() <= 128 && name.split('/').all(component) && tag.is_none_or(is_tag)
}

/// Who one is to a registry.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password, or a token.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Speaks to registries.
pub(crate) fn client(registry: &str) -> Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Somebody else may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let protocol = match is_local(registry) {
        true => ClientProtocol::HttpsExcept(vec![registry.to_owned()]),
        false => ClientProtocol::Https,
    };
    Client::new(ClientConfig {
        protocol,
        read_timeout: Some(READ_TIMEOUT),
        connect_timeout: Some(CONNECT_TIMEOUT),
        user_agent: concat!("kubectl-job/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

fn is_local(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// An image that a registry has, and the way to it.
pub(crate) struct Found {
    client: Client,
    name: Name,
    manifest: OciImageManifest,
    /// The digest of what the name stands for.
    pub(crate) digest: String,
}

/// Asks the registry of an image for it, as each of these users in turn, or as nobody where there is none.
pub(crate) async fn find(name: &Name, logins: &[Login]) -> Result<Found, Error> {
    let basic = |login: &Login| RegistryAuth::Basic(login.user.clone(), login.password.clone());
    let mut tries: Vec<RegistryAuth> = logins.iter().map(basic).collect();
    if tries.is_empty() {
        tries.push(RegistryAuth::Anonymous);
    }
    let mut last = Error::Interrupted;
    for auth in tries {
        // A client of its own, which knows nothing of the user before.
        let client = client(name.0.resolve_registry());
        match client.pull_image_manifest(&name.0, &auth).await {
            Ok((manifest, digest)) => return Ok(Found { client, name: name.clone(), manifest, digest }),
            Err(error) => last = failure(name, &error),
        }
    }
    Err(last)
}

fn length(descriptor: &OciDescriptor) -> u64 {
    u64::try_from(descriptor.size).unwrap_or_default()
}

impl Found {
    /// The digest of the config: the image's id.
    pub(crate) fn id(&self) -> &str {
        &self.manifest.config.digest
    }

    /// Bytes of config and layers.
    pub(crate) fn size(&self) -> u64 {
        self.manifest.layers.iter().chain([&self.manifest.config]).map(length).fold(0, u64::saturating_add)
    }

    /// Brings the parts into a directory.
    pub(crate) async fn fetch(&self, directory: &Path) -> Result<Parts, Error> {
        if length(&self.manifest.config) > JSON_BYTES_MAX {
            return Err(Error::malformed("image config", "too long"));
        }
        let mut layers = Vec::with_capacity(self.manifest.layers.len());
        for descriptor in &self.manifest.layers {
            layers.push(self.fetch_blob(descriptor, directory).await?);
        }
        let path = directory.join(self.fetch_blob(&self.manifest.config, directory).await?);
        let config = tokio::fs::read(&path).await.map_err(Error::file(&path))?;
        Ok(Parts { id: digest_of(&config), config, layers, size: self.size() })
    }

    async fn fetch_blob(&self, descriptor: &OciDescriptor, directory: &Path) -> Result<PathBuf, Error> {
        let path = blob(&descriptor.digest)?;
        let at = directory.join(&path);
        if let Some(parent) = at.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(Error::file(parent))?;
        }
        let file = tokio::fs::File::create(&at).await.map_err(Error::file(&at))?;
        let out = Bounded { inner: file, left: length(descriptor) };
        // Checks the digest.
        let pulled = self.client.pull_blob(&self.name.0, descriptor, out).await;
        pulled.map_err(|error| failure(&self.name, &error))?;
        Ok(path)
    }
}

/// What went wrong, in containerd's words where it has some of its own.
fn failure(name: &Name, error: &OciDistributionError) -> Error {
    let image = name.whole();
    let resolve = |why: &str| format!("failed to resolve reference \"{image}\": {why}");
    let missing = || resolve(&format!("{image}: not found"));
    let text = match error {
        OciDistributionError::ImageManifestNotFoundError(_) => missing(),
        OciDistributionError::RegistryError { envelope, .. } => {
            let codes: Vec<String> = envelope.errors.iter().map(|error| format!("{:?}", error.code)).collect();
            match codes.first().map(String::as_str) {
                Some("ManifestUnknown" | "NameUnknown" | "NotFound") => missing(),
                Some("Unauthorized" | "Denied") => resolve(
                    "pull access denied, repository does not exist or may require authorization: authorization failed",
                ),
                _ => error.to_string(),
            }
        }
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            resolve("pull access denied, repository does not exist or may require authorization: authorization failed")
        }
        OciDistributionError::ServerError { code: 404, .. } => missing(),
        other => chain(other),
    };
    Error::Registry { image, text }
}

/// An error with all its causes: that a connection was refused is said by the innermost.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

/// A file that takes as many bytes as were announced, and no more.
struct Bounded {
    inner: tokio::fs::File,
    left: u64,
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.len() as u64 > self.left {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "more bytes than were announced")));
        }
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        self.left -= written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;

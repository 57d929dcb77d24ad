//! Debian's `docker-registry` on a port of loopback, with a folder of its own, gone with this value.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::image::{Image, digest, unpacked};
use crate::shell;

const LIMIT: Duration = Duration::from_secs(30);
/// Who may use a closed registry.
pub(super) const USER: &str = "alice";
pub(super) const PASSWORD: &str = "wonderland";
/// The same as the registry wants it.
const HTPASSWD: &str = "alice:$2y$05$abcdefghijklmnopqrstuuA0vov2GDneHB3.8.cv9UF9g.RdvScIW\n";

pub(super) struct Registry {
    child: Child,
    port: u16,
    folder: PathBuf,
    login: Option<String>,
}

impl Registry {
    /// Starts one and waits until it answers.
    pub(super) fn start(folder: &Path, name: &str, closed: bool) -> anyhow::Result<Self> {
        let program = unpacked("docker-registry")?.join("usr/bin/docker-registry");
        let folder = folder.join(name);
        fs::create_dir_all(folder.join("storage"))?;
        // Nobody else of this machine is told of the port before the registry has it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        fs::write(folder.join("htpasswd"), HTPASSWD)?;
        let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", folder.join("htpasswd").display());
        let config = format!(
            "version: 0.1\nlog:\n  accesslog:\n    disabled: false\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{}",
            folder.join("storage").display(),
            if closed { &auth } else { "" }
        );
        fs::write(folder.join("config.yml"), config)?;
        let log = fs::File::create(folder.join("log"))?;
        let mut command = Command::new(&program);
        command.arg("serve").arg(folder.join("config.yml")).stdin(Stdio::null());
        let child = command.stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.with_context(|| format!("starting {}", program.display()))?;
        let login = closed.then(|| format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}"))));
        let registry = Self { child, port, folder, login };
        let answers =
            shell::until(LIMIT, || registry.request("GET", "/v2/", "", b"").ok().filter(|(code, _)| *code == 200));
        answers.with_context(|| format!("the registry does not answer:\n{}", registry.log()))?;
        Ok(registry)
    }

    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// An image's whole name.
    pub(super) fn name(&self, repository: &str) -> String {
        format!("{}/{repository}:v1", self.host())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// How often something was asked for.
    pub(super) fn count(&self, method: &str, path: &str) -> usize {
        let asked = format!("\"{method} {path}");
        self.log().lines().filter(|line| line.contains(&asked)).count()
    }

    /// Puts an image there.
    pub(super) fn push(&self, repository: &str, tag: &str, image: &Image) -> anyhow::Result<()> {
        for blob in [&image.layer, &image.config] {
            let (code, head) = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"")?;
            let location = head.lines().find_map(|line| line.strip_prefix("Location: "));
            let location = location.with_context(|| format!("{code}: {head}"))?.trim();
            let path = location.split_once(&self.host()).map_or(location, |(_, path)| path);
            let path = format!("{path}&digest={}", digest(blob));
            self.put(&path, "application/octet-stream", blob)?;
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.put(&path, "application/vnd.oci.image.manifest.v1+json", &image.manifest)
    }

    fn put(&self, path: &str, kind: &str, body: &[u8]) -> anyhow::Result<()> {
        match self.request("PUT", path, kind, body)? {
            (201, _) => Ok(()),
            (code, head) => bail!("PUT {path} answered {code}: {head}"),
        }
    }

    /// One request on a connection of its own; the status and the head.
    fn request(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host());
        if let Some(login) = &self.login {
            head.push_str(&format!("Authorization: {login}\r\n"));
        }
        if !kind.is_empty() {
            head.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status")?;
        Ok((code, answer))
    }

    fn blob(&self, bytes: &[u8]) -> PathBuf {
        let digest = digest(bytes);
        let hex = &digest[7..];
        let blobs = self.folder.join("storage/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// Lets it give other bytes than it promises.
    pub(super) fn tamper(&self, blob: &[u8]) -> anyhow::Result<()> {
        let mut bytes = blob.to_vec();
        bytes.iter_mut().rev().take(64).for_each(|byte| *byte ^= 0xff);
        Ok(fs::write(self.blob(blob), bytes)?)
    }

    /// Lets it give what it promises again.
    pub(super) fn mend(&self, blob: &[u8]) -> anyhow::Result<()> {
        Ok(fs::write(self.blob(blob), blob)?)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

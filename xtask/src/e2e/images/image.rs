//! An image made of Debian's static busybox, as an OCI image layout and as blobs to push.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{debian, shell, workspace};

/// Debian's release whose packages are unpacked.
pub(super) const RELEASE: &str = "bookworm";

/// An image with one layer.
pub(super) struct Image {
    /// The layer, compressed.
    pub(super) layer: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) manifest: Vec<u8>,
    /// The same as a directory.
    pub(super) layout: PathBuf,
}

/// A package's files below `target/`.
pub(super) fn unpacked(package: &str) -> anyhow::Result<PathBuf> {
    let folder = workspace::target().join(format!("debian-{package}"));
    if !folder.join("usr").exists() && !folder.join("bin").exists() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        debian::unpack(RELEASE, &[package], &folder).with_context(|| format!("unpacking Debian's {package}"))?;
    }
    Ok(folder)
}

pub(super) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Image {
    /// Busybox with an entry point that says what it was given.
    pub(super) fn make(folder: &Path) -> anyhow::Result<Self> {
        let (root, busybox) = (folder.join("root"), unpacked("busybox-static")?);
        fs::create_dir_all(root.join("bin"))?;
        let program = ["bin/busybox", "usr/bin/busybox"].iter().map(|path| busybox.join(path));
        let program = program.into_iter().find(|path| path.exists()).context("the package has no busybox")?;
        fs::copy(program, root.join("bin/busybox"))?;
        std::os::unix::fs::symlink("busybox", root.join("bin/sh"))?;
        let tar = folder.join("layer.tar");
        shell::run(Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&root).arg("."))?;
        Self::of_layer(folder, "layout", &fs::read(&tar)?)
    }

    /// The same with one file more.
    pub(super) fn another(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let (root, tar) = (folder.join("root"), folder.join(format!("{name}.tar")));
        fs::write(root.join(name), name)?;
        shell::run(Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(root).arg("."))?;
        Self::of_layer(folder, name, &fs::read(&tar)?)
    }

    /// One whose layer names a file outside.
    pub(super) fn evil(folder: &Path) -> anyhow::Result<Self> {
        let (file, tar) = (folder.join("evil"), folder.join("evil.tar"));
        fs::write(&file, "evil")?;
        let rename = "--transform=s,^.*$,../../../../../../../../../tmp/made-by-an-evil-image,";
        let mut command = Command::new("tar");
        command.arg("-P").arg(rename).arg("-cf").arg(&tar).arg("-C").arg(folder).arg("evil");
        shell::run(&mut command)?;
        Self::of_layer(folder, "evil-layout", &fs::read(&tar)?)
    }

    fn of_layer(folder: &Path, layout: &str, tar: &[u8]) -> anyhow::Result<Self> {
        let plain = folder.join("plain.tar");
        fs::write(&plain, tar)?;
        shell::run(Command::new("gzip").arg("--force").arg("--no-name").arg(&plain))?;
        let layer = fs::read(folder.join("plain.tar.gz"))?;
        let script = "echo entry $0 $A $(/bin/busybox pwd)";
        let config = json!({
            "architecture": architecture(), "os": "linux",
            "config": {"Entrypoint": ["sh", "-c", script], "Cmd": ["argument"], "Env": ["A=from-image"], "WorkingDir": "/work"},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
        });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, bytes: &[u8]| -> Value {
            json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest(bytes), "size": bytes.len()})
        };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": part("config.v1+json", &config), "layers": [part("layer.v1.tar+gzip", &layer)],
        });
        let manifest = manifest.to_string().into_bytes();
        let layout = folder.join(layout);
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        for bytes in [&layer, &config, &manifest] {
            fs::write(blobs.join(&digest(bytes)[7..]), bytes)?;
        }
        let index = json!({"schemaVersion": 2, "manifests": [part("manifest.v1+json", &manifest)]});
        fs::write(layout.join("index.json"), index.to_string())?;
        Ok(Self { layer, config, manifest, layout })
    }
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

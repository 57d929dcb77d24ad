//! What Debian's package tools are asked for: installing a package where this process may, and unpacking one without
//! installing it. Never uses sudo: a command of this project changes a machine only as the user it runs as.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::{procfs, shell};

/// How long a download or an installation may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Whether packages can be installed here without asking anyone.
pub(crate) fn can_install() -> bool {
    Path::new("/etc/debian_version").exists() && procfs::is_root()
}

/// Installs packages; refreshes the package lists first where the first try fails, as on a new machine.
///
/// # Errors
/// When apt-get fails twice.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    twice(|| {
        let mut command = apt_get();
        command.args(["install", "--yes", "--no-install-recommends", "--no-upgrade"]).args(packages);
        command
    })
}

/// Unpacks packages of a Debian release below `folder` without installing them. Needs no root and leaves the machine's
/// own package lists alone: apt works in a folder of its own. What packages depend on is not brought.
///
/// # Errors
/// When a package cannot be downloaded or unpacked.
pub(crate) fn unpack(release: &str, packages: &[&str], folder: &Path) -> anyhow::Result<()> {
    let apt = folder.join("apt");
    for part in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(part)).with_context(|| format!("creating {}", apt.display()))?;
    }
    let sources = apt.join("sources.list");
    fs::write(&sources, format!("deb http://deb.debian.org/debian {release} main\n"))?;
    let apt_get = || {
        let mut command = apt_get();
        for (option, path) in [
            ("Dir::Etc::SourceList", sources.clone()),
            ("Dir::Etc::SourceParts", apt.join("none")),
            ("Dir::State", apt.join("state")),
            ("Dir::State::status", "/dev/null".into()),
            ("Dir::Cache", apt.join("cache")),
        ] {
            command.arg("-o").arg(format!("{option}={}", path.display()));
        }
        command.args(["-o", "APT::Sandbox::User="]).current_dir(folder);
        command
    };
    quietly(apt_get().arg("update"))?;
    quietly(apt_get().arg("download").args(packages))?;
    fs::remove_dir_all(&apt)?;
    let mut unpacked = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            shell::run(Command::new("dpkg").arg("-x").arg(&path).arg(folder))?;
            fs::remove_file(&path)?;
            unpacked += 1;
        }
    }
    if unpacked < packages.len() {
        bail!("apt-get downloaded {}, but {unpacked} packages are in {}", packages.join(", "), folder.display());
    }
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "--quiet"]);
    command
}

fn twice(command: impl Fn() -> Command) -> anyhow::Result<()> {
    if quietly(&mut command()).is_ok() {
        return Ok(());
    }
    if procfs::is_root() {
        quietly(apt_get().arg("update"))?;
    }
    quietly(&mut command())
}

/// Runs a command and shows what it said only when it fails: dpkg is talkative, whatever apt-get is told.
fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let outcome = shell::capture(command, LIMIT)?;
    if !outcome.succeeded() {
        bail!("`{}` failed:\n{}{}", shell::line(command), outcome.stdout, outcome.stderr);
    }
    Ok(())
}

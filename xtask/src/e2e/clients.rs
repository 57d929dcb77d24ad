//! Finds real kubectls, and brings the ones this machine lacks: Debian packages them, and apt unpacks them below
//! `target/` without root. 1.20 is the oldest that is supported; the newest is whatever is on PATH, or Debian 13's.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::{debian, shell, workspace};

/// A kubectl.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kubectl {
    /// The 20 of 1.20.
    pub(super) minor: u32,
    /// The program.
    pub(super) program: PathBuf,
}

/// A kubectl that Debian packages.
struct Packaged {
    minor: u32,
    release: &'static str,
    package: &'static str,
}

const OLDEST: Packaged = Packaged { minor: 20, release: "bookworm", package: "kubernetes-client" };
const NEWER: Packaged = Packaged { minor: 32, release: "trixie", package: "kubectl" };

/// Those to test: the oldest and the newest, or with `all` every one that is found.
///
/// # Errors
/// When there is no old or no new one and none can be brought; the text says what to install.
pub(super) fn find(all: bool, allow_missing: bool) -> anyhow::Result<Vec<Kubectl>> {
    let mut found = on_path();
    found.sort();
    if !all {
        found = found.pop().filter(|kubectl| kubectl.minor >= NEWER.minor).into_iter().collect();
    }
    let wanted: &[Packaged] = if all || found.is_empty() { &[OLDEST, NEWER] } else { &[OLDEST] };
    for packaged in wanted {
        match bring(packaged) {
            Ok(kubectl) => found.push(kubectl),
            Err(error) if allow_missing => eprintln!("left out kubectl 1.{}: {error:#}", packaged.minor),
            Err(error) => return Err(error.context(advice(packaged))),
        }
    }
    found.sort();
    found.dedup_by_key(|kubectl| kubectl.minor);
    Ok(found)
}

fn advice(packaged: &Packaged) -> String {
    format!(
        "kubectl 1.{} is missing and Debian's could not be unpacked; put one on PATH (https://kubernetes.io/docs/tasks/tools/), \
         or leave it out with `cargo xtask e2e kubectl --allow-missing`",
        packaged.minor
    )
}

fn bring(packaged: &Packaged) -> anyhow::Result<Kubectl> {
    let folder = workspace::target().join(format!("kubectl-1.{}", packaged.minor));
    let program = folder.join("usr/bin/kubectl");
    if !program.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        eprintln!("Unpacking kubectl 1.{} from Debian {} below {}", packaged.minor, packaged.release, folder.display());
        fs::create_dir_all(&folder)?;
        debian::unpack(packaged.release, &[packaged.package], &folder)?;
    }
    let (minor, _) = version(&program)?;
    if minor != packaged.minor {
        bail!("Debian {} has kubectl 1.{minor}, not 1.{}", packaged.release, packaged.minor);
    }
    Ok(Kubectl { minor, program })
}

/// The kubectl on PATH; where that one only dispatches, the versions that lie beside it.
fn on_path() -> Vec<Kubectl> {
    let folders = env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let Some(program) = folders.into_iter().map(|folder| folder.join("kubectl")).find(|program| program.is_file())
    else {
        return Vec::new();
    };
    match version(&program) {
        Ok((minor, git_version)) if !git_version.contains("dispatcher") => vec![Kubectl { minor, program }],
        Ok(_) => beside(&program),
        Err(_) => Vec::new(),
    }
}

fn beside(dispatcher: &Path) -> Vec<Kubectl> {
    let resolved = fs::canonicalize(dispatcher).unwrap_or_else(|_| dispatcher.to_owned());
    let entries = resolved.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let versions = entries.filter_map(Result::ok).map(|entry| entry.path()).filter_map(|program| {
        let minor = program.file_name().and_then(OsStr::to_str)?.strip_prefix("kubectl.1.")?.parse().ok()?;
        Some(Kubectl { minor, program })
    });
    versions.collect()
}

/// Asks a kubectl for its minor and its whole version.
fn version(program: &Path) -> anyhow::Result<(u32, String)> {
    let mut command = Command::new(program);
    command.args(["version", "--client", "--output=json"]);
    let outcome = shell::capture(&mut command, Duration::from_secs(30))?;
    read_version(&outcome.stdout).with_context(|| format!("`{}` printed no version", shell::line(&command)))
}

fn read_version(json: &str) -> Option<(u32, String)> {
    let answer: Value = serde_json::from_str(json).ok()?;
    let git_version = answer.pointer("/clientVersion/gitVersion")?.as_str()?;
    let minor = git_version.split('.').nth(1)?.parse().ok()?;
    Some((minor, git_version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_is_read_from_the_git_version() {
        // Vendors write `"minor": "32+"`, so that field is of no use.
        let json = r#"{"clientVersion": {"major": "1", "minor": "32+", "gitVersion": "v1.32.4-dispatcher"}}"#;
        assert_eq!(read_version(json), Some((32, "v1.32.4-dispatcher".to_owned())));
        assert_eq!(read_version("not JSON"), None);
    }
}

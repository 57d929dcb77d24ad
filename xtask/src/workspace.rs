//! Where things are: the checkout, its build output, its binaries and its files. Knows nothing about what is in them.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::shell;

/// The checkout's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies below the workspace root")
}

/// Cargo's build output.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The manifests of the documentation's Jobs page.
pub(crate) fn jobs() -> PathBuf {
    root().join("testdata/jobs")
}

/// Cargo, run in the checkout: the one that runs this program, where it is known.
///
/// What `cargo run` tells this program about its own package is taken back. Build scripts that look at it (ring's does)
/// would otherwise run again, and all that depends on them, whenever a build from here follows one from a terminal.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for name in env::vars_os().map(|(name, _)| name).filter(|name| is_of_a_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Whether Cargo sets the variable for the package that it runs.
fn is_of_a_package(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// A Cargo profile this project builds in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build; what the tests run.
    Dev,
    /// What people run, and what is measured.
    Release,
}

/// Builds `kubectl-job` and answers with its path.
///
/// # Errors
/// When the build fails, or when its output is not where Cargo puts it.
pub(crate) fn build_product(profile: Profile) -> anyhow::Result<PathBuf> {
    build(profile, &["kubectl-job"])?;
    Ok(binary(profile, "kubectl-job"))
}

/// Builds the packages.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(profile: Profile, packages: &[&str]) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["build", "--locked"]);
    for package in packages {
        command.args(["--package", package]);
    }
    if profile == Profile::Release {
        command.arg("--release");
    }
    shell::run(&mut command)
}

/// Builds an example of a package with the release profile; where it is.
///
/// # Errors
/// When the build fails.
pub(crate) fn build_example(package: &str, name: &str) -> anyhow::Result<PathBuf> {
    shell::run(cargo().args(["build", "--locked", "--release", "--package", package, "--example", name]))?;
    Ok(target().join("release").join("examples").join(name))
}

/// Where Cargo puts a binary.
pub(crate) fn binary(profile: Profile, name: &str) -> PathBuf {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    target().join(folder).join(name)
}

/// Every file of the checkout that a person wrote, in a fixed order: no build output, nothing hidden but `.ci` and
/// `.cargo`.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_symlink() || is_skipped(&path) {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

fn is_skipped(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let hidden = name.starts_with('.') && !matches!(name, ".ci" | ".cargo" | ".gitignore" | ".config" | ".github");
    // A folder of build output carries Cargo's tag, whatever it is called.
    hidden || (path.is_dir() && path.join("CACHEDIR.TAG").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_started_without_what_cargo_said_of_this_package() {
        // Tests run under Cargo too, so the variable is there to be taken back.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let command = cargo();
        let name = command.get_envs().find(|(name, _)| *name == "CARGO_PKG_NAME");
        assert_eq!(name, Some((OsStr::new("CARGO_PKG_NAME"), None)));
    }
}

//! What people download: an archive for each target with the program, its licence, man pages and completions, the sums of
//! all archives, and an index of our own for krew. The same input gives the same archives, byte for byte.

mod archive;
mod krew;
mod manifest_check;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::workspace::{self, Profile};
use crate::{man, procfs, shell};

/// What `cargo xtask dist` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where the archives will be downloaded from; without it no krew index is written
    #[arg(long, value_name = "URL")]
    download_url: Option<String>,
    /// The project's page, for the krew index
    #[arg(long, value_name = "URL", requires = "download_url")]
    homepage: Option<String>,
    /// Pack this program, built elsewhere, for the target of this machine
    #[arg(long, value_name = "PROGRAM")]
    binary: Option<PathBuf>,
    /// Where everything goes
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Options {
    /// Packs a program for an index that is only looked at.
    pub(crate) fn trial(binary: PathBuf, out: PathBuf) -> Self {
        let url = "https://example.com/download";
        Self { download_url: Some(url.to_owned()), homepage: None, binary: Some(binary), out: Some(out) }
    }
}

/// A platform that archives are made for, in the words of Rust and of krew.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Platform {
    triple: String,
    os: &'static str,
    arch: &'static str,
    /// Without any library of the machine.
    is_static: bool,
}

/// An archive that was made.
struct Archive {
    platform: Platform,
    path: PathBuf,
    sum: String,
}

/// Builds, packs, and tries what was packed.
///
/// # Errors
/// When something cannot be built or packed, or what was packed does not work.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let out = options.out.clone().unwrap_or_else(|| workspace::target().join("dist"));
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("clearing {}", out.display()))?;
    }
    fs::create_dir_all(&out)?;
    let mut archives = Vec::new();
    for (platform, program) in programs(options)? {
        let archive = pack(&out, platform, &program)?;
        println!("{}  {}", archive.sum, archive.path.display());
        archives.push(archive);
    }
    let sums: String = archives.iter().map(|archive| format!("{}  {}\n", archive.sum, name(&archive.path))).collect();
    fs::write(out.join("SHA256SUMS"), sums)?;
    if let Some(url) = &options.download_url {
        let homepage = options.homepage.as_ref().unwrap_or(url);
        let text = krew::manifest(&archives, url, homepage)?;
        let path = out.join("krew-index/plugins/job.yaml");
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, &text)?;
        manifest_check::check(&text, &archives)?;
        println!("{}", path.display());
    }
    for archive in &archives {
        try_out(archive)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The programs to pack: the one that is named, or a release build for each target that this machine can build for.
fn programs(options: &Options) -> anyhow::Result<Vec<(Platform, PathBuf)>> {
    let host = host()?;
    if let Some(program) = &options.binary {
        return Ok(vec![(host, std::path::absolute(program)?)]);
    }
    let program = workspace::build_product(Profile::Release)?;
    let mut programs = vec![(host.clone(), program)];
    let musl = host.triple.replace("-gnu", "-musl");
    if musl == host.triple || !has_target(&musl)? {
        println!("left out: a static build; the target {musl} is not installed (rustup target add {musl})");
        return Ok(programs);
    }
    shell::run(workspace::cargo().args([
        "build",
        "--locked",
        "--release",
        "--package",
        "kubectl-job",
        "--target",
        &musl,
    ]))?;
    let program = workspace::target().join(&musl).join("release/kubectl-job");
    programs.push((platform(&musl)?, program));
    Ok(programs)
}

fn host() -> anyhow::Result<Platform> {
    let outcome = shell::capture(Command::new("rustc").arg("-vV"), Duration::from_secs(30))?;
    let triple = outcome.stdout.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?;
    platform(triple)
}

fn platform(triple: &str) -> anyhow::Result<Platform> {
    let arch = match triple.split('-').next() {
        Some("x86_64") => "amd64",
        Some("aarch64") => "arm64",
        _ => bail!("there is no archive for {triple}: only for x86_64 and aarch64"),
    };
    if !triple.contains("-linux-") {
        bail!("there is no archive for {triple}: pods are processes of Linux");
    }
    Ok(Platform { triple: triple.to_owned(), os: "linux", arch, is_static: triple.ends_with("-musl") })
}

/// Whether the standard library of a target is on this machine.
fn has_target(triple: &str) -> anyhow::Result<bool> {
    let outcome = shell::capture(Command::new("rustc").args(["--print", "sysroot"]), Duration::from_secs(30))?;
    Ok(Path::new(outcome.stdout.trim()).join("lib/rustlib").join(triple).is_dir())
}

/// Lays out one archive and packs it.
fn pack(out: &Path, platform: Platform, program: &Path) -> anyhow::Result<Archive> {
    let variant = if platform.is_static { "-static" } else { "" };
    let stem = format!("kubectl-job-v{}-{}-{}{variant}", version(), platform.os, platform.arch);
    let stage = tempfile::Builder::new().prefix("dist-").tempdir()?;
    let root = stage.path().join(&stem);
    fs::create_dir(&root)?;
    fs::copy(program, root.join("kubectl-job")).with_context(|| format!("copying {}", program.display()))?;
    for file in ["LICENSE", "README.md"] {
        fs::copy(workspace::root().join(file), root.join(file))?;
    }
    completions(&root)?;
    man_pages(&root)?;
    let path = out.join(format!("{stem}.tar.gz"));
    archive::write(&root, &path)?;
    let sum = sum(&path)?;
    Ok(Archive { platform, path, sum })
}

fn completions(root: &Path) -> anyhow::Result<()> {
    let folder = root.join("completions");
    fs::create_dir(&folder)?;
    for (shell, file) in [("bash", "kubectl-job.bash"), ("zsh", "_kubectl-job"), ("fish", "kubectl-job.fish")] {
        let text = said(root, &["completion", shell])?;
        fs::write(folder.join(file), text)?;
    }
    Ok(())
}

fn man_pages(root: &Path) -> anyhow::Result<()> {
    let pages = man::write(&root.join("kubectl-job"), &root.join("man"))?;
    // The program's own and one for each verb.
    ensure!(pages > 10, "there is a man page for each verb, and not {pages} in all");
    Ok(())
}

/// What the program in a folder prints when it is run there.
fn said(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(folder.join("kubectl-job"));
    command.args(arguments).current_dir(folder).env("HOME", folder);
    let outcome = shell::capture(&mut command, Duration::from_secs(60))?;
    if !outcome.succeeded() {
        bail!("`{}` failed: {}{}", shell::line(&command), outcome.stdout, outcome.stderr);
    }
    Ok(outcome.stdout)
}

/// Unpacks an archive where nothing else is, and runs a Job with what was in it.
fn try_out(archive: &Archive) -> anyhow::Result<()> {
    let home = tempfile::Builder::new().prefix("dist-").tempdir()?;
    shell::run(Command::new("tar").arg("-xzf").arg(&archive.path).arg("-C").arg(home.path()))?;
    let name = name(&archive.path);
    let root = home.path().join(name.strip_suffix(".tar.gz").context("an archive's name")?);
    let printed = said(&root, &["run", "hello", "--ephemeral", "--quiet", "--image", "any", "--", "echo", "packed"])?;
    if printed != "packed\n" {
        bail!("the packed program printed {printed:?}");
    }
    let left = procfs::with_environment(&format!("HOME={}", root.display()));
    if !left.is_empty() {
        bail!("the packed program left processes: {left:?}");
    }
    Ok(())
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn sum(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_linux_on_two_processors_has_archives() {
        assert_eq!(platform("aarch64-unknown-linux-musl").expect("known").arch, "arm64");
        assert!(platform("aarch64-unknown-linux-musl").expect("known").is_static);
        for triple in ["x86_64-apple-darwin", "riscv64gc-unknown-linux-gnu"] {
            assert!(platform(triple).is_err(), "{triple}");
        }
    }
}

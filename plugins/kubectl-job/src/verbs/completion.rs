//! `completion`: scripts for shells, and the program through which kubectl completes `kubectl job`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap_complete::Shell;

use super::Setting;
use crate::cli::about::CompletionVerb;
use crate::exit::{Code, Failure};
use crate::{complete, output};

/// Runs the verb.
///
/// # Errors
/// A directory that cannot be written.
pub(crate) fn run(setting: &Setting, verb: CompletionVerb) -> anyhow::Result<Code> {
    let shell = match verb {
        CompletionVerb::Bash => Shell::Bash,
        CompletionVerb::Zsh => Shell::Zsh,
        CompletionVerb::Fish => Shell::Fish,
        CompletionVerb::Powershell => Shell::PowerShell,
        CompletionVerb::Install { dir } => return install(setting, dir),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::cli::command(), "kubectl-job", &mut script);
    output::put(&String::from_utf8_lossy(&script))?;
    setting.screen.note("# this completes kubectl-job; for kubectl job: kubectl job completion install");
    Ok(Code::Success)
}

/// Puts a link to this program where kubectl looks for it (`kubectl_complete-NAME` on PATH, since kubectl 1.26).
fn install(setting: &Setting, dir: Option<PathBuf>) -> anyhow::Result<Code> {
    let program = std::env::current_exe().context("find this program")?;
    let dir = match dir {
        Some(dir) => std::path::absolute(&dir).with_context(|| format!("find {}", dir.display()))?,
        None => beside(&program),
    };
    let link = dir.join(complete::NAME);
    place(&program, &link)?;
    let screen = setting.screen;
    screen.note(format!("{} completes kubectl job, with kubectl 1.26 or newer", link.display()));
    if !on_path(&dir) {
        screen.say(format!("{} is not on PATH: kubectl finds it only there", dir.display()));
        return Ok(Code::Failure);
    }
    screen.note("kubectl's own completion must be on: source <(kubectl completion bash), or as your shell needs it");
    Ok(Code::Success)
}

/// The directory of PATH through which this program is found, else its own.
fn beside(program: &Path) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let finds = |dir: &PathBuf| {
        ["kubectl-job", "kubectl-job.exe"]
            .iter()
            .any(|name| dir.join(name).canonicalize().is_ok_and(|found| Some(found) == program.canonicalize().ok()))
    };
    let found = std::env::split_paths(&path).find(finds);
    found.or_else(|| program.parent().map(Path::to_owned)).unwrap_or_default()
}

/// Links to the program; a link of before is replaced, another file is not.
fn place(program: &Path, link: &Path) -> Result<(), Failure> {
    let refused = |why: String| Failure::new(Code::Failure, why);
    let shown = link.display();
    match std::fs::symlink_metadata(link) {
        Ok(metadata) if !metadata.is_symlink() => {
            return Err(refused(format!("error: {shown} is there and is no link: remove it first")));
        }
        Ok(_) => {
            std::fs::remove_file(link).map_err(|error| refused(format!("error: replace {shown}: {error}")))?;
        }
        Err(_) => {}
    }
    symlink(program, link).map_err(|error| {
        let program = program.display();
        refused(format!(
            "error: write {shown}: {error}; choose a directory of PATH with --dir, or as an administrator: ln -s {program} {shown}"
        ))
    })
}

/// Whether programs of this directory are found by name.
pub(crate) fn on_path(dir: &Path) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let same = |other: PathBuf| other == dir || other.canonicalize().ok() == dir.canonicalize().ok();
    std::env::split_paths(&path).any(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        place(Path::new("/bin/one"), &link).expect("nothing is there");
        place(Path::new("/bin/two"), &link).expect("a link is there");
        assert_eq!(std::fs::read_link(&link).expect("a link"), Path::new("/bin/two"));
        let file = folder.path().join("file");
        std::fs::write(&file, "mine").expect("a file");
        assert!(place(Path::new("/bin/one"), &file).expect_err("a file is there").message.contains("is no link"));
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    }
}

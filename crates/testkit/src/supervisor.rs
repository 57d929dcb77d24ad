//! Finds the program that owns the processes of pods.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cluster::SupervisorCommand;

/// The variable that names the program.
const VARIABLE: &str = "TESTKIT_SUPERVISOR";
/// This crate's program, which is nothing else.
const OWN: &str = "testkit-supervisor";
/// The plugin, and its hidden subcommand.
const PLUGIN: (&str, &str) = ("kubectl-job", "__pod-supervisor");

/// The supervisor of clusters without processes, which is never started.
pub(crate) fn none() -> SupervisorCommand {
    SupervisorCommand { program: PathBuf::new(), args: Vec::new() }
}

/// The supervisor that was asked for, or the first that is found.
///
/// # Errors
/// When there is none: the text says how to get one.
pub(crate) fn find(asked: Option<&Path>) -> Result<SupervisorCommand, String> {
    if let Some(program) = asked.map(Path::to_owned).or_else(|| env::var_os(VARIABLE).map(PathBuf::from)) {
        let missing = || format!("the supervisor of pods is no program: {}", program.display());
        return program.is_file().then(|| command(program.clone())).ok_or_else(missing);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = beside().into_iter().chain(env::split_paths(&path)).collect();
    let program =
        folders.iter().flat_map(|folder| [folder.join(OWN), folder.join(PLUGIN.0)]).find(|file| file.is_file());
    program.map(command).ok_or_else(|| {
        format!(
            "pods as processes need a program that owns them: put kubectl-job on PATH, set {VARIABLE}, or name a program \
             whose main calls testkit::supervisor_main with ClusterBuilder::supervisor"
        )
    })
}

/// The plugin is told to be the supervisor; other programs are nothing else.
fn command(program: PathBuf) -> SupervisorCommand {
    let is_plugin = program.file_name().is_some_and(|name| name == PLUGIN.0 || name == "kubectl-job.exe");
    let args = if is_plugin { vec![OsString::from(PLUGIN.1)] } else { Vec::new() };
    SupervisorCommand { program, args }
}

/// Where Cargo puts programs: tests run from `target/debug/deps`, programs are in `target/debug`.
fn beside() -> Vec<PathBuf> {
    let program = env::current_exe().unwrap_or_default();
    program.ancestors().skip(1).take(2).map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_named_must_be_there() {
        let error = find(Some(Path::new("/nowhere/at-all"))).expect_err("it is not there");
        assert_eq!(error, "the supervisor of pods is no program: /nowhere/at-all");
    }

    #[test]
    fn the_plugin_is_told_to_be_the_supervisor() {
        assert_eq!(command(PathBuf::from("/bin/kubectl-job")).args, [OsString::from(PLUGIN.1)]);
        assert!(command(PathBuf::from("/bin/own")).args.is_empty());
    }
}

//! The kubelet's tests and a small soak and end-to-end run once more, as the user `nobody` and without a network. A
//! machine that cannot do one of them fails the run, with the reason: it would be untested otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::{Count, counted};
use crate::workspace::{self, Profile};
use crate::{procfs, shell};

/// `nobody` and its group, on every Linux.
const NOBODY: &str = "65534";
/// Brings the loopback device up, which a new network has down, and goes on.
const WITH_LOOPBACK: &str = "{ ip link set lo up || ifconfig lo up; } && exec \"$@\"";
/// Small: the large sizes have run before, and nothing here depends on them.
const SOAK: [&str; 9] = ["soak", "--trials", "5", "--log-mib", "8", "--pods", "100", "--seconds", "5"];

/// Runs them as nobody. Whoever is no root is an ordinary user already.
///
/// # Errors
/// When the machine or the checkout does not let them.
pub(super) fn as_nobody() -> anyhow::Result<Count> {
    if !procfs::is_root() {
        println!("    left out: this run is an ordinary user's already");
        return Ok(Count::default());
    }
    let reuid = format!("--reuid={NOBODY}");
    let regid = format!("--regid={NOBODY}");
    run(&["setpriv", &reuid, &regid, "--clear-groups", "--"])
}

/// Runs them in a network that has a loopback device and nothing else.
///
/// # Errors
/// When the machine gives no such network.
pub(super) fn without_network() -> anyhow::Result<Count> {
    let unshare = if procfs::is_root() { "-n" } else { "-rn" };
    run(&["unshare", unshare, "sh", "-c", WITH_LOOPBACK, "sh"])
}

fn run(place: &[&str]) -> anyhow::Result<Count> {
    let folder = tempfile::tempdir()?;
    // Everybody may use it, as one may /tmp.
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o1777))?;
    let programs = [workspace::binary(Profile::Dev, "xtask"), workspace::binary(Profile::Dev, "kubectl-job")];
    let tests = kubelet_tests()?;
    for program in programs.iter().chain(&tests) {
        can_run(place, program, folder.path())?;
    }
    let mut total = Count::default();
    for test in &tests {
        total =
            total + counted(within(place, test, folder.path()).current_dir(workspace::root().join("crates/kubelet")))?;
    }
    let [xtask, product] = &programs;
    for arguments in [&SOAK[..], &["e2e", "load"]] {
        total = total + counted(within(place, xtask, folder.path()).args(arguments).arg("--binary").arg(product))?;
    }
    Ok(total)
}

/// A program in its place, with nothing of this user's surroundings.
fn within(place: &[&str], program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(place[0]);
    command.args(&place[1..]).arg(program).env("HOME", folder).env("TMPDIR", folder);
    for name in ["XDG_STATE_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "KUBECONFIG", "USER", "LOGNAME"] {
        command.env_remove(name);
    }
    command
}

fn can_run(place: &[&str], program: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut command = within(place, Path::new("test"), folder);
    command.arg("-x").arg(program);
    let status = shell::status(&mut command)?;
    ensure!(
        status.success(),
        "`{}` failed: this machine has no such place, or {} cannot be reached from it (a checkout below a home that is \
         closed to others: set CARGO_TARGET_DIR)",
        shell::line(&command),
        program.display()
    );
    Ok(())
}

/// The kubelet's test programs, as the step before has built them.
fn kubelet_tests() -> anyhow::Result<Vec<PathBuf>> {
    let mut command = workspace::cargo();
    command.args([
        "test",
        "--locked",
        "--workspace",
        "--no-run",
        "--lib",
        "--bins",
        "--tests",
        "--message-format",
        "json",
    ]);
    let output = command.output().with_context(|| format!("starting `{}`", shell::line(&command)))?;
    if !output.status.success() {
        bail!("`{}` failed:\n{}", shell::line(&command), String::from_utf8_lossy(&output.stderr));
    }
    let messages = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let of_kubelet = |message: Value| {
        let manifest = message["manifest_path"].as_str()?;
        let is_test = message["profile"]["test"] == true && manifest.ends_with("crates/kubelet/Cargo.toml");
        is_test.then_some(message["executable"].as_str()?).map(PathBuf::from)
    };
    let tests: Vec<PathBuf> = messages.filter_map(of_kubelet).collect();
    ensure!(tests.len() > 2, "only {} test programs of the kubelet are there", tests.len());
    Ok(tests)
}

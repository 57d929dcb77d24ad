//! The first command a newcomer runs: sets the machine up, builds the product and runs the documentation's pi Job with
//! its manifest unmodified. Its exit code is the Job's.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::bail;

use crate::workspace::{self, Profile};
use crate::{perl, shell};

/// Runs the demo.
///
/// # Errors
/// When the machine lacks something that may not be installed, or when the build fails.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    step("Checking that Perl can compute 2,000 digits of pi");
    perl::ensure()?;
    step("Checking for a C compiler, which Cargo needs to link");
    check_linker()?;
    // Not the release build: it takes twice as long, and what is built here is what `cargo xtask ci` goes on with.
    step("Building kubectl-job (the first build takes a few minutes)");
    let binary = workspace::build_product(Profile::Dev)?;
    let mut command = Command::new(binary);
    command.current_dir(workspace::root()).args(["run", "--ephemeral", "-f", "testdata/jobs/pi.yaml"]);
    step(&format!("Running the pi Job: {}", "kubectl-job run --ephemeral -f testdata/jobs/pi.yaml"));
    let status = shell::status(&mut command)?;
    // A signal leaves no code; 1 says that the Job did not complete.
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

fn step(text: &str) {
    eprintln!("==> {text}");
}

/// Cargo linked this program, so something links; `CC` or another `cc` on PATH may still be missing for C sources.
fn check_linker() -> anyhow::Result<()> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let found = Command::new(&compiler).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        bail!("no C compiler `{compiler}` was found. On Debian: sudo apt-get install gcc libc6-dev");
    }
    Ok(())
}

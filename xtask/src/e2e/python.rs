//! The Python client, unmodified from PyPI, in a virtual environment below `target/`. The checks themselves are a
//! Python program, since what they check is how a Python program sees the server; and the example that shows how Jobs are
//! tested with pytest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::report::Report;
use super::{Context, program};
use crate::server::Server;
use crate::{debian, shell, workspace};

/// The client's version on PyPI; written down so that a new release cannot fail an old commit.
const CLIENT: &str = "kubernetes==37.0.2";
/// The test runner's.
const PYTEST: &str = "pytest==9.0.3";
/// Below the workspace.
const EXAMPLE: &str = "testdata/examples/pytest";

/// Runs the suite.
///
/// # Errors
/// When there is no Python, no client or no server.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("the Python client");
    let python = match environment() {
        Ok(python) => python,
        Err(error) if context.options.allow_missing => {
            report.left_out("the Python client", &format!("{error:#}"));
            return Ok(());
        }
        Err(error) => return Err(error.context("the Python client is missing; leave it out with --allow-missing")),
    };
    let server = Server::start(&context.binary, &[])?;
    let mut command = Command::new(&python);
    command.arg(workspace::root().join("xtask/clients/python_client.py")).env("KUBECONFIG", server.kubeconfig());
    program::run(&mut command, report)?;
    server.stop()?;
    report.group("the example for pytest");
    let mut example = Command::new(python);
    example
        .args(["-m", "pytest", "-rA", "--no-header", "-p", "no:cacheprovider", EXAMPLE])
        .current_dir(workspace::root());
    example.env("KUBECTL_JOB", &context.binary).env("PYTHONDONTWRITEBYTECODE", "1").env_remove("CI");
    program::run_tests(&mut example, "PASSED ", report)
}

/// The Python of a virtual environment that has the client.
fn environment() -> anyhow::Result<PathBuf> {
    let folder = workspace::target().join("python-client");
    let python = folder.join("bin/python");
    let ready = folder.join(format!("{CLIENT}+{PYTEST}"));
    if ready.exists() {
        return Ok(python);
    }
    let create = || shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    if create().is_err() && debian::can_install() {
        debian::install(&["python3", "python3-venv"])?;
        create()?;
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", CLIENT, PYTEST]);
    shell::run(&mut install).context("installing the Python client from PyPI")?;
    std::fs::write(&ready, "")?;
    Ok(python)
}

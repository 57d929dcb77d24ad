//! The JavaScript client, unmodified from npm, below `target/`. The checks themselves are a JavaScript program, and the
//! example that shows how Jobs are tested with Node's own runner; both are copied there, since Node looks for packages
//! beside the program that imports them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::report::Report;
use super::{Context, program};
use crate::server::Server;
use crate::{debian, shell, workspace};

/// The client's version on npm; written down so that a new release cannot fail an old commit. It is the last that takes
/// the Node of Debian 12 and 13 (18 and 20): version 2 wants Node 22.
const CLIENT: &str = "@kubernetes/client-node@1.4.0";
/// The program with the checks.
const PROGRAM: &str = "javascript_client.mjs";
/// The example's files, below the workspace.
const EXAMPLE: (&str, [&str; 2]) = ("testdata/examples/node", ["sandbox.mjs", "jobs.test.mjs"]);

/// Runs the suite.
///
/// # Errors
/// When there is no Node, no client or no server.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("the JavaScript client");
    let folder = match installed() {
        Ok(folder) => folder,
        Err(error) if context.options.allow_missing => {
            report.left_out("the JavaScript client", &format!("{error:#}"));
            return Ok(());
        }
        Err(error) => return Err(error.context("the JavaScript client is missing; leave it out with --allow-missing")),
    };
    let copy = folder.join(PROGRAM);
    fs::copy(workspace::root().join("xtask/clients").join(PROGRAM), &copy)?;
    let server = Server::start(&context.binary, &[])?;
    program::run(Command::new("node").arg(&copy).env("KUBECONFIG", server.kubeconfig()), report)?;
    server.stop()?;
    report.group("the example for Node's test runner");
    for file in EXAMPLE.1 {
        fs::copy(workspace::root().join(EXAMPLE.0).join(file), folder.join(file))?;
    }
    let mut example = Command::new("node");
    example.args(["--test", "--test-reporter=tap", EXAMPLE.1[1]]).current_dir(&folder);
    example.env("KUBECTL_JOB", &context.binary).env_remove("CI");
    program::run_tests(&mut example, "ok ", report)
}

/// The folder that has the client.
fn installed() -> anyhow::Result<PathBuf> {
    let folder = workspace::target().join("javascript-client");
    // Named after the version, so that another version is another installation.
    let ready = folder.join(format!("{}.installed", CLIENT.replace('/', "+")));
    if ready.exists() {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    if !(answers("node") && answers("npm")) && debian::can_install() {
        debian::install(&["nodejs", "npm"])?;
    }
    let mut install = Command::new("npm");
    install.args(["install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]);
    install.arg("--prefix").arg(&folder).arg(CLIENT);
    shell::run(&mut install).context("installing the JavaScript client from npm")?;
    fs::write(&ready, "")?;
    Ok(folder)
}

fn answers(program: &str) -> bool {
    shell::capture(Command::new(program).arg("--version"), std::time::Duration::from_secs(30))
        .is_ok_and(|outcome| outcome.succeeded())
}

//! The Rust client, kube, as other projects use it. The checks are an example of this package, so that the client and
//! all it needs are built only for tests.

use std::time::Duration;

use super::Context;
use super::report::Report;
use crate::server::Server;
use crate::{shell, workspace};

const LIMIT: Duration = Duration::from_secs(120);

/// Runs the suite.
///
/// # Errors
/// When the example does not build or the server does not start.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("the Rust client");
    shell::run(workspace::cargo().args(["build", "--locked", "--package", "xtask", "--example", "kube_client"]))?;
    let server = Server::start(&context.binary, &[])?;
    let program = workspace::target().join("debug/examples/kube_client");
    let mut command = std::process::Command::new(program);
    command.env("KUBECONFIG", server.kubeconfig());
    let outcome = shell::capture(&mut command, LIMIT)?;
    for name in outcome.stdout.lines().filter_map(|line| line.strip_prefix("ok ")) {
        report.check(name, Ok(()));
    }
    let whole = outcome.succeeded() && outcome.stdout.lines().last() == Some("done");
    report.check("the Rust program runs to its end", if whole { Ok(()) } else { Err(outcome.stderr) });
    server.stop()
}

//! The Rust client, kube, as other projects use it. The checks are an example of this package, so that the client and
//! all it needs are built only for tests.

use std::process::Command;

use super::report::Report;
use super::{Context, program};
use crate::server::Server;
use crate::{shell, workspace};

/// Runs the suite.
///
/// # Errors
/// When the example does not build or the server does not start.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("the Rust client");
    // The whole workspace is named so that Cargo joins the features as it does for the tests, which have built all of
    // this already; for the package alone it would build most dependencies once more.
    shell::run(workspace::cargo().args(["build", "--locked", "--workspace", "--example", "kube_client"]))?;
    let server = Server::start(&context.binary, &[])?;
    let example = workspace::target().join("debug/examples/kube_client");
    program::run(Command::new(example).env("KUBECONFIG", server.kubeconfig()), report)?;
    server.stop()
}

//! Stock kubectl against the product's server: the commands of the documentation's Jobs page and the everyday ones
//! around them, for the oldest and the newest kubectl. Each version gets a fresh server and a fresh HOME, since kubectl
//! caches what a server serves by host and port.

mod access;
mod apply;
mod awaited;
mod cascade;
mod cluster_kinds;
mod described;
mod discovered;
mod edited;
mod eviction;
mod exec;
mod formats;
mod jobs;
mod logged;
mod made;
mod manifests;
mod mistakes;
mod objects;
pub(super) mod page;
mod proxied;
mod reading;
mod removed;
mod streams;
mod tended;
mod told;
mod transfer;
mod watched;
mod workloads;
mod writing;

use std::fs;

use super::Context;
use super::clients::{self, Kubectl};
use super::report::Report;
use super::session::Session;
use super::step::step;
use crate::perl;
use crate::server::Server;

/// Runs the suite for every kubectl.
///
/// # Errors
/// When a kubectl or a server cannot be had.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    perl::ensure()?;
    for kubectl in clients::find(context.options.all, context.options.allow_missing)? {
        report.group(&format!("kubectl 1.{}", kubectl.minor));
        // One version that breaks off must not hide what the others find.
        if let Err(error) = run_one(context, &kubectl, report) {
            report.check("the suite runs to its end", Err(format!("{error:#}")));
        }
    }
    Ok(())
}

fn run_one(context: &Context<'_>, kubectl: &Kubectl, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(&context.binary, &[])?;
    let mut session = Session::new(&kubectl.program, kubectl.minor, &server.kubeconfig())?;
    session.run(&jobs::pi(), report)?;
    session.run(&jobs::created(), report)?;
    session.run(&objects::steps(), report)?;
    cluster_kinds::files(&session)?;
    session.run(&cluster_kinds::steps(), report)?;
    session.run(&reading::steps(), report)?;
    workloads::files(&session)?;
    session.run(&workloads::steps(), report)?;
    writing::files(&session)?;
    session.run(&writing::steps(), report)?;
    apply::files(&session)?;
    session.run(&apply::steps(), report)?;
    session.run(&jobs::deletion(), report)?;
    mistakes::files(&session)?;
    session.run(&mistakes::steps(), report)?;
    session.run(&mistakes::missing_command(), report)?;
    everyday(&mut session, report)?;
    guarded(&mut session, report)?;
    streams::run(&session, report)?;
    exec::run(&mut session, report)?;
    tended::run(&mut session, report)?;
    transfer::run(&mut session, report)?;
    proxied::run(&mut session, report)?;
    manifests::run(&session, report)?;
    session.file("kept.kubeconfig", &fs::read_to_string(server.kubeconfig())?)?;
    server.stop()?;
    session.run(&mistakes::stale(), report)?;
    report.check("server stop leaves no process", no_process(&server));
    Ok(())
}

/// Every other command, area by area, around two Jobs in a namespace of their own.
fn everyday(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    for files in [formats::files, edited::files, removed::files, logged::files, made::files, watched::files] {
        files(session)?;
    }
    for steps in [
        formats::setup,
        formats::steps,
        described::steps,
        awaited::steps,
        told::steps,
        logged::steps,
        discovered::steps,
        made::steps,
        edited::steps,
        removed::steps,
    ] {
        session.run(&steps(), report)?;
    }
    watched::run(session, report)?;
    session.run(&[step("delete namespace shelf").out("namespace \"shelf\" deleted")], report)
}

/// Access and tokens, cascading deletes, and a node that is emptied and filled again.
fn guarded(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    cascade::files(session)?;
    eviction::files(session)?;
    session.run(&access::steps(), report)?;
    session.run(&cascade::steps(), report)?;
    session.run(&eviction::steps(), report)
}

fn no_process(server: &Server) -> Result<(), String> {
    match server.processes().as_slice() {
        [] => Ok(()),
        left => Err(format!("still running: {left:?}")),
    }
}

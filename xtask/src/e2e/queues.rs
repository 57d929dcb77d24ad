//! The patterns of the documentation that need more than Jobs: "Coarse Parallel Processing Using a Work Queue", "Fine
//! Parallel Processing Using a Work Queue" and "Job with Pod-to-Pod Communication", with real servers in pods, and the
//! Services, names and forwarded ports that they stand on. With the newest kubectl.

mod coarse;
mod fine;
mod pairs;
mod ports;
mod programs;

use anyhow::Context as _;

use super::Context;
use super::clients;
use super::report::Report;
use super::session::Session;
use crate::server::Server;
use programs::Programs;

/// Runs the suite.
///
/// # Errors
/// When kubectl, a server or a package cannot be had.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    let kubectl = clients::find(false, context.options.allow_missing)?.pop().context("there is no kubectl")?;
    let programs = match Programs::bring() {
        Ok(programs) => programs,
        Err(error) if context.options.allow_missing => {
            eprintln!("left out the work queues: {error:#}");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let maps = programs.image_rules();
    let arguments: Vec<&str> = maps.iter().flat_map(|map| ["--map-image", map.as_str()]).collect();
    let server = Server::start(&context.binary, &arguments)?;
    let mut session = Session::new(&kubectl.program, kubectl.minor, &server.kubeconfig())?;
    report.group("work queues: many items per pod, Redis");
    session.run(&fine::steps(&programs), report)?;
    report.group("work queues: ports of pods and Services");
    fine::second(&session)?;
    session.run(&fine::second_steps(&programs), report)?;
    ports::run(&session, report)?;
    session.run(&fine::ending(), report)?;
    report.group("work queues: pods of a Job find each other");
    session.run(&pairs::steps(), report)?;
    report.group("work queues: one pod per item, RabbitMQ");
    session.run(&coarse::steps(&programs), report)?;
    server.stop()
}

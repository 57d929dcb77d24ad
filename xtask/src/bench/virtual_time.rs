//! Virtual time: the wall time of a year of an hourly CronJob, in a simulation of its own (`testkit`'s example).

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::table::Table;
use crate::shell;
use crate::workspace::{self, Profile};

const DAYS: u32 = 365;
/// Long enough for a machine that is busy with something else.
const LIMIT: Duration = Duration::from_secs(300);

/// Builds the example.
///
/// # Errors
/// When the build fails.
pub(super) fn build() -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["build", "--locked", "--release", "--package", "testkit", "--example", "virtual_time"]);
    shell::run(&mut command)
}

/// Runs the year.
///
/// # Errors
/// When the simulation fails.
pub(super) fn measure(table: &mut Table) -> anyhow::Result<()> {
    let program = workspace::binary(Profile::Release, "examples/virtual_time");
    let outcome = shell::capture(Command::new(program).arg(DAYS.to_string()), LIMIT)?;
    ensure!(outcome.succeeded(), "the simulation failed: {}", outcome.stderr);
    let figures = outcome.stdout.split_whitespace().skip(1).map(str::parse::<f64>).collect::<Result<Vec<_>, _>>();
    let figures = figures.context("the simulation prints seconds and revisions")?;
    let [seconds, revisions] = figures[..] else { anyhow::bail!("unexpected figures: {}", outcome.stdout) };
    let figure = format!("{seconds:.2} s, {:.0} events/s", revisions / seconds);
    table.row("a year of an hourly CronJob in virtual time", &figure, "5 s");
    Ok(())
}

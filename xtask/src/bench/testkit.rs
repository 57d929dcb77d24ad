//! What a cluster costs a test: its start, and a whole test of one Job (`testkit`'s example).

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::table::{Table, milliseconds};
use crate::shell;
use crate::workspace::{self, Profile};

/// Long enough for a machine that is busy with something else.
const LIMIT: Duration = Duration::from_secs(120);

/// Builds the example.
///
/// # Errors
/// When the build fails.
pub(super) fn build() -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["build", "--locked", "--release", "--package", "testkit", "--example", "cluster_start"]);
    shell::run(&mut command)
}

/// Starts clusters, one after the other.
///
/// # Errors
/// When one does not start.
pub(super) fn measure(table: &mut Table) -> anyhow::Result<()> {
    let program = workspace::binary(Profile::Release, "examples/cluster_start");
    let outcome = shell::capture(&mut Command::new(program), LIMIT)?;
    ensure!(outcome.succeeded(), "a cluster failed: {}", outcome.stderr);
    let rows =
        [("start", "testkit::Cluster, start", "5 ms"), ("whole-test", "testkit::Cluster, start, one Job, end", "")];
    for (name, what, aim) in rows {
        let line = outcome.stdout.lines().find_map(|line| line.strip_prefix(name)).context("a line of figures")?;
        let figures = line.split_whitespace().map(str::parse::<f64>).collect::<Result<Vec<_>, _>>()?;
        let [median, worst] = figures[..] else { anyhow::bail!("unexpected figures: {line}") };
        table.row(what, &format!("{} (95 of 100 within {})", milliseconds(median), milliseconds(worst)), aim);
    }
    Ok(())
}

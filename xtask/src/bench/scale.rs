//! Whether a pod of a large Job costs more than one of a small Job: scripted pods, so that no process of theirs is
//! measured, and a process of the cluster's own for each size.
//!
//! Of pods that have ended the newest 12,500 stay, as upstream's `--terminated-pod-gc-threshold` has it, and are collected
//! every 20 s: a run that takes longer deletes the others too, which is part of its cost, and one that is quicker than that
//! holds all of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::table::Table;
use crate::{shell, workspace};

/// Pods at a time.
const PARALLELISM: usize = 500;
/// The size that the aims are for.
const AIMED_AT: usize = 100_000;
/// How much smaller the small Job is.
const FACTOR: usize = 10;
/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(900);

/// What one run took.
struct Outcome {
    completions: usize,
    seconds: f64,
    processor_seconds: f64,
    rss_kib: f64,
    peak_kib: f64,
    idle_kib: f64,
}

/// Builds the program that is measured.
///
/// # Errors
/// When the build fails.
pub(super) fn build() -> anyhow::Result<PathBuf> {
    workspace::build_example("cluster", "completions")
}

/// Runs both sizes, and the larger once more with every other index failing.
///
/// # Errors
/// When a run fails, or pods do not end as they are to.
pub(super) fn measure(program: &Path, completions: usize, table: &mut Table) -> anyhow::Result<()> {
    compare(program, completions, table)?;
    alternate(program, completions, table)
}

fn compare(program: &Path, completions: usize, table: &mut Table) -> anyhow::Result<()> {
    let small = run(program, completions / FACTOR)?;
    small.show(table, ["", ""]);
    let large = run(program, completions)?;
    large.show(table, if completions == AIMED_AT { ["20 s", "512 MiB"] } else { ["", ""] });
    let ratio = |cost: fn(&Outcome) -> f64| format!("{:.2}", cost(&large) / cost(&small));
    table.row("  its cost per pod to the smaller one's, time", &ratio(Outcome::seconds_each), "1.3");
    table.row("  the same, processor time", &ratio(Outcome::processor_each), "1.3");
    table.row("  the same, memory above idle", &ratio(Outcome::kib_each), "1.3");
    Ok(())
}

impl Outcome {
    fn seconds_each(&self) -> f64 {
        self.seconds / self.completions as f64
    }

    fn processor_each(&self) -> f64 {
        self.processor_seconds / self.completions as f64
    }

    fn kib_each(&self) -> f64 {
        (self.rss_kib - self.idle_kib) / self.completions as f64
    }

    fn show(&self, table: &mut Table, [time_aim, memory_aim]: [&str; 2]) {
        let time = format!(
            "{:.1} s, {:.0} pods/s, {:.0} us of processor each",
            self.seconds,
            1.0 / self.seconds_each(),
            self.processor_each() * 1e6,
        );
        table.row(&format!("a Job of {} scripted pods, parallelism {PARALLELISM}", self.completions), &time, time_aim);
        let mib = |kib: f64| kib / 1024.0;
        let memory = format!(
            "{:.0} MiB RSS, {:.0} MiB at its peak, {:.1} KiB each above idle",
            mib(self.rss_kib),
            mib(self.peak_kib),
            self.kib_each(),
        );
        table.row("  resident memory when the last of them has ended", &memory, memory_aim);
    }
}

/// kubernetes/kubernetes#118085, #118420: both lists of indexes at their longest, as many pods at a time as such a Job may
/// have, and no sync that takes long.
fn alternate(program: &Path, completions: usize, table: &mut Table) -> anyhow::Result<()> {
    let parallelism = completions / FACTOR;
    let figures = figures(program, &[&completions.to_string(), &parallelism.to_string(), "Alternating"])?;
    let half = completions / 2;
    ensure!(figures["succeeded"] == half && figures["failed"] == half, "not every other pod failed: {figures}");
    let figure = |name: &str| figures[name].as_f64().with_context(|| format!("no figure `{name}`"));
    let text = format!(
        "{:.3} s, lists of {:.0} KiB, {:.0} pods/s",
        figure("longest_sync_seconds")?,
        figure("index_bytes")? / 1024.0,
        completions as f64 / figure("seconds")?
    );
    table.row(
        &format!("longest sync of {completions} indexes, {parallelism} at a time, every other fails"),
        &text,
        "1 s",
    );
    Ok(())
}

/// Runs the program and reads what it prints.
fn figures(program: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let mut command = Command::new(program);
    command.args(arguments);
    let outcome = shell::capture(&mut command, LIMIT)?;
    if !outcome.succeeded() {
        bail!("`{}` failed: {}{}", shell::line(&command), outcome.stdout, outcome.stderr);
    }
    serde_json::from_str(&outcome.stdout).context("reading its figures")
}

fn run(program: &Path, completions: usize) -> anyhow::Result<Outcome> {
    let figures = figures(program, &[&completions.to_string(), &PARALLELISM.to_string()])?;
    ensure!(figures["succeeded"] == completions, "not all pods succeeded: {figures}");
    let figure = |name: &str| figures[name].as_f64().with_context(|| format!("no figure `{name}`"));
    Ok(Outcome {
        completions,
        seconds: figure("seconds")?,
        processor_seconds: figure("processor_seconds")?,
        rss_kib: figure("rss_kib")?,
        peak_kib: figure("peak_kib")?,
        idle_kib: figure("idle_kib")?,
    })
}

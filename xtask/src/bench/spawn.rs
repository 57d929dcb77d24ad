//! The floor under pods per second: a plain loop that spawns `true` and waits for it, with nothing around it.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use super::Options;
use super::table::Table;

/// Processes per second of the loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// On one thread.
    one: f64,
    /// On two threads at once.
    two: f64,
}

/// Runs the loop on one thread, then on two.
///
/// # Errors
/// When `true` cannot be run.
pub(super) fn measure(count: usize) -> anyhow::Result<Rate> {
    let program = program()?;
    Ok(Rate { one: rate(program, count, 1)?, two: rate(program, count, 2)? })
}

/// Processes per second of the loop on one thread.
///
/// # Errors
/// When `true` cannot be run.
pub(super) fn one_thread(count: usize) -> anyhow::Result<f64> {
    rate(program()?, count, 1)
}

fn program() -> anyhow::Result<&'static Path> {
    let program = ["/bin/true", "/usr/bin/true"].into_iter().map(Path::new).find(|path| path.exists());
    program.ok_or_else(|| anyhow::anyhow!("neither /bin/true nor /usr/bin/true exists"))
}

fn rate(program: &Path, count: usize, threads: usize) -> anyhow::Result<f64> {
    let started = Instant::now();
    thread::scope(|scope| {
        let run = || (0..count / threads).try_for_each(|_| Command::new(program).status().map(drop));
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().try_for_each(|thread| thread.join().expect("the loop does not panic"))
    })?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// Puts the Job's rate beside the loop's.
pub(super) fn compare(options: &Options, pods: f64, before: Rate, after: Rate, table: &mut Table) {
    let what = format!("pods/s, a Job of {} `true`, parallelism {}", options.completions, options.parallelism);
    let (one, two) = ((before.one + after.one) / 2.0, (before.two + after.two) / 2.0);
    table.row(&what, &format!("{pods:.0}"), "");
    let drift = |before: f64, after: f64| format!("{before:.0} before, {after:.0} after");
    table.row("  plain spawn-and-wait loop, 1 thread", &drift(before.one, after.one), "");
    table.row("  plain spawn-and-wait loop, 2 threads", &drift(before.two, after.two), "");
    table.row("  Job to plain loop, 1 thread", &format!("{:.2}", pods / one), "0.5");
    table.row("  Job to plain loop, 2 threads", &format!("{:.2}", pods / two), "");
}

//! What a person waits for: commands of the plugin from exec to exit, beside the machine's own `true`, and the size of
//! the program.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::ensure;

use super::table::{Table, milliseconds, percentile};
use crate::server::Server;

/// How often each command runs; they take turns, so that a busy moment hits all alike.
const RUNS: usize = 25;

/// Measures all of it. `server` runs, and has a Job.
///
/// # Errors
/// When a command fails.
pub(super) fn measure(binary: &Path, server: &Server, table: &mut Table) -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let ephemeral = || {
        let mut command = Command::new(binary);
        command.args(["run", "bench", "--ephemeral", "--quiet", "--image", "any", "--", "true"]);
        command.env("HOME", home.path()).env("XDG_STATE_HOME", home.path());
        command
    };
    let mut seconds: [Vec<f64>; 3] = Default::default();
    for _ in 0..RUNS {
        seconds[0].push(timed(Command::new("true"))?);
        seconds[1].push(timed(ephemeral())?);
        seconds[2].push(timed(server.command(&["get"]))?);
    }
    let [plain, run, get] = seconds.map(|mut all| {
        all.sort_by(f64::total_cmp);
        (percentile(&all, 0.5), all[0])
    });
    let figure = |(median, best)| format!("{} (best {})", milliseconds(median), milliseconds(best));
    table.row(&format!("`true`, exec to exit, median of {RUNS}"), &figure(plain), "");
    let more = format!("{}, {} more", figure(run), milliseconds(run.0 - plain.0));
    table.row("`run --ephemeral` of `true`, exec to exit", &more, "60 ms more");
    table.row("`get` on a running server, exec to exit", &figure(get), "15 ms");
    let mib = std::fs::metadata(binary)?.len() as f64 / f64::from(1 << 20);
    table.row("size of the program", &format!("{mib:.1} MiB"), "15 MiB");
    Ok(())
}

fn timed(mut command: Command) -> anyhow::Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(started.elapsed().as_secs_f64())
}

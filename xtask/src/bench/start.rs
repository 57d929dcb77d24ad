//! From `server start` to the first answer of `/readyz`.

use std::path::Path;
use std::time::Instant;

use anyhow::ensure;

use super::table::{Table, milliseconds, percentile};
use crate::server::Server;

/// How many servers are started, one after the other.
const STARTS: usize = 11;

/// Measures the start.
///
/// # Errors
/// When a server does not start or is not ready at once.
pub(super) fn measure(binary: &Path, table: &mut Table) -> anyhow::Result<()> {
    let mut seconds = Vec::new();
    for _ in 0..STARTS {
        let started = Instant::now();
        let server = Server::start(binary, &[])?;
        let answer = server.endpoint()?.connect()?.get("/readyz")?;
        seconds.push(started.elapsed().as_secs_f64());
        ensure!(answer.status == 200, "`server start` returned before the server was ready ({})", answer.status);
        server.stop()?;
    }
    seconds.sort_by(f64::total_cmp);
    let figure = format!("{} (best {})", milliseconds(percentile(&seconds, 0.5)), milliseconds(seconds[0]));
    table.row(&format!("`server start` to /readyz answered, median of {STARTS}"), &figure, "50 ms");
    Ok(())
}

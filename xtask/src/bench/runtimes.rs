//! Pods per second in each kind of runtime beside a plain spawn loop, from a small server and from one whose memory holds a
//! gibibyte of objects: a start must cost the same from both, and its ratio to the loop is what counts.

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::table::Table;
use super::{Options, jobs, spawn};
use crate::procfs;
use crate::server::Server;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// What the large server holds, in ConfigMaps just below the limit of one.
const FILL_KIB: u64 = 1024 * 1024;
const MAP_KIB: usize = 1000;
/// The shares of the plain loop that are aimed at.
const PROCESS_AIM: &str = "0.7";
const SANDBOX_AIM: &str = "0.4";

/// Measures a Job of each kind, fills the server's memory, and measures again.
///
/// # Errors
/// When the server breaks off or a Job does not complete.
pub(super) fn measure(server: &Server, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    each_kind(server, options, "small", table)?;
    fill(server)?;
    each_kind(server, options, "full", table)
}

fn each_kind(server: &Server, options: &Options, label: &str, table: &mut Table) -> anyhow::Result<()> {
    let mib = procfs::memory(server.pid()?)?.rss_kib / 1024;
    let kinds = [
        (jobs::Kind::Process, "processes", PROCESS_AIM),
        (jobs::Kind::Named, "sandboxes for a host name", SANDBOX_AIM),
        (jobs::Kind::Volume, "sandboxes with a volume", SANDBOX_AIM),
    ];
    let endpoint = server.endpoint()?;
    for (kind, what, aim) in kinds {
        let name = format!("{label}-{kind:?}").to_lowercase();
        let before = spawn::one_thread(options.completions)?;
        let pods = jobs::throughput(&endpoint, &name, kind, options.completions, options.parallelism)?;
        let after = spawn::one_thread(options.completions)?;
        let figure = format!("{pods:.0} (plain loop: {before:.0} before, {after:.0} after)");
        table.row(&format!("pods/s, {what}, server of {mib} MiB"), &figure, "");
        table.row("  to the plain loop", &format!("{:.2}", pods / ((before + after) / 2.0)), aim);
    }
    Ok(())
}

/// Creates ConfigMaps until the server's own memory is as large as wanted.
fn fill(server: &Server) -> anyhow::Result<()> {
    let pid = server.pid()?;
    let mut link = server.endpoint()?.connect()?;
    // Not one letter over and over, which would say nothing if it were kept compressed.
    let numbers: String = (0..).map(|number: u32| format!("{number:x}")).take(MAP_KIB * 1024).collect();
    let text = numbers.get(..MAP_KIB * 1024).context("enough numbers")?;
    for number in 0.. {
        if procfs::memory(pid)?.rss_kib >= FILL_KIB {
            return Ok(());
        }
        let map = json!({"metadata": {"name": format!("ballast-{number}")}, "data": {"text": text}});
        let answer = link.post(MAPS, map.to_string().as_bytes())?;
        ensure!(answer.status == 201, "creating a ConfigMap: {}", String::from_utf8_lossy(&answer.body));
        ensure!(number < 10_000, "the server's memory does not grow");
    }
    Ok(())
}

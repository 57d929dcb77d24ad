//! Whoever follows a log is told of its end when the container has ended, and not much later.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};

use super::jobs::{self, Kind};
use crate::e2e::report::Report;
use crate::server::Server;
use crate::shell;

const PODS: usize = 20;
/// How long after the container's last deed its log may end.
const LIMIT: Duration = Duration::from_millis(100);
const START_LIMIT: Duration = Duration::from_secs(30);

/// Runs the section.
///
/// # Errors
/// When the server does not start or breaks off.
pub(super) fn run(binary: &Path, report: &mut Report) -> anyhow::Result<()> {
    report.group(&format!("{PODS} followed logs end with their containers"));
    let server = Server::start(binary, &[])?;
    let mut late = Vec::new();
    for number in 0..PODS {
        late.push(one(&server, number).with_context(|| format!("pod {number}"))?);
    }
    late.sort_unstable();
    let (middle, longest) = (late[PODS / 2], late[PODS - 1]);
    report.note(&format!(
        "after the last line: median {:.1} ms, longest {:.1} ms",
        middle.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3
    ));
    report.check("within 100 ms", if longest <= LIMIT { Ok(()) } else { Err(format!("{longest:?}")) });
    server.stop()
}

/// How long after the time that a container printed last the stream of its log ended.
fn one(server: &Server, number: usize) -> anyhow::Result<Duration> {
    let endpoint = server.endpoint()?;
    let name = format!("followed-{number}");
    let gate = server.state().with_file_name(format!("gate-{number}"));
    let script = format!("echo up; until [ -e {} ]; do sleep 0.01; done; exec date +%s.%N", gate.display());
    jobs::create(&endpoint, &jobs::job(&name, Kind::Process, 1, 1, &script))?;
    let is_running = || {
        let pods = jobs::pods(&endpoint, &name).ok()?;
        let pod = pods.first().filter(|pod| pod["status"]["phase"] == "Running")?;
        Some(jobs::name(pod).to_owned())
    };
    let pod = shell::until(START_LIMIT, is_running).context("it does not run")?;
    let mut text = Vec::new();
    endpoint.connect()?.stream(&format!("{}/{pod}/log?follow=true", jobs::PODS), |chunk| {
        if text.is_empty() {
            // It is being followed, so it may end.
            let _ = std::fs::write(&gate, "");
        }
        text.extend_from_slice(chunk);
    })?;
    let ended = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let text = String::from_utf8(text)?;
    let (first, last) = text.split_once('\n').context("two lines")?;
    ensure!(first == "up" && last.ends_with('\n'), "the log is {text:?}");
    let printed = Duration::from_secs_f64(last.trim_end().parse()?);
    Ok(ended.saturating_sub(printed))
}

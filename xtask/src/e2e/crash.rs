//! `kill -9` of the server while pods run that try to get away: grandchildren in sessions of their own, in the
//! background, with their parents gone. No process may be left, every time. Processes are found by a variable in their
//! environment, so nothing that they do to their names, groups or parents hides them.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Context;
use super::report::Report;
use crate::server::Server;
use crate::{procfs, shell};

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const PODS: usize = 3;
/// What one pod leaves in the process table: itself, a child, a child in its own session, a grandchild there whose
/// parent has ended, and each of the sleeps.
const PROCESSES_PER_POD: usize = 4;
const SCRIPT: &str = "sleep 600 & setsid sleep 600 & setsid sh -c 'setsid sleep 600 & exit 0'; wait";
/// How long processes may outlive the server. Generous: it bounds a failing test, the slowest trial is printed.
const LIMIT: Duration = Duration::from_secs(10);

/// Runs the suite.
///
/// # Errors
/// When a server does not start.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    let trials = context.options.trials;
    report.group(&format!("kill -9 of the server, {trials} times"));
    let (mut clean, mut slowest, mut left) = (0, Duration::ZERO, Vec::new());
    for trial in 0..trials {
        match one(context, trial).with_context(|| format!("trial {trial}"))? {
            Ok(took) => {
                clean += 1;
                slowest = slowest.max(took);
            }
            Err(why) => left.push(format!("trial {trial}: {why}")),
        }
    }
    report.note(&format!("{clean} of {trials} left no process; the slowest took {} ms", slowest.as_millis()));
    report.check("no process is left", if left.is_empty() { Ok(()) } else { Err(left.join("\n")) });
    Ok(())
}

/// One server, one Job, one kill. The answer is how long the last process lived on.
fn one(context: &Context<'_>, trial: usize) -> anyhow::Result<Result<Duration, String>> {
    let server = Server::start(&context.binary, &[])?;
    let cookie = format!("trial-{}-{trial}", std::process::id());
    let mark = format!("ESCAPE_COOKIE={cookie}");
    let answer = server.endpoint()?.connect()?.post(JOBS, job(&cookie).to_string().as_bytes())?;
    anyhow::ensure!(answer.status == 201, "creating the Job: {}", String::from_utf8_lossy(&answer.body));
    let expected = PODS * PROCESSES_PER_POD;
    let running =
        shell::until(Duration::from_secs(20), || (procfs::with_environment(&mark).len() >= expected).then_some(()));
    if running.is_none() {
        let count = procfs::with_environment(&mark).len();
        anyhow::bail!("wanted {expected} processes, {count} run; the server's log:\n{}", server.log());
    }
    let killed = Instant::now();
    procfs::kill(server.pid()?)?;
    let gone = shell::until(LIMIT, || procfs::with_environment(&mark).is_empty().then(|| killed.elapsed()));
    let left = procfs::with_environment(&mark);
    for pid in &left {
        procfs::kill(*pid)?;
    }
    let Some(took) = gone else { return Ok(Err(format!("{} processes lived on", left.len()))) };
    let helpers = shell::until(LIMIT, || server.processes().is_empty().then_some(()));
    Ok(helpers.map(|()| took).ok_or_else(|| format!("the server's own processes live on: {:?}", server.processes())))
}

fn job(cookie: &str) -> Value {
    let container = json!({
        "name": "c", "image": "busybox", "command": ["sh", "-c", SCRIPT],
        "env": [{"name": "ESCAPE_COOKIE", "value": cookie}],
    });
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "escape"},
        "spec": {
            "completions": PODS, "parallelism": PODS,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    })
}

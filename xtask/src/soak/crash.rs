//! `kill -9` of the server while pods run that try to get away: grandchildren in sessions of their own, daemons whose
//! parents are gone, some without the environment that they were given, some that pass over signals. No process may be
//! left, every time. Where the supervisor is killed together with the server, and has no namespaces, the next start on
//! the same state directory must sweep what is left, and touch no stranger. Processes are found by their arguments, so
//! nothing that they do to their names, groups, parents or environment hides them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::jobs::{self, Kind};
use crate::e2e::report::Report;
use crate::server::Server;
use crate::{procfs, shell};

/// How many pods of which kind; six processes each.
const JOBS: [(Kind, usize); 3] = [(Kind::Process, 10), (Kind::Named, 5), (Kind::Volume, 5)];
const PROCESSES_PER_POD: usize = 6;
/// How long processes may outlive the server. Generous: it bounds a failing test, the slowest trial is printed.
const LIMIT: Duration = Duration::from_secs(10);
const START_LIMIT: Duration = Duration::from_secs(60);
/// Kills of server and supervisor together, for so many kills of the server alone.
const TOGETHER_IN: usize = 5;
/// Makes the supervisor find no namespaces.
const NO_NAMESPACES: (&str, &str) = ("KUBECTL_JOB_NO_NAMESPACES", "1");

/// Runs the section.
///
/// # Errors
/// When a server does not start.
pub(super) fn run(binary: &Path, trials: usize, report: &mut Report) -> anyhow::Result<()> {
    report.group(&format!("kill -9 of the server, {trials} times, with {} processes", processes()));
    let mut took = Vec::new();
    let mut left = Vec::new();
    for trial in 0..trials {
        match alone(binary, trial).with_context(|| format!("trial {trial}"))? {
            Ok(time) => took.push(time),
            Err(why) => left.push(format!("trial {trial}: {why}")),
        }
    }
    report.note(&format!("{} of {trials} left no process; {}", took.len(), spread(&mut took)));
    report.check("no process is left", none(&left));

    let trials = (trials / TOGETHER_IN).max(1);
    for (name, environment) in [("with namespaces", &[][..]), ("without namespaces", &[NO_NAMESPACES][..])] {
        report.group(&format!("kill -9 of server and supervisor together, {name}, {trials} times"));
        let (mut swept, mut wrong) = (Vec::new(), Vec::new());
        for trial in 0..trials {
            match together(binary, trial, environment).with_context(|| format!("trial {trial}"))? {
                Ok(count) => swept.push(count),
                Err(why) => wrong.push(format!("trial {trial}: {why}")),
            }
        }
        let (most, least) = (swept.iter().max().unwrap_or(&0), swept.iter().min().unwrap_or(&0));
        report.note(&format!("{least} to {most} of {} processes outlived both, until the next start", processes()));
        report.check("what was left is swept on the next start, and no stranger", none(&wrong));
        let tested = if *most > 0 { Ok(()) } else { Err("nothing was left to sweep".to_owned()) };
        report.check("there was something to sweep", tested);
    }
    Ok(())
}

fn processes() -> usize {
    JOBS.iter().map(|(_, pods)| pods).sum::<usize>() * PROCESSES_PER_POD
}

fn none(wrong: &[String]) -> Result<(), String> {
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// The middle and the longest of some times.
fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let (Some(middle), Some(longest)) = (times.get(times.len() / 2), times.last()) else {
        return "nothing to measure".to_owned();
    };
    format!("time to zero: median {} ms, longest {} ms", middle.as_millis(), longest.as_millis())
}

/// Arguments that no other process on this machine has.
fn mark(trial: usize) -> String {
    format!("{}{:05}", 86_400 + std::process::id(), trial)
}

/// A server whose pods run, all processes of them.
fn populated(server: &Server, mark: &str) -> anyhow::Result<()> {
    let sleep = format!("sleep {mark}");
    let script = format!(
        "{sleep} & setsid {sleep} & setsid sh -c 'setsid {sleep} & exit 0'; \
         env -i setsid sh -c 'setsid {sleep} & exit 0'; (trap '' TERM HUP INT; exec {sleep}) & exec {sleep}"
    );
    let endpoint = server.endpoint()?;
    for (kind, pods) in JOBS {
        let name = format!("{kind:?}").to_lowercase();
        jobs::create(&endpoint, &jobs::job(&name, kind, pods, pods, &script))?;
    }
    let all = shell::until(START_LIMIT, || (sleepers(mark).len() >= processes()).then_some(()));
    ensure!(all.is_some(), "{} of {} processes run; the log:\n{}", sleepers(mark).len(), processes(), server.log());
    Ok(())
}

fn sleepers(mark: &str) -> Vec<u32> {
    procfs::with_arguments(&["sleep", mark])
}

/// One kill of the server. The answer is how long the last process lived on.
fn alone(binary: &Path, trial: usize) -> anyhow::Result<Result<Duration, String>> {
    let server = Server::start(binary, &[])?;
    let mark = mark(trial);
    populated(&server, &mark)?;
    let killed = Instant::now();
    procfs::kill(server.pid()?)?;
    let gone = shell::until(LIMIT, || sleepers(&mark).is_empty().then(|| killed.elapsed()));
    let Some(took) = gone else {
        let left = end(&mark)?;
        return Ok(Err(format!("{left} processes lived on")));
    };
    let helpers = shell::until(LIMIT, || server.processes().is_empty().then_some(()));
    Ok(helpers.map(|()| took).ok_or_else(|| format!("the server's own processes live on: {:?}", server.processes())))
}

/// Ends what a failed trial left; how many there were.
fn end(mark: &str) -> anyhow::Result<usize> {
    let left = sleepers(mark);
    left.iter().try_for_each(|pid| procfs::kill(*pid))?;
    Ok(left.len())
}

/// One kill of server and supervisor, and the start after it. The answer is how many processes outlived both.
fn together(binary: &Path, trial: usize, environment: &[(&str, &str)]) -> anyhow::Result<Result<usize, String>> {
    let server = Server::start_with(binary, &[], environment)?;
    let mark = mark(trial);
    populated(&server, &mark)?;
    let strange = format!("{mark}.5");
    let mut stranger = stranger(&strange)?;
    // All of them by one call, so that none can act on the death of another.
    procfs::kill_all(&server.processes())?;
    let gone = shell::until(LIMIT, || server.processes().is_empty().then_some(()));
    ensure!(gone.is_some(), "the server's own processes live on: {:?}", server.processes());
    // The kernel ends what it can by itself; what is the same twice has been left.
    let mut last = usize::MAX;
    let left = shell::until(LIMIT, || {
        let now = sleepers(&mark).len();
        let settled = now == last;
        last = now;
        settled.then_some(now)
    });
    server.again()?;
    let swept = sleepers(&mark);
    let lives = stranger.try_wait()?.is_none() && !sleepers(&strange).is_empty();
    stranger.kill()?;
    stranger.wait()?;
    server.stop()?;
    if !swept.is_empty() {
        return Ok(Err(format!("{} processes outlived the next start", end(&mark)?)));
    }
    Ok(if lives { Ok(left.unwrap_or(0)) } else { Err("a stranger was killed".to_owned()) })
}

/// A process that looks like a pod's, and is none.
fn stranger(mark: &str) -> anyhow::Result<Child> {
    Ok(Command::new("sleep").arg(mark).env("KUBECTL_JOB_CONTAINER", "stranger_c_0").stdin(Stdio::null()).spawn()?)
}

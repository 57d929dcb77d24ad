//! Every verb of kubectl-job: its screens and exit codes, run by itself, as `kubectl job` through a real kubectl, and, for
//! verbs that need no more than the public API, against a server that has no more and is reached by `--kubeconfig` alone:
//! the stand-in for a real cluster.
//!
//! Each verb is one person with a HOME and a server of its own, so that no list of steps leans on another.

mod clock;
mod completion;
mod cron;
mod delete;
mod describe;
mod doctor;
mod env;
mod get;
mod help;
mod history;
mod junit;
mod lint;
mod logs;
mod rerun;
mod resume;
mod run;
mod sandbox;
mod server;
mod shell;
mod suspend;
mod test;
mod timeline;
mod version;
mod wait;
mod why;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::Context;
use super::clients::{self, Kubectl};
use super::report::Report;
use super::session::Session;
use super::step::Step;
use crate::server::Server;
use crate::{procfs, shell as command};

/// What is tested of a verb.
struct Verb {
    /// As typed.
    name: &'static str,
    /// Files that the steps need, in `{work}`.
    files: fn(&Session) -> anyhow::Result<()>,
    /// Its steps on the local server.
    steps: fn() -> Vec<Step>,
    /// Its steps on a real cluster; none for a verb that is about the local server or about no server.
    plain: Option<fn() -> Vec<Step>>,
}

/// One row a verb. A verb of the program without a row fails the suite.
const VERBS: &[Verb] = &[
    Verb { name: "clock", files: clock::files, steps: clock::steps, plain: None },
    Verb { name: "completion", files: none, steps: completion::steps, plain: None },
    Verb { name: "cron", files: cron::files, steps: cron::steps, plain: Some(cron::plain) },
    Verb { name: "delete", files: none, steps: delete::steps, plain: Some(delete::plain) },
    Verb { name: "describe", files: describe::files, steps: describe::steps, plain: Some(describe::plain) },
    Verb { name: "doctor", files: none, steps: doctor::steps, plain: None },
    Verb { name: "env", files: none, steps: env::steps, plain: None },
    Verb { name: "get", files: none, steps: get::steps, plain: Some(get::plain) },
    Verb { name: "help", files: none, steps: help::steps, plain: None },
    Verb { name: "history", files: history::files, steps: history::steps, plain: None },
    Verb { name: "lint", files: lint::files, steps: lint::steps, plain: None },
    Verb { name: "shell", files: shell::files, steps: shell::steps, plain: None },
    Verb { name: "rerun", files: none, steps: rerun::steps, plain: Some(rerun::plain) },
    Verb { name: "logs", files: none, steps: logs::steps, plain: Some(logs::plain) },
    Verb { name: "resume", files: none, steps: resume::steps, plain: Some(resume::plain) },
    Verb { name: "run", files: run::files, steps: run::steps, plain: Some(run::plain) },
    Verb { name: "sandbox", files: none, steps: sandbox::steps, plain: None },
    Verb { name: "server", files: none, steps: server::steps, plain: None },
    Verb { name: "suspend", files: none, steps: suspend::steps, plain: Some(suspend::plain) },
    Verb { name: "test", files: test::files, steps: test::steps, plain: None },
    Verb { name: "timeline", files: timeline::files, steps: timeline::steps, plain: Some(timeline::plain) },
    Verb { name: "version", files: none, steps: version::steps, plain: Some(version::plain) },
    Verb { name: "wait", files: wait::files, steps: wait::steps, plain: Some(wait::plain) },
    Verb { name: "why", files: why::files, steps: why::steps, plain: Some(why::plain) },
];

/// Verbs whose rows are still to come; empty when all are there.
const PENDING: &[&str] = &[];

/// Needs no files.
fn none(_: &Session) -> anyhow::Result<()> {
    Ok(())
}

/// Runs the suite.
///
/// # Errors
/// When kubectl-job or a kubectl cannot be started.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("kubectl-job, every verb has its steps");
    complete(context, report)?;
    test::beyond(context, report)?;
    let found = clients::find(false, context.options.allow_missing)?;
    let newest = found.last().context("a kubectl")?;
    for verb in VERBS {
        report.group(&format!("kubectl-job {}", verb.name));
        direct(context, verb, report)?;
        report.group(&format!("kubectl 1.{} job {}", newest.minor, verb.name));
        through(context, newest, verb, report)?;
        if let Some(plain) = verb.plain {
            report.group(&format!("kubectl-job {}, a real cluster's API", verb.name));
            remote(context, verb, plain, report)?;
        }
    }
    completion::through_kubectl(context, newest, report)?;
    sandbox::with_kubectl(context, newest, report)
}

/// The verbs that the program itself lists, each with a row here.
fn complete(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    let outcome = person(&context.binary, u32::MAX)?.outcome("--help")?;
    let listed = listed(&outcome.stdout);
    report.check("--help lists verbs", if listed.is_empty() { Err(outcome.stdout.clone()) } else { Ok(()) });
    for name in listed {
        let known = VERBS.iter().any(|verb| verb.name == name) || PENDING.contains(&name);
        let why = || format!("add a row to VERBS, and a file of steps to xtask/src/e2e/verbs, for {name:?}");
        report.check(&format!("{name} has steps"), known.then_some(()).ok_or_else(why));
    }
    Ok(())
}

/// The names below `Commands:`.
fn listed(help: &str) -> Vec<&str> {
    let block = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let rows = block.take_while(|line| line.starts_with("  "));
    // Descriptions that take a second line are indented further.
    rows.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()).collect()
}

fn direct(context: &Context<'_>, verb: &Verb, report: &mut Report) -> anyhow::Result<()> {
    let mut session = person(&context.binary, u32::MAX)?;
    session.set("PATH", &path_with(&context.binary)?);
    play(session, verb.files, &(verb.steps)(), report)
}

fn through(context: &Context<'_>, kubectl: &Kubectl, verb: &Verb, report: &mut Report) -> anyhow::Result<()> {
    let mut session = person(&kubectl.program, kubectl.minor)?;
    session.prefix(&["job"]);
    session.set("PATH", &path_with(&context.binary)?);
    play(session, verb.files, &(verb.steps)(), report)
}

fn remote(context: &Context<'_>, verb: &Verb, plain: fn() -> Vec<Step>, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(&context.binary, &["--plain-api"])?;
    let session = person(&context.binary, u32::MAX)?;
    fs::copy(server.kubeconfig(), session.folder().join("plain.kubeconfig"))?;
    let steps: Vec<Step> = plain().into_iter().map(named).collect();
    play(session, verb.files, &steps, report)
}

/// The same step with the cluster named, before what follows `--`.
fn named(mut step: Step) -> Step {
    let flag = "--kubeconfig {work}/plain.kubeconfig";
    step.line = match step.line.split_once(" -- ") {
        Some((own, command)) => format!("{own} {flag} -- {command}"),
        None => format!("{} {flag}", step.line),
    };
    step
}

/// Runs the steps, and sees that nothing of them is left once the server was asked to stop.
fn play(
    mut session: Session,
    files: fn(&Session) -> anyhow::Result<()>,
    steps: &[Step],
    report: &mut Report,
) -> anyhow::Result<()> {
    files(&session)?;
    session.run(steps, report)?;
    session.outcome("server stop")?;
    let home = format!("HOME={}", home(&session).display());
    let gone = command::until(Duration::from_secs(5), || procfs::with_environment(&home).is_empty().then_some(()));
    let left = || format!("processes are left: {:?}", procfs::with_environment(&home));
    report.check("nothing is left after server stop", gone.ok_or_else(left));
    Ok(())
}

fn home(session: &Session) -> PathBuf {
    session.folder().join("home")
}

/// A person with an empty HOME and nothing in the environment that points to a server.
///
/// # Errors
/// When no folder can be made.
pub(super) fn person(program: &Path, minor: u32) -> anyhow::Result<Session> {
    let mut session = Session::new(program, minor, "none".as_ref())?;
    let home = home(&session);
    for name in ["HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        session.set(name, &home.display().to_string());
    }
    session.set("KUBECONFIG", &home.join("absent").display().to_string());
    session.set("LANG", "C.UTF-8");
    session.set("TZ", "UTC");
    Ok(session)
}

/// A PATH on which kubectl finds the plugin.
fn path_with(binary: &Path) -> anyhow::Result<String> {
    let folder = binary.parent().context("a folder")?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let joined = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)))?;
    joined.into_string().map_err(|path| anyhow::anyhow!("PATH {} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::step::{step, words};
    use super::*;

    #[test]
    fn verbs_are_read_from_the_help_text() {
        let help = "Run Jobs.\n\nUsage: x\n\nCommands:\n  run   Create\n          a Job\n  get   List [aliases: list]\n\nOptions:\n  -h\n";
        assert_eq!(listed(help), ["run", "get"]);
    }

    #[test]
    fn the_cluster_is_named_before_the_command_of_a_container() {
        let line = |text| words(&named(step(text)).line);
        assert_eq!(line("get pi"), ["get", "pi", "--kubeconfig", "{work}/plain.kubeconfig"]);
        assert_eq!(line("run pi -- ls -l"), ["run", "pi", "--kubeconfig", "{work}/plain.kubeconfig", "--", "ls", "-l"]);
    }

    #[test]
    fn no_verb_has_two_rows() {
        let mut names: Vec<&str> = VERBS.iter().map(|verb| verb.name).chain(PENDING.iter().copied()).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

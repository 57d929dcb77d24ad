//! `kubectl-job` itself, as a person uses it: a HOME of its own, the server that starts by itself, stdout for data and
//! stderr for talk, and the documented exit codes.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use super::Context;
use super::report::Report;
use super::session::Session;
use super::step::{Step, step};
use super::verbs;
use crate::{perl, procfs, shell};

/// 2,000 digits of pi as Perl prints them end so.
const LAST_DIGITS: &str = "133904780275901";

/// Runs the suite.
///
/// # Errors
/// When kubectl-job cannot be started.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("kubectl-job, the server inside the command");
    pi(context, report)?;
    let mut session = person(context)?;
    session.run(&ephemeral(), report)?;
    report.group("kubectl-job, the server that starts by itself");
    files(&session)?;
    session.run(&local(), report)?;
    session.run(&mistakes(), report)?;
    session.run(&server_verbs(), report)?;
    report.group("kubectl-job server, a port in use");
    port_in_use(context, report)
}

/// A person with an empty HOME and nothing in the environment that points to a server.
fn person(context: &Context<'_>) -> anyhow::Result<Session> {
    verbs::person(&context.binary, u32::MAX)
}

/// The documentation's Job, unmodified, with every digit checked.
fn pi(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    perl::ensure()?;
    let session = person(context)?;
    let outcome = session.outcome("run --ephemeral -f {jobs}/pi.yaml")?;
    let digits = outcome.stdout.trim_end();
    let right =
        outcome.succeeded() && digits.len() == 2001 && digits.starts_with("3.14159") && digits.ends_with(LAST_DIGITS);
    report.check(
        "run --ephemeral -f pi.yaml prints 2,000 digits of pi",
        if right { Ok(()) } else { Err(format!("{outcome:?}")) },
    );
    let told = outcome.stderr.contains("job.batch/pi created") && outcome.stderr.contains("pi");
    report.check("run tells its progress on stderr", if told { Ok(()) } else { Err(outcome.stderr) });
    Ok(())
}

fn ephemeral() -> Vec<Step> {
    vec![
        step("run hello --ephemeral --image busybox -- echo hi").out("hi").talks(),
        step("run bad --ephemeral --image busybox --backoff-limit 0 -- sh -c 'echo no luck; exit 3'")
            .exits(1)
            .out("no luck")
            .err_has("BackoffLimitExceeded"),
        step("run gone --ephemeral --image busybox --backoff-limit 0 -- no-such-command-anywhere")
            .exits(1)
            .err_has("#1 failed exit=128 reason=StartError")
            .err_has("FAILED * BackoffLimitExceeded")
            .err_has("exec: \"no-such-command-anywhere\": executable file not found in $PATH"),
        // As Debian 12's Perl does in `bpi(2000)` without libmath-bigint-perl: last words, then SIGSEGV. `$$$$` is `$$`.
        step("run crash --ephemeral --image busybox --backoff-limit 1 -- sh -c 'echo undefined value at Calc.pm line 1049. >&2; kill -SEGV $$$$'")
            .exits(1)
            .err_has("pod/crash-????? #1 failed exit=139 reason=Error counted=1/1 next-retry=10s")
            .err_has("pod/crash-????? #2 failed exit=139 reason=Error limit=1")
            .err_has("2 pods failed; backoffLimit is 1, so the 2nd failure ended the Job.")
            .err_has("killed by SIGSEGV (exit 139)")
            .err_has("Last crash-????? * undefined value at Calc.pm line 1049."),
        step("run both --ephemeral --image busybox -- sh -c 'echo data; echo talk >&2'").has("data").talks(),
        step("run late --ephemeral --image busybox --timeout 1s -- sleep 600").exits(124).talks(),
    ]
}

/// Files for the steps.
fn files(session: &Session) -> anyhow::Result<()> {
    let job = |name: &str, extra: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\nspec:\n{extra}  template:\n    spec:\n      restartPolicy: Never\n      \
             containers:\n      - name: c\n        image: busybox\n        command: [echo, from a file]\n"
        )
    };
    session.file("job.yaml", &job("from-file", ""))?;
    session.file("unknown.yaml", &job("mistake", "  parallelizm: 2\n"))?;
    session.file("type.yaml", &job("mistake", "  completions: three\n"))?;
    session.file("always.yaml", &job("mistake", "").replace("Never", "Always"))?;
    session.file("broken.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: [unclosed\nspec: {}\n")?;
    let nowhere = "apiVersion: v1\nkind: Config\ncurrent-context: old\nclusters:\n- name: old\n  cluster:\n    server: https://127.0.0.1:9\n\
                   contexts:\n- name: old\n  context:\n    cluster: old\n    user: old\nusers:\n- name: old\n  user:\n    token: old\n";
    session.file("stale.kubeconfig", nowhere)
}

fn local() -> Vec<Step> {
    vec![
        step("run hello --image busybox -- echo hi").out("hi").talks(),
        step("get").out("NAME STATUS COMPLETIONS DURATION AGE\nhello Complete 1/1 * *").talks(),
        step("get hello -o name").out("job.batch/hello").talks(),
        step("get hello -o json").has("\"kind\": \"Job\"").talks(),
        step("get hello -o yaml").has("kind: Job").talks(),
        step("describe hello").has("hello").has("Complete").talks(),
        step("logs hello").out("hi").talks(),
        step("wait hello").talks(),
        step("run from-file -f {work}/job.yaml").exits(2).talks(),
        step("run -f {work}/job.yaml").out("from a file").talks(),
        step("run bad --image busybox --backoff-limit 0 -- sh -c 'exit 7'").exits(1).talks(),
        step("wait bad").exits(1).talks(),
        step("logs bad").out("").talks(),
        // A Job that is not there yet may come: only a wait without patience says that it is not found.
        step("wait nobody --timeout 1s").exits(124).err_has("timed out waiting*nobody"),
        step("wait nobody --timeout 0").exits(4).err_has("\"nobody\" not found"),
        step("run slow --detach --image busybox -- sleep 600").talks(),
        step("wait slow --timeout 1s").exits(124).talks(),
        step("delete slow").has("slow").talks(),
        step("delete nobody").exits(1).err_has("\"nobody\" not found"),
        step("delete hello from-file bad").has("hello").talks(),
    ]
}

fn mistakes() -> Vec<Step> {
    vec![
        step("run -f {work}/broken.yaml").exits(2).err_has("broken.yaml").err_has("line *").err_has("col*"),
        step("run -f {work}/unknown.yaml").exits(2).err_has("unknown field \"spec.parallelizm\""),
        step("run -f {work}/type.yaml").exits(2).err_has("completions"),
        step("run -f {work}/always.yaml")
            .exits(2)
            .err_has("spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""),
        step("run -f {work}/absent.yaml").exits(2).err_has("absent.yaml"),
        step("run hello").exits(2).err_has("--image"),
        step("frobnicate").exits(2).err_has("frobnicate"),
        step("get --kubeconfig {work}/stale.kubeconfig").exits(3).err_has("127.0.0.1:9"),
        step("get").talks(),
    ]
}

fn server_verbs() -> Vec<Step> {
    vec![
        step("env").has("export KUBECONFIG=*kubeconfig*").talks(),
        step("server status").has("https://127.0.0.1:*").talks(),
        step("server start").talks(),
        step("server stop").talks(),
        step("server status").exits(1).talks(),
        step("server stop").talks(),
    ]
}

/// A port that somebody else holds is named, and nothing is left running.
fn port_in_use(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    let holder = TcpListener::bind("127.0.0.1:0")?;
    let port = holder.local_addr()?.port();
    let session = person(context)?;
    let state = session.folder().join("state");
    let outcome = session.outcome(&format!("server start --state-dir {} --port {port}", state.display()))?;
    let clear =
        outcome.code == Some(1) && outcome.stderr.contains(&port.to_string()) && outcome.stderr.contains("in use");
    report
        .check("server start names the port that is in use", if clear { Ok(()) } else { Err(format!("{outcome:?}")) });
    let holds = procfs::listener(port)? == std::process::id();
    report
        .check("the port's holder keeps it", if holds { Ok(()) } else { Err("somebody else listens now".to_owned()) });
    let home = format!("HOME={}", session.folder().join("home").display());
    let gone = shell::until(Duration::from_secs(5), || procfs::with_environment(&home).is_empty().then_some(()));
    report.check(
        "a server that could not start leaves no process",
        gone.ok_or_else(|| format!("{:?}", procfs::with_environment(&home))),
    );
    drop(fs::remove_dir_all(&state));
    Ok(())
}

//! `sandbox`: a server of its own for one command, gone with it.
//!
//! The command finds the server as any client does, through a kubeconfig of its own; nothing of the user's is read or
//! written. What the command leaves in the background ends too: this process is made the parent of whatever loses its own.

mod leftovers;
mod signals;

use std::ffi::OsStr;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::Setting;
use crate::cli::sandbox::SandboxArgs;
use crate::cli::verbs::ServeArgs;
use crate::duration::Span;
use crate::embedded;
use crate::exit::{Code, Failure};
use crate::history::Keep;
use crate::history::folder::History;
use crate::server::start;
use crate::server::state::{ServerInfo, StateDir};
use signals::Signals;

/// What a shell ends with when a command is not there, and when it may not be run.
const NOT_FOUND: u8 = 127;
const NOT_PERMITTED: u8 = 126;

/// Runs the command in a sandbox; its exit code is the command's.
///
/// # Errors
/// When the server cannot be started, or the command.
pub(crate) async fn run(setting: &Setting, args: &SandboxArgs) -> anyhow::Result<Code> {
    if setting.connection.is_remote() {
        let text = "error: a sandbox has a server of its own: --context, --kubeconfig and --server do not go with it";
        return Err(Failure::usage(text).into());
    }
    leftovers::adopt()?;
    // From here on a signal is passed on, and does not end this process before it has put things in order.
    let mut signals = Signals::listen()?;
    let folder = tempfile::Builder::new().prefix("kubectl-job.").tempdir().context("make a temporary folder")?;
    let state = StateDir::open(Some(folder.path()))?;
    let _life = state.hold_life()?;
    // What was deleted inside can be read about inside; like all else it goes with the sandbox.
    let keep = Keep::prepare(History::of(&state), None).context("prepare the history")?;
    let cluster = embedded::start(state.data(), &args.images, &setting.time, Some(keep), false).await?;
    let code = within(setting, args, &cluster, &state, &mut signals).await;
    state.retract();
    cluster.shutdown().await;
    leftovers::end().await;
    code
}

/// What happens while the cluster is there.
async fn within(
    setting: &Setting,
    args: &SandboxArgs,
    cluster: &embedded::Server,
    state: &StateDir,
    signals: &mut Signals,
) -> anyhow::Result<Code> {
    serve(args, cluster, state).await?;
    let (Some(program), rest) = (args.command.first(), args.command.get(1..).unwrap_or_default()) else {
        return Err(Failure::usage("error: a sandbox needs a command: kubectl job sandbox -- COMMAND...").into());
    };
    let mut command = Command::new(program);
    command.args(rest).env("KUBECONFIG", state.kubeconfig()).env("KUBECTL_JOB_STATE_DIR", state.root());
    let mut child = command.spawn().map_err(|error| unstarted(program, &error))?;
    let status = until_ended(&mut child, signals).await?;
    let code = number(status);
    if args.keep_on_failure && code != 0 && !signals.asked_to_end() {
        let command = program.to_string_lossy();
        setting.screen.say(format!("{command} ended with exit code {code}; its sandbox stays until Ctrl-C:"));
        setting.screen.say(format!("  export KUBECONFIG='{}'", state.kubeconfig().display()));
        setting.screen.say(format!("  export KUBECTL_JOB_STATE_DIR='{}'", state.root().display()));
        while !signals.asked_to_end() {
            signals.next().await;
        }
    }
    Ok(Code::Command(code))
}

/// Serves the API, and says where, as a local server does: so all verbs find it.
async fn serve(args: &SandboxArgs, cluster: &embedded::Server, state: &StateDir) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on 127.0.0.1")?;
    let endpoint = embedded::serve_https(cluster, listener).await?;
    let (clock, images) = (args.clock, args.images.clone());
    let options = ServeArgs { idle_timeout: Span(SignedDuration::ZERO), clock, images, ..ServeArgs::default() };
    let info = ServerInfo {
        pid: std::process::id(),
        address: endpoint.address,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: Timestamp::now(),
        clock: args.clock,
        options: start::arguments(&options),
    };
    state.publish(&info, &endpoint.kubeconfig)?;
    Ok(())
}

/// Waits for the command, and passes signals on to it.
async fn until_ended(child: &mut Child, signals: &mut Signals) -> anyhow::Result<ExitStatus> {
    let pid = child.id().and_then(|pid| pid.try_into().ok()).map(Pid::from_raw);
    loop {
        tokio::select! {
            biased;
            status = child.wait() => return status.context("wait for the command"),
            signal = signals.next() => {
                if let Some(pid) = pid {
                    signals.pass_on(signal, pid);
                }
            }
        }
    }
}

/// The code that a shell would end with.
fn number(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn unstarted(program: &OsStr, error: &std::io::Error) -> Failure {
    let (code, why) = match error.kind() {
        std::io::ErrorKind::NotFound => (NOT_FOUND, "not found".to_owned()),
        std::io::ErrorKind::PermissionDenied => (NOT_PERMITTED, "it may not be run".to_owned()),
        _ => (NOT_PERMITTED, error.to_string()),
    };
    Failure::new(Code::Command(code), format!("error: {}: {why}", program.to_string_lossy()))
}

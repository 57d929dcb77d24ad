//! `server` and `env`: the local server, and how plain kubectl reaches it.

use serde_json::json;

use super::Setting;
use crate::cli::verbs::{EnvArgs, ServeArgs, ServerVerb, StartArgs};
use crate::exit::{Code, Failure};
use crate::output;
use crate::server::serve::{Announce, serve};
use crate::server::start::{self, Found};
use crate::server::state::{ServerInfo, StateDir};
use crate::server::stop;

/// Runs `server ...`.
///
/// # Errors
/// When the server cannot be started or stopped.
pub(crate) async fn run(setting: &Setting, verb: ServerVerb) -> anyhow::Result<Code> {
    refuse_remote(setting)?;
    let state = StateDir::open(setting.connection.state_dir.as_deref())?;
    match verb {
        ServerVerb::Start(args) => start(setting, &state, &args).await,
        ServerVerb::Stop => {
            match stop::stop(&state)? {
                Some(pid) => {
                    setting.screen.note(format!("the local server (process {pid}) has stopped, and every pod with it"))
                }
                None => setting.screen.note("no local server runs"),
            }
            Ok(Code::Success)
        }
        ServerVerb::Status { output } => status(setting, &state, output.is_some()),
    }
}

/// Runs the hidden verb that is the server.
///
/// # Errors
/// See [`serve`].
pub(crate) async fn daemon(setting: &Setting, args: &ServeArgs) -> anyhow::Result<Code> {
    // A session of its own keeps the terminal's signals away. It fails only for a leader of one already, which is fine.
    let _ = nix::unistd::setsid();
    let state = StateDir::open(setting.connection.state_dir.as_deref())?;
    serve(&state, args, &setting.time, Announce::Pipe).await
}

fn refuse_remote(setting: &Setting) -> Result<(), Failure> {
    if setting.connection.is_named() {
        return Err(Failure::usage(
            "error: server and env are about the local server: --context, --kubeconfig and --server do not go with them",
        ));
    }
    Ok(())
}

async fn start(setting: &Setting, state: &StateDir, args: &StartArgs) -> anyhow::Result<Code> {
    // Rules are read here first, so that a wrong one is told by this command and not by a log.
    crate::embedded::rules(&args.options.images)?;
    if args.foreground {
        return serve(state, &args.options, &setting.time, Announce::Screen(setting.screen)).await;
    }
    let (info, found) = start::ensure(state, &args.options, setting.screen)?;
    if found == Found::Running && differs(&info, &args.options) {
        let text = format!(
            "error: the local server runs already (process {}, https://{}) with other options; stop it first: kubectl job server stop",
            info.pid, info.address
        );
        return Err(Failure::new(Code::Failure, text).into());
    }
    let verb = if found == Found::Started { "listens on" } else { "runs already on" };
    setting.screen.note(format!("the local server (process {}) {verb} https://{}", info.pid, info.address));
    setting.screen.note(format!("for kubectl: export KUBECONFIG={}", state.kubeconfig().display()));
    Ok(Code::Success)
}

/// Whether a start asks for something that the running server is not.
fn differs(info: &ServerInfo, asked: &ServeArgs) -> bool {
    let plain = start::arguments(&ServeArgs::default());
    let wanted = start::arguments(asked);
    let port = format!("--port={}", info.address.port());
    // A flag that was not given asks for nothing, and the port in use may be asked for by number.
    wanted.iter().any(|flag| !plain.contains(flag) && !info.options.contains(flag) && *flag != port)
}

fn status(setting: &Setting, state: &StateDir, as_json: bool) -> anyhow::Result<Code> {
    let info = start::running(state)?;
    if as_json {
        let text = match &info {
            Some(info) => json!({"running": true, "server": info, "kubeconfig": state.kubeconfig()}),
            None => json!({"running": false}),
        };
        output::put(&format!("{}\n", output::go_json(&text)))?;
        return Ok(if info.is_some() { Code::Success } else { Code::Failure });
    }
    let Some(info) = info else {
        let dead = state.info().map(|dead| format!(" (process {} is gone)", dead.pid)).unwrap_or_default();
        setting.screen.say(format!("no local server runs{dead}"));
        return Ok(Code::Failure);
    };
    let age = api::time::human_duration(jiff::Timestamp::now().duration_since(info.started_at));
    let lines = [
        format!("running since {age}, process {}, version {}", info.pid, info.version),
        format!("address     https://{}", info.address),
        format!("kubeconfig  {}", state.kubeconfig().display()),
        format!("log         {}", state.log().display()),
        format!("clock       {}", info.clock.name()),
    ];
    output::put(&format!("{}\n", lines.join("\n")))?;
    Ok(Code::Success)
}

/// Runs `env`. The server is started, since a kubeconfig without one is of no use.
///
/// # Errors
/// When the server cannot be started.
pub(crate) fn env(setting: &Setting, args: &EnvArgs) -> anyhow::Result<Code> {
    refuse_remote(setting)?;
    let state = StateDir::open(setting.connection.state_dir.as_deref())?;
    start::ensure(&state, &ServeArgs::default(), setting.screen)?;
    let path = state.kubeconfig();
    let path = path.to_str().ok_or_else(|| Failure::usage("error: the state directory's path is not UTF-8"))?;
    if args.path {
        output::put(&format!("{path}\n"))?;
        return Ok(Code::Success);
    }
    let user_shell = std::env::var("SHELL").unwrap_or_default();
    let shell = args.shell.as_deref().unwrap_or(if user_shell.ends_with("fish") { "fish" } else { "sh" });
    output::put(&assignment(shell, path))?;
    if setting.screen.stdout_is_terminal {
        setting.screen.note("# for this shell: eval \"$(kubectl job env)\"");
    }
    Ok(Code::Success)
}

/// What sets KUBECONFIG in a shell, whatever letters the path has.
fn assignment(shell: &str, path: &str) -> String {
    match shell {
        "fish" => format!("set -gx KUBECONFIG '{}'\n", path.replace('\\', "\\\\").replace('\'', "\\'")),
        "powershell" => format!("$Env:KUBECONFIG = '{}'\n", path.replace('\'', "''")),
        _ => format!("export KUBECONFIG='{}'\n", path.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_their_shell() {
        assert_eq!(assignment("sh", "/a b/it's"), "export KUBECONFIG='/a b/it'\\''s'\n");
        assert_eq!(assignment("fish", "/it's"), "set -gx KUBECONFIG '/it\\'s'\n");
        assert_eq!(assignment("powershell", "/it's"), "$Env:KUBECONFIG = '/it''s'\n");
    }

    #[test]
    fn only_options_that_were_given_can_differ() {
        let info = ServerInfo {
            pid: 1,
            address: "127.0.0.1:7000".parse().expect("an address"),
            version: String::new(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            clock: Default::default(),
            options: start::arguments(&ServeArgs::default()),
        };
        assert!(!differs(&info, &ServeArgs::default()));
        assert!(!differs(&info, &ServeArgs { port: 7000, ..ServeArgs::default() }));
        assert!(differs(&info, &ServeArgs { port: 7001, ..ServeArgs::default() }));
    }
}

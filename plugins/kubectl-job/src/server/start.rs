//! Starting the background server: by re-executing this program, and waiting until it says that it is ready.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::state::{ServerInfo, StateDir};
use crate::cli::verbs::ServeArgs;
use crate::embedded::ImageTarget;
use crate::exit::{Code, Failure};
use crate::screen::{Screen, escape};

/// What the server writes to its standard output once it can be reached.
pub(crate) const READY: &str = "ready\n";

/// Whether the server ran already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It ran.
    Running,
    /// It was started now.
    Started,
}

/// Makes sure that a server runs.
///
/// # Errors
/// When it cannot be started; the text holds what it said.
pub(crate) fn ensure(state: &StateDir, options: &ServeArgs, screen: Screen) -> anyhow::Result<(ServerInfo, Found)> {
    if let Some(info) = running(state)? {
        return Ok((info, Found::Running));
    }
    let _turn = state.hold_start()?;
    if let Some(info) = running(state)? {
        return Ok((info, Found::Running));
    }
    if let Some(dead) = state.info() {
        screen
            .note(format!("the local server (process {}) is gone, and its Jobs with it; starting a new one", dead.pid));
        state.retract();
    }
    spawn(state, options)?;
    let info = state.info().context("the local server is ready and does not say where")?;
    Ok((info, Found::Started))
}

/// What the server says of itself, if it runs. A server holds its lock before it is ready; while it starts, whoever
/// starts it holds the start lock, so nothing is lost by not finding its words yet.
pub(crate) fn running(state: &StateDir) -> anyhow::Result<Option<ServerInfo>> {
    Ok(if state.is_alive()? { state.info() } else { None })
}

fn spawn(state: &StateDir, options: &ServeArgs) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("find this program")?;
    let log = state.new_log()?;
    let mut command = Command::new(program);
    command.arg("__serve").arg("--state-dir").arg(state.root()).args(arguments(options));
    // The server is nobody's child in particular: it must not hold the terminal, nor this command's directory.
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    let mut child = command.spawn().context("start the local server")?;
    let mut said = String::new();
    let mut pipe = child.stdout.take().expect("standard output is a pipe");
    // The server closes the pipe when it is ready; a server that dies closes it too.
    pipe.read_to_string(&mut said).context("wait for the local server")?;
    if said == READY {
        return Ok(());
    }
    let _ = child.wait();
    let log = fs::read_to_string(state.log()).unwrap_or_default();
    let words =
        log.lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().map(escape).collect::<Vec<_>>().join("\n");
    let words = if words.is_empty() { format!("it said nothing; see {}", state.log().display()) } else { words };
    Err(Failure::new(
        Code::Failure,
        format!("error: the local server did not start: {}", words.trim_start_matches("error: ")),
    )
    .into())
}

/// The options as arguments: for starting the server, and for comparing two starts.
pub(crate) fn arguments(options: &ServeArgs) -> Vec<String> {
    let absolute = |path: &std::path::Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut arguments =
        vec![format!("--port={}", options.port), format!("--idle-timeout={}ms", options.idle_timeout.0.as_millis())];
    arguments.push(format!("--clock={}", options.clock.name()));
    arguments.extend(options.images.map_image.iter().map(|rule| format!("--map-image={}", absolute_rule(rule))));
    if let Some(path) = &options.images.map_images {
        arguments.push(format!("--map-images={}", absolute(path).display()));
    }
    if options.plain_api {
        arguments.push("--plain-api".to_owned());
    }
    if options.images.pull {
        arguments.push("--pull".to_owned());
    }
    if options.images.strict_images {
        arguments.push("--strict-images".to_owned());
    }
    arguments.extend(options.history.arguments());
    arguments
}

/// A rule whose program is a path keeps its meaning in another directory.
fn absolute_rule(rule: &str) -> String {
    match rule.split_once('=') {
        Some((name, target)) => format!("{name}={}", ImageTarget::absolute(target)),
        None => rule.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::ImageFlags;

    #[test]
    fn options_survive_the_way_to_another_directory() {
        let rules = ["a=./bin/a", "b=cat", "c=oci:layout:v1"].map(str::to_owned);
        let images = ImageFlags { map_image: rules.to_vec(), pull: true, ..ImageFlags::default() };
        let options = ServeArgs { port: 7, images, plain_api: true, ..ServeArgs::default() };
        let here = std::env::current_dir().expect("a directory");
        let expected = [
            "--port=7".to_owned(),
            "--idle-timeout=1800000ms".to_owned(),
            "--clock=real".to_owned(),
            format!("--map-image=a={}", here.join("bin/a").display()),
            "--map-image=b=cat".to_owned(),
            format!("--map-image=c=oci:{}", here.join("layout:v1").display()),
            "--plain-api".to_owned(),
            "--pull".to_owned(),
        ];
        assert_eq!(arguments(&options), expected);
    }
}

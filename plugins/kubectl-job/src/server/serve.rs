//! The server's own process: the cluster behind HTTPS on 127.0.0.1, until a signal or idleness ends it.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use super::start;
use super::state::{ServerInfo, StateDir};
use crate::cli::history::HistoryFlags;
use crate::cli::verbs::ServeArgs;
use crate::embedded::{self, Time};
use crate::exit::{Code, Failure};
use crate::history::Keep;
use crate::history::folder::History;
use crate::screen::Screen;

/// How often the server asks itself whether it is idle.
const IDLE_CHECK: Duration = Duration::from_secs(5);

/// Where the server says that it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announce {
    /// To the command that started it, through the pipe that is its standard output.
    Pipe,
    /// To the person at the terminal.
    Screen(Screen),
}

/// Serves until it is told to stop.
///
/// # Errors
/// When another server runs, the port is taken, or the cluster cannot start.
pub(crate) async fn serve(
    state: &StateDir,
    options: &ServeArgs,
    time: &Time,
    announce: Announce,
) -> anyhow::Result<Code> {
    let Some(_life) = state.hold_life()? else {
        return Err(
            Failure::new(Code::Failure, "error: a local server runs already; see: kubectl job server status").into()
        );
    };
    state.retract();
    let listener = listen(options.port)?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut hang_up = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
    let keep = keep(state, &options.history)?;
    let cluster = embedded::start(state.data(), &options.images, time, keep, options.plain_api).await?;
    let endpoint = embedded::serve_https(&cluster, listener).await?;
    let info = ServerInfo {
        pid: std::process::id(),
        address: endpoint.address,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: Timestamp::now(),
        clock: options.clock,
        options: start::arguments(options),
    };
    state.publish(&info, &endpoint.kubeconfig)?;
    say_ready(state, &info, announce)?;
    let code = tokio::select! {
        _ = terminate.recv() => Code::Success,
        _ = interrupt.recv() => if announce == Announce::Pipe { Code::Success } else { Code::Interrupted },
        () = idle(&cluster, options) => Code::Success,
        // A terminal that goes away takes a foreground server with it; a background server has none.
        _ = hang_up.recv() => Code::Success,
    };
    state.retract();
    // From here on nobody finds this server; a second signal ends it at once, and its supervisor kills the pods.
    tokio::select! {
        () = cluster.shutdown() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(code)
}

/// Where the server records its Jobs, unless it is to keep nothing.
fn keep(state: &StateDir, flags: &HistoryFlags) -> anyhow::Result<Option<Keep>> {
    if flags.no_history {
        return Ok(None);
    }
    let keep = Keep::prepare(History::of(state), flags.history_limit).context("prepare the history")?;
    Ok(Some(keep))
}

fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("port {port} on 127.0.0.1 is in use; take another one, or --port 0 for any")
            }
            std::io::ErrorKind::PermissionDenied => format!("port {port} is reserved for root; take one above 1023"),
            _ => format!("cannot listen on 127.0.0.1:{port}: {error}"),
        };
        Failure::new(Code::Failure, format!("error: {why}"))
    })?;
    listener.set_nonblocking(true).context("prepare the listener")?;
    Ok(listener)
}

fn say_ready(state: &StateDir, info: &ServerInfo, announce: Announce) -> anyhow::Result<()> {
    match announce {
        Announce::Pipe => {
            let mut stdout = std::io::stdout().lock();
            stdout
                .write_all(start::READY.as_bytes())
                .and_then(|()| stdout.flush())
                .context("say that the server is ready")?;
            // The reader waits for the end of the pipe, so standard output must go elsewhere now.
            let null = File::options().write(true).open("/dev/null").context("open /dev/null")?;
            rustix::stdio::dup2_stdout(&null).context("close the pipe")?;
        }
        Announce::Screen(screen) => {
            screen.say(format!("listening on https://{}", info.address));
            screen.say(format!("kubeconfig {}", state.kubeconfig().display()));
        }
    }
    Ok(())
}

/// Ends when the cluster has been idle for as long as the options say.
async fn idle(cluster: &embedded::Server, options: &ServeArgs) {
    let limit = options.idle_timeout.0;
    if !limit.is_positive() {
        return std::future::pending().await;
    }
    let mut idle_since = Timestamp::now();
    loop {
        tokio::time::sleep(IDLE_CHECK.min(limit.unsigned_abs())).await;
        let now = Timestamp::now();
        if !cluster.is_idle().await {
            idle_since = now;
            continue;
        }
        let since = cluster.last_request_at().map_or(idle_since, |request| request.max(idle_since));
        if now.duration_since(since) >= limit {
            tracing::info!("idle for {limit:#}, stopping");
            return;
        }
    }
}

//! Starts the supervisor, talks to it for as long as it lives, and replaces it when it dies unasked.
//!
//! Invariant: a supervisor is started only when the one before is gone and its containers have been given up.

use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use tokio::net::UnixStream;
use tracing::{debug, info, warn};

use super::leftovers::{self, Record};
use super::{ProcessConfig, ProcessError, Shared, link};

/// The wait before a dead supervisor is replaced, so that one which dies at once does not keep the machine busy.
const REPLACE_PAUSE: Duration = Duration::from_millis(500);

/// This side's ends of the sockets to one supervisor.
pub(super) struct Sockets {
    commands: UnixStream,
    reports: UnixStream,
}

/// Starts supervisors.
pub(super) struct Launcher {
    config: ProcessConfig,
    /// The limit of open files that containers get.
    open_files: Rlimit,
    /// The supervisor that was launched last.
    record: Option<Record>,
}

impl Launcher {
    pub(super) fn new(config: ProcessConfig) -> Self {
        Self { config, open_files: getrlimit(Resource::Nofile), record: None }
    }

    /// Raises this process's own soft limit of open files to the hard one.
    pub(super) fn raise_open_files_limit(&self) {
        let maximum = self.open_files.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            debug!(%error, "open files limit stays as it is");
        }
    }

    /// Starts one. Call within a tokio runtime.
    pub(super) fn launch(&mut self) -> Result<(Child, Sockets), ProcessError> {
        let sockets = |error: rustix::io::Errno| ProcessError::Sockets(error.into());
        let pair = || socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).map_err(sockets);
        let ((commands, commands_far), (reports, reports_far)) = (pair()?, pair()?);
        let asynchronous = |socket: OwnedFd| {
            let socket = std::os::unix::net::UnixStream::from(socket);
            socket.set_nonblocking(true)?;
            UnixStream::from_std(socket)
        };
        let asynchronous = |socket| asynchronous(socket).map_err(ProcessError::Sockets);
        let sockets = Sockets { commands: asynchronous(commands)?, reports: asynchronous(reports)? };
        let program = &self.config.supervisor_program;
        let child = Command::new(program)
            .args(&self.config.supervisor_args)
            .stdin(Stdio::from(commands_far))
            .stdout(Stdio::from(reports_far))
            .spawn()
            .map_err(|source| ProcessError::Supervisor { program: program.clone(), source })?;
        // Inherited is this process's own limit, which is raised by the time a dead supervisor is replaced.
        let pid = Pid::from_raw(child.id().cast_signed());
        if let Err(error) = prlimit(pid, Resource::Nofile, self.open_files) {
            debug!(%error, "containers have the server's limit of open files");
        }
        self.write_down(child.id());
        Ok((child, sockets))
    }

    /// Writes down which supervisor there is.
    fn write_down(&mut self, pid: u32) {
        self.record = Record::of(pid);
        if let (Some(record), Some(directory)) = (&self.record, &self.config.records)
            && let Err(error) = record.write(directory)
        {
            warn!(%error, "what this server leaves when it is killed will not be found");
        }
    }

    /// Kills what a dead supervisor left, and forgets it.
    fn clean_up(&mut self) {
        let Some(record) = self.record.take() else { return };
        if let Err(count) = leftovers::kill(record.family()) {
            warn!(count, "processes of a dead supervisor cannot be ended");
        } else if let Some(directory) = &self.config.records {
            record.remove(directory);
        }
    }
}

/// Talks to supervisors, one after the other, until the runtime is closed.
pub(super) async fn run(shared: Arc<Shared>, mut launcher: Launcher, mut sockets: Sockets) {
    loop {
        talk(&shared, sockets).await;
        let dead = if shared.is_closed() { None } else { shared.supervisor.lock().take() };
        if let Some(mut dead) = dead {
            // It may still be killing what is left, when it was given up for what it said.
            let _ = tokio::task::spawn_blocking(move || dead.wait()).await;
            launcher = clean_up(launcher).await;
        }
        shared.supervisor_ended();
        sockets = match replace(&shared, &mut launcher).await {
            Some(sockets) => sockets,
            None => return shared.supervisor_ended(),
        };
    }
}

/// Ends what a dead supervisor left, off the runtime's threads.
async fn clean_up(mut launcher: Launcher) -> Launcher {
    let cleaned = tokio::task::spawn_blocking(move || {
        launcher.clean_up();
        launcher
    });
    cleaned.await.expect("looking at processes does not panic")
}

/// Talks to one supervisor until it is gone.
async fn talk(shared: &Shared, sockets: Sockets) {
    let Sockets { commands, reports } = sockets;
    let mut receive = std::pin::pin!(link::receive_reports(shared, reports));
    tokio::select! {
        () = &mut receive => return,
        () = link::send_commands(shared, commands) => {}
    }
    // Its socket is dropped now, which tells the supervisor to end; what it says until then still counts.
    receive.await;
}

/// Starts another supervisor, trying until it works; `None` when the runtime is closed.
async fn replace(shared: &Shared, launcher: &mut Launcher) -> Option<Sockets> {
    loop {
        if shared.is_closed() {
            return None;
        }
        tokio::time::sleep(REPLACE_PAUSE).await;
        let (mut child, sockets) = match launcher.launch() {
            Ok(launched) => launched,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "no pod can start: the pod supervisor does not");
                continue;
            }
        };
        let pid = child.id();
        {
            let mut supervisor = shared.supervisor.lock();
            if !shared.is_closed() {
                *supervisor = Some(child);
                info!(pid, "the pod supervisor is replaced");
                return Some(sockets);
            }
        }
        drop(sockets);
        let _ = tokio::task::spawn_blocking(move || child.wait()).await;
        return None;
    }
}

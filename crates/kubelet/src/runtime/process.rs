//! Containers as local processes, spawned and owned by one supervisor process (see [`crate::supervisor`]).
//!
//! This side makes the pipes, passes their write ends on, and turns what containers print into logs. It holds the only
//! other end of the supervisor's command socket, close-on-exec like everything here: the moment this process is gone,
//! however it went, the supervisor sees the end of that socket and kills every pod process. A supervisor that dies by
//! itself takes its containers with it, each of which is reported as killed, and is replaced.

mod beside;
mod ends;
mod leftovers;
mod link;
mod output;
mod shared;
mod starts;
mod stdio;
mod strays;
mod supervision;
mod taps;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::session::Streams;
use clock::SharedClock;
use futures::FutureExt;
use tokio::sync::mpsc;
use tracing::warn;

use crate::logs::Logs;
use crate::runtime::sandbox::{Root, Sandbox};
use crate::runtime::{
    ContainerId, ContainerSpec, ExecSpec, ExitReceiver, Runtime, RuntimeFuture, Session, StartError, Started,
};
use shared::{Outbox, Shared, supervisor_is_gone};
use supervision::Launcher;

/// The variable that marks every process of a container, for people and for sweeping up after a dead supervisor.
pub const CONTAINER_VARIABLE: &str = "KUBECTL_JOB_CONTAINER";

/// Ends that the kubelet has not taken yet; a full channel holds back the tasks that report, and drops nothing.
const EXITS_WAITING_MAX: usize = 1024;
/// How long the supervisor may take to kill everything at the end.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// How to start the supervisor.
#[derive(Clone, Debug)]
pub struct ProcessConfig {
    /// The program that calls [`crate::supervisor::main`]: usually this very binary.
    pub supervisor_program: PathBuf,
    /// Its arguments, such as a hidden subcommand.
    pub supervisor_args: Vec<OsString>,
    /// Where it is written down which supervisor there is, so that what one that was killed left is found at the next
    /// start. Nobody else may use the directory. `None` for no such record.
    pub records: Option<PathBuf>,
}

/// Why the runtime did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No sockets to talk over.
    #[error("make sockets to the supervisor")]
    Sockets(#[source] io::Error),
    /// The supervisor did not start.
    #[error("start supervisor {program}")]
    Supervisor {
        /// The configured program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The process runtime.
pub struct ProcessRuntime {
    shared: Arc<Shared>,
}

impl ProcessRuntime {
    /// Starts the supervisor and answers with the runtime and the stream of ends. Call within a tokio runtime.
    ///
    /// Before, it kills what the supervisors left that are written down: nobody else uses that directory.
    ///
    /// Raises this process's soft limit of open files to the hard one, since each container needs two; containers
    /// get the limit from before.
    ///
    /// # Errors
    /// When the supervisor cannot be started.
    pub fn start(
        config: &ProcessConfig,
        clock: SharedClock,
        logs: Arc<Logs>,
    ) -> Result<(Self, ExitReceiver), ProcessError> {
        if let Some(records) = &config.records {
            leftovers::sweep(records);
        }
        let mut launcher = Launcher::new(config.clone());
        let (child, sockets) = launcher.launch()?;
        launcher.raise_open_files_limit();
        let (exits, exit_receiver) = mpsc::channel(EXITS_WAITING_MAX);
        let shared = Arc::new(Shared::new(clock, logs, exits, child));
        tokio::spawn(supervision::run(Arc::clone(&shared), launcher, sockets));
        Ok((Self { shared }, exit_receiver))
    }

    /// Process id of the supervisor; `None` after shutdown, and while a dead one is being replaced.
    pub fn supervisor_pid(&self) -> Option<u32> {
        self.shared.supervisor.lock().as_ref().map(Child::id)
    }
}

impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    fn start(&self, spec: ContainerSpec) -> RuntimeFuture<'_, Result<Started, StartError>> {
        Box::pin(async move {
            let permit = self.shared.starts.acquire().await.map_err(|_| supervisor_is_gone())?;
            let answer = self.shared.queue_container(spec)?;
            // Given back when the answer comes, whether or not this caller still waits for it.
            permit.forget();
            answer.await.unwrap_or_else(|_| Err(supervisor_is_gone()))
        })
    }

    fn exec(&self, spec: ExecSpec) -> RuntimeFuture<'_, Result<Session, StartError>> {
        Box::pin(self.shared.exec(spec))
    }

    fn attach(&self, id: &ContainerId, streams: Streams) -> Option<Session> {
        let taps = self.shared.containers.get(id).map(|container| Arc::clone(&container.taps))?;
        taps.attach(streams)
    }

    fn kill(&self, id: &ContainerId, signal: i32) {
        let Some(token) = self.shared.containers.get(id).map(|container| container.token) else { return };
        self.shared.signal(token, signal);
    }

    fn has_sandboxes(&self) -> RuntimeFuture<'_, bool> {
        Box::pin(self.shared.has_sandboxes.get_or_init(|| self.shared.probe_sandboxes()).map(|has| *has))
    }

    fn has_layers(&self, root: Root) -> RuntimeFuture<'_, bool> {
        Box::pin(async move {
            let sandbox = Sandbox { root: Some(root), ..Sandbox::default() };
            // The program is not there: to look for it takes the layer.
            matches!(self.shared.probe(&sandbox).await, Ok(()) | Err(StartError::Exec(_)))
        })
    }

    fn lacks_sandboxes(&self) -> bool {
        self.shared.has_sandboxes.get() == Some(&false)
    }

    fn running(&self) -> usize {
        self.shared.containers.len()
    }

    fn shutdown(&self) -> RuntimeFuture<'_, ()> {
        Box::pin(async move {
            let supervisor = {
                let mut supervisor = self.shared.supervisor.lock();
                self.shared.closed.store(true, Ordering::SeqCst);
                supervisor.take()
            };
            self.shared.outbox_filled.notify_one();
            let Some(mut supervisor) = supervisor else { return };
            let pid = supervisor.id();
            let waited = tokio::task::spawn_blocking(move || supervisor.wait());
            if tokio::time::timeout(SHUTDOWN_PATIENCE, waited).await.is_err() {
                warn!(pid, "the pod supervisor did not end: some process cannot be killed");
            }
            // Nothing runs any more, but the last output may still be on its way into the logs.
            let logged = async {
                while self.running() > 0 {
                    self.shared.ended.notified().await;
                }
            };
            if tokio::time::timeout(SHUTDOWN_PATIENCE, logged).await.is_err() {
                warn!("some logs did not end");
            }
        })
    }
}

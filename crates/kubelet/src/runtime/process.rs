//! Containers as local processes, spawned and owned by one supervisor process (see [`crate::supervisor`]).
//!
//! This side makes the pipes, passes their write ends on, and turns what containers print into logs. It holds the only
//! other end of the supervisor's command socket, close-on-exec like everything here: the moment this process is gone,
//! however it went, the supervisor sees the end of that socket and kills every pod process. A supervisor that dies by
//! itself takes its containers with it, each of which is reported as killed, and is replaced.

mod link;
mod output;
mod strays;
mod supervision;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clock::SharedClock;
use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tracing::warn;

use crate::logs::Logs;
use crate::runtime::{
    ContainerId, ContainerSpec, ExitReceiver, ExitStatus, Exited, Runtime, RuntimeFuture, StartError, Started, wire,
};
use output::Output;
use supervision::Launcher;

/// The variable that marks every process of a container, for people and for sweeping up after a dead supervisor.
pub const CONTAINER_VARIABLE: &str = "KUBECTL_JOB_CONTAINER";

/// Starts that the supervisor has not answered yet. With two descriptors each they stay below the 253 of one message.
const STARTS_IN_FLIGHT_MAX: usize = 64;
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
}

/// Why the runtime did not come up.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// No sockets to talk over.
    #[error("make sockets to the supervisor")]
    Sockets(#[source] std::io::Error),
    /// The supervisor did not start.
    #[error("start supervisor {program}")]
    Supervisor {
        /// The configured program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The process runtime.
pub struct ProcessRuntime {
    shared: Arc<Shared>,
}

/// What the runtime's tasks share.
struct Shared {
    clock: SharedClock,
    logs: Arc<Logs>,
    next_token: AtomicU64,
    tokens: DashMap<ContainerId, u64>,
    live: Mutex<HashMap<u64, Live>>,
    outbox: Mutex<Outbox>,
    outbox_filled: Notify,
    starts: Arc<Semaphore>,
    exits: mpsc::Sender<Exited>,
    /// A token was freed.
    ended: Notify,
    /// Nothing starts any more. Set once, under the lock of `supervisor`.
    closed: AtomicBool,
    supervisor: Mutex<Option<Child>>,
}

/// A container between its start command and its end.
struct Live {
    id: ContainerId,
    program: String,
    started: Option<oneshot::Sender<Result<Started, StartError>>>,
    exited: oneshot::Sender<(ExitStatus, jiff::Timestamp)>,
}

/// Commands that were not sent yet. Bounded by the starts in flight and by a few kills per container.
#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl ProcessRuntime {
    /// Starts the supervisor and answers with the runtime and the stream of ends. Call within a tokio runtime.
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

impl Shared {
    fn new(clock: SharedClock, logs: Arc<Logs>, exits: mpsc::Sender<Exited>, supervisor: Child) -> Self {
        Self {
            clock,
            logs,
            next_token: AtomicU64::new(1),
            tokens: DashMap::new(),
            live: Mutex::default(),
            outbox: Mutex::default(),
            outbox_filled: Notify::new(),
            starts: Arc::new(Semaphore::new(STARTS_IN_FLIGHT_MAX)),
            exits,
            ended: Notify::new(),
            closed: AtomicBool::new(false),
            supervisor: Mutex::new(Some(supervisor)),
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Queues a start; the answer comes over the returned channel.
    fn queue_start(
        self: &Arc<Self>,
        spec: ContainerSpec,
    ) -> Result<oneshot::Receiver<Result<Started, StartError>>, StartError> {
        let (output, writers) = Output::open(self.logs.writer(spec.log_path))
            .map_err(|error| StartError::Runtime(format!("make pipes: {error}")))?;
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let (started, answer) = oneshot::channel();
        let (exited, end) = oneshot::channel();
        let program = spec.argv.first().cloned().unwrap_or_default();
        self.tokens.insert(spec.id.clone(), token);
        let live = Live { id: spec.id.clone(), program, started: Some(started), exited };
        {
            let mark = (CONTAINER_VARIABLE, &*spec.id.0);
            let env: Vec<(&str, &str)> =
                spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([mark]).collect();
            // Known before the command leaves, so that no answer finds a stranger; under one lock with the command, so
            // that a start which is given up with a dead supervisor never reaches the next one.
            let mut outbox = self.outbox.lock();
            self.live.lock().insert(token, live);
            wire::encode_start(&mut outbox.bytes, token, &spec.program, &spec.cwd, &spec.argv, env.into_iter());
            outbox.descriptors.extend(writers);
        }
        self.outbox_filled.notify_one();
        tokio::spawn(Arc::clone(self).follow(spec.id, output, end));
        Ok(answer)
    }

    /// Owns one container's output and reports its end once: after the processes are gone and the log is complete.
    async fn follow(
        self: Arc<Self>,
        id: ContainerId,
        mut output: Output,
        mut end: oneshot::Receiver<(ExitStatus, jiff::Timestamp)>,
    ) {
        let mut ended = None;
        tokio::select! {
            () = output.copy(&*self.clock) => {}
            result = &mut end => ended = Some(result),
        }
        let result = match ended {
            None => (&mut end).await,
            Some(result) => {
                output.drain(&*self.clock).await;
                result
            }
        };
        output.finish(self.clock.now());
        // No sender is left when the start failed: then there is no end to report.
        let Ok((status, finished_at)) = result else { return };
        self.tokens.remove(&id);
        self.ended.notify_one();
        let _ = self.exits.send(Exited { id, status, finished_at }).await;
    }

    /// Takes one report of the supervisor in.
    fn take(&self, report: wire::Report) {
        match report {
            wire::Report::Started { token, pid } => {
                if let Some(started) = self.live.lock().get_mut(&token).and_then(|live| live.started.take()) {
                    self.starts.add_permits(1);
                    let _ = started.send(Ok(Started { pid, started_at: self.clock.now() }));
                }
            }
            wire::Report::StartFailed { token, errno } => {
                let Some(live) = self.live.lock().remove(&token) else { return };
                self.starts.add_permits(1);
                self.tokens.remove(&live.id);
                let error = StartError::Exec(exec_error(&live.program, errno));
                live.started.map(|started| started.send(Err(error)));
            }
            wire::Report::Exited { token, code, signal } => {
                let Some(live) = self.live.lock().remove(&token) else { return };
                let status = if signal == 0 { ExitStatus::Code(code) } else { ExitStatus::Signal(signal) };
                let _ = live.exited.send((status, self.clock.now()));
            }
        }
    }

    /// The supervisor is gone: nothing runs any more, or is killed now.
    fn supervisor_ended(&self) {
        let live: Vec<Live> = {
            let mut outbox = self.outbox.lock();
            *outbox = Outbox::default();
            self.live.lock().drain().map(|(_, live)| live).collect()
        };
        if self.is_closed() {
            self.starts.close();
        } else {
            warn!(containers = live.len(), "the pod supervisor died; its containers are killed and it is replaced");
            strays::kill(&live.iter().map(|live| &*live.id.0).collect());
        }
        let now = self.clock.now();
        for container in live {
            match container.started {
                Some(started) => {
                    self.starts.add_permits(1);
                    self.tokens.remove(&container.id);
                    drop(started.send(Err(supervisor_is_gone())));
                }
                None => drop(container.exited.send((ExitStatus::Signal(9), now))),
            }
        }
    }
}

fn supervisor_is_gone() -> StartError {
    StartError::Runtime("the pod supervisor is gone".to_owned())
}

/// The text that upstream's runtimes give for a program that does not start.
fn exec_error(program: &str, errno: i32) -> String {
    let error = std::io::Error::from_raw_os_error(errno);
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("exec: \"{program}\": stat {program}: no such file or directory"),
        std::io::ErrorKind::PermissionDenied => format!("exec: \"{program}\": permission denied"),
        _ => {
            let text = nix::errno::Errno::from_raw(errno).desc().to_lowercase();
            format!("exec {program}: {text}")
        }
    }
}

impl Runtime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    fn start(&self, spec: ContainerSpec) -> RuntimeFuture<'_, Result<Started, StartError>> {
        Box::pin(async move {
            let permit = self.shared.starts.acquire().await.map_err(|_| supervisor_is_gone())?;
            let answer = self.shared.queue_start(spec)?;
            // Given back when the answer comes, whether or not this caller still waits for it.
            permit.forget();
            answer.await.unwrap_or_else(|_| Err(supervisor_is_gone()))
        })
    }

    fn kill(&self, id: &ContainerId, signal: i32) {
        let Some(token) = self.shared.tokens.get(id).map(|token| *token) else { return };
        wire::encode_kill(&mut self.shared.outbox.lock().bytes, token, signal);
        self.shared.outbox_filled.notify_one();
    }

    fn running(&self) -> usize {
        self.shared.tokens.len()
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

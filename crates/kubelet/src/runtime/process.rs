//! Containers as local processes, spawned and owned by one supervisor process (see [`crate::supervisor`]).
//!
//! This side makes the pipes, passes their write ends on, and turns what containers print into logs. It holds the only
//! other end of the supervisor's command socket, close-on-exec like everything here: the moment this process is gone,
//! however it went, the supervisor sees the end of that socket and kills every pod process. A supervisor that dies by
//! itself takes its containers with it, each of which is reported as killed, and is replaced.

mod beside;
mod leftovers;
mod link;
mod output;
mod stdio;
mod strays;
mod supervision;
mod taps;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use api::session::Streams;
use clock::SharedClock;
use dashmap::DashMap;
use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{Notify, OnceCell, Semaphore, mpsc, oneshot};
use tracing::warn;

use crate::logs::Logs;
use crate::plan::SIGKILL;
use crate::runtime::sandbox::{Mount, Root, Sandbox, Stage};
use crate::runtime::{
    ContainerId, ContainerSpec, ExecSpec, ExitReceiver, ExitStatus, Exited, Runtime, RuntimeFuture, Session,
    StartError, Started, Stdin, session, wire,
};
use output::Output;
use stdio::Far;
use supervision::Launcher;
use taps::Taps;

/// The variable that marks every process of a container, for people and for sweeping up after a dead supervisor.
pub const CONTAINER_VARIABLE: &str = "KUBECTL_JOB_CONTAINER";

/// Names the sandbox that is made to see whether one can be made.
const PROBE: &str = "sandbox-probe";
const PROBE_TARGET: &str = "/sandbox-probe";
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Starts that the supervisor has not answered yet. With three descriptors each they stay below the 253 of one message.
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

/// What the runtime's tasks share.
struct Shared {
    clock: SharedClock,
    logs: Arc<Logs>,
    next_token: AtomicU64,
    containers: DashMap<ContainerId, Container>,
    live: Mutex<HashMap<u64, Live>>,
    outbox: Mutex<Outbox>,
    outbox_filled: Notify,
    starts: Arc<Semaphore>,
    exits: mpsc::Sender<Exited>,
    /// Whether the machine lets this user make sandboxes, once that was tried.
    has_sandboxes: OnceCell<bool>,
    /// A token was freed.
    ended: Notify,
    /// Nothing starts any more. Set once, under the lock of `supervisor`.
    closed: AtomicBool,
    supervisor: Mutex<Option<Child>>,
}

/// A container that was not reported as ended.
struct Container {
    token: u64,
    taps: Arc<Taps>,
}

/// A process between its start command and its end: a container's main process, or one beside it.
struct Live {
    container: ContainerId,
    is_main: bool,
    program: String,
    started: Option<Answer>,
    exited: End,
}

type Answer = oneshot::Sender<Result<Started, StartError>>;
type End = oneshot::Sender<(ExitStatus, jiff::Timestamp)>;

/// What comes of a start command: whether the process runs, and how it ended.
struct Fate {
    started: oneshot::Receiver<Result<Started, StartError>>,
    ended: oneshot::Receiver<(ExitStatus, jiff::Timestamp)>,
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

impl Shared {
    fn new(clock: SharedClock, logs: Arc<Logs>, exits: mpsc::Sender<Exited>, supervisor: Child) -> Self {
        Self {
            clock,
            logs,
            next_token: AtomicU64::new(1),
            containers: DashMap::new(),
            live: Mutex::default(),
            outbox: Mutex::default(),
            outbox_filled: Notify::new(),
            starts: Arc::new(Semaphore::new(STARTS_IN_FLIGHT_MAX)),
            exits,
            has_sandboxes: OnceCell::new(),
            ended: Notify::new(),
            closed: AtomicBool::new(false),
            supervisor: Mutex::new(Some(supervisor)),
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Queues the start of a container.
    fn queue_container(
        self: &Arc<Self>,
        spec: ContainerSpec,
    ) -> Result<oneshot::Receiver<Result<Started, StartError>>, StartError> {
        let (near, far) = open_streams(spec.stdin != Stdin::None, spec.tty)?;
        let taps = Arc::new(Taps::new(near.stdin, spec.stdin, near.terminal));
        let output = Output::new(near.stdout, near.stderr, self.logs.writer(spec.log_path), Arc::clone(&taps));
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        self.containers.insert(spec.id.clone(), Container { token, taps });
        let (argv, sandbox, memory_limit) = (&spec.argv, spec.sandbox.as_ref(), spec.memory_limit);
        let process = Process { program: &spec.program, argv, env: &spec.env, cwd: &spec.cwd, sandbox, memory_limit };
        let fate = self.queue(token, None, &spec.id, &process, far);
        tokio::spawn(Arc::clone(self).follow(spec.id, output, fate.ended));
        Ok(fate.started)
    }

    /// Queues the start of a process.
    fn queue(&self, token: u64, within: Option<u64>, container: &ContainerId, process: &Process<'_>, far: Far) -> Fate {
        let (answer, started) = oneshot::channel();
        let (exited, ended) = oneshot::channel();
        let program = process.argv.first().cloned().unwrap_or_default();
        let live =
            Live { container: container.clone(), is_main: within.is_none(), program, started: Some(answer), exited };
        let mark = (CONTAINER_VARIABLE, &*container.0);
        let env: Vec<(&str, &str)> =
            process.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([mark]).collect();
        let Process { program, cwd, argv, sandbox, memory_limit, .. } = *process;
        let start =
            wire::Start { token, within, stdio: far.stdio, memory_limit, program, cwd, argv, env: &env, sandbox };
        {
            // Known before the command leaves, so that no answer finds a stranger; under one lock with the command, so
            // that a start which is given up with a dead supervisor never reaches the next one.
            let mut outbox = self.outbox.lock();
            self.live.lock().insert(token, live);
            wire::encode_start(&mut outbox.bytes, &start);
            outbox.descriptors.extend(far.descriptors);
        }
        self.outbox_filled.notify_one();
        Fate { started, ended }
    }

    /// Makes one sandbox, with a mount where the host has nothing, to see whether that works.
    async fn probe_sandboxes(&self) -> bool {
        let mount = Mount { target: PROBE_TARGET.into(), source: "/".into(), ..Mount::default() };
        let sandbox = Sandbox { hostname: "probe".to_owned(), mounts: vec![mount], ..Sandbox::default() };
        self.probe(&sandbox).await.is_ok()
    }

    /// Starts a program that ends at once in a sandbox.
    async fn probe(&self, sandbox: &Sandbox) -> Result<(), StartError> {
        let (token, id) = (self.next_token.fetch_add(1, Ordering::Relaxed), ContainerId(PROBE.into()));
        let (argv, env) = (["true".to_owned()], [("PATH".to_owned(), DEFAULT_PATH.to_owned())]);
        let (program, cwd, sandbox) = (Path::new("true"), Path::new("/"), Some(sandbox));
        let process = Process { program, argv: &argv, env: &env, cwd, sandbox, memory_limit: None };
        let (_near, far) = open_streams(false, false)?;
        let permit = self.starts.acquire().await.map_err(|_| supervisor_is_gone())?;
        let fate = self.queue(token, None, &id, &process, far);
        permit.forget();
        fate.started.await.unwrap_or_else(|_| Err(supervisor_is_gone()))?;
        // Nobody is told of its end, which comes by itself.
        let _ = fate.ended.await;
        Ok(())
    }

    /// Queues the start of a process beside a container's main one, whose token this is.
    async fn exec(self: &Arc<Self>, spec: ExecSpec) -> Result<Session, StartError> {
        let permit = self.starts.acquire().await.map_err(|_| supervisor_is_gone())?;
        let within = self.containers.get(&spec.container).map(|container| container.token).ok_or_else(not_running)?;
        let (near, far) = open_streams(spec.streams.stdin, spec.streams.tty)?;
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let (argv, sandbox, memory_limit) = (&spec.argv, None, None);
        let process = Process { program: &spec.program, argv, env: &spec.env, cwd: &spec.cwd, sandbox, memory_limit };
        let fate = self.queue(token, Some(within), &spec.container, &process, far);
        permit.forget();
        fate.started.await.unwrap_or_else(|_| Err(supervisor_is_gone()))?;
        let (session, peer) = session::pair(spec.streams.stdin);
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            beside::run(near, peer, spec.streams, fate.ended).await;
            if spec.ends_with_client {
                // Of no effect when it has ended: tokens are not used twice.
                shared.signal(token, SIGKILL);
            }
        });
        Ok(session)
    }

    fn signal(&self, token: u64, signal: i32) {
        wire::encode_kill(&mut self.outbox.lock().bytes, token, signal);
        self.outbox_filled.notify_one();
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
        self.containers.remove(&id);
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
            wire::Report::StartFailed { token, stage, errno } => {
                let Some(live) = self.live.lock().remove(&token) else { return };
                self.starts.add_permits(1);
                self.forget(&live);
                let error = match errno {
                    // Said of a container that ended before the process beside it started.
                    NO_SUCH_PROCESS if !live.is_main => not_running(),
                    errno if stage == Stage::Exec => StartError::Exec(exec_error(&live.program, errno)),
                    errno => StartError::Sandbox(stage, io::Error::from_raw_os_error(errno).to_string()),
                };
                live.started.map(|started| started.send(Err(error)));
            }
            wire::Report::Exited { token, code, signal, out_of_memory } => {
                let Some(live) = self.live.lock().remove(&token) else { return };
                let status = match signal {
                    _ if out_of_memory => ExitStatus::OutOfMemory,
                    0 => ExitStatus::Code(code),
                    signal => ExitStatus::Signal(signal),
                };
                let _ = live.exited.send((status, self.clock.now()));
            }
        }
    }

    /// Forgets a container that did not start.
    fn forget(&self, live: &Live) {
        if live.is_main {
            self.containers.remove(&live.container);
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
            strays::kill(&live.iter().map(|live| &*live.container.0).collect());
        }
        let now = self.clock.now();
        for container in live {
            match container.started {
                Some(started) => {
                    self.starts.add_permits(1);
                    if container.is_main {
                        self.containers.remove(&container.container);
                    }
                    drop(started.send(Err(supervisor_is_gone())));
                }
                None => drop(container.exited.send((ExitStatus::Signal(9), now))),
            }
        }
    }
}

/// What to run.
struct Process<'a> {
    program: &'a Path,
    argv: &'a [String],
    env: &'a [(String, String)],
    cwd: &'a Path,
    sandbox: Option<&'a Sandbox>,
    memory_limit: Option<u64>,
}

/// ESRCH.
const NO_SUCH_PROCESS: i32 = nix::errno::Errno::ESRCH as i32;

fn open_streams(stdin: bool, tty: bool) -> Result<(stdio::Near, Far), StartError> {
    stdio::open(stdin, tty).map_err(|error| StartError::Runtime(format!("make pipes: {error}")))
}

fn not_running() -> StartError {
    StartError::Exec("cannot exec in a stopped container".to_owned())
}

fn supervisor_is_gone() -> StartError {
    StartError::Runtime("the pod supervisor is gone".to_owned())
}

/// The text that upstream's runtimes give for a program that does not start.
fn exec_error(program: &str, errno: i32) -> String {
    let error = io::Error::from_raw_os_error(errno);
    match error.kind() {
        io::ErrorKind::NotFound => format!("exec: \"{program}\": stat {program}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("exec: \"{program}\": permission denied"),
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

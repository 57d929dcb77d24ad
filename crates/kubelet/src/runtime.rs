//! The door to containers: what the kubelet asks of whatever runs them.
//!
//! A runtime starts and signals containers and reports each end exactly once. It decides nothing: restarts, grace
//! periods and statuses are the kubelet's. Whatever implements this passes the suite in
//! `tests/process_runtime/contract.rs`.

pub mod process;
pub mod sandbox;
pub mod scripted;
pub mod session;
pub(crate) mod wire;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use api::k8s::api::core::v1::Pod;
use api::session::Streams;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::plan::{ProbeKind, Probed, SIGKILL};

pub use sandbox::Sandbox;
pub use session::Session;

/// Names one run of one container; never used twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(pub Arc<str>);

impl ContainerId {
    /// The id of a container's run: unique since a UID is, and readable in `ps` and `/proc`.
    pub fn of_run(pod_uid: &str, container: &str, run: u32) -> Self {
        Self(format!("{pod_uid}_{container}_{run}").into())
    }

    /// The container's name and the run, of an id made by [`ContainerId::of_run`].
    pub fn container(&self) -> Option<(&str, u32)> {
        let (_, rest) = self.0.split_once('_')?;
        let (container, run) = rest.rsplit_once('_')?;
        Some((container, run.parse().ok()?))
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One run of a container, with everything resolved: a runtime looks nothing up.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// The run's name.
    pub id: ContainerId,
    /// The pod that it belongs to, for a runtime that acts it out.
    pub pod: Arc<Pod>,
    /// Absolute path of the program; empty for a runtime that runs none, as are all fields that only programs need.
    pub program: PathBuf,
    /// The arguments, the first being the name the program is called by.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: PathBuf,
    /// Where the output goes, in the format of [`crate::logs`]; made on the first byte.
    pub log_path: PathBuf,
    /// Whether there is standard input.
    pub stdin: Stdin,
    /// Whether it has a terminal for all three streams.
    pub tty: bool,
    /// Bytes of memory that its processes may hold together; a container that holds more is killed.
    pub memory_limit: Option<u64>,
    /// What it sees of the machine; everything if `None`. Its program may then be a bare name, which is looked for along
    /// PATH from within.
    pub sandbox: Option<Sandbox>,
}

/// A container's standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// There is none: it ends at once.
    #[default]
    None,
    /// It is there for whoever attaches, one after the other.
    Open,
    /// It is there for the first that attaches, and ends with it.
    Once,
}

/// A process to run in a container beside its main one, with everything resolved.
#[derive(Clone, Debug)]
pub struct ExecSpec {
    /// The container's run.
    pub container: ContainerId,
    /// Absolute path of the program.
    pub program: PathBuf,
    /// The arguments, the first being the name the program is called by.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The streams that the client wants.
    pub streams: Streams,
    /// Whether it is killed once the client is gone, as a probe is that has taken too long.
    pub ends_with_client: bool,
}

/// A container that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Process id of the main process, or zero where a runtime has none.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exited by itself.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
    /// It was killed since it held more memory than its limit.
    OutOfMemory,
}

impl ExitStatus {
    /// The exit code that Kubernetes shows: 128 + n for signal n.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::OutOfMemory => 128 + SIGKILL,
        }
    }
}

/// A container has ended: nothing of it runs any more and all of its output is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exited {
    /// Which run.
    pub id: ContainerId,
    /// How.
    pub status: ExitStatus,
    /// When the main process was found dead, by the injected clock.
    pub finished_at: Timestamp,
}

/// Why a container did not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The program or its working directory cannot be used; text in upstream's words. The container counts as ended.
    #[error("{0}")]
    Exec(String),
    /// The sandbox could not be made: at which step, and what the system said. The container counts as ended.
    #[error("make the sandbox: {0:?}: {1}")]
    Sandbox(sandbox::Stage, String),
    /// The runtime itself failed; the same start may work later.
    #[error("runtime: {0}")]
    Runtime(String),
    /// There is no such image.
    #[error("{0}")]
    Image(String),
    /// What the pod says of the container cannot be used; that may change.
    #[error("{0}")]
    Config(String),
}

/// A future that a runtime hands out.
pub type RuntimeFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a runtime reports ends. A full channel holds the runtime back; no report is dropped.
pub type ExitReceiver = mpsc::Receiver<Exited>;

/// Runs containers.
///
/// # Guarantees
/// - A successful `start` is followed by exactly one [`Exited`]; a failed one by none.
/// - When `Exited` is delivered, no process of that container is left and its log is complete.
/// - After `shutdown` returns, no process of any container is left.
/// - A session ends with exactly one [`SessionEvent::Ended`](api::session::SessionEvent), after all output. A client
///   that goes away ends the input and closes the output of what was executed for it, and no more: that goes on until
///   its container ends, as upstream's does.
/// - Neither a slow client nor one that is gone holds up the container or its log.
pub trait Runtime: Send + Sync + 'static {
    /// The name in front of container ids, such as `process` in `process://ID`.
    fn name(&self) -> &'static str;

    /// Whether containers are programs of this host. For a runtime that only acts them out, no image, program or
    /// directory is looked for, and nothing is written to disk.
    fn runs_programs(&self) -> bool {
        true
    }

    /// Starts a container and answers once it runs.
    fn start(&self, spec: ContainerSpec) -> RuntimeFuture<'_, Result<Started, StartError>>;

    /// Runs a process in a container that runs, beside its main one.
    fn exec(&self, spec: ExecSpec) -> RuntimeFuture<'_, Result<Session, StartError>>;

    /// Joins the streams of a container's main process, from now on; `None` when it does not run.
    fn attach(&self, id: &ContainerId, streams: Streams) -> Option<Session>;

    /// What a probe of a container finds, of a runtime that acts containers out; `None` when it does not run.
    fn probe(&self, _id: &ContainerId, _kind: ProbeKind) -> Option<Probed> {
        None
    }

    /// Sends a signal to all processes of the container's group; a container that has ended is passed over.
    fn kill(&self, id: &ContainerId, signal: i32);

    /// Whether containers can have sandboxes: asked for once, and answered by making one.
    fn has_sandboxes(&self) -> RuntimeFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    /// Whether a sandbox can have this root, with a layer that takes what is written: answered by making one.
    fn has_layers(&self, _root: sandbox::Root) -> RuntimeFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    /// Whether that was tried and did not work.
    fn lacks_sandboxes(&self) -> bool {
        true
    }

    /// Containers that were started and have not been reported as ended.
    fn running(&self) -> usize;

    /// Kills everything and frees the runtime; starts fail from here on.
    fn shutdown(&self) -> RuntimeFuture<'_, ()>;
}

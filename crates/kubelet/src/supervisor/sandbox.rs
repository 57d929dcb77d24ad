//! Spawns processes in namespaces of their own: mounts, process ids, host name and, on request, network and user ids.
//!
//! A sandboxed container is two processes: *init*, the first of its PID namespace, which builds what the container sees,
//! starts the container's program, collects orphans and ends with the program; and the program. The supervisor knows
//! init as the container's main process, and learns how the program ended through a pipe, since the first process of a
//! namespace cannot die of a signal as its program did. When init goes, however it goes, the kernel kills all that is left.
//! One that lives among the host's processes (`shares_processes`) has no init: its one process becomes the program, and
//! what it leaves is found as that of a plain process is.
//!
//! This process has one thread, so its forks may do whatever they need before they exec.

mod enter;
mod identity;
mod init;
mod mounts;
mod program;
mod root;
mod shadow;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{Pid, pipe2};
use rustix::process::{PidfdFlags, pidfd_open};

pub(super) use identity::Rights;

use crate::runtime::sandbox::{Sandbox, Stage};
use crate::runtime::wire::StartCommand;

/// Why a process did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) errno: Errno,
}

impl Failure {
    /// Turns an error of this stage into one.
    fn at<E: IntoErrno>(stage: Stage) -> impl Fn(E) -> Self {
        move |error| Self { stage, errno: error.into_errno() }
    }
}

/// What tells a system error number.
trait IntoErrno {
    fn into_errno(self) -> Errno;
}

impl IntoErrno for Errno {
    fn into_errno(self) -> Errno {
        self
    }
}

impl IntoErrno for rustix::io::Errno {
    fn into_errno(self) -> Errno {
        Errno::from_raw(self.raw_os_error())
    }
}

impl IntoErrno for std::io::Error {
    fn into_errno(self) -> Errno {
        Errno::from_raw(self.raw_os_error().unwrap_or(Errno::EINVAL as i32))
    }
}

/// A process that was started.
pub(super) struct Spawned {
    /// The program; in a sandbox its init, or the process that waits outside for one that was started inside.
    pub(super) pid: Pid,
    /// What there is to know of it in a sandbox.
    pub(super) sandboxed: Option<Sandboxed>,
}

/// A process in a sandbox.
pub(super) struct Sandboxed {
    /// Where the program's end is told, unless the process is the program.
    pub(super) end: Option<EndPipe>,
    pub(super) shares_processes: bool,
    /// What processes that enter it may do.
    pub(super) rights: Rights,
}

impl Spawned {
    /// A process without a sandbox.
    pub(super) fn plain(pid: Pid) -> Self {
        Self { pid, sandboxed: None }
    }
}

/// Tells once how the program ended: the wait status' exit code and signal.
#[derive(Debug)]
pub(super) struct EndPipe(File);

impl EndPipe {
    /// The program's exit code and signal, if it ended before its init did.
    pub(super) fn read(mut self) -> Option<(i32, i32)> {
        let mut bytes = [0; 8];
        // Init is dead, so no writer is left: what is not there now never comes.
        self.0.read_exact(&mut bytes).ok()?;
        let number = |bytes: &[u8]| Some(i32::from_le_bytes(bytes.try_into().ok()?));
        Some((number(&bytes[..4])?, number(&bytes[4..])?))
    }
}

/// The pipes of one start: failures before the program runs, and its end.
struct Pipes {
    failure: (OwnedFd, OwnedFd),
    /// Only where a process stands between the supervisor and the program.
    end: Option<(OwnedFd, OwnedFd)>,
}

impl Pipes {
    fn open(shares_processes: bool) -> Result<Self, Failure> {
        let open = || pipe2(OFlag::O_CLOEXEC).map_err(Failure::at(Stage::Exec));
        let end = if shares_processes { None } else { Some(open()?) };
        Ok(Self { failure: open()?, end })
    }

    /// For the supervisor: waits until the program runs, or tells why it does not.
    fn outcome(self, pid: Pid, rights: Rights) -> Result<Spawned, Failure> {
        let Self { failure: (failure, failure_far), end } = self;
        drop(failure_far);
        let shares_processes = end.is_none();
        let end = end.map(|(end, _far)| EndPipe(File::from(end)));
        let mut bytes = Vec::new();
        let read = File::from(failure).read_to_end(&mut bytes);
        let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(i32::from_le_bytes);
        let failure = match (read, number(0), number(4)) {
            (Ok(0), ..) => return Ok(Spawned { pid, sandboxed: Some(Sandboxed { end, shares_processes, rights }) }),
            (_, Some(stage), Some(errno)) => Failure { stage: Stage::from_code(stage), errno: Errno::from_raw(errno) },
            _ => Failure { stage: Stage::Exec, errno: Errno::EIO },
        };
        // It has nothing left to do but end, and nobody else waits for it.
        let _ = nix::sys::wait::waitpid(pid, None);
        Err(failure)
    }
}

/// Starts a container's program in a sandbox of its own and answers once it runs.
pub(super) fn spawn(start: &StartCommand, sandbox: &Sandbox, streams: &[OwnedFd]) -> Result<Spawned, Failure> {
    let pipes = Pipes::open(sandbox.shares_processes)?;
    let pid = init::start(start, sandbox, streams, &pipes)?;
    pipes.outcome(pid, Rights::of(sandbox))
}

/// Starts a program in the sandbox of a container, whose first process this is, and answers once it runs.
///
/// The first process must not be reaped yet, so that the number is its own.
pub(super) fn spawn_within(
    start: &StartCommand,
    first: Pid,
    sandboxed: &Sandboxed,
    streams: &[OwnedFd],
) -> Result<Spawned, Failure> {
    let failed = Failure::at::<rustix::io::Errno>(Stage::Exec);
    let first = rustix::process::Pid::from_raw(first.as_raw()).ok_or(rustix::io::Errno::SRCH).map_err(&failed)?;
    let first = pidfd_open(first, PidfdFlags::empty()).map_err(&failed)?;
    let pipes = Pipes::open(sandboxed.shares_processes)?;
    let pid = enter::start(start, first.as_fd(), sandboxed, streams, &pipes)?;
    pipes.outcome(pid, Rights::default())
}

/// Set in the supervisor's environment, it makes the supervisor find no namespaces: for tests of what holds without.
const FORBIDDEN: &str = "KUBECTL_JOB_NO_NAMESPACES";

fn are_forbidden() -> bool {
    std::env::var_os(FORBIDDEN).is_some()
}

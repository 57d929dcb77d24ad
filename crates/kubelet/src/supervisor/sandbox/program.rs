//! What the processes between fork and exec have in common: streams, sessions, telling of failures and of ends, exec.
#![expect(unsafe_code, reason = "what happens between fork and exec has no safe interface")]

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execve, fork, setpgid, setsid};

use super::{Failure, Pipes};
use crate::runtime::sandbox::Stage;
use crate::runtime::wire::{StartCommand, Stdio};

/// The numbers that the two pipes have in a forked process; everything above is closed.
const FAILURE: RawFd = 3;
const END: RawFd = 4;
/// Descriptors are copied above these before they are put in place, so that none is overwritten too early.
const ASIDE: RawFd = 16;

/// The two pipes in a forked process.
pub(super) struct Voice {
    failure: File,
    end: File,
}

impl Voice {
    /// Says why there is no program, and ends this process.
    pub(super) fn fail(mut self, failure: Failure) -> ! {
        let (stage, errno) = (failure.stage.code().to_le_bytes(), (failure.errno as i32).to_le_bytes());
        let _ = self.failure.write_all(&[stage, errno].concat());
        exit()
    }

    /// Starts the program in a child, waits for its end, says how it ended, and ends this process.
    ///
    /// Other children, which a first process inherits, are reaped meanwhile.
    pub(super) fn run(mut self, start: &StartCommand) -> ! {
        // SAFETY: this process has one thread.
        let program = match unsafe { fork() } {
            Ok(ForkResult::Child) => {
                let Err(failure) = exec(start);
                self.fail(failure)
            }
            Ok(ForkResult::Parent { child }) => child,
            Err(errno) => self.fail(Failure { stage: Stage::Exec, errno }),
        };
        drop(self.failure);
        // The program's output ends with the program, not with whoever waits for it.
        let _ = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty()).and_then(|null| {
            rustix::stdio::dup2_stdin(&null)?;
            rustix::stdio::dup2_stdout(&null)?;
            rustix::stdio::dup2_stderr(&null)
        });
        let (code, signal) = wait_for(program);
        let _ = self.end.write_all(&[code.to_le_bytes(), signal.to_le_bytes()].concat());
        exit()
    }
}

/// Reaps children until this one has ended; its exit code and signal.
fn wait_for(program: Pid) -> (i32, i32) {
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == program => return (code, 0),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == program => return (0, signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return (255, 0),
        }
    }
}

/// Ends this process without running what the supervisor would run at its own end.
fn exit() -> ! {
    // SAFETY: never returns and touches nothing.
    unsafe { libc::_exit(127) }
}

/// In a new process: leads a group or session, has the streams as its own, and no other descriptor but the pipes.
pub(super) fn settle(streams: &[OwnedFd], stdio: Stdio, pipes: &Pipes) -> Result<Voice, (Voice, Failure)> {
    // The supervisor's handler writes to a descriptor whose number is soon another's.
    // SAFETY: the default disposition runs no code of ours.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    let aside = |fd: RawFd| {
        // SAFETY: the descriptor is open, and the copy is owned by nobody else.
        unsafe { fcntl(std::os::fd::BorrowedFd::borrow_raw(fd), FcntlArg::F_DUPFD_CLOEXEC(ASIDE)) }.unwrap_or(-1)
    };
    let copies: Vec<RawFd> = streams.iter().map(|stream| aside(stream.as_raw_fd())).collect();
    let (failure, end) = (aside(pipes.failure.1.as_raw_fd()), aside(pipes.end.1.as_raw_fd()));
    let null = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty());
    let null = null.map_or(-1, |null| aside(null.into_raw_fd()));
    let at = |index: usize| copies.get(index).copied().unwrap_or(-1);
    let places = match stdio {
        Stdio::Output => [null, at(0), at(1)],
        Stdio::All => [at(0), at(1), at(2)],
        Stdio::Terminal => [at(0), at(0), at(0)],
    };
    // SAFETY: nothing of this process uses the numbers that are overwritten or closed from here on: the values that own
    // them belong to the supervisor's side of the fork and are never dropped in this one.
    let voice = unsafe {
        for (number, copy) in places.into_iter().enumerate() {
            libc::dup2(copy, number as RawFd);
        }
        libc::dup3(failure, FAILURE, libc::O_CLOEXEC);
        libc::dup3(end, END, libc::O_CLOEXEC);
        libc::syscall(libc::SYS_close_range, END as u32 + 1, u32::MAX, 0_u32);
        Voice { failure: File::from_raw_fd(FAILURE), end: File::from_raw_fd(END) }
    };
    let led = match stdio {
        Stdio::Terminal => take_terminal(),
        Stdio::Output | Stdio::All => setpgid(Pid::from_raw(0), Pid::from_raw(0)),
    };
    match led {
        Ok(()) => Ok(voice),
        Err(errno) => Err((voice, Failure { stage: Stage::Exec, errno })),
    }
}

fn take_terminal() -> Result<(), Errno> {
    setsid()?;
    let taken = rustix::process::ioctl_tiocsctty(rustix::stdio::stdin());
    taken.map_err(|error| Errno::from_raw(error.raw_os_error()))
}

/// Becomes the program.
fn exec(start: &StartCommand) -> Result<Infallible, Failure> {
    // Rust ignores it, and what is ignored stays so through exec.
    // SAFETY: the default disposition runs no code of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    let failed = Failure::at(Stage::Exec);
    let words = |words: &[std::ffi::OsString]| -> Result<Vec<CString>, Failure> {
        words.iter().map(|word| c_string(word)).collect()
    };
    let argv = match start.argv.is_empty() {
        true => vec![c_string(start.program.as_os_str())?],
        false => words(&start.argv)?,
    };
    let env: Result<Vec<CString>, Failure> = start
        .env
        .iter()
        .map(|(name, value)| c_string(OsStr::from_bytes(&[name.as_bytes(), b"=", value.as_bytes()].concat())))
        .collect();
    let env = env?;
    let mut last = Errno::ENOENT;
    for candidate in candidates(start) {
        match execve(&c_string(candidate.as_os_str())?, &argv, &env) {
            Ok(never) => match never {},
            Err(errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)) => last = errno,
            Err(errno) => return Err(failed(errno)),
        }
    }
    Err(failed(last))
}

/// A bare name is looked for along the program's own PATH, as it is seen from within.
fn candidates(start: &StartCommand) -> Vec<std::path::PathBuf> {
    if start.program.as_os_str().as_bytes().contains(&b'/') {
        return vec![start.program.clone()];
    }
    let path = start.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_bytes()).unwrap_or_default();
    path.split(|byte| *byte == b':').map(|part| Path::new(OsStr::from_bytes(part)).join(&start.program)).collect()
}

fn c_string(text: &OsStr) -> Result<CString, Failure> {
    CString::new(text.as_bytes()).map_err(|_| Failure { stage: Stage::Exec, errno: Errno::EINVAL })
}

//! What the processes between fork and exec have in common: streams, sessions, telling of failures and of ends, exec.
#![expect(unsafe_code, reason = "what happens between fork and exec has no safe interface")]

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, Pid, execve, fork, setpgid, setsid};

use super::super::{ends, programs};
use super::{Failure, Pipes};
use crate::runtime::sandbox::Stage;
use crate::runtime::wire::{StartCommand, Stdio};

/// The numbers that the two pipes have in a forked process; everything above is closed.
const FAILURE: RawFd = 3;
const END: RawFd = 4;
/// Descriptors are copied above these before they are put in place, so that none is overwritten too early.
const ASIDE: RawFd = 16;

/// The pipes in a forked process.
pub(super) struct Voice {
    failure: File,
    /// Only where a process stands between the supervisor and the program.
    end: Option<File>,
}

impl Voice {
    /// Says why there is no program, and ends this process.
    pub(super) fn fail(mut self, failure: Failure) -> ! {
        let (stage, errno) = (failure.stage.code().to_le_bytes(), (failure.errno as i32).to_le_bytes());
        let _ = self.failure.write_all(&[stage, errno].concat());
        exit()
    }

    /// Becomes the program in this process.
    pub(super) fn become_program(self, start: &StartCommand) -> ! {
        let Err(failure) = exec(start);
        self.fail(failure)
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
        if let Some(end) = &mut self.end {
            let _ = end.write_all(&[code.to_le_bytes(), signal.to_le_bytes()].concat());
        }
        exit()
    }
}

/// Reaps children until this one has ended; its exit code and signal.
fn wait_for(program: Pid) -> (i32, i32) {
    loop {
        match ends::wait(None, libc::__WALL) {
            Ok(Some((pid, end))) if pid == program => return end,
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
    let failure = aside(pipes.failure.1.as_raw_fd());
    let end = pipes.end.as_ref().map(|(_, far)| aside(far.as_raw_fd()));
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
        if let Some(end) = end {
            libc::dup3(end, END, libc::O_CLOEXEC);
        }
        let first_to_close = if end.is_some() { END + 1 } else { END };
        libc::syscall(libc::SYS_close_range, first_to_close as u32, u32::MAX, 0_u32);
        Voice { failure: File::from_raw_fd(FAILURE), end: end.map(|_| File::from_raw_fd(END)) }
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
    let argv = programs::argv(start).map_err(&failed)?;
    let env = programs::env(start).map_err(&failed)?;
    let mut last = Errno::ENOENT;
    for candidate in programs::candidates(start).map_err(&failed)? {
        match execve(&candidate, &argv, &env) {
            Ok(never) => match never {},
            Err(errno) if programs::may_be_elsewhere(errno) => last = errno,
            Err(errno) => return Err(failed(errno)),
        }
    }
    Err(failed(last))
}

//! The standard streams of one process: pipes or a terminal, the near ends here and the far ends for the process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use api::session::TerminalSize;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::runtime::wire::Stdio;

/// This side's ends.
pub(super) struct Near {
    /// What the process reads.
    pub(super) stdin: Option<Sender>,
    /// What it prints; with a terminal, all of it.
    pub(super) stdout: Receiver,
    /// What it prints as errors.
    pub(super) stderr: Option<Receiver>,
    /// Its terminal.
    pub(super) terminal: Option<Terminal>,
}

/// The process's ends, in the order of the wire.
pub(super) struct Far {
    pub(super) stdio: Stdio,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// The near end of a terminal, for its size.
pub(super) struct Terminal(OwnedFd);

impl Terminal {
    /// Tells the terminal, and with it the process, a new size.
    pub(super) fn resize(&self, size: TerminalSize) {
        let size = Winsize { ws_col: size.width, ws_row: size.height, ws_xpixel: 0, ws_ypixel: 0 };
        // A terminal that nobody has any more needs no size.
        let _ = tcsetwinsize(&self.0, size);
    }
}

/// Opens streams. A terminal always has input.
pub(super) fn open(stdin: bool, tty: bool) -> io::Result<(Near, Far)> {
    if tty { terminal() } else { pipes(stdin) }
}

fn pipes(with_stdin: bool) -> io::Result<(Near, Far)> {
    let ((stdout, stdout_far), (stderr, stderr_far)) = (output()?, output()?);
    let mut near = Near { stdin: None, stdout, stderr: Some(stderr), terminal: None };
    if !with_stdin {
        return Ok((near, Far { stdio: Stdio::Output, descriptors: vec![stdout_far, stderr_far] }));
    }
    let (stdin_far, stdin) = pipe_with(PipeFlags::CLOEXEC)?;
    unblock(&stdin)?;
    near.stdin = Some(Sender::from_owned_fd_unchecked(stdin)?);
    Ok((near, Far { stdio: Stdio::All, descriptors: vec![stdin_far, stdout_far, stderr_far] }))
}

fn output() -> io::Result<(Receiver, OwnedFd)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    unblock(&reader)?;
    Ok((Receiver::from_owned_fd_unchecked(reader)?, writer))
}

fn terminal() -> io::Result<(Near, Far)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let near = openpt(flags)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let far = ioctl_tiocgptpeer(&near, flags)?;
    unblock(&near)?;
    let stdout = Receiver::from_owned_fd_unchecked(near.try_clone()?)?;
    let stdin = Sender::from_owned_fd_unchecked(near.try_clone()?)?;
    let near = Near { stdin: Some(stdin), stdout, stderr: None, terminal: Some(Terminal(near)) };
    Ok((near, Far { stdio: Stdio::Terminal, descriptors: vec![far] }))
}

/// Only for ends of this side: those of the process must block.
fn unblock(descriptor: impl AsFd) -> io::Result<()> {
    let descriptor = descriptor.as_fd();
    Ok(fcntl_setfl(descriptor, fcntl_getfl(descriptor)? | OFlags::NONBLOCK)?)
}

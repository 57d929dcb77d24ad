//! The two sockets to the server: commands with descriptors in, reports out.
//!
//! Bounds: at most one receive buffer of commands is held, and the reports of live containers, at most two each.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};

use super::signals::ChildSignal;
use crate::runtime::wire::{Command, FrameBuffer, Report, encode_report};

const RECEIVE_BYTES: usize = 64 * 1024;
/// The most descriptors that Linux passes in one message.
const SCM_MAX_FD: usize = 253;

/// Whether the server is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Open,
    Closed,
}

impl Peer {
    pub(super) fn is_closed(self) -> bool {
        self == Self::Closed
    }
}

/// Standard input and output as the server's sockets.
pub(super) struct Link {
    frames: FrameBuffer,
    next: Option<Command>,
    descriptors: VecDeque<OwnedFd>,
    reports: Vec<u8>,
    receive: Box<[u8]>,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            frames: FrameBuffer::default(),
            next: None,
            descriptors: VecDeque::new(),
            reports: Vec::new(),
            receive: vec![0; RECEIVE_BYTES].into_boxed_slice(),
        }
    }

    /// Whether a command is at hand without waiting. A frame that cannot be read drops the connection: see `wait`.
    pub(super) fn has_command(&mut self) -> bool {
        if self.next.is_none() {
            self.next = self.frames.next_command().expect("the server is this same binary and frames what we read");
        }
        self.next.is_some()
    }

    pub(super) fn next_command(&mut self) -> Option<Command> {
        if self.has_command() { self.next.take() } else { None }
    }

    /// The descriptors that came with the oldest `Start` not yet handled.
    pub(super) fn take_descriptors(&mut self, count: usize) -> Option<Vec<OwnedFd>> {
        (self.descriptors.len() >= count).then(|| self.descriptors.drain(..count).collect())
    }

    /// Waits for commands, a dead child, room for reports, or the time-out, and takes in what has come.
    pub(super) fn wait(&mut self, signal: &ChildSignal, timeout: Option<Duration>) -> Result<Peer, Errno> {
        let (stdin, stdout) = (rustix::stdio::stdin(), rustix::stdio::stdout());
        let out_events = if self.reports.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let mut fds = [
            PollFd::new(stdin, PollFlags::POLLIN),
            PollFd::new(signal.fd(), PollFlags::POLLIN),
            PollFd::new(stdout, out_events),
        ];
        let timeout = timeout.map_or(PollTimeout::NONE, |t| PollTimeout::try_from(t).unwrap_or(PollTimeout::MAX));
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        let ready = fds[0].revents().unwrap_or(PollFlags::empty());
        if ready.is_empty() { Ok(Peer::Open) } else { self.receive() }
    }

    fn receive(&mut self) -> Result<Peer, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SCM_MAX_FD))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let mut slices = [IoSliceMut::new(&mut self.receive)];
        let received = match recvmsg(rustix::stdio::stdin().as_fd(), &mut slices, &mut control, flags) {
            Ok(received) => received,
            Err(error) => {
                return match Errno::from_raw(error.raw_os_error()) {
                    Errno::EAGAIN | Errno::EINTR => Ok(Peer::Open),
                    // A server killed with unread reports resets the socket instead of ending it.
                    Errno::ECONNRESET => Ok(Peer::Closed),
                    other => Err(other),
                };
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if received.bytes == 0 {
            return Ok(Peer::Closed);
        }
        self.frames.extend(&self.receive[..received.bytes]);
        Ok(Peer::Open)
    }

    /// Queues a report.
    pub(super) fn report(&mut self, report: Report) {
        encode_report(&mut self.reports, report);
    }

    /// Bytes of reports that were not sent yet.
    pub(super) fn reports_len(&self) -> usize {
        self.reports.len()
    }

    /// Sends what the socket takes; the rest waits for room. A server that is gone shows on standard input.
    pub(super) fn flush(&mut self) -> Result<(), Errno> {
        if self.reports.is_empty() {
            return Ok(());
        }
        match send(rustix::stdio::stdout(), &self.reports, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => {
                self.reports.drain(..sent);
                Ok(())
            }
            Err(error) => match Errno::from_raw(error.raw_os_error()) {
                Errno::EAGAIN | Errno::EINTR => Ok(()),
                Errno::EPIPE | Errno::ECONNRESET => {
                    self.reports.clear();
                    Ok(())
                }
                other => Err(other),
            },
        }
    }
}

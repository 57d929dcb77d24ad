//! One container's standard output and error: two pipes, copied into its log.
//!
//! Bound: one chunk at a time. While a chunk is written the pipes wait, and with them a container that prints too fast.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use clock::Clock;
use jiff::Timestamp;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Receiver;

use crate::logs::{LogWriter, Source};

const CHUNK_BYTES: usize = 64 * 1024;
/// How long the pipes of a container that has ended may stay open: only a process outside the container's tree that
/// was handed one of them could hold it.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Shared by all containers of a thread, as nothing waits between filling and emptying it.
    static CHUNK: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_BYTES]);
}

/// The read ends and the log they go to.
pub(super) struct Output {
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
    log: LogWriter,
}

impl Output {
    /// Makes the pipes; answers with the write ends for the container.
    pub(super) fn open(log: LogWriter) -> io::Result<(Self, [OwnedFd; 2])> {
        let ((stdout, stdout_writer), (stderr, stderr_writer)) = (open_pipe()?, open_pipe()?);
        Ok((Self { stdout: Some(stdout), stderr: Some(stderr), log }, [stdout_writer, stderr_writer]))
    }

    /// Copies until both pipes have ended. May be dropped and called again at any point.
    pub(super) async fn copy(&mut self, clock: &dyn Clock) {
        while self.stdout.is_some() || self.stderr.is_some() {
            tokio::select! {
                () = readable(self.stdout.as_ref()) => take(&mut self.stdout, Source::Stdout, &mut self.log, clock),
                () = readable(self.stderr.as_ref()) => take(&mut self.stderr, Source::Stderr, &mut self.log, clock),
            }
        }
    }

    /// Copies what an ended container left in the pipes.
    pub(super) async fn drain(&mut self, clock: &dyn Clock) {
        let _ = tokio::time::timeout(DRAIN_PATIENCE, self.copy(clock)).await;
    }

    /// Ends the log.
    pub(super) fn finish(self, now: Timestamp) {
        self.log.finish(now);
    }
}

fn open_pipe() -> io::Result<(Receiver, OwnedFd)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    // Only this end: the container's must block.
    fcntl_setfl(&reader, fcntl_getfl(&reader)? | OFlags::NONBLOCK)?;
    Ok((Receiver::from_owned_fd_unchecked(reader)?, writer))
}

async fn readable(pipe: Option<&Receiver>) {
    match pipe {
        // An error counts as ready: the read that follows meets it too, and ends the pipe.
        Some(pipe) => drop(pipe.readable().await),
        None => std::future::pending().await,
    }
}

fn take(pipe: &mut Option<Receiver>, source: Source, log: &mut LogWriter, clock: &dyn Clock) {
    let Some(receiver) = pipe else { return };
    let ended = CHUNK.with_borrow_mut(|chunk| match receiver.try_read(chunk) {
        Ok(0) => true,
        Ok(count) => {
            log.append(source, &chunk[..count], clock.now());
            false
        }
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    });
    if ended {
        *pipe = None;
    }
}

//! One container's standard output and error, copied into its log and to those who are attached.
//!
//! Bound: one chunk at a time. While a chunk is written the pipes wait, and with them a container that prints too fast.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use api::session::Channel;
use clock::Clock;
use jiff::Timestamp;
use tokio::net::unix::pipe::Receiver;

use super::taps::Taps;
use crate::logs::{LogWriter, Source};

const CHUNK_BYTES: usize = 64 * 1024;
/// How long the pipes of a container that has ended may stay open: only a process outside the container's tree that
/// was handed one of them could hold it.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    /// Shared by all containers of a thread, as nothing waits between filling and emptying it.
    static CHUNK: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_BYTES]);
}

/// The read ends and where they go to.
pub(super) struct Output {
    stdout: Option<Receiver>,
    stderr: Option<Receiver>,
    log: LogWriter,
    taps: Arc<Taps>,
}

impl Output {
    pub(super) fn new(stdout: Receiver, stderr: Option<Receiver>, log: LogWriter, taps: Arc<Taps>) -> Self {
        Self { stdout: Some(stdout), stderr, log, taps }
    }

    /// Copies until both pipes have ended. May be dropped and called again at any point.
    pub(super) async fn copy(&mut self, clock: &dyn Clock) {
        while self.stdout.is_some() || self.stderr.is_some() {
            let crowded = tokio::select! {
                () = readable(self.stdout.as_ref()) => self.take(Source::Stdout, clock),
                () = readable(self.stderr.as_ref()) => self.take(Source::Stderr, clock),
            };
            if crowded {
                self.taps.breathe().await;
            }
        }
    }

    /// Copies what an ended container left in the pipes.
    pub(super) async fn drain(&mut self, clock: &dyn Clock) {
        let _ = tokio::time::timeout(DRAIN_PATIENCE, self.copy(clock)).await;
    }

    /// Ends the log, and those who are attached.
    pub(super) fn finish(self, now: Timestamp) {
        self.log.finish(now);
        self.taps.end();
    }

    /// Copies one chunk; whether somebody who is attached is far behind.
    fn take(&mut self, source: Source, clock: &dyn Clock) -> bool {
        let (pipe, channel) = match source {
            Source::Stdout => (&mut self.stdout, Channel::Stdout),
            Source::Stderr => (&mut self.stderr, Channel::Stderr),
        };
        let Some(receiver) = pipe else { return false };
        let (ended, crowded) = CHUNK.with_borrow_mut(|chunk| match receiver.try_read(chunk) {
            Ok(0) => (true, false),
            Ok(count) => {
                self.log.append(source, &chunk[..count], clock.now());
                (false, self.taps.tell(channel, &chunk[..count]))
            }
            Err(error) => (error.kind() != io::ErrorKind::WouldBlock, false),
        });
        if ended {
            *pipe = None;
        }
        crowded
    }
}

async fn readable(pipe: Option<&Receiver>) {
    match pipe {
        // An error counts as ready: the read that follows meets it too, and ends the pipe.
        Some(pipe) => drop(pipe.readable().await),
        None => std::future::pending().await,
    }
}

//! One SPDY connection, shared by those who read it, write it and have streams on it, all within one task.
//!
//! Bound: [`OUTPUT_BYTES_MAX`] wait to be written, above which [`Mux::send`] waits too; replies and ends of streams, of
//! some bytes each, are let through, but above [`WAITING_BYTES_MAX`] nothing more is read that could ask for one.

use std::io;

use bytes::Bytes;
use parking_lot::Mutex;
use streams::spdy;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::connection::read_some;

const OUTPUT_BYTES_MAX: usize = 128 * 1024;
/// Well above the other bound, so that input goes on while output waits.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// The connection.
#[derive(Default)]
pub(super) struct Mux {
    state: Mutex<State>,
    filled: Notify,
    drained: Notify,
}

#[derive(Default)]
struct State {
    connection: spdy::Connection,
    waiting: Vec<u8>,
    writing: bool,
}

impl Mux {
    /// Does something on the connection, and has what comes of it sent.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut spdy::Connection) -> T) -> T {
        let mut state = self.state.lock();
        let result = act(&mut state.connection);
        let output = state.connection.take_output();
        if !output.is_empty() {
            state.waiting.extend_from_slice(&output);
            self.filled.notify_one();
        }
        result
    }

    /// Takes the next event from the input, or all of it.
    fn receive(&self, input: &mut Bytes) -> Result<Option<spdy::Event>, spdy::SpdyError> {
        self.with(|connection| connection.receive(input))
    }

    /// Sends bytes on a stream, as soon as there is room.
    pub(super) async fn send(&self, stream: u32, bytes: &[u8]) {
        self.until(|state| state.waiting.len() < OUTPUT_BYTES_MAX).await;
        self.with(|connection| connection.send(stream, bytes));
    }

    /// Waits until there is room for replies to what is read next.
    async fn room(&self) {
        self.until(|state| state.waiting.len() < WAITING_BYTES_MAX).await;
    }

    /// Waits until all that was sent is written.
    pub(super) async fn flushed(&self) {
        self.until(|state| state.waiting.is_empty() && !state.writing).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let mut drained = std::pin::pin!(self.drained.notified());
            // Listening before looking, so that no change goes unheard in between.
            drained.as_mut().enable();
            if holds(&self.state.lock()) {
                return;
            }
            drained.await;
        }
    }

    /// Writes what is sent, until the connection breaks.
    pub(super) async fn write_to(&self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        loop {
            let output = {
                let mut state = self.state.lock();
                state.writing = !state.waiting.is_empty();
                std::mem::take(&mut state.waiting)
            };
            if output.is_empty() {
                self.drained.notify_waiters();
                self.filled.notified().await;
                continue;
            }
            writer.write_all(&output).await?;
            writer.flush().await?;
        }
    }
}

/// What a client says, event by event.
pub(super) struct Reading<'a, R> {
    mux: &'a Mux,
    reader: &'a mut R,
    input: Bytes,
    buffer: Vec<u8>,
}

impl<'a, R: AsyncRead + Unpin> Reading<'a, R> {
    /// Reads on from what was read already.
    pub(super) fn new(mux: &'a Mux, reader: &'a mut R, read: Bytes) -> Self {
        Self { mux, reader, input: read, buffer: Vec::new() }
    }

    /// The next event; nothing when the client is gone.
    pub(super) async fn next(&mut self) -> io::Result<Option<spdy::Event>> {
        loop {
            if let Some(event) = self.mux.receive(&mut self.input).map_err(io::Error::other)? {
                return Ok(Some(event));
            }
            self.mux.room().await;
            self.input = read_some(self.reader, &mut self.buffer).await?;
            if self.input.is_empty() {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn pings_whose_answers_nobody_reads_are_read_no_further() {
        let mux = Mux::default();
        let ping = [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1];
        let mut pings = Bytes::from(ping.repeat(WAITING_BYTES_MAX / ping.len() + 1));
        assert!(mux.room().now_or_never().is_some());
        assert_eq!(mux.receive(&mut pings), Ok(None));
        assert!(mux.room().now_or_never().is_none());
        let mut sink = tokio::io::sink();
        tokio::select! {
            result = mux.write_to(&mut sink) => panic!("{result:?}"),
            () = mux.room() => {}
        }
    }
}

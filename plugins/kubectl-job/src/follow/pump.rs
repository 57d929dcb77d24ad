//! Reads logs, any number at a time up to a bound, and hands their lines over one channel.

use std::sync::Arc;

use api::logs::LogOptions;
use bytes::BytesMut;
use client::Client;
use futures::StreamExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::sources::Source;

/// Logs read at the same time; further ones wait, and lose nothing, since logs are files.
const MAX_OPEN_LOGS: usize = 64;
/// Lines on their way to the screen; when full, readers wait for the screen.
const MAX_LINES_WAITING: usize = 256;
/// A line longer than this is handed over in parts.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// What comes out of a log.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A line, without its end.
    Line {
        /// Which log.
        source: Arc<Source>,
        /// The bytes.
        bytes: bytes::Bytes,
    },
    /// The log has ended; with an error when it could not be read.
    Ended {
        /// Which log.
        source: Arc<Source>,
        /// Why it ended early.
        error: Option<String>,
    },
}

/// The readers of logs. Dropped, they stop.
pub(crate) struct Pump {
    client: Client,
    namespace: String,
    options: LogOptions,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Piece>,
    /// How many logs have not ended.
    pub(crate) open: usize,
}

impl Pump {
    /// Readers with these options, and the channel that their lines come from.
    pub(crate) fn new(client: Client, namespace: &str, options: LogOptions) -> (Self, mpsc::Receiver<Piece>) {
        let (sender, receiver) = mpsc::channel(MAX_LINES_WAITING);
        let permits = Arc::new(Semaphore::new(MAX_OPEN_LOGS));
        let (namespace, tasks) = (namespace.to_owned(), JoinSet::new());
        (Self { client, namespace, options, permits, tasks, sender, open: 0 }, receiver)
    }

    /// Begins to read a log.
    pub(crate) fn open(&mut self, source: Source) {
        let mut options = self.options.clone();
        options.container = Some(source.container.clone());
        options.previous = source.is_previous;
        options.follow &= !source.is_previous;
        let (client, namespace) = (self.client.clone(), self.namespace.clone());
        let (sender, permits) = (self.sender.clone(), self.permits.clone());
        self.open += 1;
        self.tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let source = Arc::new(source);
            let error = read(&client, &namespace, options, &source, &sender).await.err().map(|error| error.to_string());
            // The receiver is gone only when nobody looks any more.
            let _ = sender.send(Piece::Ended { source, error }).await;
        });
        while self.tasks.try_join_next().is_some() {}
    }

    /// Notes that a log has ended.
    pub(crate) fn ended(&mut self) {
        self.open = self.open.saturating_sub(1);
    }
}

async fn read(
    client: &Client,
    namespace: &str,
    options: LogOptions,
    source: &Arc<Source>,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), client::Error> {
    let mut stream = client.logs(namespace, &source.pod, options).await?;
    let mut buffer = BytesMut::new();
    let line = |bytes: BytesMut| Piece::Line { source: source.clone(), bytes: bytes.freeze() };
    while let Some(chunk) = stream.next().await {
        buffer.extend_from_slice(&chunk?);
        while let Some(mut next) = split_line(&mut buffer) {
            if next.last() == Some(&b'\n') {
                next.truncate(next.len() - 1);
            }
            if sender.send(line(next)).await.is_err() {
                return Ok(());
            }
        }
    }
    if !buffer.is_empty() {
        let _ = sender.send(line(buffer)).await;
    }
    Ok(())
}

/// The first line of a buffer with its end, or a part of a line that is too long to wait for its end.
fn split_line(buffer: &mut BytesMut) -> Option<BytesMut> {
    match buffer.iter().position(|byte| *byte == b'\n') {
        Some(end) => Some(buffer.split_to(end + 1)),
        None if buffer.len() > MAX_LINE_BYTES => Some(buffer.split()),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_at_their_ends_and_at_the_bound() {
        let mut buffer = BytesMut::from(&b"a\n\nbc"[..]);
        assert_eq!(split_line(&mut buffer).as_deref(), Some(&b"a\n"[..]));
        assert_eq!(split_line(&mut buffer).as_deref(), Some(&b"\n"[..]));
        assert_eq!(split_line(&mut buffer), None);
        let mut long = BytesMut::zeroed(MAX_LINE_BYTES + 1);
        assert_eq!(split_line(&mut long).map(|part| part.len()), Some(MAX_LINE_BYTES + 1));
    }
}

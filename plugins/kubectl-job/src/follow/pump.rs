//! Reads logs, any number at a time up to a bound, and hands their lines over one channel.
//!
//! Guarantee: the runs of one container are heard one after the other, in the order in which they were opened. The output
//! of a pod that was deleted before it could be asked for comes from the history, where there is one.

use std::collections::HashMap;
use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::logs::LogOptions;
use api::resource::PODS;
use bytes::BytesMut;
use client::{ByteStream, Client};
use futures::StreamExt as _;
use jiff::SignedDuration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::sources::Source;
use crate::history::folder::History;
use crate::history::logs::{self, Reading};
use crate::lines::Line;
use crate::view::facts;

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
        /// Whether it had an end.
        is_whole: bool,
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
    place: Arc<Place>,
    options: LogOptions,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Piece>,
    /// Ends when the last run of a container has been read, by pod UID and container.
    last_runs: HashMap<(String, String), oneshot::Receiver<()>>,
    /// Ends when the log that was opened last has been read, where each waits for the one before it.
    last_log: Option<oneshot::Receiver<()>>,
    /// One log after the other, in the order in which they are opened.
    in_order: bool,
    /// How many logs have not ended.
    pub(crate) open: usize,
}

/// Whose logs are read.
struct Place {
    namespace: String,
    job: String,
    history: Option<History>,
}

impl Pump {
    /// Readers of a Job's logs with these options, and the channel that their lines come from.
    pub(crate) fn new(
        client: Client,
        job: &Job,
        options: LogOptions,
        history: Option<History>,
        in_order: bool,
    ) -> (Self, mpsc::Receiver<Piece>) {
        let (sender, receiver) = mpsc::channel(MAX_LINES_WAITING);
        let permits = Arc::new(Semaphore::new(MAX_OPEN_LOGS));
        let (namespace, job) = (facts::namespace(job).to_owned(), facts::name(job).to_owned());
        let (place, tasks) = (Arc::new(Place { namespace, job, history }), JoinSet::new());
        let last_runs = HashMap::new();
        let pump =
            Self { client, place, options, permits, tasks, sender, last_runs, last_log: None, in_order, open: 0 };
        (pump, receiver)
    }

    /// Begins to read a log.
    pub(crate) fn open(&mut self, source: Source) {
        let mut options = self.options.clone();
        options.container = Some(source.container.clone());
        options.previous = source.is_previous;
        options.follow &= !source.is_previous;
        let (client, place) = (self.client.clone(), self.place.clone());
        let (sender, permits) = (self.sender.clone(), self.permits.clone());
        self.open += 1;
        let (done, next) = oneshot::channel();
        let before = self.last_runs.insert((source.uid.clone(), source.container.clone()), next);
        let (done_too, next) = oneshot::channel();
        let before_too = if self.in_order { self.last_log.replace(next) } else { None };
        self.tasks.spawn(async move {
            for before in before.into_iter().chain(before_too) {
                // The sender is dropped, never used: its end is the message. A permit is taken only after that, so
                // that runs that wait for each other cannot use all of them up.
                let _ = before.await;
            }
            let _done: [oneshot::Sender<()>; 2] = [done, done_too];
            let _permit = permits.acquire_owned().await;
            let source = Arc::new(source);
            let read = match read(&client, &place.namespace, options.clone(), &source, &sender).await {
                Err(error) if error.is_not_found() => read_archived(&place, &options, &source, &sender, error).await,
                read => read,
            };
            let error = read.err().map(|error| error.to_string());
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
    let mut stream = if source.may_restart {
        open_run(client, namespace, options, source).await?
    } else {
        client.logs(namespace, &source.pod, options).await?
    };
    let mut buffer = BytesMut::new();
    let line = |bytes: BytesMut, is_whole| Piece::Line { source: source.clone(), bytes: bytes.freeze(), is_whole };
    while let Some(chunk) = stream.next().await {
        buffer.extend_from_slice(&chunk?);
        while let Some(mut next) = split_line(&mut buffer) {
            let is_whole = next.last() == Some(&b'\n');
            if is_whole {
                next.truncate(next.len() - 1);
            }
            if sender.send(line(next, is_whole)).await.is_err() {
                return Ok(());
            }
        }
    }
    if !buffer.is_empty() {
        let _ = sender.send(line(buffer, false)).await;
    }
    Ok(())
}

/// Reads from the history what a pod that is gone printed; the server knows nothing of it any more.
///
/// # Errors
/// That of the server, when the history has nothing of it either.
async fn read_archived(
    place: &Arc<Place>,
    options: &LogOptions,
    source: &Arc<Source>,
    sender: &mpsc::Sender<Piece>,
    gone: client::Error,
) -> Result<(), client::Error> {
    let since = options.since_seconds.map(|seconds| crate::time::now() - SignedDuration::from_secs(seconds));
    let reading = Reading { tail: options.tail_lines, since, timestamps: options.timestamps };
    let (place, source, sender) = (place.clone(), source.clone(), sender.clone());
    let read = tokio::task::spawn_blocking(move || {
        let Some(history) = &place.history else { return false };
        let line = |line: Line<'_>| {
            let (bytes, is_whole) = (bytes::Bytes::copy_from_slice(line.bytes), line.is_whole);
            // Nobody looks any more when this fails.
            let _ = sender.blocking_send(Piece::Line { source: source.clone(), bytes, is_whole });
        };
        // A file that moves on between the look and the reading is found by the next look; it moves twice at most.
        (0..3).any(|_| {
            let run = history.find(&place.namespace, &place.job);
            let found = logs::of_pod(history, run.as_ref(), &source.pod, &source.uid);
            let wanted = found.iter().find(|file| file.container == source.container && file.run == source.run);
            wanted.is_some_and(|file| logs::read(&file.path, &reading, line).is_ok())
        })
    });
    if read.await.unwrap_or(false) { Ok(()) } else { Err(gone) }
}

/// Opens the log of one run and no other.
///
/// The API knows the current run and the one before, not runs by number. So the restarts are counted before and after
/// the log is opened: only between two equal counts is it certain which run was opened.
async fn open_run(
    client: &Client,
    namespace: &str,
    options: LogOptions,
    source: &Source,
) -> Result<ByteStream, client::Error> {
    let mut restarts = restarts(client, namespace, source).await?;
    loop {
        let mut options = options.clone();
        options.previous = match restarts.saturating_sub(source.run) {
            0 => false,
            1 => true,
            _ => return Err(client::Error::Unexpected("a log of a later run; that of this run is gone")),
        };
        options.follow &= !options.previous;
        let stream = client.logs(namespace, &source.pod, options).await?;
        let now = self::restarts(client, namespace, source).await?;
        if now == restarts {
            return Ok(stream);
        }
        restarts = now;
    }
}

/// How often the container has restarted by now.
async fn restarts(client: &Client, namespace: &str, source: &Source) -> Result<u32, client::Error> {
    let pod: Pod = client.get(&PODS, Some(namespace), &source.pod).await?.decode().map_err(client::Error::Decode)?;
    let status = pod.status.unwrap_or_default();
    let mut all = status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
    let count = all.find(|status| status.name == source.container).map_or(0, |status| status.restart_count);
    Ok(u32::try_from(count).unwrap_or(0))
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

//! Exec and attach over SPDY: one stream each for errors, input, outputs and sizes, all opened by the client.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use api::session::{Channel, Outcome, SessionEvent, Streams, TerminalSize};
use bytes::Bytes;
use parking_lot::Mutex;
use streams::channel::Errors;
use streams::resize::SizeReader;
use streams::spdy::Event;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc};

use super::connection::{CLOSE_PATIENCE, Connection};
use super::handshake::Version;
use super::mux::{Mux, Reading};
use super::status;
use crate::connector::Session;

/// How long a client may take to open its streams (`DefaultStreamCreationTimeout`).
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Error,
    Stdin,
    Stdout,
    Stderr,
    Resize,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "error" => Self::Error,
            "stdin" => Self::Stdin,
            "stdout" => Self::Stdout,
            "stderr" => Self::Stderr,
            "resize" => Self::Resize,
            _ => return None,
        })
    }
}

/// The streams that the client has opened, and whether they are all.
struct Opened {
    streams: Mutex<HashMap<Kind, u32>>,
    wanted: usize,
    all: Notify,
}

impl Opened {
    fn new(streams: Streams, version: Version) -> Self {
        let sizes = streams.tty && version.resizes();
        let wanted = [true, streams.stdin, streams.stdout, streams.stderr, sizes];
        let wanted = wanted.into_iter().filter(|wanted| *wanted).count();
        Self { streams: Mutex::default(), wanted, all: Notify::new() }
    }

    fn add(&self, kind: Kind, stream: u32) {
        let mut streams = self.streams.lock();
        streams.insert(kind, stream);
        if streams.len() == self.wanted {
            self.all.notify_one();
        }
    }

    fn get(&self, kind: Kind) -> Option<u32> {
        self.streams.lock().get(&kind).copied()
    }

    fn kind(&self, stream: u32) -> Option<Kind> {
        self.streams.lock().iter().find(|(_, id)| **id == stream).map(|(kind, _)| *kind)
    }
}

/// Serves a session until it has ended and the client has closed, or until the client is gone.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    connection: Connection<S>,
    version: Version,
    session: Session,
    streams: Streams,
) {
    let (mut reader, mut writer) = tokio::io::split(connection.io);
    let (mux, opened) = (Mux::default(), Opened::new(streams, version));
    let Session { stdin, resize, events } = session;
    let mut client = Client { mux: &mux, opened: &opened, stdin, resize, sizes: SizeReader::default() };
    let mut reading = std::pin::pin!(client.read(Reading::new(&mux, &mut reader, connection.read)));
    tokio::select! {
        result = &mut reading => return report(result),
        result = mux.write_to(&mut writer) => return report(result),
        () = output(&mux, &opened, version, events) => {}
    }
    // All is said: the client closes once it has read it.
    let writing = mux.write_to(&mut writer);
    let closed = async {
        tokio::select! {
            _ = reading => {}
            _ = writing => {}
        }
    };
    let _ = tokio::time::timeout(CLOSE_PATIENCE, closed).await;
}

fn report(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a session's connection broke");
    }
}

/// Sends what the container's side says, then how it ended.
async fn output(mux: &Mux, opened: &Opened, version: Version, mut events: mpsc::Receiver<SessionEvent>) {
    if tokio::time::timeout(OPEN_TIMEOUT, opened.all.notified()).await.is_err() {
        return tracing::debug!("timed out waiting for client to create streams");
    }
    let outcome = loop {
        match events.recv().await {
            Some(SessionEvent::Output(channel, bytes)) => {
                let kind = if channel == Channel::Stdout { Kind::Stdout } else { Kind::Stderr };
                if let Some(stream) = opened.get(kind) {
                    mux.send(stream, &bytes).await;
                }
            }
            Some(SessionEvent::Ended(outcome)) => break outcome,
            None => break Outcome::Failed("the container's runtime is gone".to_owned()),
        }
    };
    let errors = if version == Version::V4 { Errors::Status } else { Errors::Text };
    if let Some(stream) = opened.get(Kind::Error) {
        mux.send(stream, &status::message(&outcome, errors)).await;
    }
    let streams: Vec<u32> = opened.streams.lock().values().copied().collect();
    mux.with(|connection| streams.iter().for_each(|stream| connection.finish(*stream)));
    mux.flushed().await;
}

/// The client's side.
struct Client<'a> {
    mux: &'a Mux,
    opened: &'a Opened,
    stdin: Option<mpsc::Sender<Bytes>>,
    resize: mpsc::Sender<TerminalSize>,
    sizes: SizeReader,
}

impl Client<'_> {
    /// Takes in what the client says until it is gone.
    async fn read(&mut self, mut events: Reading<'_, impl AsyncRead + Unpin>) -> io::Result<()> {
        while let Some(event) = events.next().await? {
            self.take(event).await;
        }
        Ok(())
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Opened { stream, headers } => match headers.get("streamtype").and_then(Kind::parse) {
                Some(kind) => {
                    self.mux.with(|connection| connection.accept(stream));
                    self.opened.add(kind, stream);
                }
                None => self.mux.with(|connection| connection.refuse(stream)),
            },
            Event::Data { stream, bytes } => match self.opened.kind(stream) {
                Some(Kind::Stdin) => {
                    if let Some(stdin) = &self.stdin
                        && stdin.send(bytes).await.is_err()
                    {
                        self.stdin = None;
                    }
                }
                Some(Kind::Resize) => {
                    if let Some(size) = self.sizes.receive(&bytes) {
                        // A size that finds no room is out of date once there is some.
                        let _ = self.resize.try_send(size);
                    }
                }
                _ => {}
            },
            Event::Finished { stream } | Event::Reset { stream } => {
                if self.opened.kind(stream) == Some(Kind::Stdin) {
                    self.stdin = None;
                }
            }
            Event::GoAway => {}
        }
    }
}

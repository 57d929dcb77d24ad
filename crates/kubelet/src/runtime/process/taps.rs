//! Who listens to a container's main process besides its log, and who may write to it.
//!
//! Bounds: [`BACKLOG_CHUNKS`] chunks of output wait for the slowest listener; nothing is held while nobody listens. A
//! listener that falls further behind is cut off with an error. Before that the container is held back a little, at
//! most [`BREATH`] per chunk, so that one who reads steadily keeps up; upstream holds it back without a bound.

use std::time::Duration;

use api::session::{Channel, Outcome, SessionEvent, Streams};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex as AsyncMutex, broadcast, mpsc};

use super::stdio::Terminal;
use crate::runtime::Stdin;
use crate::runtime::session::{self, Peer, Session};

/// Chunks of output, of at most 64 KiB each, that wait for the slowest listener.
const BACKLOG_CHUNKS: usize = 64;
/// From so many on the container is held back.
const CROWDED_CHUNKS: usize = BACKLOG_CHUNKS / 2;
/// How long it is held back for one chunk.
const BREATH: Duration = Duration::from_millis(50);
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

type Output = (Channel, Bytes);

/// The listeners and writers of one container's run.
pub(super) struct Taps {
    output: Mutex<Listeners>,
    /// Taken for as long as one chunk is written.
    input: AsyncMutex<Option<Sender>>,
    has_input: bool,
    once: bool,
    terminal: Option<Terminal>,
}

enum Listeners {
    /// None so far: most containers never have one.
    None,
    Some(broadcast::Sender<Output>),
    Ended,
}

impl Taps {
    pub(super) fn new(input: Option<Sender>, kind: Stdin, terminal: Option<Terminal>) -> Self {
        let has_input = kind != Stdin::None;
        // A terminal has an input in any case; who asked for none has nobody to write to it.
        let input = AsyncMutex::new(input.filter(|_| has_input));
        Self { output: Mutex::new(Listeners::None), input, has_input, once: kind == Stdin::Once, terminal }
    }

    /// Hands output to those who listen; whether the slowest of them is far behind.
    pub(super) fn tell(&self, channel: Channel, bytes: &[u8]) -> bool {
        let Listeners::Some(listeners) = &*self.output.lock() else { return false };
        if listeners.receiver_count() == 0 {
            return false;
        }
        let _ = listeners.send((channel, Bytes::copy_from_slice(bytes)));
        is_crowded(listeners.len())
    }

    /// Waits a little for the slowest listener.
    pub(super) async fn breathe(&self) {
        let caught_up = async {
            loop {
                let crowded = match &*self.output.lock() {
                    Listeners::Some(listeners) => is_crowded(listeners.len()),
                    Listeners::None | Listeners::Ended => false,
                };
                if !crowded {
                    return;
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        };
        let _ = tokio::time::timeout(BREATH, caught_up).await;
    }

    /// No more output will come.
    pub(super) fn end(&self) {
        *self.output.lock() = Listeners::Ended;
    }

    fn listen(&self) -> Option<broadcast::Receiver<Output>> {
        let mut output = self.output.lock();
        match &*output {
            Listeners::Ended => None,
            Listeners::Some(listeners) => Some(listeners.subscribe()),
            Listeners::None => {
                let (listeners, listener) = broadcast::channel(BACKLOG_CHUNKS);
                *output = Listeners::Some(listeners);
                Some(listener)
            }
        }
    }

    /// Joins the streams; `None` when they have ended.
    pub(super) fn attach(self: &std::sync::Arc<Self>, streams: Streams) -> Option<Session> {
        let output = self.listen()?;
        let (session, peer) = session::pair(streams.stdin && self.has_input);
        tokio::spawn(serve(std::sync::Arc::clone(self), output, peer, streams));
        Some(session)
    }

    /// Writes input until the client ends it.
    async fn write(&self, mut input: mpsc::Receiver<Bytes>) {
        while let Some(bytes) = input.recv().await {
            let mut pipe = self.input.lock().await;
            let Some(sender) = pipe.as_mut() else { continue };
            if sender.write_all(&bytes).await.is_err() {
                *pipe = None;
            }
        }
    }
}

/// Whether a listener is far behind and may still catch up. One for whom there is no room left has lost output: it will
/// be cut off, and is not waited for.
fn is_crowded(waiting: usize) -> bool {
    (CROWDED_CHUNKS + 1..BACKLOG_CHUNKS).contains(&waiting)
}

/// Serves one session until the container's output has ended, or the client is gone.
async fn serve(taps: std::sync::Arc<Taps>, output: broadcast::Receiver<Output>, peer: Peer, streams: Streams) {
    let Peer { stdin, mut resize, events } = peer;
    let inputs = async {
        let sizes = async {
            while let Some(size) = resize.recv().await {
                taps.terminal.iter().for_each(|terminal| terminal.resize(size));
            }
        };
        let written = async {
            taps.write(stdin).await;
            if streams.stdin && taps.once {
                *taps.input.lock().await = None;
            }
        };
        tokio::join!(written, sizes);
        std::future::pending::<()>().await;
    };
    let gone = tokio::select! {
        () = copy_out(output, &events, streams) => false,
        () = inputs => false,
        () = events.closed() => true,
    };
    if gone && streams.stdin && taps.once {
        *taps.input.lock().await = None;
    }
}

async fn copy_out(mut output: broadcast::Receiver<Output>, events: &mpsc::Sender<SessionEvent>, streams: Streams) {
    let outcome = loop {
        match output.recv().await {
            Ok((channel, bytes)) => {
                let wanted = if channel == Channel::Stdout { streams.stdout } else { streams.stderr };
                if wanted && events.send(SessionEvent::Output(channel, bytes)).await.is_err() {
                    return;
                }
            }
            Err(RecvError::Closed) => break Outcome::Exited(0),
            Err(RecvError::Lagged(_)) => {
                break Outcome::Failed("the client is too slow for the container's output".to_owned());
            }
        }
    };
    let _ = events.send(SessionEvent::Ended(outcome)).await;
}

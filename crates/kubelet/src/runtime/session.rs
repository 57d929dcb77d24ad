//! A client's end of the streams of one process: bounded channels, and the other ends for whatever fills them.
//!
//! Bounds: [`CHUNKS_MAX`] chunks of at most [`CHUNK_BYTES`] wait in each direction; a client that does not read holds
//! back the pipe of the process that it is attached to, and nothing else.

use api::session::{Outcome, SessionEvent, TerminalSize};
use bytes::Bytes;
use tokio::sync::mpsc;

/// The most bytes in one chunk of output; input is as its sender cuts it.
pub const CHUNK_BYTES: usize = 32 * 1024;
/// Chunks that wait in each direction.
pub const CHUNKS_MAX: usize = 8;
/// Terminal sizes that wait.
const SIZES_MAX: usize = 4;

/// What a client holds. Dropping it says that the client is gone.
#[derive(Debug)]
pub struct Session {
    /// Standard input; dropping it ends the input. `None` when none was asked for, or there is none.
    pub stdin: Option<mpsc::Sender<Bytes>>,
    /// Terminal sizes; of no effect without a terminal.
    pub resize: mpsc::Sender<TerminalSize>,
    /// Output, then the end.
    pub events: mpsc::Receiver<SessionEvent>,
}

/// What fills a session.
#[derive(Debug)]
pub struct Peer {
    /// Standard input.
    pub stdin: mpsc::Receiver<Bytes>,
    /// Terminal sizes.
    pub resize: mpsc::Receiver<TerminalSize>,
    /// Output, then the end.
    pub events: mpsc::Sender<SessionEvent>,
}

/// Makes both ends.
pub fn pair(with_stdin: bool) -> (Session, Peer) {
    let (stdin, stdin_peer) = mpsc::channel(CHUNKS_MAX);
    let (resize, resize_peer) = mpsc::channel(SIZES_MAX);
    let (events_peer, events) = mpsc::channel(CHUNKS_MAX);
    let session = Session { stdin: with_stdin.then_some(stdin), resize, events };
    (session, Peer { stdin: stdin_peer, resize: resize_peer, events: events_peer })
}

impl Session {
    /// A session that has ended before it began.
    pub fn failed(text: String) -> Self {
        let (session, peer) = pair(false);
        let end = SessionEvent::Ended(Outcome::Failed(text));
        peer.events.try_send(end).expect("a new channel has room");
        session
    }
}

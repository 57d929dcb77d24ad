//! Exec and attach over a WebSocket.
//!
//! Reading and writing go on side by side in one task: a client that does not read holds back only what it would read,
//! a process that does not read only what it would be given.

use api::session::{Channel, Outcome, Refused, SessionEvent, Streams, TerminalSize};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use streams::channel::{self, Message as Framed, Protocol, Received};
use streams::resize::SizeReader;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connection::CLOSE_PATIENCE;
use super::status;
use crate::connector::Session;

type Writer<S> = SplitSink<WebSocketStream<S>, Message>;
type Reader<S> = SplitStream<WebSocketStream<S>>;

/// Serves a session, or tells why there is none, and closes.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    protocol: Protocol,
    session: Result<Session, Refused>,
    streams: Streams,
) {
    let (mut writer, mut reader) = socket.split();
    let served = async {
        writer.send(frame(protocol, greeting(streams), &[])).await?;
        let outcome = match session {
            Err(refused) => Some(status::refused(&refused)),
            // The newest protocol is served by upstream's translator, which is a client of the kubelet itself.
            Ok(session) if protocol.closes_channels() => {
                run(&mut writer, &mut reader, protocol, session).await?.map(status::translated)
            }
            Ok(session) => run(&mut writer, &mut reader, protocol, session).await?,
        };
        match outcome {
            Some(outcome) => finish(&mut writer, &mut reader, protocol, outcome).await,
            None => Ok(()),
        }
    };
    if let Err(error) = served.await {
        tracing::debug!(%error, "a session's WebSocket broke");
    }
}

/// The lowest channel that the client reads, on which an empty message says that the session is open.
fn greeting(streams: Streams) -> u8 {
    match streams {
        Streams { stdout: true, .. } => channel::STDOUT,
        Streams { stderr: true, .. } => channel::STDERR,
        _ => channel::ERROR,
    }
}

pub(super) fn frame(protocol: Protocol, channel: u8, bytes: &[u8]) -> Message {
    match protocol.encode(channel, bytes) {
        Framed::Binary(bytes) => Message::Binary(bytes),
        Framed::Text(text) => Message::Text(text.into()),
    }
}

/// The bytes of a message that carries some.
pub(super) fn payload(message: Message) -> Option<Bytes> {
    match message {
        Message::Binary(bytes) => Some(bytes),
        Message::Text(text) => Some(text.into()),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => None,
    }
}

/// Runs until the session has ended, or until the client is gone, in which case nobody is told how it ended.
async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    writer: &mut Writer<S>,
    reader: &mut Reader<S>,
    protocol: Protocol,
    session: Session,
) -> Result<Option<Outcome>, Error> {
    let Session { stdin, resize, mut events } = session;
    let output = async {
        while let Some(event) = events.recv().await {
            match event {
                SessionEvent::Output(Channel::Stdout, bytes) => {
                    writer.send(frame(protocol, channel::STDOUT, &bytes)).await?;
                }
                SessionEvent::Output(Channel::Stderr, bytes) => {
                    writer.send(frame(protocol, channel::STDERR, &bytes)).await?;
                }
                SessionEvent::Ended(outcome) => return Ok(Some(outcome)),
            }
        }
        Ok(Some(Outcome::Failed("the container's runtime is gone".to_owned())))
    };
    tokio::select! {
        outcome = output => outcome,
        result = input(reader, protocol, stdin, resize) => result.map(|()| None),
    }
}

/// Hands on what the client says until it is gone.
async fn input<S: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut Reader<S>,
    protocol: Protocol,
    mut stdin: Option<mpsc::Sender<Bytes>>,
    resize: mpsc::Sender<TerminalSize>,
) -> Result<(), Error> {
    let mut sizes = SizeReader::default();
    while let Some(message) = reader.next().await {
        let Some(bytes) = payload(message?) else { continue };
        match protocol.decode(bytes) {
            Received::Data(channel::STDIN, bytes) if !bytes.is_empty() => {
                // A process that has ended its input takes no more; that is no reason to end the session.
                if let Some(sender) = &stdin
                    && sender.send(bytes).await.is_err()
                {
                    stdin = None;
                }
            }
            Received::Data(channel::RESIZE, bytes) => {
                if let Some(size) = sizes.receive(&bytes) {
                    // A size that finds no room is out of date once there is some.
                    let _ = resize.try_send(size);
                }
            }
            Received::Closed(channel::STDIN) => stdin = None,
            Received::Data(..) | Received::Closed(_) | Received::Nothing => {}
            Received::Broken => return Ok(()),
        }
    }
    Ok(())
}

async fn finish<S: AsyncRead + AsyncWrite + Unpin>(
    writer: &mut Writer<S>,
    reader: &mut Reader<S>,
    protocol: Protocol,
    outcome: Outcome,
) -> Result<(), Error> {
    let message = status::message(&outcome, protocol.errors);
    if !message.is_empty() {
        writer.send(frame(protocol, channel::ERROR, &message)).await?;
    }
    close(writer, reader).await
}

/// Closes in peace: the client gets to read everything that was sent.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    writer: &mut Writer<S>,
    reader: &mut Reader<S>,
) -> Result<(), Error> {
    writer.send(Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))).await?;
    let closed = async { while let Some(Ok(_)) = reader.next().await {} };
    let _ = tokio::time::timeout(CLOSE_PATIENCE, closed).await;
    Ok(())
}

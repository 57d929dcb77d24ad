//! A WebSocket as a stream of bytes: where messages begin and end means nothing
//! (`SPDY/3.1+portforward.k8s.io`, `k8s.io/apiserver/pkg/util/proxy/streamtunnel.go`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connection::Connection;

/// The stream.
pub(super) struct Tunnel<S> {
    socket: WebSocketStream<S>,
    /// What is left of the last message.
    left: Bytes,
    closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tunnel<S> {
    /// A connection through a WebSocket.
    pub(super) fn over(socket: WebSocketStream<S>) -> Connection<Self> {
        Connection::new(Self { socket, left: Bytes::new(), closing: false }, Bytes::new())
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                None | Some(Ok(Message::Close(_))) => return Poll::Ready(Ok(None)),
                Some(Ok(message)) => {
                    if let Some(bytes) = super::websocket::payload(message).filter(|bytes| !bytes.is_empty()) {
                        return Poll::Ready(Ok(Some(bytes)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Tunnel<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_empty() {
            match ready!(self.poll_message(context))? {
                Some(bytes) => self.left = bytes,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.left.len().min(buffer.remaining());
        buffer.put_slice(&self.left[..count]);
        self.left.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tunnel<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(broken)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        Pin::new(&mut self.socket).start_send(message).map_err(broken)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(broken)?;
            let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
            Pin::new(&mut self.socket).start_send(Message::Close(Some(close))).map_err(broken)?;
            self.closing = true;
        }
        Pin::new(&mut self.socket).poll_flush(context).map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_tungstenite::tungstenite::protocol::Role;

    #[tokio::test]
    async fn messages_are_one_stream_of_bytes() {
        let (near, far) = tokio::io::duplex(1024);
        let near = Tunnel::over(WebSocketStream::from_raw_socket(near, Role::Server, None).await);
        let mut client = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
        let mut tunnel = near.io;
        for part in ["a", "", "bc"] {
            client.send(Message::Binary(part.into())).await.unwrap();
        }
        let mut read = [0; 3];
        tunnel.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"abc");
        tunnel.write_all(b"out").await.unwrap();
        tunnel.shutdown().await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Binary("out".into()));
        assert!(
            matches!(client.next().await.unwrap().unwrap(), Message::Close(Some(close)) if close.code == CloseCode::Normal)
        );
        client.flush().await.unwrap();
        assert_eq!(tunnel.read(&mut read).await.unwrap(), 0);
    }
}

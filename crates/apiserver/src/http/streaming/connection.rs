//! A connection that HTTP has let go of: the socket, and what was read of it already.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The longest WebSocket message (`DefaultMaxPayloadBytes` of `golang.org/x/net/websocket`).
const MESSAGE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long a client may take to close its side once all is said.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

const CHUNK_BYTES: usize = 16 * 1024;

/// The connection.
pub(super) struct Connection<S> {
    pub(super) io: S,
    pub(super) read: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(io: S, read: Bytes) -> Self {
        Self { io, read }
    }

    /// The connection as a WebSocket whose handshake is done.
    pub(super) async fn websocket(self) -> WebSocketStream<S> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        WebSocketStream::from_partially_read(self.io, self.read.to_vec(), Role::Server, Some(config)).await
    }
}

/// Reads what comes next; empty at the end.
pub(super) async fn read_some(io: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> std::io::Result<Bytes> {
    buffer.resize(CHUNK_BYTES, 0);
    let count = io.read(buffer).await?;
    Ok(Bytes::copy_from_slice(&buffer[..count]))
}

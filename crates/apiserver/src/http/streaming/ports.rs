//! Port-forward over WebSocket channels: two for each port that the query names, one for data and one for an error.
//!
//! Each channel begins with its port, two bytes in little-endian order. There is one connection per port, made at once;
//! channels cannot be ended one by one, so the WebSocket closes when the last connection has.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use futures::{SinkExt, StreamExt};
use streams::channel::{Protocol, Received};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::port_forward::failure;
use super::websocket::{close, frame, payload};
use crate::connector::Ports;

/// Chunks that wait in each direction of a port.
const CHUNKS_MAX: usize = 16;
const CHUNK_BYTES: usize = 32 * 1024;

/// Serves the ports until all their connections have ended, or until the client is gone.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    socket: WebSocketStream<S>,
    protocol: Protocol,
    wanted: &[u16],
    ports: Arc<dyn Ports>,
) {
    let (mut writer, mut reader) = socket.split();
    let (output, mut frames) = mpsc::channel::<Message>(CHUNKS_MAX);
    let (inputs, receivers): (Vec<_>, Vec<_>) = wanted.iter().map(|_| mpsc::channel::<Bytes>(CHUNKS_MAX)).unzip();
    let each = wanted.iter().zip(receivers).zip(0_u8..).map(|((port, input), index)| {
        let lane = Lane { protocol, data: 2 * index, output: output.clone() };
        lane.serve(*port, input, &*ports)
    });
    let forwarding = join_all(each);
    drop(output);
    let writing = async {
        while let Some(frame) = frames.recv().await {
            writer.send(frame).await?;
        }
        Ok(())
    };
    let reading = async {
        while let Some(message) = reader.next().await {
            let Some(bytes) = payload(message?) else { continue };
            if let Received::Data(channel, bytes) = protocol.decode(bytes)
                && channel % 2 == 0
                && let Some(input) = inputs.get(usize::from(channel / 2))
            {
                let _ = input.send(bytes).await;
            }
        }
        Ok(())
    };
    let served = async { tokio::join!(forwarding, writing).1 };
    let result = tokio::select! {
        result = served => match result {
            Ok(()) => close(&mut writer, &mut reader).await,
            Err(error) => Err(error),
        },
        result = reading => result,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a port-forward's WebSocket broke");
    }
}

/// The two channels of one port.
struct Lane {
    protocol: Protocol,
    data: u8,
    output: mpsc::Sender<Message>,
}

impl Lane {
    async fn serve(self, port: u16, mut input: mpsc::Receiver<Bytes>, ports: &dyn Ports) {
        let error = self.data + 1;
        for channel in [self.data, error] {
            self.say(channel, &port.to_le_bytes()).await;
        }
        let connection = match ports.connect(port).await {
            Ok(connection) => connection,
            Err(why) => return self.say(error, failure(ports, port, &why).as_bytes()).await,
        };
        let (mut reader, mut writer) = tokio::io::split(connection);
        let outward = async {
            let mut buffer = vec![0; CHUNK_BYTES];
            while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                self.say(self.data, &buffer[..count]).await;
            }
        };
        let inward = async {
            while let Some(bytes) = input.recv().await {
                if writer.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        // The pod's end decides: the client's cannot be ended by itself.
        tokio::select! {
            () = outward => {}
            () = inward => {}
        }
    }

    /// Nobody listens any more when this fails, which the reader notices as well.
    async fn say(&self, channel: u8, bytes: &[u8]) {
        let _ = self.output.send(frame(self.protocol, channel, bytes)).await;
    }
}

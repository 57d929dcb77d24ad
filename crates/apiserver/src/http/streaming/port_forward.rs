//! Port-forward over SPDY: a pair of streams, one for data and one for an error, per forwarded connection.
//!
//! Both directions end by themselves, so a client that has sent all still gets its answer. Bounds: the streams of the
//! connection, [`CHUNKS_MAX`] chunks of what was read for each, and what [`Mux`] lets wait. A pod's end that does not
//! read holds the others of its connection back once its chunks are full, as upstream: SPDY has one socket for all.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use streams::spdy::{Event, Headers};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::connection::Connection;
use super::mux::{Mux, Reading};
use super::options;
use crate::connector::{Duplex, Ports};

/// Chunks of one stream that were read and wait for the pod's end.
const CHUNKS_MAX: usize = 16;
const CHUNK_BYTES: usize = 32 * 1024;
/// The longest name of a request; clients number theirs.
const REQUEST_BYTES_MAX: usize = 256;
/// Pairs that are complete and wait to be served; filled and emptied by the same task.
const PAIRS_MAX: usize = 16;

/// A forwarded connection whose streams are both there.
struct Pair {
    port: u16,
    error: u32,
    data: u32,
    input: mpsc::Receiver<Bytes>,
}

/// Serves connections until the client is gone.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(connection: Connection<S>, ports: Arc<dyn Ports>) {
    let (mut reader, mut writer) = tokio::io::split(connection.io);
    let mux = Mux::default();
    let (found, mut pairs) = mpsc::channel(PAIRS_MAX);
    let mut client = Client { mux: &mux, requests: HashMap::new(), inputs: HashMap::new(), found };
    let forwarding = async {
        let mut running: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(pair) = pairs.recv() => running.push(Box::pin(forward(&mux, &*ports, pair))),
                Some(()) = running.next() => {}
                else => return,
            }
        }
    };
    let result = tokio::select! {
        result = client.read(Reading::new(&mux, &mut reader, connection.read)) => result,
        result = mux.write_to(&mut writer) => result,
        () = forwarding => Ok(()),
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a port-forward's connection broke");
    }
}

/// The client's side.
struct Client<'a> {
    mux: &'a Mux,
    /// Pairs of which one stream is missing, by request.
    requests: HashMap<String, Half>,
    /// Where the data of open streams goes.
    inputs: HashMap<u32, mpsc::Sender<Bytes>>,
    found: mpsc::Sender<Pair>,
}

#[derive(Default)]
struct Half {
    error: Option<u32>,
    data: Option<(u32, u16, mpsc::Receiver<Bytes>)>,
}

impl Half {
    fn has(&self, stream: u32) -> bool {
        self.error == Some(stream) || self.data.as_ref().is_some_and(|(data, ..)| *data == stream)
    }
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
            Event::Opened { stream, headers } => match request(stream, &headers) {
                Ok((id, is_error, port)) => self.opened(stream, id, is_error, port).await,
                Err(why) => {
                    tracing::debug!(why, "a stream is refused");
                    self.mux.with(|connection| connection.refuse(stream));
                }
            },
            Event::Data { stream, bytes } => {
                if let Some(input) = self.inputs.get(&stream)
                    && input.send(bytes).await.is_err()
                {
                    self.inputs.remove(&stream);
                }
            }
            Event::Finished { stream } => {
                self.inputs.remove(&stream);
            }
            Event::Reset { stream } => {
                self.inputs.remove(&stream);
                self.requests.retain(|_, half| !half.has(stream));
            }
            Event::GoAway => {}
        }
    }

    async fn opened(&mut self, stream: u32, id: String, is_error: bool, port: u16) {
        if id.len() > REQUEST_BYTES_MAX {
            return self.mux.with(|connection| connection.refuse(stream));
        }
        let half = self.requests.entry(id.clone()).or_default();
        if is_error && half.error.is_some() || !is_error && half.data.is_some() {
            return self.mux.with(|connection| connection.refuse(stream));
        }
        self.mux.with(|connection| connection.accept(stream));
        if is_error {
            half.error = Some(stream);
        } else {
            let (sender, input) = mpsc::channel(CHUNKS_MAX);
            self.inputs.insert(stream, sender);
            half.data = Some((stream, port, input));
        }
        if half.error.is_some()
            && half.data.is_some()
            && let Some(Half { error: Some(error), data: Some((data, port, input)) }) = self.requests.remove(&id)
        {
            let _ = self.found.send(Pair { port, error, data, input }).await;
        }
    }
}

/// What a stream is for: its request, whether it is for errors, and its port.
fn request(stream: u32, headers: &Headers) -> Result<(String, bool, u16), String> {
    let port = headers.get("port").filter(|port| !port.is_empty()).ok_or("\"port\" header is required")?;
    let port = options::port(port, port)?;
    let is_error = match headers.get("streamtype") {
        Some("error") => true,
        Some("data") => false,
        None | Some("") => return Err("\"streamType\" header is required".to_owned()),
        Some(other) => return Err(format!("invalid stream type {other:?}")),
    };
    // Clients that number no requests open the error stream just before its data stream.
    let numbered = || if is_error { stream } else { stream.wrapping_sub(2) };
    let id = headers.get("requestid").filter(|id| !id.is_empty());
    Ok((id.map_or_else(|| format!("stream {}", numbered()), str::to_owned), is_error, port))
}

/// The text of a connection that could not be made, in upstream's words.
pub(super) fn failure(ports: &dyn Ports, port: u16, why: &str) -> String {
    format!("error forwarding port {port} to pod {}, uid : {why}", ports.pod())
}

/// Serves one forwarded connection.
async fn forward(mux: &Mux, ports: &dyn Ports, pair: Pair) {
    let Pair { port, error, data, input } = pair;
    match ports.connect(port).await {
        Err(why) => {
            mux.send(error, failure(ports, port, &why).as_bytes()).await;
            mux.with(|connection| connection.reset(data));
        }
        Ok(connection) => {
            // A pod's end that breaks off ends the stream; what a client has in flight then goes nowhere.
            if let Err(why) = copy(mux, data, input, connection).await {
                tracing::debug!(port, %why, "a forwarded connection broke");
                mux.with(|connection| connection.reset(data));
            }
        }
    }
    mux.with(|connection| {
        connection.finish(data);
        connection.finish(error);
    });
}

/// Copies both ways until both have ended.
async fn copy(mux: &Mux, stream: u32, mut input: mpsc::Receiver<Bytes>, connection: Box<dyn Duplex>) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(connection);
    let done = Mutex::new(false);
    let outward = async {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let count = reader.read(&mut buffer).await?;
            if count == 0 {
                mux.with(|connection| connection.finish(stream));
                *done.lock() = true;
                return Ok::<_, io::Error>(());
            }
            mux.send(stream, &buffer[..count]).await;
        }
    };
    let inward = async {
        while let Some(bytes) = input.recv().await {
            let written = writer.write_all(&bytes).await;
            // Once the pod has said all, it may well not listen any more.
            if written.is_err() && *done.lock() {
                return Ok(());
            }
            written?;
        }
        // A client that gave the stream up wants nothing more of the pod's end either.
        if !*done.lock() && !mux.with(|connection| connection.is_open(stream)) {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the client gave the stream up"));
        }
        let _ = writer.shutdown().await;
        Ok(())
    };
    tokio::try_join!(outward, inward).map(|_| ())
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::super::client::Spdy;
    use super::*;
    use crate::http::tests::client::PATIENCE;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        Headers(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// One pod's end, whatever the port.
    struct One(Mutex<Option<tokio::io::DuplexStream>>);

    impl Ports for One {
        fn pod(&self) -> &str {
            "the-pod"
        }

        fn connect(&self, _: u16) -> BoxFuture<'static, crate::connector::Connected> {
            let end = self.0.lock().take().map(|end| Box::new(end) as Box<dyn Duplex>);
            Box::pin(async { end.ok_or_else(|| "connection refused".to_owned()) })
        }
    }

    fn reset(stream: u32) -> Vec<u8> {
        [&[0x80, 3, 0, 3, 0, 0, 0, 8], &stream.to_be_bytes()[..], &[0, 0, 0, 5]].concat()
    }

    #[tokio::test]
    async fn a_stream_that_is_given_up_lets_go_of_the_pods_end() {
        let (near, far) = tokio::io::duplex(4096);
        let (end, mut pod) = tokio::io::duplex(16);
        let serving = serve(Connection::new(near, Bytes::new()), Arc::new(One(Mutex::new(Some(end)))));
        let client = async {
            let mut client = Spdy::over(far);
            client.start(1, &[("streamtype", "error"), ("port", "80"), ("requestid", "0")]).await;
            client.start(3, &[("streamtype", "data"), ("port", "80"), ("requestid", "0")]).await;
            client.send(3, b"x", false).await;
            assert_eq!(pod.read_u8().await.unwrap(), b'x');
            client.write(&reset(3)).await;
            // The pod's end goes on talking, and never hangs up by itself.
            while pod.write_all(b"y").await.is_ok() {}
        };
        tokio::select! {
            () = serving => panic!("the connection ended"),
            given_up = timeout(PATIENCE, client) => given_up.expect("the pod's end is let go of"),
        }
    }

    #[tokio::test]
    async fn halves_of_requests_go_with_their_streams() {
        let mux = Mux::default();
        let (found, _pairs) = mpsc::channel(PAIRS_MAX);
        let mut client = Client { mux: &mux, requests: HashMap::new(), inputs: HashMap::new(), found };
        for (stream, is_error) in [(1, true), (3, false)] {
            client.opened(stream, stream.to_string(), is_error, 80).await;
            assert_eq!(client.requests.len(), 1);
            client.take(Event::Reset { stream }).await;
            assert!(client.requests.is_empty() && client.inputs.is_empty());
        }
        client.opened(5, "x".repeat(REQUEST_BYTES_MAX + 1), true, 80).await;
        assert!(client.requests.is_empty());
    }

    #[test]
    fn streams_name_their_port_and_kind() {
        let read = |stream, pairs: &[(&str, &str)]| request(stream, &headers(pairs));
        let numbered = read(1, &[("streamtype", "error"), ("port", "80"), ("requestid", "7")]);
        assert_eq!(numbered, Ok(("7".to_owned(), true, 80)));
        let error = read(5, &[("streamtype", "error"), ("port", "80")]).unwrap().0;
        assert_eq!(error, read(7, &[("streamtype", "data"), ("port", "80")]).unwrap().0);
        assert_eq!(read(1, &[("streamtype", "data")]), Err("\"port\" header is required".to_owned()));
        assert_eq!(read(1, &[("port", "0"), ("streamtype", "data")]), Err("port \"0\" must be > 0".to_owned()));
        assert_eq!(read(1, &[("port", "1"), ("streamtype", "x")]), Err("invalid stream type \"x\"".to_owned()));
    }
}

//! Sockets: accept, TLS, HTTP/1.1 and HTTP/2, and an orderly end.
//!
//! Every connection is a task owned by the accept loop, which is owned by [`super::Serving`]; none outlives it. A peer
//! that handshakes slowly, sends its head slowly, or stops reading is cut off, so it can hold nothing for long.

mod stall;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::closing::Closing;
use super::limits::{
    DRAIN_TIMEOUT, HANDSHAKE_TIMEOUT, HEAD_TIMEOUT, MAX_BODY_BYTES, MAX_ERROR_RESETS, MAX_HEAD_BYTES, MAX_RESETS,
    MAX_STREAMS, PING_INTERVAL, STALL_TIMEOUT,
};
use super::service::{Connection, Service};
use super::streaming::Takeover;
pub(super) use stall::Stalling;

/// How long to wait after the system had no file descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Windows of HTTP/2 uploads: enough for one body, little per stream.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// Accepts connections until `closing` is given, then lets the open ones finish for [`DRAIN_TIMEOUT`].
pub(super) async fn accept(listener: TcpListener, tls: TlsAcceptor, service: Arc<Service>, mut closing: Closing) {
    let places = service.places().clone();
    let protocols = Protocols::new();
    let mut connections = JoinSet::new();
    loop {
        let place = places.clone().acquire_owned();
        let next = async { (place.await, listener.accept().await) };
        tokio::select! {
            biased;
            () = closing.closed() => break,
            Some(_) = connections.join_next() => {}
            accepted = next => match accepted {
                (Ok(place), Ok((socket, _))) => {
                    let serving = serve(socket, tls.clone(), service.clone(), protocols.clone(), place);
                    connections.spawn(serving);
                }
                (_, Err(error)) => {
                    tracing::warn!(%error, "accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                (Err(_), _) => break,
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::debug!(open = connections.len(), "cut connections that did not finish");
    }
    connections.shutdown().await;
}

/// The HTTP settings, one builder per protocol: TLS has agreed on one already, so nothing needs to be sniffed.
#[derive(Clone)]
pub(super) struct Protocols {
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
}

impl Protocols {
    /// Not `pipeline_flush`: it holds answers back while there is input that was not read, so the answer to a request
    /// that cannot be parsed would never leave.
    pub(super) fn new() -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES as usize);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_pending_accept_reset_streams(Some(MAX_RESETS))
            .max_local_error_reset_streams(Some(MAX_ERROR_RESETS))
            .max_header_list_size(MAX_HEAD_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(MAX_BODY_BYTES as u32)
            .keep_alive_interval(PING_INTERVAL);
        Self { http1: builder.clone().http1_only(), http2: builder.http2_only() }
    }

    /// HTTP/1.1.
    pub(super) fn http1(&self) -> Builder<TokioExecutor> {
        self.http1.clone()
    }
}

async fn serve(
    socket: TcpStream,
    tls: TlsAcceptor,
    service: Arc<Service>,
    protocols: Protocols,
    _place: OwnedSemaphorePermit,
) {
    let Some(stream) = handshake(socket, tls).await else { return };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let builder = if http2 { protocols.http2 } else { protocols.http1 };
    converse(stream, builder, service).await;
}

/// Speaks HTTP on a stream until either side ends it.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    builder: Builder<TokioExecutor>,
    service: Arc<Service>,
) {
    let unwelcome = Arc::new(Notify::new());
    let taken_over: Arc<Mutex<Option<Takeover>>> = Arc::default();
    let closing = service.closing();
    let handler = {
        let (unwelcome, taken_over) = (unwelcome.clone(), taken_over.clone());
        service_fn(move |request| {
            let (service, unwelcome, taken_over) = (service.clone(), unwelcome.clone(), taken_over.clone());
            async move {
                let (mut response, connection) = service.handle(request).await;
                if let Some(takeover) = response.extensions_mut().remove() {
                    *taken_over.lock() = Some(takeover);
                }
                if connection == Connection::Close {
                    unwelcome.notify_one();
                }
                Ok::<_, Infallible>(response)
            }
        })
    };
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), handler));
    let early = tokio::select! {
        biased;
        result = connection.as_mut() => Some(result),
        () = ended(closing, &unwelcome) => None,
    };
    let result = match early {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        return tracing::debug!(error = &*error, "connection ended");
    }
    // The connection keeps its task and its place for as long as it lives, whatever it speaks.
    let rest = taken_over.lock().as_ref().and_then(Takeover::take);
    if let Some(rest) = rest {
        rest.await;
    }
}

/// The TLS handshake of a new connection; `None` when the peer failed it or took too long.
async fn handshake(socket: TcpStream, tls: TlsAcceptor) -> Option<TlsStream<Stalling<TcpStream>>> {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "set TCP_NODELAY");
    }
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(Stalling::new(socket, STALL_TIMEOUT))).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
    None
}

/// Waits for the server to close, or for the client to turn out not to be one of ours.
async fn ended(mut closing: Closing, unwelcome: &Notify) {
    tokio::select! {
        biased;
        () = closing.closed() => {}
        () = unwelcome.notified() => {}
    }
}

//! kube's client over a socket of ours: the same layers, and no waiting in the socket.
//!
//! kube's own connector leaves Nagle's algorithm on. A request is a small write right after the end of the TLS
//! handshake, so it would wait for the server's delayed acknowledgement: 40 ms on Linux for every new connection.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::{Connect, Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::{ClientBuilder, ConfigExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tower::{BoxError, ServiceBuilder};

/// A client for this configuration. A proxy's connection is made by kube itself.
///
/// # Errors
/// When certificates or credentials cannot be used.
pub(super) fn client(config: kube::Config) -> Result<kube::Client, kube::Error> {
    if config.proxy_url.is_some() {
        return kube::Client::try_from(config);
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let http = HttpClient::builder(TokioExecutor::new()).build::<_, kube::client::Body>(connector);
    layered(config, http)
}

/// A client whose connections are made by a function of this process.
///
/// # Errors
/// When the credentials cannot be used.
pub(super) fn over_streams(
    config: kube::Config,
    open: impl Fn() -> DuplexStream + Clone + Send + Sync + 'static,
) -> Result<kube::Client, kube::Error> {
    let connector = tower::service_fn(move |_: http::Uri| ready(Ok::<_, Infallible>(TokioIo::new(Stream(open())))));
    let http = HttpClient::builder(TokioExecutor::new()).build::<_, kube::client::Body>(connector);
    layered(config, http)
}

/// The layers of kube's own client.
fn layered<C>(config: kube::Config, http: HttpClient<C, kube::client::Body>) -> Result<kube::Client, kube::Error>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

/// A stream that hyper's client takes for a connection.
struct Stream(DuplexStream);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

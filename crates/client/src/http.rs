//! The HTTP transport: kube's client underneath, so that TLS, kubeconfig and credential plugins behave as everywhere.
//!
//! Bounds: a call may take `request_timeout`; a watch message [`lines::MAX_LINE`] bytes. A watch ends after [`WATCH_IDLE`] without
//! a word; else watches and logs last as long as the server keeps them open.

mod connect;
mod failure;
mod lines;
mod request;
mod response;
mod stack;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use api::logs::LogOptions;
use api::{Reply, Request};
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::{StatusCode, header};
use http_body_util::BodyExt;
use kube::client::Body as HttpBody;

pub use connect::ConnectOptions;
use connect::Origin;
use lines::{Lines, MAX_LINE};

use crate::exec::{self, Exec, ExecOptions};
use crate::transport::{ByteStream, EventStream, Transport};
use crate::{Client, Error};

/// A watch over which nothing came for so long counts as ended: its connection may be dead without either side
/// knowing, as after a laptop's sleep. Whoever observes opens it anew where it stopped.
const WATCH_IDLE: Duration = Duration::from_secs(300);

impl Client {
    /// A client of an API server that is reached over HTTP, and the namespace that its kubeconfig (or the options)
    /// name, else `default`. No request is sent yet.
    ///
    /// # Errors
    /// When the options name no server, or what they name cannot be read.
    pub async fn connect(options: ConnectOptions) -> Result<(Self, String), Error> {
        let connect::Target { config, origin, namespace } = connect::resolve(&options).await?;
        let client = stack::client(config).map_err(|error| failure::explain(&origin, error))?;
        let connection = Connection { client, origin, request_timeout: options.request_timeout };
        Ok((Self::new(Arc::new(Http(Arc::new(connection)))), namespace))
    }
}

impl Client {
    /// A client of an API server in this process that speaks HTTP to it over streams, which `open` makes: the second
    /// transport without a socket. `url` is what the server is called, and the token what it knows.
    ///
    /// # Errors
    /// When the URL or the token cannot be used.
    pub fn over_streams(
        url: &str,
        token: &str,
        open: impl Fn() -> tokio::io::DuplexStream + Clone + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let client = kube_over_streams(url, token, open)?;
        let connection = Connection { client, origin: in_process(url), request_timeout: None };
        Ok(Self::new(Arc::new(Http(Arc::new(connection)))))
    }
}

/// kube's own client of an API server in this process, over streams as in [`Client::over_streams`]. Call within a tokio
/// runtime, which its connections belong to.
///
/// # Errors
/// When the URL or the token cannot be used.
pub fn kube_over_streams(
    url: &str,
    token: &str,
    open: impl Fn() -> tokio::io::DuplexStream + Clone + Send + Sync + 'static,
) -> Result<kube::Client, Error> {
    let unusable = |error: &dyn std::error::Error| Error::Config(format!("the URL {url:?} cannot be used: {error}"));
    let uri: http::Uri = url.parse().map_err(|error: http::uri::InvalidUri| unusable(&error))?;
    let mut config = kube::Config::new(uri);
    config.auth_info.token = Some(token.to_owned().into());
    config.default_retry = false;
    stack::over_streams(config, open).map_err(|error| failure::explain(&in_process(url), error))
}

fn in_process(url: &str) -> Origin {
    Origin { server: url.to_owned(), file: None, context: None }
}

struct Http(Arc<Connection>);

struct Connection {
    client: kube::Client,
    origin: Origin,
    request_timeout: Option<Duration>,
}

impl Transport for Http {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, Error>> {
        let connection = self.0.clone();
        async move {
            let Some(timeout) = connection.request_timeout else { return connection.call(&request).await };
            let timed = tokio::time::timeout(timeout, connection.call(&request)).await;
            timed.unwrap_or_else(|_| Err(failure::timed_out(&connection.origin, timeout)))
        }
        .boxed()
    }

    fn watch(&self, request: Request) -> BoxFuture<'static, Result<EventStream, Error>> {
        let connection = self.0.clone();
        async move {
            let chunks = connection.open(&request::path_and_query(&request), "application/json").await?;
            Ok(events(chunks, WATCH_IDLE))
        }
        .boxed()
    }

    fn document(&self, method: http::Method, path: &str) -> BoxFuture<'static, Result<Bytes, Error>> {
        let (connection, path) = (self.0.clone(), path.to_owned());
        async move {
            let request = http::Request::builder().method(method).uri(path).body(HttpBody::empty());
            let body = connection.send(request).await?.into_body();
            body.collect_bytes().await.map_err(|error| failure::explain(&connection.origin, error))
        }
        .boxed()
    }

    fn exec(&self, namespace: &str, pod: &str, options: ExecOptions) -> BoxFuture<'static, Result<Exec, Error>> {
        let (connection, namespace, pod) = (self.0.clone(), namespace.to_owned(), pod.to_owned());
        async move {
            let started = exec::start(connection.client.clone(), &namespace, &pod, options).await;
            started.map_err(|error| failure::explain(&connection.origin, error))
        }
        .boxed()
    }

    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Error>> {
        let (connection, path) = (self.0.clone(), request::log_path(namespace, pod, &options));
        // The server answers logs as text and its errors as JSON.
        async move { connection.open(&path, "*/*").await }.boxed()
    }
}

impl Connection {
    async fn call(&self, request: &Request) -> Result<Reply, Error> {
        let builder = http::Request::builder()
            .method(request::method(request.verb))
            .uri(request::path_and_query(request))
            .header(header::ACCEPT, "application/json");
        let (builder, body) = match request::body(&request.body).map_err(Error::Decode)? {
            Some((media_type, bytes)) => (builder.header(header::CONTENT_TYPE, media_type), HttpBody::from(bytes)),
            None => (builder, HttpBody::empty()),
        };
        let response = self.send(builder.body(body)).await?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect_bytes().await.map_err(|error| failure::explain(&self.origin, error))?;
        Ok(Reply { response: response::decode(parts.status, bytes)?, warnings: response::warnings(&parts.headers) })
    }

    /// Opens a stream of bytes.
    async fn open(&self, path: &str, accept: &str) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let request = http::Request::get(path).header(header::ACCEPT, accept).body(HttpBody::empty());
        let body = self.send(request).await?.into_body();
        let origin = self.origin.clone();
        Ok(body.into_data_stream().map_err(move |error| failure::explain(&origin, error)).boxed())
    }

    /// Sends a request; an answer that is an error becomes one.
    async fn send(
        &self,
        request: Result<http::Request<HttpBody>, http::Error>,
    ) -> Result<http::Response<HttpBody>, Error> {
        let request = request.map_err(|error| Error::Transport(Box::new(error)))?;
        let explain = |error| failure::explain(&self.origin, error);
        let response = self.client.send(request).await.map_err(explain)?;
        let code = response.status();
        if code.is_success() {
            return Ok(response);
        }
        if code == StatusCode::UNAUTHORIZED {
            return Err(failure::unauthorized(&self.origin));
        }
        let bytes = response.into_body().collect_bytes().await.map_err(explain)?;
        Err(Error::Status(response::failure(code, &bytes)))
    }
}

/// The messages of a watch: one JSON object to a line. Ends after the first error, or when nothing came for `idle`.
fn events(chunks: BoxStream<'static, Result<Bytes, Error>>, idle: Duration) -> EventStream {
    let state = Some((chunks, Lines::new(MAX_LINE)));
    stream::unfold(state, move |state| async move {
        let (mut chunks, mut lines) = state?;
        let line = match next_line(&mut chunks, &mut lines, idle).await {
            Ok(None) => return None,
            Ok(Some(line)) => line,
            Err(error) => return Some((Err(error), None)),
        };
        let event = response::watch_event(&line);
        let next = event.is_ok().then_some((chunks, lines));
        Some((event, next))
    })
    .boxed()
}

async fn next_line(
    chunks: &mut BoxStream<'static, Result<Bytes, Error>>,
    lines: &mut Lines,
    idle: Duration,
) -> Result<Option<Bytes>, Error> {
    loop {
        if let Some(line) = lines.next_line().map_err(|error| Error::Transport(Box::new(error)))? {
            return Ok(Some(line));
        }
        match tokio::time::timeout(idle, chunks.next()).await {
            Ok(Some(chunk)) => lines.push(&chunk?),
            Ok(None) => return Ok(lines.rest()),
            Err(_idle) => return Ok(None),
        }
    }
}

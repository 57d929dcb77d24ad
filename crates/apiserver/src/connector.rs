//! The one path from the server to the kubelet: logs, exec, attach and port-forward.

use std::sync::Arc;

use api::Status;
use api::logs::LogOptions;
use api::session::{Refused, SessionEvent, SessionOptions, TerminalSize};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

/// The bytes of a container's log.
pub type LogStream = BoxStream<'static, Result<Bytes, Status>>;

/// The streams of a process in a container. Dropping it says that the client is gone.
#[derive(Debug)]
pub struct Session {
    /// Standard input; dropping it ends the input. `None` when there is none.
    pub stdin: Option<mpsc::Sender<Bytes>>,
    /// Terminal sizes; of no effect without a terminal.
    pub resize: mpsc::Sender<TerminalSize>,
    /// Output, then the end.
    pub events: mpsc::Receiver<SessionEvent>,
}

/// A connection to a port of a pod.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, or the text of what hindered it.
pub type Connected = Result<Box<dyn Duplex>, String>;

/// The ports of one pod.
pub trait Ports: Send + Sync + 'static {
    /// What names the pod in errors.
    fn pod(&self) -> &str;

    /// Connects to a port.
    fn connect(&self, port: u16) -> BoxFuture<'static, Connected>;
}

/// What the server asks of the kubelet. The composition root fills it in. Every container is named.
pub trait Connector: Send + Sync + 'static {
    /// Opens a container's log.
    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<LogStream, Status>>;

    /// Runs a command in a container.
    fn exec(&self, namespace: &str, pod: &str, options: SessionOptions)
    -> BoxFuture<'static, Result<Session, Refused>>;

    /// Joins the streams of a container's main process.
    fn attach(
        &self,
        namespace: &str,
        pod: &str,
        options: SessionOptions,
    ) -> BoxFuture<'static, Result<Session, Refused>>;

    /// Reaches the ports of a pod.
    fn port_forward(&self, namespace: &str, pod: &str) -> BoxFuture<'static, Result<Arc<dyn Ports>, Refused>>;
}

//! The one path from the server to the kubelet: logs now, exec, attach and port-forward later.

use api::Status;
use api::logs::LogOptions;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

/// The bytes of a container's log.
pub type LogStream = BoxStream<'static, Result<Bytes, Status>>;

/// What the server asks of the kubelet. The composition root fills it in.
pub trait Connector: Send + Sync + 'static {
    /// Opens a container's log.
    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<LogStream, Status>>;
}

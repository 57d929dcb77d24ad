//! The two ways to the API have this one face.

use api::logs::LogOptions;
use api::{Reply, Request, WatchEvent};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::Method;

use crate::Error;
use crate::exec::{Exec, ExecOptions};

/// The messages of one watch; ends when the server ends it.
pub type EventStream = BoxStream<'static, Result<WatchEvent, Error>>;
/// The bytes of one log.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// Carries requests to an API server.
pub trait Transport: Send + Sync + 'static {
    /// Sends any request but a watch.
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, Error>>;

    /// Opens a watch: `request.verb` is `Watch`.
    fn watch(&self, request: Request) -> BoxFuture<'static, Result<EventStream, Error>>;

    /// Sends a request that is about no resource, such as `GET /clock`; the body of the answer.
    fn document(&self, method: Method, path: &str) -> BoxFuture<'static, Result<Bytes, Error>> {
        let _ = (method, path);
        futures::future::ready(Err(Error::Unexpected("documents over HTTP only"))).boxed()
    }

    /// Starts a command in a container.
    fn exec(&self, namespace: &str, pod: &str, options: ExecOptions) -> BoxFuture<'static, Result<Exec, Error>> {
        let _ = (namespace, pod, options);
        futures::future::ready(Err(Error::Unexpected("commands over HTTP only"))).boxed()
    }

    /// Reads a container's log.
    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Error>>;
}

//! The in-process transport: a request is a function call.

use std::sync::Arc;

use api::logs::LogOptions;
use api::request::FieldValidation;
use api::{Reply, Request, Status};
use futures::future::{BoxFuture, FutureExt, ready};

use crate::transport::{ByteStream, EventStream, Transport};
use crate::{Client, Error};

/// What an API server in this process offers. The composition root implements it, so that neither side names the
/// other.
pub trait Door: Send + Sync + 'static {
    /// Performs any request but a watch. Never blocks on anything but the store's lock.
    ///
    /// # Errors
    /// The API's refusal.
    fn call(&self, request: Request) -> Result<Reply, Status>;

    /// What a request should wait for before it is made, if anything.
    fn awaited(&self, request: &Request) -> Option<BoxFuture<'static, ()>> {
        let _ = request;
        None
    }

    /// Opens a watch.
    ///
    /// # Errors
    /// The API's refusal, such as `410 Expired`.
    fn watch(&self, request: Request) -> Result<EventStream, Status>;

    /// Reads a container's log.
    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Status>>;
}

struct InProcess(Arc<dyn Door>);

impl Transport for InProcess {
    fn call(&self, mut request: Request) -> BoxFuture<'static, Result<Reply, Error>> {
        // Whoever asks for strict fields sends what a person wrote, which no type of this process has checked.
        request.trusted = request.options.field_validation != FieldValidation::Strict;
        let Some(wait) = self.0.awaited(&request) else {
            return ready(self.0.call(request).map_err(Error::Status)).boxed();
        };
        let door = self.0.clone();
        wait.map(move |()| door.call(request).map_err(Error::Status)).boxed()
    }

    fn watch(&self, request: Request) -> BoxFuture<'static, Result<EventStream, Error>> {
        ready(self.0.watch(request).map_err(Error::Status)).boxed()
    }

    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Error>> {
        self.0.logs(namespace, pod, options).map(|result| result.map_err(Error::Status)).boxed()
    }
}

impl Client {
    /// A client of an API server in this process.
    pub fn in_process(door: Arc<dyn Door>) -> Self {
        Self::new(Arc::new(InProcess(door)))
    }
}

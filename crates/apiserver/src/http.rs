//! The HTTP shell: bytes to requests, replies to bytes. Whatever the API decides is decided behind [`ApiServer`]; this
//! part decides who may speak, how much, and in which representation.
//!
//! Invariant: it listens on loopback only, over TLS only, and without the token it tells nothing but that it lives.

mod body;
mod clock;
mod closing;
mod connection;
mod custom_resources;
mod decisions;
mod discovery;
mod guard;
mod health;
mod impersonation;
mod limits;
mod local;
mod memory;
mod negotiate;
mod oidc;
mod openapi;
mod payload;
pub mod pki;
mod query;
mod render;
mod reply;
mod resource;
mod review;
mod service;
mod stream;
mod streaming;
mod target;
#[cfg(test)]
mod tests;
mod yaml;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::ApiServer;
pub use crate::tokens::Token;
use closing::Close;
use guard::Guard;
pub use local::Local;
use pki::{Identity, PkiError};
use service::Service;

/// What a server listens on and proves itself with.
#[derive(Debug)]
pub struct Config {
    /// A bound socket on 127.0.0.1 or ::1.
    pub listener: TcpListener,
    /// The certificate; its authority goes into the kubeconfig.
    pub identity: Identity,
    /// What every client must send.
    pub token: Token,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket has no address.
    #[error("read the listener's address")]
    Listener(#[source] io::Error),
    /// The socket could be reached from other hosts.
    #[error("refuse to serve on {0}: pods are processes of this user, so only loopback addresses are served")]
    NotLoopback(SocketAddr),
    /// TLS could not be set up.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// A server that is being served. Dropping it cuts all connections; [`Serving::shutdown`] ends them in order.
pub struct Serving {
    local_addr: SocketAddr,
    service: Arc<Service>,
    closing: Close,
    accepting: Option<JoinHandle<()>>,
}

/// Serves the API over HTTPS until the returned value is dropped or shut down. Must be called within a runtime.
///
/// # Errors
/// When the listener is not on loopback, or TLS cannot be set up.
pub fn serve(server: Arc<ApiServer>, config: Config) -> Result<Serving, ServeError> {
    let local_addr = config.listener.local_addr().map_err(ServeError::Listener)?;
    if !local_addr.ip().is_loopback() {
        return Err(ServeError::NotLoopback(local_addr));
    }
    let tls = TlsAcceptor::from(Arc::new(config.identity.server_config()?));
    let (closing, closed) = Close::new();
    server.tokens.set_own(config.token);
    let guard = Guard::new(local_addr);
    let service = Arc::new(Service::new(server, guard, local_addr.to_string(), closed.clone()));
    let accepting = tokio::spawn(connection::accept(config.listener, tls, service.clone(), closed));
    Ok(Serving { local_addr, service, closing, accepting: Some(accepting) })
}

impl Serving {
    /// The address that is served.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections are open: a watch or a followed log is one for as long as it lasts.
    pub fn open_connections(&self) -> usize {
        // One place is held by the accept loop for the connection to come.
        let taken = limits::MAX_CONNECTIONS - self.service.places().available_permits();
        taken.saturating_sub(1)
    }

    /// When the last request with a good token came in, or when serving began.
    pub fn last_request_at(&self) -> jiff::Timestamp {
        self.service.last_request_at()
    }

    /// Stops accepting, ends watches and logs cleanly, and waits up to two seconds for other requests to finish.
    pub async fn shutdown(mut self) {
        self.closing.close();
        if let Some(accepting) = self.accepting.take()
            && let Err(error) = accepting.await
        {
            tracing::error!(%error, "the accept loop failed");
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.closing.close();
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

/// For [`crate::fuzzing`]: the parsers that look at a request's head.
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing {
    use api::{PatchType, Verb};

    use super::{negotiate, query, target};

    /// Reads a query string.
    pub(crate) fn query(text: &str, verb: Verb, patch: Option<PatchType>) {
        let query = query::Query::parse(Some(text));
        drop((query.options(verb, patch), query.log_options("p")));
    }

    /// Negotiates all kinds of answers.
    pub(crate) fn accept(text: &str) {
        drop((negotiate::resource(Some(text), false), negotiate::resource(Some(text), true)));
        drop(negotiate::discovery(Some(text)));
    }

    /// Reads a path.
    pub(crate) fn path(text: &str) {
        if let Ok(path) = target::decode(text) {
            let _ = target::resource(&path);
        }
    }
}

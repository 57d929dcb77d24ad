//! What a connection's task goes on with after a 101, in place of HTTP.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use crate::http::closing::Closing;
use crate::http::connection::Stalling;
use crate::http::limits::SESSION_STALL_TIMEOUT;

/// The rest of a connection's life, handed from the handler to the connection's task through the response.
#[derive(Clone)]
pub(in crate::http) struct Takeover(Arc<Mutex<Option<BoxFuture<'static, ()>>>>);

impl Takeover {
    /// Serves the connection once HTTP has let go of it, until `serve` is done or the server closes.
    pub(super) fn new<F>(
        on_upgrade: OnUpgrade,
        mut closing: Closing,
        serve: impl FnOnce(Connection<TlsStream<Stalling<TcpStream>>>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let rest = async move {
            let upgraded = match on_upgrade.await {
                Ok(upgraded) => upgraded,
                Err(error) => return tracing::debug!(%error, "upgrade a connection"),
            };
            let Ok(parts) = downcast::<TokioIo<TlsStream<Stalling<TcpStream>>>>(upgraded) else {
                return tracing::error!("an upgraded connection is not of the server's own kind");
            };
            let mut io = parts.io.into_inner();
            // A person may stop the output of a terminal for longer than a program leaves an answer unread.
            io.get_mut().0.set_patience(SESSION_STALL_TIMEOUT);
            tokio::select! {
                biased;
                () = closing.closed() => {}
                () = serve(Connection::new(io, parts.read_buf)) => {}
            }
        };
        Self(Arc::new(Mutex::new(Some(Box::pin(rest)))))
    }

    /// The rest of the connection's life; there is one.
    pub(in crate::http) fn take(&self) -> Option<BoxFuture<'static, ()>> {
        self.0.lock().take()
    }
}

impl fmt::Debug for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Takeover")
    }
}

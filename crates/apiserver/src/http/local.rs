//! The same HTTP on streams within this process: no socket, no TLS, nothing that another process could reach. For
//! simulations, whose quiescence must not depend on what the kernel has in flight.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::DuplexStream;
use tokio::task::JoinSet;

use super::closing::Close;
use super::connection::{self, Protocols};
use super::guard::Guard;
use super::service::Service;
use crate::ApiServer;
use crate::tokens::Token;

/// Bytes that wait in each direction of a stream.
const STREAM_BYTES: usize = 64 * 1024;
/// What clients must call the server: there is no socket of that address.
const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 6443);

/// A server that is spoken to over streams. Dropping it cuts all of them.
pub struct Local {
    service: Arc<Service>,
    protocols: Protocols,
    _closing: Close,
    connections: Mutex<JoinSet<()>>,
}

impl Local {
    /// A server that knows this token.
    pub fn new(server: Arc<ApiServer>, token: Token) -> Self {
        let (closing, closed) = Close::new();
        server.tokens.set_own(token);
        let address = SocketAddr::from(ADDRESS);
        let service = Arc::new(Service::new(server, Guard::new(address), address.to_string(), closed));
        Self { service, protocols: Protocols::new(), _closing: closing, connections: Mutex::default() }
    }

    /// Where clients must think that it is.
    pub fn url() -> String {
        format!("http://{}", SocketAddr::from(ADDRESS))
    }

    /// Opens a connection: the client's end of it. Call within a tokio runtime.
    pub fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(STREAM_BYTES);
        let mut connections = self.connections.lock();
        while connections.try_join_next().is_some() {}
        connections.spawn(connection::converse(far, self.protocols.http1(), self.service.clone()));
        near
    }
}

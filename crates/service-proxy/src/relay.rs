//! One connection on its way: to the first endpoint that takes it, then bytes both ways until both sides are done.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tracing::debug;

/// How long an endpoint may take to answer before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Joins a client with an endpoint. One that no endpoint takes is reset.
pub(crate) async fn relay(mut client: TcpStream, endpoints: Vec<SocketAddr>) {
    for endpoint in endpoints {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(endpoint)).await;
        let Ok(Ok(mut server)) = connected else {
            debug!(%endpoint, "an endpoint takes no connection");
            continue;
        };
        // A key must not wait for company.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        if copy_bidirectional(&mut client, &mut server).await.is_err() {
            // One side was reset, and the other must not take it for an orderly end.
            reset(client);
            reset(server);
        }
        return;
    }
    reset(client);
}

/// Ends a connection as a host does on which nobody listens.
pub(crate) fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
}

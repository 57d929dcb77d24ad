//! One bound address: accepts connections and hands them to the proxy, until it is dropped or closed.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;

/// The wait after a failure to accept.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A connection that somebody made to the address of a Service.
pub(crate) struct Accepted {
    /// The address.
    pub(crate) front: SocketAddr,
    pub(crate) client: SocketAddr,
    pub(crate) stream: TcpStream,
}

/// Where accepted connections go. While it is full, connections wait in the kernel.
pub(crate) type Inlet = mpsc::Sender<Accepted>;

pub(crate) struct Listener(JoinHandle<()>);

impl Listener {
    /// Binds the address and listens from then on.
    ///
    /// # Errors
    /// When the address is somebody else's.
    pub(crate) fn open(front: SocketAddr, inlet: Inlet) -> std::io::Result<Self> {
        let bound = std::net::TcpListener::bind(front)?;
        bound.set_nonblocking(true)?;
        let listener = TcpListener::from_std(bound)?;
        Ok(Self(tokio::spawn(accept(listener, front, inlet))))
    }

    /// Stops listening; when this returns, the address is free.
    pub(crate) async fn close(self) {
        self.0.abort();
        // An error says that it was cut off, as it was to be.
        let _cut = self.0.await;
    }
}

async fn accept(listener: TcpListener, front: SocketAddr, inlet: Inlet) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                if inlet.send(Accepted { front, client, stream }).await.is_err() {
                    return;
                }
            }
            // Gone before it was taken, or no descriptor is left; the latter passes when others end.
            Err(error) => {
                debug!(%front, %error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

//! The one signal that ends a server: heard by the accept loop, every connection, and every open stream.

use tokio::sync::watch;

/// Ends a server when told to, or when dropped.
#[derive(Debug)]
pub(super) struct Close(watch::Sender<bool>);

impl Close {
    /// A signal and its first listener.
    pub(super) fn new() -> (Self, Closing) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Closing(receiver))
    }

    /// Gives the signal.
    pub(super) fn close(&self) {
        self.0.send_replace(true);
    }
}

/// Hears the signal.
#[derive(Clone, Debug)]
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Waits for the signal; returns at once when it was given already. May be dropped and called again.
    pub(super) async fn closed(&mut self) {
        // An error means that the sender is gone, which is the signal too.
        let _ = self.0.wait_for(|closing| *closing).await;
    }

    /// Whether the signal was given.
    pub(super) fn is_closed(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

//! Tells all who listen that something was committed, in the order in which they began to wait.
//!
//! Not `tokio::sync::watch`: that wakes its receivers in a random order, and in a simulation the order in which watches
//! go on must be the same each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Rung after each commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    rung: AtomicU64,
    waiting: Notify,
}

/// One who listens.
#[derive(Debug)]
pub(crate) struct Listener {
    bell: Bell,
    heard: u64,
}

impl Bell {
    /// Wakes all who wait.
    pub(crate) fn ring(&self) {
        self.0.rung.fetch_add(1, Ordering::SeqCst);
        self.0.waiting.notify_waiters();
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener { heard: self.0.rung.load(Ordering::SeqCst), bell: self.clone() }
    }
}

impl Listener {
    /// Takes all that was rung so far for heard.
    pub(crate) fn catch_up(&mut self) {
        self.heard = self.bell.0.rung.load(Ordering::SeqCst);
    }

    /// Waits until the bell rings, or has rung since it was last heard. May be dropped and called again.
    pub(crate) async fn rung(&mut self) {
        loop {
            // Made before the count is read, so that a ring in between ends it.
            let notified = self.bell.0.waiting.notified();
            let rung = self.bell.0.rung.load(Ordering::SeqCst);
            if rung != self.heard {
                self.heard = rung;
                return;
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::{FutureExt, poll};

    use super::*;

    #[tokio::test]
    async fn a_ring_between_two_waits_is_heard() {
        let bell = Bell::default();
        let mut listener = bell.listen();
        assert!(listener.rung().now_or_never().is_none());
        bell.ring();
        bell.ring();
        assert!(listener.rung().now_or_never().is_some());
        assert!(listener.rung().now_or_never().is_none());
        bell.ring();
        listener.catch_up();
        assert!(listener.rung().now_or_never().is_none());
    }

    #[tokio::test]
    async fn those_who_wait_are_woken_in_the_order_of_their_waits() {
        let bell = Bell::default();
        let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..40 {
            let (mut listener, order) = (bell.listen(), order.clone());
            tasks.push(tokio::spawn(async move {
                listener.rung().await;
                order.lock().push(number);
            }));
        }
        let mut last = Box::pin(async {
            let mut listener = bell.listen();
            listener.rung().await;
        });
        tokio::task::yield_now().await;
        assert!(poll!(&mut last).is_pending());
        bell.ring();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock(), (0..40).collect::<Vec<_>>());
    }
}

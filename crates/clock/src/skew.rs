//! Real time plus an offset that only grows: real processes run at real speed, and waits can be skipped. The hybrid mode.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::timers::{Key, Timers};
use crate::{Clock, Movable, Pull, Sleep, SystemClock};

/// Real time, moved forward.
#[derive(Debug)]
pub struct SkewClock {
    offset: watch::Sender<SignedDuration>,
    timers: Arc<Mutex<Timers>>,
}

impl Default for SkewClock {
    fn default() -> Self {
        Self { offset: watch::Sender::new(SignedDuration::ZERO), timers: Arc::default() }
    }
}

impl SkewClock {
    /// Moves the clock forward; a negative duration is ignored, since time never runs back.
    pub fn skip(&self, duration: SignedDuration) {
        if duration.is_positive() {
            self.offset.send_modify(|offset| *offset = offset.saturating_add(duration));
        }
    }

    /// How far the clock is ahead of the machine's.
    pub fn offset(&self) -> SignedDuration {
        *self.offset.borrow()
    }
}

impl Movable for SkewClock {
    fn next_timer(&self) -> Option<Timestamp> {
        self.timers.lock().next()
    }

    fn next_pull(&self) -> Option<Timestamp> {
        self.timers.lock().next_pull()
    }

    fn jump_to(&self, time: Timestamp) {
        self.skip(time.duration_since(self.now()));
    }
}

/// In the table for as long as it lives.
struct Waiting {
    key: Key,
    timers: Arc<Mutex<Timers>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.timers.lock().remove(&self.key);
    }
}

impl Clock for SkewClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add(self.offset()).expect("an offset of seconds keeps its unit")
    }

    fn wait_until(&self, deadline: Timestamp, pull: Pull) -> Sleep {
        let (mut offset, timers) = (self.offset.subscribe(), self.timers.clone());
        Box::pin(async move {
            if deadline == Timestamp::MAX {
                return std::future::pending().await;
            }
            // Sleepers have a timer of the machine each, so nothing has to be woken from the table.
            let key = timers.lock().add(deadline, pull, None);
            let _waiting = Waiting { key, timers };
            loop {
                let ahead = *offset.borrow_and_update();
                let real = deadline.saturating_sub(ahead).expect("an offset of seconds keeps its unit");
                tokio::select! {
                    biased;
                    () = SystemClock.wait_until(real, pull) => return,
                    changed = offset.changed() => if changed.is_err() {
                        return SystemClock.wait_until(real, pull).await;
                    },
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_skip_wakes_sleepers_at_once() {
        let clock = SkewClock::default();
        let hour = SignedDuration::from_hours(1);
        let before = clock.now();
        let deadline = before.saturating_add(hour).expect("in range");
        let mut sleep = clock.wait_until(deadline, Pull::No);
        assert!(futures::poll!(&mut sleep).is_pending());
        assert_eq!((clock.next_timer(), clock.next_pull()), (Some(deadline), None));
        clock.jump_to(deadline);
        sleep.await;
        assert!(clock.now() >= deadline);
        assert_eq!(clock.next_timer(), None);
    }
}

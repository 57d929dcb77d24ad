//! Real time plus an offset that only grows: real processes run at real speed, and waits can be skipped.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::{Clock, Sleep, SystemClock};

/// Real time, moved forward.
#[derive(Debug)]
pub struct SkewClock {
    offset: watch::Sender<SignedDuration>,
}

impl Default for SkewClock {
    fn default() -> Self {
        Self { offset: watch::Sender::new(SignedDuration::ZERO) }
    }
}

impl SkewClock {
    /// Moves the clock forward; a negative duration is ignored, since time never runs back.
    pub fn skip(&self, duration: SignedDuration) {
        if duration.is_positive() {
            self.offset.send_modify(|offset| *offset = offset.saturating_add(duration));
        }
    }
}

impl Clock for SkewClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add(*self.offset.borrow()).expect("an offset of seconds keeps its unit")
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        let mut offset = self.offset.subscribe();
        Box::pin(async move {
            loop {
                let ahead = *offset.borrow_and_update();
                let real = deadline.saturating_sub(ahead).expect("an offset of seconds keeps its unit");
                tokio::select! {
                    () = SystemClock.sleep_until(real) => return,
                    changed = offset.changed() => if changed.is_err() {
                        return SystemClock.sleep_until(real).await;
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
        let sleep = tokio::spawn(clock.sleep_until(before.saturating_add(hour).expect("in range")));
        clock.skip(hour);
        sleep.await.expect("the sleeper ends");
        assert!(clock.now().duration_since(before) >= hour);
    }
}

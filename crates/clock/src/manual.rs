//! A clock that stands still until a test moves it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{Clock, Sleep};

/// Time that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    /// Deadlines slept for, with how many sleepers each has.
    waiting: std::sync::Arc<Mutex<BTreeMap<Timestamp, usize>>>,
}

impl ManualClock {
    /// A clock that reads `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start), waiting: std::sync::Arc::default() }
    }

    /// Moves to `time`; a time already past is ignored, since time never runs back.
    pub fn advance_to(&self, time: Timestamp) {
        self.now.send_if_modified(|now| {
            let later = time > *now;
            if later {
                *now = time;
            }
            later
        });
    }

    /// The earliest deadline that somebody sleeps for.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.waiting.lock().keys().next().copied()
    }
}

/// Counts one sleeper for as long as it lives.
struct Waiting {
    deadline: Timestamp,
    waiting: std::sync::Arc<Mutex<BTreeMap<Timestamp, usize>>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock();
        if let Some(count) = waiting.get_mut(&self.deadline) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.deadline);
            }
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        let mut now = self.now.subscribe();
        *self.waiting.lock().entry(deadline).or_default() += 1;
        let guard = Waiting { deadline, waiting: self.waiting.clone() };
        Box::pin(async move {
            let _guard = guard;
            // An error means that the clock itself is gone: then nothing will ever be due.
            if now.wait_for(|now| *now >= deadline).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_reaches_its_deadline() {
        let start = Timestamp::from_second(1_000).expect("in range");
        let clock = ManualClock::new(start);
        let deadline = Timestamp::from_second(1_010).expect("in range");
        let sleep = tokio::spawn(clock.sleep_until(deadline));
        assert_eq!(clock.next_deadline(), Some(deadline));
        clock.advance_to(deadline);
        sleep.await.expect("the sleeper ends");
        assert_eq!(clock.next_deadline(), None);
        clock.advance_to(start);
        assert_eq!(clock.now(), deadline, "time never runs back");
    }
}

//! A clock that stands still until it is moved: the virtual mode, and unit tests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::timers::{Key, Timers};
use crate::{Clock, Movable, Pull, Sleep};

/// Time that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    timers: Timers,
}

impl ManualClock {
    /// A clock that reads `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { state: Arc::new(Mutex::new(State { now: start, timers: Timers::default() })) }
    }

    /// Moves to `time`; a time already past is ignored, since time never runs back.
    pub fn advance_to(&self, time: Timestamp) {
        let due = {
            let mut state = self.state.lock();
            if time <= state.now {
                return;
            }
            state.now = time;
            state.timers.take_due(time)
        };
        due.into_iter().for_each(std::task::Waker::wake);
    }

    /// The earliest time that somebody waits for.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.state.lock().timers.next()
    }
}

impl Movable for ManualClock {
    fn next_timer(&self) -> Option<Timestamp> {
        self.next_deadline()
    }

    fn next_pull(&self) -> Option<Timestamp> {
        self.state.lock().timers.next_pull()
    }

    fn jump_to(&self, time: Timestamp) {
        self.advance_to(time);
    }
}

/// One wait; in the table from its first poll on.
struct Wait {
    state: Arc<Mutex<State>>,
    deadline: Timestamp,
    pull: Pull,
    key: Option<Key>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let wait = &mut *self;
        if wait.deadline == Timestamp::MAX {
            return Poll::Pending;
        }
        let mut state = wait.state.lock();
        if state.now >= wait.deadline {
            return Poll::Ready(());
        }
        let known = wait.key.as_ref().is_some_and(|key| state.timers.rewake(key, context.waker()));
        if !known {
            wait.key = Some(state.timers.add(wait.deadline, wait.pull, Some(context.waker().clone())));
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.state.lock().timers.remove(key);
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state.lock().now
    }

    fn wait_until(&self, deadline: Timestamp, pull: Pull) -> Sleep {
        Box::pin(Wait { state: self.state.clone(), deadline, pull, key: None })
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_reaches_its_deadline() {
        let clock = ManualClock::new(second(1_000));
        let mut sleep = clock.sleep_until(second(1_010));
        assert_eq!(clock.next_timer(), None, "nobody waits before the first poll");
        assert!(poll!(&mut sleep).is_pending());
        assert_eq!(clock.next_timer(), Some(second(1_010)));
        clock.advance_to(second(1_009));
        assert!(poll!(&mut sleep).is_pending());
        clock.advance_to(second(1_010));
        assert!(poll!(&mut sleep).is_ready());
        assert_eq!(clock.next_timer(), None);
        clock.advance_to(second(1_000));
        assert_eq!(clock.now(), second(1_010), "time never runs back");
    }

    #[tokio::test]
    async fn only_waits_of_something_unfinished_pull() {
        let clock = ManualClock::new(second(0));
        let mut schedule = clock.wait_until(second(10), Pull::No);
        let mut work = clock.wait_until(second(20), Pull::Yes);
        let mut never = clock.sleep_until(Timestamp::MAX);
        assert!(poll!(&mut schedule).is_pending() && poll!(&mut work).is_pending() && poll!(&mut never).is_pending());
        assert_eq!((clock.next_timer(), clock.next_pull()), (Some(second(10)), Some(second(20))));
        drop(work);
        assert_eq!((clock.next_timer(), clock.next_pull()), (Some(second(10)), None));
    }

    #[tokio::test]
    async fn those_that_are_due_together_wake_in_the_order_of_their_times_and_turns() {
        let clock = Arc::new(ManualClock::new(second(0)));
        let (woken, mut order) = tokio::sync::mpsc::unbounded_channel();
        for (name, at) in [("c", 3), ("a", 1), ("b", 1), ("d", 3)] {
            let (sleep, woken) = (clock.sleep_until(second(at)), woken.clone());
            tokio::spawn(async move {
                sleep.await;
                woken.send(name).expect("somebody listens");
            });
        }
        while clock.state.lock().timers.next() != Some(second(1)) || clock.state.lock().timers_len() < 4 {
            tokio::task::yield_now().await;
        }
        clock.advance_to(second(5));
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(order.recv().await.expect("four wake"));
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
    }

    impl State {
        fn timers_len(&self) -> usize {
            self.timers.len()
        }
    }
}

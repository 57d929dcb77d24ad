//! The rules of the queue, one by one and then all at once against a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

#[test]
fn keys_leave_once_and_in_the_order_they_became_ready() {
    let mut queue = Queue::new();
    for key in ["b", "a", "b"] {
        assert!(queue.add(key));
    }
    assert_eq!(queue.next_wake(at(0)), Some(at(0)));
    assert_eq!((queue.take(at(0)), queue.take(at(0)), queue.take(at(0))), (Some("b"), Some("a"), None));
    queue.done(&"a");
    queue.done(&"b");
    assert!(queue.is_empty(), "an idle key is forgotten");
}

#[test]
fn a_key_added_in_flight_waits_for_the_end_of_its_flight() {
    let mut queue = Queue::new();
    queue.add("a");
    assert_eq!(queue.take(at(0)), Some("a"));
    queue.add("a");
    queue.add_at("a", at(0));
    assert_eq!(queue.take(at(0)), None, "one flight per key");
    queue.done(&"a");
    assert_eq!(queue.take(at(0)), Some("a"));
    queue.done(&"a");
    assert_eq!(queue.take(at(9)), None);
}

#[test]
fn of_several_times_the_earliest_holds() {
    let mut queue = Queue::new();
    queue.add_at("a", at(5));
    queue.add_at("a", at(9));
    queue.add_at("a", at(3));
    assert_eq!(queue.next_wake(at(0)), Some(at(3)));
    assert_eq!(queue.take(at(2)), None);
    assert_eq!(queue.take(at(3)), Some("a"));
    queue.done(&"a");
    assert_eq!(queue.next_wake(at(3)), None, "taking a key settles its timers");
}

#[test]
fn failures_double_the_wait_up_to_a_minute_until_forgotten() {
    let mut queue = Queue::new();
    let waits: Vec<i64> = (0..8).map(|_| queue.add_rate_limited("a", at(0)).as_second()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    queue.forget(&"a");
    assert_eq!(queue.add_rate_limited("a", at(10)), at(11));
    assert_eq!(queue.take(at(1)), Some("a"), "the earliest retry asked for still holds");
}

#[test]
fn a_full_queue_refuses_new_keys_and_asks_for_all_of_them_once_there_is_room() {
    let mut queue = Queue::with_capacity(2);
    assert!(queue.add(1) && queue.add(2) && queue.add(1));
    assert!(!queue.add(3));
    assert!(!queue.add_at(3, at(1)));
    assert!(!queue.take_overflow(), "there is no room yet");
    for _ in 0..2 {
        let key = queue.take(at(0)).expect("two keys are ready");
        queue.done(&key);
    }
    assert!(queue.take_overflow());
    assert!(!queue.take_overflow(), "asked for once");
    assert!(queue.add(3));
}

/// What the queue promises, without any thought for speed.
#[derive(Default)]
struct Model {
    ready: Vec<u8>,
    flying: BTreeMap<u8, bool>,
    timers: Vec<(Timestamp, u64, u8)>,
    failures: BTreeMap<u8, u32>,
    sequence: u64,
}

impl Model {
    fn add(&mut self, key: u8) {
        if let Some(again) = self.flying.get_mut(&key) {
            *again = true;
        } else if !self.ready.contains(&key) {
            self.ready.push(key);
        }
    }

    fn add_at(&mut self, key: u8, time: Timestamp) {
        if self.timers.iter().any(|timer| timer.2 == key && timer.0 <= time) {
            return;
        }
        self.timers.retain(|timer| timer.2 != key);
        self.timers.push((time, self.sequence, key));
        self.sequence += 1;
    }

    fn take(&mut self, now: Timestamp) -> Option<u8> {
        self.timers.sort();
        while self.timers.first().is_some_and(|timer| timer.0 <= now) {
            let key = self.timers.remove(0).2;
            self.add(key);
        }
        if self.ready.is_empty() {
            return None;
        }
        let key = self.ready.remove(0);
        self.flying.insert(key, false);
        self.timers.retain(|timer| timer.2 != key);
        Some(key)
    }

    fn done(&mut self, key: u8) {
        if self.flying.remove(&key) == Some(true) {
            self.ready.push(key);
        }
    }

    fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.ready.is_empty() { Some(now) } else { self.timers.iter().map(|timer| timer.0.max(now)).min() }
    }

    fn known(&self) -> usize {
        (0..=u8::MAX)
            .filter(|key| {
                self.ready.contains(key)
                    || self.flying.contains_key(key)
                    || self.timers.iter().any(|timer| timer.2 == *key)
                    || self.failures.contains_key(key)
            })
            .count()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u8),
    AddAt(u8, i64),
    Fail(u8),
    Forget(u8),
    Take,
    Done(u8),
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..6_u8;
    let step = prop_oneof![
        key.clone().prop_map(Step::Add),
        (key.clone(), -2..20_i64).prop_map(|(key, seconds)| Step::AddAt(key, seconds)),
        key.clone().prop_map(Step::Fail),
        key.clone().prop_map(Step::Forget),
        Just(Step::Take),
        Just(Step::Take),
        key.prop_map(Step::Done),
        (0..10_i64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn the_queue_does_what_the_naive_model_does(steps in steps()) {
        let (mut queue, mut model, mut now) = (Queue::new(), Model::default(), at(1_000));
        for step in steps {
            match step {
                Step::Add(key) => {
                    queue.add(key);
                    model.add(key);
                }
                Step::AddAt(key, seconds) => {
                    queue.add_at(key, at(now.as_second() + seconds));
                    model.add_at(key, at(now.as_second() + seconds));
                }
                Step::Fail(key) => {
                    let failures = model.failures.entry(key).or_default();
                    *failures += 1;
                    let retry_at = now + backoff(*failures);
                    model.add_at(key, retry_at);
                    prop_assert_eq!(queue.add_rate_limited(key, now), retry_at);
                }
                Step::Forget(key) => {
                    queue.forget(&key);
                    model.failures.remove(&key);
                }
                Step::Take => prop_assert_eq!(queue.take(now), model.take(now)),
                Step::Done(key) => {
                    queue.done(&key);
                    model.done(key);
                }
                Step::Pass(seconds) => now = at(now.as_second() + seconds),
            }
            prop_assert_eq!(queue.next_wake(now), model.next_wake(now));
            prop_assert_eq!(queue.len(), model.known());
        }
    }
}

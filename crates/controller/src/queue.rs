//! The work queue: which keys want a reconcile, now or later, and which are in flight. A plain value: it never waits,
//! and learns the time from its caller.
//!
//! Invariants: a key is in flight at most once; a key added while in flight is ready again at [`Queue::done`]; ready
//! keys leave in the order in which they became ready. Follows `k8s.io/client-go/util/workqueue`, with two purposeful
//! departures, both because a reconcile never depends on what woke it:
//!
//! Differs: taking a key settles everything asked for it before, timers included; whoever still needs a later wake-up
//! says so again when the reconcile ends.
//! Differs: the queue is bounded ([`MAX_KEYS`]). A new key that does not fit is not kept; [`Queue::take_overflow`]
//! then tells the owner to add all keys it knows once there is room.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};

/// Most keys that a queue knows at one time: ready, delayed, in flight or remembered for their failures.
pub const MAX_KEYS: usize = 1_000_000;
/// Wait before the first retry of a failed key.
pub const FIRST_BACKOFF: SignedDuration = SignedDuration::from_secs(1);
/// Longest wait before a retry (`MaxJobBackOff` of API errors in upstream's Job controller).
pub const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_secs(60);

/// Keys that want work.
#[derive(Debug)]
pub struct Queue<K> {
    entries: HashMap<K, Entry>,
    ready: VecDeque<K>,
    /// By time, and in the order of adding within one time.
    delayed: BTreeMap<(Timestamp, u64), K>,
    sequence: u64,
    capacity: usize,
    overflowed: bool,
}

#[derive(Debug, Default)]
struct Entry {
    place: Place,
    timer: Option<(Timestamp, u64)>,
    failures: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Idle,
    Ready,
    InFlight,
    /// In flight, and to be ready again when that ends.
    InFlightAgain,
}

impl Entry {
    fn is_forgotten(&self) -> bool {
        self.place == Place::Idle && self.timer.is_none() && self.failures == 0
    }
}

impl<K: Clone + Eq + Hash> Default for Queue<K> {
    fn default() -> Self {
        Self::with_capacity(MAX_KEYS)
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// An empty queue of [`MAX_KEYS`].
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty queue of another bound, in keys.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            ready: VecDeque::new(),
            delayed: BTreeMap::new(),
            sequence: 0,
            capacity,
            overflowed: false,
        }
    }

    /// Asks for a reconcile as soon as possible. Returns whether the queue took the key.
    pub fn add(&mut self, key: K) -> bool {
        let Some(entry) = self.entry(&key) else { return false };
        match entry.place {
            Place::Idle => {
                entry.place = Place::Ready;
                self.ready.push_back(key);
            }
            Place::InFlight => entry.place = Place::InFlightAgain,
            Place::Ready | Place::InFlightAgain => {}
        }
        true
    }

    /// Asks for a reconcile at `time`; of several times the earliest holds. Returns whether the queue took the key.
    pub fn add_at(&mut self, key: K, time: Timestamp) -> bool {
        let sequence = self.sequence;
        let Some(entry) = self.entry(&key) else { return false };
        let earlier = match entry.timer {
            Some(timer) if timer.0 <= time => return true,
            earlier => earlier,
        };
        entry.timer = Some((time, sequence));
        self.sequence += 1;
        if let Some(earlier) = earlier {
            self.delayed.remove(&earlier);
        }
        self.delayed.insert((time, sequence), key);
        true
    }

    /// Counts a failure of the key and asks for a retry after 1 s, 2 s, 4 s ... 60 s. Returns the time of the retry.
    pub fn add_rate_limited(&mut self, key: K, now: Timestamp) -> Timestamp {
        let failures = self.entry(&key).map_or(0, |entry| {
            entry.failures = entry.failures.saturating_add(1);
            entry.failures
        });
        let retry_at = now.saturating_add(backoff(failures)).expect("an offset of seconds keeps its unit");
        self.add_at(key, retry_at);
        retry_at
    }

    /// Drops the key's failures: its next back-off starts at one second.
    pub fn forget(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.failures = 0;
        }
        self.tidy(key);
    }

    /// The next key to reconcile; it is in flight until [`Queue::done`].
    pub fn take(&mut self, now: Timestamp) -> Option<K> {
        self.wake(now);
        let key = self.ready.pop_front()?;
        let entry = self.entries.get_mut(&key).expect("a ready key has an entry");
        entry.place = Place::InFlight;
        if let Some(timer) = entry.timer.take() {
            self.delayed.remove(&timer);
        }
        Some(key)
    }

    /// Ends the flight of a key. It is ready again if it was added meanwhile.
    pub fn done(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match entry.place {
            Place::InFlightAgain => {
                entry.place = Place::Ready;
                self.ready.push_back(key.clone());
            }
            Place::InFlight => {
                entry.place = Place::Idle;
                self.tidy(key);
            }
            Place::Idle | Place::Ready => {}
        }
    }

    /// When [`Queue::take`] will next have a key: `now` when one is ready, `None` when nothing is asked for.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.ready.is_empty() {
            return Some(now);
        }
        self.delayed.keys().next().map(|(time, _)| (*time).max(now))
    }

    /// How many keys the queue knows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is asked for, in flight or remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether keys were refused since the last call and there is room again: then the owner must add every key that
    /// it knows.
    pub fn take_overflow(&mut self) -> bool {
        let room = self.entries.len() <= self.capacity / 2;
        room && std::mem::take(&mut self.overflowed)
    }

    /// Moves keys whose time has come to the end of the ready ones.
    fn wake(&mut self, now: Timestamp) {
        while let Some(first) = self.delayed.first_entry() {
            if first.key().0 > now {
                return;
            }
            let key = first.remove();
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.timer = None;
            }
            self.add(key);
        }
    }

    /// The entry of a key, made if there is room for it.
    fn entry(&mut self, key: &K) -> Option<&mut Entry> {
        if !self.entries.contains_key(key) {
            if self.entries.len() >= self.capacity {
                self.overflowed = true;
                return None;
            }
            self.entries.insert(key.clone(), Entry::default());
        }
        self.entries.get_mut(key)
    }

    fn tidy(&mut self, key: &K) {
        if self.entries.get(key).is_some_and(Entry::is_forgotten) {
            self.entries.remove(key);
        }
    }
}

/// The wait after so many failures: doubles from [`FIRST_BACKOFF`] to [`LONGEST_BACKOFF`].
pub fn backoff(failures: u32) -> SignedDuration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_BACKOFF.saturating_mul(1 << doublings).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests;

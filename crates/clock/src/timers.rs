//! Who waits until when: the table behind clocks that can be moved.
//!
//! Invariants: a wait is in the table from its first poll until it is due or dropped, so a future that was made and
//! never polled counts for nothing; those that are due together are woken in the order in which they began to wait, so
//! what a simulation does next never depends on a hash.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

use jiff::Timestamp;

use crate::Pull;

/// Names one wait: its time, then its turn.
pub(crate) type Key = (Timestamp, u64);

#[derive(Debug, Default)]
pub(crate) struct Timers {
    waiting: BTreeMap<Key, Option<Waker>>,
    pulling: BTreeSet<Key>,
    turns: u64,
}

impl Timers {
    /// Adds a wait.
    pub(crate) fn add(&mut self, deadline: Timestamp, pull: Pull, waker: Option<Waker>) -> Key {
        let key = (deadline, self.turns);
        self.turns += 1;
        self.waiting.insert(key, waker);
        if pull == Pull::Yes {
            self.pulling.insert(key);
        }
        key
    }

    /// Replaces the waker of a wait; `false` when it is not in the table any more.
    pub(crate) fn rewake(&mut self, key: &Key, waker: &Waker) -> bool {
        let Some(known) = self.waiting.get_mut(key) else { return false };
        match known {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        true
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.waiting.remove(key);
        self.pulling.remove(key);
    }

    /// Takes out all that are due, in order.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<Waker> {
        let later = self.waiting.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.waiting, later);
        for key in due.keys() {
            self.pulling.remove(key);
        }
        due.into_values().flatten().collect()
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.waiting.keys().next().map(|(time, _)| *time)
    }

    pub(crate) fn next_pull(&self) -> Option<Timestamp> {
        self.pulling.first().map(|(time, _)| *time)
    }
}

#[cfg(test)]
impl Timers {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

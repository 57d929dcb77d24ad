//! The freshness gate: keeps a controller from deciding on a cache that has not yet seen the controller's own last
//! write (upstream's `StaleControllerConsistencyJob`, KEP-5647, without its expectations).
//!
//! One gate per observed resource: revisions are only compared within the stream that they came from. Writes to pods
//! go into the gate of the pod stream, writes to Jobs into that of the Job stream.
//!
//! Guarantee: a key refused by [`Freshness::is_fresh`] is handed back by [`Freshness::observed`] exactly once, when its
//! revision is reached; so a refused reconcile ends without a timer.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use api::Revision;

/// The highest revision that a controller wrote for each key, as far as the cache has not caught up with it.
#[derive(Debug)]
pub struct Freshness<K> {
    written: HashMap<K, Revision>,
    /// Refused keys by the revision they wait for.
    waiting: BTreeMap<Revision, Vec<K>>,
    observed: Revision,
}

impl<K> Default for Freshness<K> {
    fn default() -> Self {
        Self { written: HashMap::new(), waiting: BTreeMap::new(), observed: Revision(0) }
    }
}

impl<K: Clone + Eq + Hash> Freshness<K> {
    /// A gate that has seen nothing and knows of no writes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a write on behalf of `key`: the revision that the API answered with.
    pub fn wrote(&mut self, key: &K, revision: Revision) {
        if revision <= self.observed {
            return;
        }
        if let Some(written) = self.written.get_mut(key) {
            *written = revision.max(*written);
        } else {
            self.written.insert(key.clone(), revision);
        }
    }

    /// Whether a cache at `observed_revision` has seen every noted write of `key`. A refused key waits.
    pub fn is_fresh(&mut self, key: &K, observed_revision: Revision) -> bool {
        let Some(written) = self.written.get(key).copied() else { return true };
        if written <= observed_revision {
            self.written.remove(key);
            return true;
        }
        let waiting = self.waiting.entry(written).or_default();
        if !waiting.contains(key) {
            waiting.push(key.clone());
        }
        false
    }

    /// Notes how far the cache has come, and returns the refused keys that no longer have to wait.
    pub fn observed(&mut self, revision: Revision) -> Vec<K> {
        self.observed = revision.max(self.observed);
        let mut woken = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            if *first.key() > revision {
                break;
            }
            woken.append(&mut first.remove());
        }
        woken
    }

    /// The highest revision the cache has reached.
    pub fn reached(&self) -> Revision {
        self.observed
    }

    /// Notes a new list. Writes newer than it still hold; but a list older than what was seen comes from another
    /// server, whose revisions count from elsewhere: then nothing that was noted holds any more.
    pub fn restarted(&mut self, revision: Revision) -> Vec<K> {
        if revision >= self.observed {
            return self.observed(revision);
        }
        self.written.clear();
        self.observed = revision;
        std::mem::take(&mut self.waiting).into_values().flatten().collect()
    }

    /// Drops what is known of a key that is gone.
    pub fn forget(&mut self, key: &K) {
        self.written.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_stale_until_its_own_last_write_is_observed() {
        let mut gate = Freshness::new();
        assert!(gate.is_fresh(&"a", Revision(0)), "nothing written yet");
        gate.wrote(&"a", Revision(7));
        gate.wrote(&"a", Revision(5));
        assert!(!gate.is_fresh(&"a", Revision(6)), "the highest write counts, in whatever order answers come");
        assert!(gate.is_fresh(&"b", Revision(6)), "other keys are not held up");
        assert!(gate.is_fresh(&"a", Revision(7)));
        assert!(gate.is_fresh(&"a", Revision(0)), "a write that was seen is forgotten");
    }

    #[test]
    fn a_refused_key_is_handed_back_once_when_its_revision_is_reached() {
        let mut gate = Freshness::new();
        gate.wrote(&"a", Revision(7));
        assert!(!gate.is_fresh(&"a", Revision(3)));
        assert!(!gate.is_fresh(&"a", Revision(3)));
        assert!(gate.observed(Revision(6)).is_empty());
        assert_eq!(gate.observed(Revision(8)), ["a"]);
        assert!(gate.observed(Revision(9)).is_empty());
        assert!(gate.is_fresh(&"a", gate.reached()));
    }

    #[test]
    fn a_write_observed_before_its_answer_came_back_does_not_make_the_key_stale() {
        let mut gate = Freshness::new();
        gate.observed(Revision(7));
        gate.wrote(&"a", Revision(7));
        assert!(gate.is_fresh(&"a", Revision(7)));
        assert!(gate.written.is_empty());
    }

    #[test]
    fn a_new_list_does_not_make_an_older_cache_fresh() {
        let mut gate = Freshness::new();
        gate.observed(Revision(5));
        gate.wrote(&"a", Revision(11));
        assert!(gate.restarted(Revision(10)).is_empty());
        assert!(!gate.is_fresh(&"a", Revision(10)), "the list was read before the write");
    }

    #[test]
    fn a_list_of_another_server_forgets_writes_to_the_one_before_it() {
        let mut gate = Freshness::new();
        gate.observed(Revision(60));
        gate.wrote(&"a", Revision(70));
        assert!(!gate.is_fresh(&"a", Revision(60)));
        assert_eq!(gate.restarted(Revision(2)), ["a"]);
        assert!(gate.is_fresh(&"a", Revision(2)));
    }
}

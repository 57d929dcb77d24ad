//! Which completion indexes have pods, as intervals that follow every pod that comes or goes.

use std::collections::BTreeMap;

use super::super::indexes::Indexes;

/// The indexes of some pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Places {
    /// First and last index of each interval; never adjacent.
    intervals: BTreeMap<u32, u32>,
    /// How many pods more than one an index has, where it has several.
    repeats: BTreeMap<u32, usize>,
    /// How many pods have no index.
    without: usize,
}

impl Places {
    pub(super) fn insert(&mut self, index: Option<u32>) {
        let Some(index) = index else { return self.without += 1 };
        if self.contains(index) {
            *self.repeats.entry(index).or_default() += 1;
            return;
        }
        let mut interval = (index, index);
        if let Some((first, last)) = self.interval_before(index)
            && last.checked_add(1) == Some(index)
        {
            interval.0 = first;
        }
        if let Some(next) = index.checked_add(1)
            && let Some(last) = self.intervals.remove(&next)
        {
            interval.1 = last;
        }
        self.intervals.insert(interval.0, interval.1);
    }

    pub(super) fn remove(&mut self, index: Option<u32>) {
        let Some(index) = index else { return self.without -= 1 };
        if let Some(more) = self.repeats.get_mut(&index) {
            *more -= 1;
            if *more == 0 {
                self.repeats.remove(&index);
            }
            return;
        }
        let Some((first, last)) = self.interval_before(index).filter(|(_, last)| *last >= index) else { return };
        self.intervals.remove(&first);
        if first < index {
            self.intervals.insert(first, index - 1);
        }
        if index < last {
            self.intervals.insert(index + 1, last);
        }
    }

    fn interval_before(&self, index: u32) -> Option<(u32, u32)> {
        self.intervals.range(..=index).next_back().map(|(first, last)| (*first, *last))
    }

    /// Whether a pod has that index.
    pub(in super::super) fn contains(&self, index: u32) -> bool {
        self.interval_before(index).is_some_and(|(_, last)| last >= index)
    }

    /// Whether each pod has an index of its own, below a bound.
    pub(in super::super) fn are_proper(&self, bound: u32) -> bool {
        let last = self.intervals.last_key_value().map(|(_, last)| *last);
        self.without == 0 && self.repeats.is_empty() && last.is_none_or(|last| last < bound)
    }

    /// The indexes.
    pub(in super::super) fn indexes(&self) -> Indexes {
        Indexes::from_intervals(self.intervals.iter().map(|(first, last)| (*first, *last)))
    }
}

//! Sets of completion indexes as ordered intervals, and their text form (`1,3-5,7`) in a Job's status
//! (`pkg/controller/job/indexed_job_utils.go`). All operations are linear in the number of intervals, not of indexes.

use std::fmt;

/// Disjoint intervals with both ends included, in order, never adjacent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes(Vec<(u32, u32)>);

impl Indexes {
    /// Reads the text of a status or a success policy, leaving out what is not below `completions` and what is no
    /// number.
    pub fn parse(text: &str, completions: u32) -> Self {
        let mut result = Self::default();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            if let (Ok(first), Ok(last)) = (first.parse(), last.parse::<u32>())
                && first < completions
            {
                result.push(first, last.min(completions - 1));
            }
        }
        result
    }

    /// Collects indexes given in any order, with repeats.
    pub fn collect(indexes: impl IntoIterator<Item = u32>) -> Self {
        let mut sorted: Vec<u32> = indexes.into_iter().collect();
        sorted.sort_unstable();
        let mut result = Self::default();
        for index in sorted {
            result.push(index, index);
        }
        result
    }

    /// Takes disjoint intervals with both ends included, in order and never adjacent.
    pub(super) fn from_intervals(intervals: impl IntoIterator<Item = (u32, u32)>) -> Self {
        Self(intervals.into_iter().collect())
    }

    /// Both sets together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut result = Self(Vec::with_capacity(self.0.len() + other.0.len()));
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let from_left = match (left.peek(), right.peek()) {
                (None, None) => return result,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(l), Some(r)) => l.0 <= r.0,
            };
            let next = if from_left { left.next() } else { right.next() };
            if let Some((first, last)) = next {
                result.push(*first, *last);
            }
        }
    }

    /// How many indexes both sets hold.
    pub fn overlap(&self, other: &Self) -> u32 {
        let (mut mine, mut theirs, mut total) = (0, 0, 0);
        while let (Some(a), Some(b)) = (self.0.get(mine), other.0.get(theirs)) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                total += last - first + 1;
            }
            if a.1 <= b.1 { mine += 1 } else { theirs += 1 }
        }
        total
    }

    /// Whether the index is in the set.
    pub fn contains(&self, index: u32) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(at).is_some_and(|(first, _)| *first <= index)
    }

    /// How many indexes the set holds.
    pub fn total(&self) -> u32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lowest `count` indexes below `completions` that are not in the set.
    pub fn first_missing(&self, count: usize, completions: u32) -> Vec<u32> {
        let mut result = Vec::with_capacity(count);
        let mut candidate = 0;
        for (first, last) in self.0.iter().copied().chain([(completions, completions)]) {
            let end = first.min(completions);
            result.extend((candidate..end).take(count - result.len()));
            if result.len() == count {
                break;
            }
            candidate = candidate.max(last.saturating_add(1));
        }
        result
    }

    /// Adds an interval that starts no earlier than the last one did.
    fn push(&mut self, first: u32, last: u32) {
        match self.0.last_mut() {
            Some(previous) if first <= previous.1.saturating_add(1) => previous.1 = previous.1.max(last),
            _ if first <= last => self.0.push((first, last)),
            _ => {}
        }
    }
}

impl fmt::Display for Indexes {
    /// Two neighbours are written `3,4`; three or more `3-5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (first, last)) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            match last - first {
                0 => write!(f, "{first}")?,
                1 => write!(f, "{first},{last}")?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn completed_indexes_are_written_as_upstream_writes_them() {
        let cases: [(&[u32], &str); 5] =
            [(&[], ""), (&[1, 3, 4, 5, 7], "1,3-5,7"), (&[3, 4], "3,4"), (&[0, 1, 2], "0-2"), (&[5, 0, 5, 1], "0,1,5")];
        for (indexes, text) in cases {
            assert_eq!(Indexes::collect(indexes.iter().copied()).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_below_completions_is_left_out() {
        assert_eq!(Indexes::parse("0-2,4,7-9", 8).to_string(), "0-2,4,7");
        assert_eq!(Indexes::parse("x,2,3-y", 8).to_string(), "2");
        assert_eq!(Indexes::parse("1,3", 0).to_string(), "");
        assert_eq!(Indexes::parse("0-9", 0).first_missing(3, 0), Vec::<u32>::new());
    }

    #[test]
    fn the_lowest_missing_indexes_come_first() {
        let set = Indexes::parse("0,2-4,6", 10);
        assert_eq!(set.first_missing(3, 10), [1, 5, 7]);
        assert_eq!(set.first_missing(9, 10), [1, 5, 7, 8, 9]);
        assert_eq!(set.first_missing(0, 10), Vec::<u32>::new());
    }

    proptest! {
        #[test]
        fn intervals_behave_as_the_sets_they_stand_for(
            left in proptest::collection::btree_set(0u32..60, 0..40),
            right in proptest::collection::btree_set(0u32..60, 0..40),
        ) {
            let (a, b) = (Indexes::collect(left.iter().copied()), Indexes::collect(right.iter().copied()));
            let both: std::collections::BTreeSet<u32> = left.union(&right).copied().collect();
            prop_assert_eq!(a.union(&b), Indexes::collect(both.iter().copied()));
            prop_assert_eq!(a.overlap(&b) as usize, left.intersection(&right).count());
            prop_assert_eq!(a.total() as usize, left.len());
            prop_assert_eq!(Indexes::parse(&a.to_string(), 60), a.clone());
            for index in 0..60 {
                prop_assert_eq!(a.contains(index), left.contains(&index));
            }
            let missing: Vec<u32> = (0..50).filter(|index| !left.contains(index)).take(7).collect();
            prop_assert_eq!(a.first_missing(7, 50), missing);
        }
    }
}

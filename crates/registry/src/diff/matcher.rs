//! Which lines two texts share: the longest run of common lines, then the same on both sides of it (`difflib`'s
//! `SequenceMatcher`, with its rule that lines which occur too often start no run).

use std::collections::HashMap;
use std::ops::Range;

/// From this many lines on, lines that are more frequent than one in a hundred count as junk.
const POPULAR_FROM: usize = 200;

/// Lines of both texts that are equal, or that replace each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) is_equal: bool,
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

impl Change {
    pub(super) fn keep_first(&mut self, lines: usize) {
        let kept = self.old.len().min(lines);
        (self.old.end, self.new.end) = (self.old.start + kept, self.new.start + kept);
    }

    pub(super) fn keep_last(&mut self, lines: usize) {
        let kept = self.old.len().min(lines);
        (self.old.start, self.new.start) = (self.old.end - kept, self.new.end - kept);
    }
}

/// A run of equal lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    old: usize,
    new: usize,
    length: usize,
}

/// The way from one text to the other, without gaps.
pub(super) fn changes(old: &[&str], new: &[&str]) -> Vec<Change> {
    let mut all = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    let end = Run { old: old.len(), new: new.len(), length: 0 };
    for run in runs(old, new).into_iter().chain([end]) {
        if old_at < run.old || new_at < run.new {
            all.push(Change { is_equal: false, old: old_at..run.old, new: new_at..run.new });
        }
        (old_at, new_at) = (run.old + run.length, run.new + run.length);
        if run.length > 0 {
            all.push(Change { is_equal: true, old: run.old..old_at, new: run.new..new_at });
        }
    }
    all
}

fn runs(old: &[&str], new: &[&str]) -> Vec<Run> {
    let places = places(new);
    let mut runs = Vec::new();
    let mut todo = vec![(0..old.len(), 0..new.len())];
    while let Some((of_old, of_new)) = todo.pop() {
        let run = longest(old, new, &places, of_old.clone(), of_new.clone());
        if run.length > 0 {
            todo.push((of_old.start..run.old, of_new.start..run.new));
            todo.push((run.old + run.length..of_old.end, run.new + run.length..of_new.end));
            runs.push(run);
        }
    }
    runs.sort_unstable();
    joined(runs)
}

/// Runs that follow each other without a gap, made one.
fn joined(runs: Vec<Run>) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        match all.last_mut() {
            Some(last) if last.old + last.length == run.old && last.new + last.length == run.new => {
                last.length += run.length;
            }
            _ => all.push(run),
        }
    }
    all
}

/// Where each line stands in the new text, without those that occur too often.
fn places<'a>(new: &[&'a str]) -> HashMap<&'a str, Vec<usize>> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(index);
    }
    if new.len() >= POPULAR_FROM {
        let most = new.len() / 100 + 1;
        places.retain(|_, places| places.len() <= most);
    }
    places
}

/// The longest run within both ranges, and of equally long ones the first.
fn longest(
    old: &[&str],
    new: &[&str],
    places: &HashMap<&str, Vec<usize>>,
    of_old: Range<usize>,
    of_new: Range<usize>,
) -> Run {
    let mut best = Run { old: of_old.start, new: of_new.start, length: 0 };
    let mut lengths: HashMap<usize, usize> = HashMap::new();
    for index in of_old.clone() {
        let mut next = HashMap::new();
        let same = places.get(old[index]).map_or(&[][..], Vec::as_slice);
        for &place in same.iter().filter(|place| of_new.contains(place)) {
            let before = place.checked_sub(1).and_then(|before| lengths.get(&before)).copied().unwrap_or(0);
            next.insert(place, before + 1);
            if before + 1 > best.length {
                best = Run { old: index - before, new: place - before, length: before + 1 };
            }
        }
        lengths = next;
    }
    // Lines that occur too often start no run, but they lengthen one.
    while best.old > of_old.start && best.new > of_new.start && old[best.old - 1] == new[best.new - 1] {
        best = Run { old: best.old - 1, new: best.new - 1, length: best.length + 1 };
    }
    while best.old + best.length < of_old.end
        && best.new + best.length < of_new.end
        && old[best.old + best.length] == new[best.new + best.length]
    {
        best.length += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn changes_lead_from_one_text_to_the_other(
            old in proptest::collection::vec("[a-d]", 0..30),
            new in proptest::collection::vec("[a-d]", 0..30),
        ) {
            let old: Vec<&str> = old.iter().map(String::as_str).collect();
            let new: Vec<&str> = new.iter().map(String::as_str).collect();
            let (mut of_old, mut of_new) = (Vec::new(), Vec::new());
            for change in changes(&old, &new) {
                if change.is_equal {
                    prop_assert_eq!(&old[change.old.clone()], &new[change.new.clone()]);
                }
                of_old.extend_from_slice(&old[change.old]);
                of_new.extend_from_slice(&new[change.new]);
            }
            prop_assert_eq!(of_old, old);
            prop_assert_eq!(of_new, new);
        }
    }
}

//! Holds equal values once: what thousands of objects have in common, such as the labels of one Job's pods.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Values that are remembered, before the older half of them is forgotten.
const REMEMBERED: usize = 512;

/// The values that were seen lately. Bounded; what it forgets is only held twice from then on.
#[derive(Debug)]
pub struct Recent<T: ?Sized> {
    now: HashSet<Arc<T>>,
    before: HashSet<Arc<T>>,
}

impl<T: ?Sized> Default for Recent<T> {
    fn default() -> Self {
        Self { now: HashSet::new(), before: HashSet::new() }
    }
}

impl<T: Eq + Hash + ?Sized> Recent<T> {
    /// The value itself, or an equal one that is held already.
    pub fn share(&mut self, value: Arc<T>) -> Arc<T> {
        if let Some(known) = self.now.get(&value) {
            return known.clone();
        }
        let value = self.before.take(&value).unwrap_or(value);
        if self.now.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.insert(value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_held_once_and_no_more_than_a_bound_is_remembered() {
        let mut recent = Recent::<str>::default();
        let first = recent.share("a".into());
        for number in 0..10 * REMEMBERED {
            assert!(Arc::ptr_eq(&first, &recent.share("a".into())), "what is used is not forgotten");
            recent.share(number.to_string().into());
            assert!(recent.now.len() + recent.before.len() <= 2 * REMEMBERED);
        }
    }
}

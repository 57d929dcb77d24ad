//! Holds equal managers once: the pods of one Job are written by the same writers in the same way, and their field sets
//! are larger than they are.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::managers::{Manager, Managers};
use crate::set::Set;

/// Managers that are remembered.
const REMEMBERED: usize = 64;

/// The managers that were seen lately, newest first. Bounded; what it forgets is only held twice from then on.
#[derive(Debug, Default)]
pub struct RecentManagers {
    managers: VecDeque<Arc<Manager>>,
}

impl RecentManagers {
    /// The same managers, each in the form that is held already, if there is one.
    #[must_use]
    pub fn share(&mut self, managers: &Managers) -> Managers {
        managers.iter().map(|manager| self.share_one(manager)).collect()
    }

    fn share_one(&mut self, manager: &Arc<Manager>) -> Arc<Manager> {
        let mut same_set = None;
        for at in 0..self.managers.len() {
            let known = &self.managers[at];
            if Arc::ptr_eq(known, manager) {
                return manager.clone();
            }
            if known.identity != manager.identity || !are_equal(&known.set, &manager.set) {
                continue;
            }
            if known.time == manager.time {
                return known.clone();
            }
            same_set.get_or_insert_with(|| known.set.clone());
        }
        let kept = match same_set {
            Some(set) if !Arc::ptr_eq(&set, &manager.set) => {
                Arc::new(Manager::new(manager.identity.clone(), manager.time, set))
            }
            _ => manager.clone(),
        };
        self.managers.push_front(kept.clone());
        self.managers.truncate(REMEMBERED);
        kept
    }
}

fn are_equal(a: &Arc<Set>, b: &Arc<Set>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn managers(name: &str, second: u8, field: &str) -> Managers {
        let time = format!("2024-01-01T00:00:{second:02}Z");
        let entry = json!({
            "manager": name, "operation": "Update", "apiVersion": "v1", "time": time,
            "fieldsType": "FieldsV1", "fieldsV1": { field: {} },
        });
        Managers::from_value(&json!([entry])).unwrap()
    }

    fn first(managers: &Managers) -> Arc<Manager> {
        managers.iter().next().unwrap().clone()
    }

    #[test]
    fn equal_managers_are_held_once_and_others_share_their_set() {
        let mut recent = RecentManagers::default();
        let known = first(&recent.share(&managers("a", 1, "f:x")));
        assert!(Arc::ptr_eq(&known, &first(&recent.share(&managers("a", 1, "f:x")))));
        let later = managers("a", 2, "f:x");
        let shared = recent.share(&later);
        assert!(Arc::ptr_eq(&known.set, &first(&shared).set));
        assert_eq!(shared.to_value(), later.to_value(), "what is shared reads the same");
        for other in [managers("b", 1, "f:x"), managers("a", 1, "f:y")] {
            let shared = recent.share(&other);
            assert!(!Arc::ptr_eq(&known, &first(&shared)));
            assert_eq!(shared.to_value(), other.to_value());
        }
    }

    #[test]
    fn no_more_managers_are_remembered_than_a_bound() {
        let mut recent = RecentManagers::default();
        for number in 0..3 * REMEMBERED {
            let _ = recent.share(&managers(&number.to_string(), 1, "f:x"));
        }
        assert_eq!(recent.managers.len(), REMEMBERED);
    }
}

//! Holds equal managers once: the pods of one Job are written by the same writers in the same way, and their field sets
//! are larger than they are. Where sets differ in a part, such as the address of each pod, the other parts are held once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::managers::{Manager, Managers};
use crate::set::{Node, Set};

/// Managers that are remembered.
const REMEMBERED: usize = 64;
/// Sets and parts of sets that are remembered, before the older half of them is forgotten.
const REMEMBERED_SETS: usize = 512;

/// The managers that were seen lately, newest first. Bounded; what it forgets is only held twice from then on.
#[derive(Debug, Default)]
pub struct RecentManagers {
    managers: VecDeque<Arc<Manager>>,
    sets: RecentSets,
}

impl RecentManagers {
    /// The same managers, each in the form that is held already, if there is one.
    #[must_use]
    pub fn share(&mut self, managers: &Managers) -> Managers {
        managers.iter().map(|manager| self.share_one(manager)).collect()
    }

    fn share_one(&mut self, manager: &Arc<Manager>) -> Arc<Manager> {
        let set = self.sets.share(&manager.set);
        let is_same = |known: &&Arc<Manager>| {
            Arc::ptr_eq(&known.set, &set) && known.time == manager.time && known.identity == manager.identity
        };
        if let Some(known) = self.managers.iter().find(is_same) {
            return known.clone();
        }
        let kept = if Arc::ptr_eq(&set, &manager.set) {
            manager.clone()
        } else {
            Arc::new(Manager::new(manager.identity.clone(), manager.time, set))
        };
        self.managers.push_front(kept.clone());
        self.managers.truncate(REMEMBERED);
        kept
    }
}

/// Sets, and all the sets within them, that were seen lately.
#[derive(Debug, Default)]
struct RecentSets {
    now: Held,
    before: Held,
}

/// Sets by their content, each of whose children is held too. Two of one hash are rare, and only one of them is held.
#[derive(Debug, Default)]
struct Held {
    by_content: HashMap<u64, Arc<Set>>,
    /// Of the same sets: while they are held, nothing else has these addresses.
    addresses: HashSet<usize>,
}

impl RecentSets {
    /// The same set, with itself and all within it in the form that is held already, if there is one.
    fn share(&mut self, set: &Arc<Set>) -> Arc<Set> {
        if self.now.addresses.contains(&address(set)) {
            return set.clone();
        }
        let set = self.with_shared_children(set);
        let key = content(&set);
        if let Some(known) = self.now.by_content.get(&key) {
            return if is_same(known, &set) { known.clone() } else { set };
        }
        let known = self.before.by_content.get(&key).filter(|known| is_same(known, &set));
        let kept = known.cloned().unwrap_or(set);
        if self.now.by_content.len() >= REMEMBERED_SETS {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.addresses.insert(address(&kept));
        self.now.by_content.insert(key, kept.clone());
        kept
    }

    fn with_shared_children(&mut self, set: &Arc<Set>) -> Arc<Set> {
        let mut changed = None;
        for (at, node) in set.nodes().iter().enumerate() {
            let Some(children) = &node.children else { continue };
            let shared = self.share(children);
            if !Arc::ptr_eq(&shared, children) {
                changed.get_or_insert_with(|| set.nodes().to_vec())[at].children = Some(shared);
            }
        }
        changed.map_or_else(|| set.clone(), |nodes: Vec<Node>| Arc::new(Set::of_ordered(nodes)))
    }
}

fn address(set: &Arc<Set>) -> usize {
    Arc::as_ptr(set).addr()
}

/// A hash of a set whose children are shared: equal ones are one, so their address stands for them.
fn content(set: &Arc<Set>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for node in set.nodes() {
        node.element.hash(&mut hasher);
        (node.member, node.children.as_ref().map(address)).hash(&mut hasher);
    }
    hasher.finish()
}

/// Whether two sets whose children are shared are equal.
fn is_same(a: &Arc<Set>, b: &Arc<Set>) -> bool {
    let same = |(a, b): (&Node, &Node)| {
        a.member == b.member
            && a.children.as_ref().map(address) == b.children.as_ref().map(address)
            && a.element == b.element
    };
    a.nodes().len() == b.nodes().len() && a.nodes().iter().zip(b.nodes()).all(same)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::element::PathElement;

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
    fn sets_that_differ_in_one_part_share_the_others() {
        let mut recent = RecentManagers::default();
        let mut share = |ip: &str| {
            let status = json!({
                "f:conditions": {"k:{\"type\":\"Ready\"}": {".": {}, "f:status": {}}},
                "f:podIPs": {format!("k:{{\"ip\":\"{ip}\"}}"): {".": {}, "f:ip": {}}},
            });
            let entry = json!({
                "manager": "kubelet", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:status": status}, "subresource": "status",
            });
            let managers = Managers::from_value(&json!([entry])).unwrap();
            let shared = recent.share(&managers);
            assert_eq!(shared.to_value(), managers.to_value());
            first(&shared).set.below(&PathElement::field("status")).expect("a status").clone()
        };
        let (one, other) = (share("127.64.0.1"), share("127.64.0.2"));
        let below = |set: &Set, name| set.node(&PathElement::field(name)).unwrap().children.clone().unwrap();
        assert!(Arc::ptr_eq(&below(&one, "conditions"), &below(&other, "conditions")));
        let ips = (below(&one, "podIPs"), below(&other, "podIPs"));
        assert_ne!(ips.0, ips.1);
        let items = (ips.0.nodes()[0].children.as_ref(), ips.1.nodes()[0].children.as_ref());
        assert!(Arc::ptr_eq(items.0.unwrap(), items.1.unwrap()));
    }

    #[test]
    fn what_is_used_stays_held_however_much_comes_by() {
        let mut recent = RecentManagers::default();
        let known = first(&recent.share(&managers("a", 1, "f:x")));
        for number in 0..5 * REMEMBERED_SETS {
            let _ = recent.share(&managers("b", 1, &format!("f:{number}")));
            assert!(Arc::ptr_eq(&known.set, &first(&recent.share(&managers("a", 2, "f:x"))).set));
            let held = [&recent.sets.now, &recent.sets.before];
            for half in held {
                assert!(half.by_content.len() <= REMEMBERED_SETS && half.addresses.len() == half.by_content.len());
            }
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

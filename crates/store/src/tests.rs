//! The store's promises: one commit is one revision is one event, and nothing else changes state.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const PODS: ResourceIndex = ResourceIndex(3);

fn pod(name: &str, note: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "default", "name": name}, "note": note})
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::namespaced("default", name)
}

fn put(store: &Store, name: &str, expected: Expected, note: u32) -> Result<Arc<Object>, CommitError> {
    store.commit(PODS, &key(name), expected, Change::Put(pod(name, note)))
}

#[test]
fn a_commit_compares_before_it_writes() {
    let store = Store::new(Bounds::default());
    let first = put(&store, "a", Expected::Absent, 1).expect("absent");
    assert!(matches!(put(&store, "a", Expected::Absent, 2), Err(CommitError::Exists)));
    let second = put(&store, "a", Expected::At(first.meta().revision), 3).expect("current");
    let stale = put(&store, "a", Expected::At(first.meta().revision), 4);
    assert!(matches!(stale, Err(CommitError::Conflict(at)) if at == second.meta().revision));
    assert!(matches!(put(&store, "b", Expected::At(Revision(1)), 5), Err(CommitError::Missing)));
    assert_eq!(store.get(PODS, &key("a")).expect("kept").to_value()["note"], 3);
    assert_eq!(store.revision(), second.meta().revision, "a refused commit takes no revision");
}

#[test]
fn a_delete_has_a_revision_of_its_own_and_tells_the_last_state() {
    let store = Store::new(Bounds::default());
    let created = put(&store, "a", Expected::Absent, 7).expect("absent");
    let at = Expected::At(created.meta().revision);
    let gone = store.commit(PODS, &key("a"), at, Change::Delete(created.to_value())).expect("present");
    assert!(gone.meta().revision > created.meta().revision);
    let events = store.events_after(created.meta().revision, 10).expect("kept");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, EventKind::Deleted);
    assert_eq!(events[0].object.to_value()["note"], 7);
    assert!(store.get(PODS, &key("a")).is_none());
}

#[test]
fn history_is_bounded_and_says_so_when_it_is_gone() {
    let store = Store::new(Bounds { events: 3, bytes: 1 << 20 });
    let start = store.revision();
    for index in 0..5 {
        put(&store, &format!("p{index}"), Expected::Absent, index).expect("absent");
    }
    let oldest = Revision(start.0 + 2);
    assert_eq!(store.events_after(start, 10).expect_err("gone"), Compacted { oldest });
    assert_eq!(store.events_after(oldest, 10).expect("kept").len(), 3);
    assert!(store.events_after(store.revision(), 10).expect("nothing new").is_empty());
}

#[test]
fn a_resources_history_outlives_what_others_commit() {
    let store = Store::new(Bounds { events: 3, bytes: 1 << 20 });
    let quiet = ResourceIndex(1);
    store.commit(quiet, &key("q"), Expected::Absent, Change::Put(pod("q", 0))).expect("absent");
    let seen = store.revision();
    for index in 0..9 {
        put(&store, &format!("p{index}"), Expected::Absent, index).expect("absent");
    }
    let (events, reached) = store.events_of(quiet, seen, 10).expect("nothing of its own is gone");
    assert_eq!((events.len(), reached), (0, store.revision()));
    assert!(store.events_of(PODS, seen, 10).is_err());
    let (events, reached) = store.events_of(PODS, Revision(reached.0 - 3), 2).expect("kept");
    assert_eq!((events.len(), reached), (2, Revision(store.revision().0 - 1)));
    assert_eq!(store.events_of(quiet, Revision(seen.0 - 1), 10).expect_err("gone"), Compacted { oldest: seen });
}

#[test]
fn a_range_is_one_namespace_in_order() {
    let store = Store::new(Bounds::default());
    for (namespace, name) in [("b", "x"), ("a", "z"), ("a", "y"), ("ab", "w")] {
        let mut object = pod(name, 0);
        object["metadata"]["namespace"] = namespace.into();
        let key = ObjectKey::namespaced(namespace, name);
        store.commit(PODS, &key, Expected::Absent, Change::Put(object)).expect("absent");
    }
    let (snapshot, _) = store.snapshot();
    let names = |namespace, after: Option<&ObjectKey>| -> Vec<String> {
        snapshot.range(PODS, namespace, after).map(|(key, _)| key.to_string()).collect()
    };
    assert_eq!(names(Some("a"), None), ["a/y", "a/z"]);
    assert_eq!(names(None, None), ["a/y", "a/z", "ab/w", "b/x"]);
    assert_eq!(names(None, Some(&ObjectKey::namespaced("a", "z"))), ["ab/w", "b/x"]);
}

proptest! {
    /// Replaying the events over a snapshot gives the later state: a list and the watch from its revision misses and
    /// repeats nothing.
    #[test]
    fn a_snapshot_and_the_events_after_it_give_the_state(
        steps in prop::collection::vec((0_usize..5, any::<bool>(), any::<u32>()), 1..60),
        cut in 0_usize..60,
    ) {
        let store = Store::new(Bounds::default());
        let mut taken = None;
        for (index, (name, delete, note)) in steps.iter().enumerate() {
            if index == cut.min(steps.len() - 1) {
                taken = Some(store.snapshot());
            }
            let name = format!("p{name}");
            match store.get(PODS, &key(&name)) {
                Some(object) if *delete => {
                    let at = Expected::At(object.meta().revision);
                    store.commit(PODS, &key(&name), at, Change::Delete(object.to_value())).expect("current");
                }
                Some(object) => drop(put(&store, &name, Expected::At(object.meta().revision), *note).expect("current")),
                None => drop(put(&store, &name, Expected::Absent, *note).expect("absent")),
            }
        }
        let (mut replayed, revision) = taken.expect("taken");
        let flat = |snapshot: &Snapshot| -> Vec<(String, Revision)> {
            snapshot.range(PODS, None, None).map(|(key, object)| (key.to_string(), object.meta().revision)).collect()
        };
        // The state of then can also be had by undoing what came after it.
        prop_assert_eq!(flat(&store.snapshot_at(revision).expect("kept")), flat(&replayed));
        let mut last = revision;
        for event in store.events_after(revision, usize::MAX).expect("kept") {
            prop_assert_eq!(event.revision, Revision(last.0 + 1));
            last = event.revision;
            match event.kind {
                EventKind::Deleted => replayed.remove(PODS, &event.object.meta().key()),
                EventKind::Created | EventKind::Updated => {
                    replayed.insert(PODS, event.object.meta().key(), event.object.clone());
                }
            }
        }
        let (now, revision) = store.snapshot();
        prop_assert_eq!(last, revision);
        prop_assert_eq!(flat(&replayed), flat(&now));
    }
}

#[test]
fn writes_committed_together_happen_all_or_not_at_all() {
    let store = Store::new(Bounds::default());
    let a = put(&store, "a", Expected::Absent, 1).expect("absent");
    let write = |name: &str, expected, note| Write {
        resource: PODS,
        key: key(name),
        expected,
        change: Change::Put(pod(name, note)),
    };
    let current = Expected::At(a.meta().revision);
    let stale = store.commit_together(vec![write("a", current, 2), write("b", Expected::At(Revision(1)), 2)]);
    assert!(matches!(stale, Err((1, CommitError::Missing))));
    assert_eq!(store.revision(), a.meta().revision, "nothing was changed");
    let both = store.commit_together(vec![write("a", current, 3), write("b", Expected::Absent, 3)]).expect("current");
    let revisions: Vec<u64> = both.iter().map(|object| object.meta().revision.0).collect();
    assert_eq!(revisions, [a.meta().revision.0 + 1, a.meta().revision.0 + 2]);
    let events = store.events_after(a.meta().revision, 10).expect("kept");
    assert_eq!(events.iter().map(|event| event.revision.0).collect::<Vec<_>>(), revisions);
    assert_eq!(store.get(PODS, &key("a")).expect("kept").to_value()["note"], 3);
}

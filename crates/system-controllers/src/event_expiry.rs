//! Deletes Events an hour after they were last written, so that they neither pile up nor go before somebody could look
//! at them. Upstream gives each a lease of the store (`--event-ttl`); a write gives a new one.
//!
//! The hour is counted by the injected clock from when a write was observed. An event that is written meanwhile has
//! another revision, which the delete's precondition refuses, so it lives on.
//! Bounds: one entry for each event there is; at most `BATCH` deletes between two looks at what came in.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::EVENTS;
use api::{Object, ObjectKey, Revision};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Runner, RunnerHandle};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

/// How long an event lives after its last write.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// How many events are deleted at once.
const BATCH: usize = 256;

struct EventExpiry {
    client: Client,
    clock: SharedClock,
    ages: Mutex<Ages>,
}

/// Starts the controller.
pub fn start(client: Client, clock: SharedClock) -> RunnerHandle {
    let events = observe(client.clone(), clock.clone(), EVENTS, Selection::default());
    let controller = EventExpiry { client, clock: clock.clone(), ages: Mutex::default() };
    Runner::new(Arc::new(controller), clock).source(events).unhurried().start()
}

impl Controller for EventExpiry {
    /// There is one thing to do: delete what is due.
    type Key = ();
    type Error = Error;

    fn name(&self) -> &'static str {
        "event-expiry"
    }

    fn observe(&self, _source: usize, observation: Observation, now: Timestamp, queue: &mut Queue<()>) {
        let mut ages = self.ages.lock();
        match observation {
            Observation::Restarted { objects, .. } => ages.restart(&objects, now),
            Observation::Applied(event) => ages.written(&event, now),
            Observation::Deleted(event) => ages.forget(&event.meta().key()),
            Observation::Reached(_) => {}
        }
        if let Some(due) = ages.next() {
            queue.add_at((), due);
        }
    }

    fn keys(&self) -> Vec<()> {
        vec![()]
    }

    async fn reconcile(&self, (): ()) -> Result<Outcome, Error> {
        let now = self.clock.now();
        let due = self.ages.lock().due(now);
        for (key, revision) in &due {
            let preconditions = Preconditions { resource_version: Some(revision.to_string()), ..Default::default() };
            let options = DeleteOptions { preconditions: Some(preconditions), ..DeleteOptions::default() };
            match self.client.delete(&EVENTS, key.namespace.as_deref(), &key.name, &options).await {
                Ok(_) => {}
                // Gone, or written once more: what happened is observed soon.
                Err(error) if error.is_not_found() || error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        let mut ages = self.ages.lock();
        for (key, revision) in due {
            ages.settled(&key, revision);
        }
        Ok(ages.next().into())
    }
}

/// When each event is due.
#[derive(Default)]
struct Ages {
    known: HashMap<ObjectKey, (Revision, Timestamp)>,
    due: BTreeSet<(Timestamp, ObjectKey)>,
}

impl Ages {
    /// An event came or changed.
    fn written(&mut self, event: &Object, now: Timestamp) {
        let (key, revision) = (event.meta().key(), event.meta().revision);
        self.forget(&key);
        let due = now.saturating_add(LIFETIME).expect("hours keep their unit");
        self.due.insert((due, key.clone()));
        self.known.insert(key, (revision, due));
    }

    fn forget(&mut self, key: &ObjectKey) {
        if let Some((_, due)) = self.known.remove(key) {
            self.due.remove(&(due, key.clone()));
        }
    }

    /// What was done to an event of that revision is done; a newer one stays.
    fn settled(&mut self, key: &ObjectKey, revision: Revision) {
        if self.known.get(key).is_some_and(|(known, _)| *known == revision) {
            self.forget(key);
        }
    }

    /// These are all events. Those that did not change keep their time.
    fn restart(&mut self, events: &[Arc<Object>], now: Timestamp) {
        let before = std::mem::take(self);
        for event in events {
            let (key, revision) = (event.meta().key(), event.meta().revision);
            match before.known.get(&key) {
                Some((known, due)) if *known == revision => {
                    self.due.insert((*due, key.clone()));
                    self.known.insert(key, (revision, *due));
                }
                _ => self.written(event, now),
            }
        }
    }

    /// The events whose time is up, oldest first.
    fn due(&self, now: Timestamp) -> Vec<(ObjectKey, Revision)> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now).take(BATCH);
        due.filter_map(|(_, key)| Some((key.clone(), self.known.get(key)?.0))).collect()
    }

    /// When the next event's time is up.
    fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, revision: u64) -> Arc<Object> {
        let metadata = json!({"name": name, "namespace": "default", "resourceVersion": revision.to_string()});
        Arc::new(Object::from_value(&json!({"kind": "Event", "metadata": metadata})).unwrap())
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn due(ages: &Ages, now: Timestamp) -> Vec<String> {
        ages.due(now).iter().map(|(key, revision)| format!("{}@{revision}", key.name)).collect()
    }

    #[test]
    fn an_event_is_due_an_hour_after_its_last_write() {
        let mut ages = Ages::default();
        ages.written(&event("a", 1), at(0));
        ages.written(&event("b", 2), at(10));
        assert_eq!((due(&ages, at(59)), ages.next()), (vec![], Some(at(60))));
        ages.written(&event("a", 3), at(30));
        assert_eq!(
            (due(&ages, at(70)), due(&ages, at(90))),
            (vec!["b@2".to_owned()], vec!["b@2".to_owned(), "a@3".to_owned()])
        );
    }

    #[test]
    fn a_write_during_the_delete_keeps_its_hour() {
        let mut ages = Ages::default();
        ages.written(&event("a", 1), at(0));
        ages.written(&event("a", 2), at(60));
        ages.settled(&event("a", 1).meta().key(), Revision(1));
        assert_eq!(ages.next(), Some(at(120)));
        ages.settled(&event("a", 2).meta().key(), Revision(2));
        assert_eq!((ages.next(), ages.known.len()), (None, 0));
    }

    #[test]
    fn a_new_list_keeps_the_time_of_what_did_not_change() {
        let mut ages = Ages::default();
        for (name, revision) in [("same", 1), ("changed", 2), ("gone", 3)] {
            ages.written(&event(name, revision), at(0));
        }
        ages.restart(&[event("same", 1), event("changed", 4), event("new", 5)], at(30));
        assert_eq!(due(&ages, at(60)), ["same@1"]);
        assert_eq!(due(&ages, at(90)), ["same@1", "changed@4", "new@5"]);
    }

    #[test]
    fn what_is_due_is_taken_in_batches() {
        let mut ages = Ages::default();
        for number in 0..BATCH + 10 {
            ages.written(&event(&format!("e{number}"), 1), at(0));
        }
        assert_eq!(ages.due(at(60)).len(), BATCH);
    }
}

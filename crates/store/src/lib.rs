//! Ordered objects, one revision counter and one bounded event log.
//!
//! State changes only in [`Store::commit`]: one commit is one revision is one event. The store is synchronous and
//! knows no runtime, clock or kind; whoever wants to be told of commits registers one callback.

mod log;
mod snapshot;

use std::sync::{Arc, OnceLock};

use api::object::{Draft, ObjectError, SharedParts};
use api::{Object, ObjectKey, Revision};
use fields::Managers;
use parking_lot::Mutex;
use serde_json::Value;

pub use log::{Compacted, Event, EventKind};
pub use snapshot::Snapshot;

use log::Log;

/// The position of a resource in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceIndex(pub usize);

/// How much history the log keeps; the oldest events go first, whichever bound is met.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Events at the most.
    pub events: usize,
    /// Bytes at the most, of encoded objects and of what is kept beside each.
    pub bytes: usize,
}

impl Default for Bounds {
    /// 32,768 events and 64 MiB: some seconds of a full load, hours of a quiet one.
    fn default() -> Self {
        Self { events: 32_768, bytes: 64 << 20 }
    }
}

/// What must hold for a commit to happen: the compare of compare-and-commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No object has that key.
    Absent,
    /// The object is at this revision.
    At(Revision),
}

/// What a commit does.
#[derive(Debug)]
pub enum Change {
    /// Writes the object; its `metadata.resourceVersion` is set by the commit. The managers of its fields stay.
    Put(Value),
    /// Writes the object with these managers of its fields.
    PutManaged(Value, Arc<Managers>),
    /// Removes the object; the value is its last state, whose `resourceVersion` becomes that of the delete.
    Delete(Value),
}

/// One of several writes that are committed together.
#[derive(Debug)]
pub struct Write {
    /// The object's resource.
    pub resource: ResourceIndex,
    /// The object's key.
    pub key: ObjectKey,
    /// What must hold.
    pub expected: Expected,
    /// What is done.
    pub change: Change,
}

/// Why a commit did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The key is taken.
    #[error("the object exists")]
    Exists,
    /// There is no such object.
    #[error("the object does not exist")]
    Missing,
    /// The object is at another revision.
    #[error("the object is at revision {0}")]
    Conflict(Revision),
    /// The value is no API object.
    #[error("the value is no object")]
    Encode(#[from] ObjectError),
}

type Listener = Box<dyn Fn(ResourceIndex, Revision) + Send + Sync>;

/// The one place where state lives.
pub struct Store {
    state: Mutex<State>,
    listener: OnceLock<Listener>,
}

struct State {
    revision: Revision,
    snapshot: Snapshot,
    log: Log,
    parts: SharedParts,
}

impl State {
    /// Checks a change and makes its event, `ahead` revisions from now.
    fn draft(
        &mut self,
        resource: ResourceIndex,
        key: &ObjectKey,
        expected: Expected,
        change: Encoded,
        ahead: u64,
    ) -> Result<Event, CommitError> {
        let previous = self.snapshot.get(resource, key).cloned();
        check(previous.as_ref(), expected)?;
        let revision = Revision(self.revision.0 + ahead);
        let kept = || previous.as_ref().and_then(|object| object.managers().cloned());
        let draft = if change.keeps_managers { change.draft.with_managers(kept()) } else { change.draft };
        let object = Arc::new(draft.at(revision).sharing(previous.as_deref(), &mut self.parts));
        let kind = match (change.deletes, &previous) {
            (true, _) => EventKind::Deleted,
            (false, None) => EventKind::Created,
            (false, Some(_)) => EventKind::Updated,
        };
        Ok(Event { revision, resource, kind, object, previous })
    }

    /// Takes over what a checked event says.
    fn apply(&mut self, key: &ObjectKey, event: Event) -> Revision {
        if event.kind == EventKind::Deleted {
            self.snapshot.remove(event.resource, key);
        } else {
            self.snapshot.insert(event.resource, key.clone(), event.object.clone());
        }
        self.revision = event.revision;
        self.log.push(event);
        self.revision
    }
}

impl Store {
    /// An empty store at revision 1: zero means "any" in the API, so no state may have it.
    pub fn new(bounds: Bounds) -> Self {
        let revision = Revision(1);
        let state = State {
            revision,
            snapshot: Snapshot::default(),
            log: Log::new(bounds, revision),
            parts: SharedParts::default(),
        };
        Self { state: Mutex::new(state), listener: OnceLock::new() }
    }

    /// Registers the one callback that is told of every commit, after it happened and outside the lock. It must be
    /// quick. A second registration is ignored.
    pub fn listen(&self, listener: impl Fn(ResourceIndex, Revision) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// Compares and commits.
    ///
    /// # Errors
    /// When the expectation does not hold, or the value is no object. Nothing is changed then.
    pub fn commit(
        &self,
        resource: ResourceIndex,
        key: &ObjectKey,
        expected: Expected,
        change: Change,
    ) -> Result<Arc<Object>, CommitError> {
        let change = Encoded::of(change)?;
        let (object, revision) = {
            let mut state = self.state.lock();
            let event = state.draft(resource, key, expected, change, 1)?;
            (event.object.clone(), state.apply(key, event))
        };
        self.tell(resource, revision);
        Ok(object)
    }

    /// Compares and commits several writes of different objects, all of them or none: each is a revision and an event
    /// of its own, in this order, and nothing comes between them.
    ///
    /// # Errors
    /// The position of the write that cannot be done, and why. Nothing is changed then.
    pub fn commit_together(&self, writes: Vec<Write>) -> Result<Vec<Arc<Object>>, (usize, CommitError)> {
        let mut done = Vec::with_capacity(writes.len());
        let mut encoded = Vec::with_capacity(writes.len());
        for (position, Write { resource, key, expected, change }) in writes.into_iter().enumerate() {
            let change = Encoded::of(change).map_err(|why| (position, why.into()))?;
            encoded.push((resource, key, expected, change));
        }
        {
            let mut state = self.state.lock();
            let mut drafts = Vec::with_capacity(encoded.len());
            for (position, (resource, key, expected, change)) in encoded.into_iter().enumerate() {
                let ahead = position as u64 + 1;
                let event = state.draft(resource, &key, expected, change, ahead).map_err(|why| (position, why))?;
                drafts.push((key, event));
            }
            for (key, event) in drafts {
                let (resource, object) = (event.resource, event.object.clone());
                done.push((resource, object, state.apply(&key, event)));
            }
        }
        for (resource, _, revision) in &done {
            self.tell(*resource, *revision);
        }
        Ok(done.into_iter().map(|(_, object, _)| object).collect())
    }

    fn tell(&self, resource: ResourceIndex, revision: Revision) {
        if let Some(listener) = self.listener.get() {
            listener(resource, revision);
        }
    }

    /// Reads one object.
    pub fn get(&self, resource: ResourceIndex, key: &ObjectKey) -> Option<Arc<Object>> {
        self.state.lock().snapshot.get(resource, key).cloned()
    }

    /// The whole state as of now, in constant time.
    pub fn snapshot(&self) -> (Snapshot, Revision) {
        let state = self.state.lock();
        (state.snapshot.clone(), state.revision)
    }

    /// The whole state as it was at a revision: the state of now with the events after that revision undone.
    ///
    /// # Errors
    /// When the log no longer reaches back to that revision.
    pub fn snapshot_at(&self, revision: Revision) -> Result<Snapshot, Compacted> {
        let (mut snapshot, events) = {
            let state = self.state.lock();
            (state.snapshot.clone(), state.log.after(revision, usize::MAX)?)
        };
        for event in events.iter().rev() {
            let key = event.object.meta().key();
            match &event.previous {
                Some(previous) => snapshot.insert(event.resource, key, previous.clone()),
                None => snapshot.remove(event.resource, &key),
            }
        }
        Ok(snapshot)
    }

    /// The revision of the last commit.
    pub fn revision(&self) -> Revision {
        self.state.lock().revision
    }

    /// The events after a revision, at most `limit` of them, oldest first.
    ///
    /// # Errors
    /// When the log no longer reaches back to that revision.
    pub fn events_after(&self, revision: Revision, limit: usize) -> Result<Vec<Arc<Event>>, Compacted> {
        self.state.lock().log.after(revision, limit)
    }
}

impl Store {
    /// The events of one resource after a revision, from among the next `limit` events of all, and the revision that
    /// was reached; it is the one given when nothing was committed since. What others commit never makes a resource's
    /// own history too old.
    ///
    /// # Errors
    /// When an event of the resource after that revision is gone from the log.
    pub fn events_of(
        &self,
        resource: ResourceIndex,
        after: Revision,
        limit: usize,
    ) -> Result<(Vec<Arc<Event>>, Revision), Compacted> {
        self.state.lock().log.of_resource(resource, after, limit)
    }
}

fn check(current: Option<&Arc<Object>>, expected: Expected) -> Result<(), CommitError> {
    match (current, expected) {
        (None, Expected::Absent) => Ok(()),
        (Some(_), Expected::Absent) => Err(CommitError::Exists),
        (None, Expected::At(_)) => Err(CommitError::Missing),
        (Some(object), Expected::At(revision)) if object.meta().revision == revision => Ok(()),
        (Some(object), Expected::At(_)) => Err(CommitError::Conflict(object.meta().revision)),
    }
}

/// A change whose object is encoded: all that can be done before the store is locked.
struct Encoded {
    draft: Draft,
    keeps_managers: bool,
    deletes: bool,
}

impl Encoded {
    fn of(change: Change) -> Result<Self, ObjectError> {
        let (value, managers, deletes) = match change {
            Change::Put(value) => (value, None, false),
            Change::PutManaged(value, managers) => (value, Some(managers), false),
            Change::Delete(value) => (value, None, true),
        };
        let keeps_managers = managers.is_none();
        Ok(Self { draft: Draft::of(&value)?.with_managers(managers), keeps_managers, deletes })
    }
}

#[cfg(test)]
mod tests;

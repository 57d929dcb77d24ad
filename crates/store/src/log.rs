//! The event log: one event per revision, dense, bounded in number and in bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use api::{Object, Revision};

use crate::{Bounds, ResourceIndex};

/// What a commit did to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It came into being.
    Created,
    /// It changed.
    Updated,
    /// It is gone.
    Deleted,
}

/// One commit.
#[derive(Debug)]
pub struct Event {
    /// The commit's revision.
    pub revision: Revision,
    /// The resource it was in.
    pub resource: ResourceIndex,
    /// What it did.
    pub kind: EventKind,
    /// The object after it; for a delete, its last state at the revision of the delete.
    pub object: Arc<Object>,
    /// The object before it, so that a watcher with a selector can tell "came to match" from "still matches".
    pub previous: Option<Arc<Object>>,
}

/// The history asked for is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log begins after revision {oldest}")]
pub struct Compacted {
    /// The oldest revision from which events can still be read.
    pub oldest: Revision,
}

/// What an event keeps in memory, about, beside the text of its object.
const EVENT_BYTES: usize = 512;

fn cost(event: &Event) -> usize {
    event.object.bytes().len() + EVENT_BYTES
}

pub(crate) struct Log {
    events: VecDeque<Arc<Event>>,
    /// Every event after this revision is in `events`.
    start: Revision,
    bytes: usize,
    bounds: Bounds,
    /// Per resource, the revision of the last event that was dropped.
    dropped: Vec<Revision>,
}

impl Log {
    pub(crate) fn new(bounds: Bounds, start: Revision) -> Self {
        Self { events: VecDeque::new(), start, bytes: 0, bounds, dropped: Vec::new() }
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.bytes += cost(&event);
        self.events.push_back(Arc::new(event));
        while self.events.len() > self.bounds.events || (self.bytes > self.bounds.bytes && self.events.len() > 1) {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= cost(&oldest);
            self.start = oldest.revision;
            let resource = oldest.resource.0;
            if self.dropped.len() <= resource {
                self.dropped.resize(resource + 1, Revision(0));
            }
            self.dropped[resource] = oldest.revision;
        }
    }

    /// The events of one resource among the next `limit` of all, and the revision that was reached. A resource without
    /// commits keeps its history, however much others commit.
    pub(crate) fn of_resource(
        &self,
        resource: ResourceIndex,
        after: Revision,
        limit: usize,
    ) -> Result<(Vec<Arc<Event>>, Revision), Compacted> {
        let dropped = self.dropped.get(resource.0).copied().unwrap_or_default();
        if after < dropped {
            return Err(Compacted { oldest: dropped });
        }
        let from = after.max(self.start);
        let skip = usize::try_from(from.0 - self.start.0).unwrap_or(usize::MAX).min(self.events.len());
        let read = self.events.range(skip..).take(limit);
        let reached = read.clone().next_back().map_or(from, |event| event.revision);
        Ok((read.filter(|event| event.resource == resource).cloned().collect(), reached))
    }

    pub(crate) fn after(&self, revision: Revision, limit: usize) -> Result<Vec<Arc<Event>>, Compacted> {
        let Some(skip) = revision.0.checked_sub(self.start.0) else { return Err(Compacted { oldest: self.start }) };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.events.len());
        Ok(self.events.range(skip..).take(limit).cloned().collect())
    }
}

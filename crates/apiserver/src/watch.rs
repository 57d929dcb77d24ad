//! Watches: cursors on the event log.
//!
//! Guarantee: from its revision on, a watch delivers every event that its selectors select, once and in order. An
//! object that comes to match is `ADDED`, one that ceases to match is `DELETED`. The watch ends with `410 Expired`
//! when its reader falls behind the log's bound, so a slow reader never holds up a writer.
//!
//! Timeouts and bookmarks run on real time whatever clock the cluster has: they belong to the connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use api::{Request, Revision, Status, WatchEvent};
use store::{Event, EventKind, ResourceIndex};
use tokio::time::Instant;

use crate::bell::Listener;
use crate::server::{ApiServer, Target};
use crate::verbs::{Filter, versions};

/// How many events are read from the log at once.
const BATCH: usize = 256;
/// How often a quiet watch tells the revision it has reached (upstream's `bookmarkFrequency`).
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// How long a watch lives when the client does not say (upstream: a random time from 30 to 60 minutes).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(45 * 60);

/// One open watch.
pub struct Watch {
    server: Arc<ApiServer>,
    resource: ResourceIndex,
    /// The position in the catalogue of the version that was asked for.
    position: usize,
    namespace: Option<String>,
    filter: Filter,
    /// Everything up to this revision was read from the log.
    cursor: Revision,
    pending: VecDeque<WatchEvent>,
    commits: Listener,
    bookmarks: Option<Instant>,
    deadline: Instant,
    ended: bool,
}

impl Watch {
    pub(crate) fn open(server: &Arc<ApiServer>, target: &Target<'_>, request: &Request) -> Result<Self, Status> {
        let filter = Filter::of(target, request)?;
        let options = &request.options;
        // Subscribed before the revision is read, so that no commit falls between.
        let commits = server.commits(target.index);
        let now = Instant::now();
        let timeout =
            options.timeout_seconds.filter(|seconds| *seconds > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs);
        let mut watch = Self {
            namespace: request.namespace.clone(),
            resource: target.index,
            position: target.position,
            filter,
            cursor: Revision(0),
            pending: VecDeque::new(),
            commits,
            bookmarks: options.allow_watch_bookmarks.then(|| now + BOOKMARK_INTERVAL),
            deadline: now.checked_add(timeout).unwrap_or_else(|| now + DEFAULT_TIMEOUT),
            ended: false,
            server: server.clone(),
        };
        let from = options.resource_version.unwrap_or_default();
        match options.send_initial_events {
            Some(true) if from > server.store.revision() => {
                let status = Status::too_large_revision(from, server.store.revision());
                watch.pending.push_back(WatchEvent::Error(status));
                watch.ended = true;
            }
            Some(true) => watch.begin_with_state(options.allow_watch_bookmarks),
            None if from.0 == 0 => watch.begin_with_state(false),
            Some(false) if from.0 == 0 => watch.cursor = watch.server.store.revision(),
            None | Some(false) => watch.begin_at(from)?,
        }
        Ok(watch)
    }

    /// Differs: upstream opens a watch from a revision of the future and stays silent until it is reached. Here that
    /// revision comes from a server that is gone, with all its state, so the client is told to list anew.
    fn begin_at(&mut self, from: Revision) -> Result<(), Status> {
        let current = self.server.store.revision();
        if from > current {
            return Err(Status::too_large_revision(from, current));
        }
        self.cursor = from;
        // A history that is gone is told by an event of a stream that opens, as upstream's watch cache does
        // (`newErrWatcher`), and not by the answer's code: clients look for the event.
        if let Err(gone) = self.server.store.events_of(self.resource, from, 0) {
            self.expire(gone.oldest);
        }
        Ok(())
    }

    /// Begins with all current objects as `ADDED`.
    fn begin_with_state(&mut self, end_bookmark: bool) {
        let (snapshot, revision) = self.server.store.snapshot();
        let all = snapshot.range(self.resource, self.namespace.as_deref(), None);
        let selected = all.filter(|(_, object)| self.filter.matches(object));
        self.pending = selected.map(|(_, object)| WatchEvent::Added(object.clone())).collect();
        self.cursor = revision;
        if end_bookmark {
            self.pending.push_back(WatchEvent::Bookmark { revision, initial_events_end: true });
        }
    }

    /// The next message; `None` when the watch has ended.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(versions::event(self.server.catalogue().at(self.position), event));
            }
            if self.ended {
                return None;
            }
            // Marked as seen before the log is read, so that a commit in between wakes the wait below.
            self.commits.catch_up();
            if self.read() {
                continue;
            }
            self.wait().await;
        }
    }

    /// Reads a batch of events. Returns whether there is anything to go on with.
    fn read(&mut self) -> bool {
        match self.server.store.events_of(self.resource, self.cursor, BATCH) {
            Ok((events, reached)) => {
                let more = reached > self.cursor;
                self.cursor = reached;
                for event in &events {
                    let message = self.select(event);
                    self.pending.extend(message);
                }
                more
            }
            Err(gone) => {
                self.expire(gone.oldest);
                true
            }
        }
    }

    fn expire(&mut self, oldest: Revision) {
        self.pending.push_back(WatchEvent::Error(expired(self.cursor, oldest)));
        self.ended = true;
    }

    async fn wait(&mut self) {
        let until = self.bookmarks.map_or(self.deadline, |due| due.min(self.deadline));
        tokio::select! {
            biased;
            () = self.commits.rung() => {}
            () = tokio::time::sleep_until(until) => self.timed(Instant::now()),
        }
    }

    /// A bookmark or the end is due. The last bookmark comes just before the end.
    fn timed(&mut self, now: Instant) {
        if self.bookmarks.is_some() {
            // What was committed to other resources meanwhile moves the bookmark on as well.
            while !self.ended && self.read() {}
        }
        if let Some(due) = self.bookmarks.as_mut().filter(|_| !self.ended) {
            *due = now + BOOKMARK_INTERVAL;
            self.pending.push_back(WatchEvent::Bookmark { revision: self.cursor, initial_events_end: false });
        }
        self.ended |= now >= self.deadline;
    }

    fn select(&self, event: &Event) -> Option<WatchEvent> {
        if self.namespace.is_some() && self.namespace != event.object.meta().namespace {
            return None;
        }
        let everything = self.filter.is_everything();
        let is = event.kind != EventKind::Deleted && (everything || self.filter.matches(&event.object));
        let was = event.previous.as_ref().is_some_and(|previous| everything || self.filter.matches(previous));
        match (was, is) {
            (false, false) => None,
            (false, true) => Some(WatchEvent::Added(event.object.clone())),
            (true, true) => Some(WatchEvent::Modified(event.object.clone())),
            (true, false) => Some(WatchEvent::Deleted(event.object.clone())),
        }
    }
}

fn expired(from: Revision, oldest: Revision) -> Status {
    Status::expired(format!("too old resource version: {from} ({oldest})"))
}

//! Observations: a list and the watch from its revision, restarted when history is gone, as one endless stream
//! (client-go's Reflector, `tools/cache/reflector.go`).
//!
//! Flow: `List` -> `Watch` -> on a clean end `Watch` again from the last revision seen; on `410 Expired` `List`
//! again; on any other failure wait, doubling from 100 ms to 10 s, and go on where it stopped.
//! Guarantee: applying the observations in order gives the collection as of the last revision, with no gap.

use std::sync::Arc;

use api::{Gvr, Object, Options, Request, Revision, Verb, WatchEvent};
use clock::SharedClock;
use futures::stream::{self, Stream, StreamExt};
use jiff::SignedDuration;

use crate::transport::EventStream;
use crate::{Client, Error};

const FIRST_RETRY: SignedDuration = SignedDuration::from_millis(100);
const LONGEST_RETRY: SignedDuration = SignedDuration::from_secs(10);

/// One step of an observed collection.
#[derive(Clone, Debug)]
pub enum Observation {
    /// Forget what was known: this is the whole collection.
    Restarted {
        /// All objects.
        objects: Vec<Arc<Object>>,
        /// The revision of the list.
        revision: Revision,
    },
    /// The object came or changed.
    Applied(Arc<Object>),
    /// The object is gone; its last state.
    Deleted(Arc<Object>),
    /// Nothing changed up to this revision.
    Reached(Revision),
}

/// Which part of a resource to observe.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only this namespace.
    pub namespace: Option<String>,
    /// Only objects with these labels.
    pub label_selector: Option<String>,
    /// Only objects with these fields.
    pub field_selector: Option<String>,
}

enum State {
    /// Read the collection.
    List,
    /// Open a watch from this revision.
    Open(Revision),
    /// Read from an open watch; the revision is the last one seen.
    Watch(EventStream, Revision),
    /// Wait, then go on.
    Retry(Box<State>),
}

/// Where the observations come from.
struct Source {
    client: Client,
    clock: SharedClock,
    resource: Gvr,
    selection: Selection,
}

struct Observer {
    source: Source,
    state: State,
    retry_after: SignedDuration,
}

/// Follows a collection for ever.
pub fn observe(
    client: Client,
    clock: SharedClock,
    resource: Gvr,
    selection: Selection,
) -> impl Stream<Item = Observation> + Send + Unpin {
    follow(Source { client, clock, resource, selection }, State::List)
}

/// Follows a collection for ever, from a state of it that is known already: these objects, at this revision. So nothing
/// is missed that came and went since then.
pub fn observe_since(
    client: Client,
    clock: SharedClock,
    resource: Gvr,
    selection: Selection,
    known: (Vec<Arc<Object>>, Revision),
) -> impl Stream<Item = Observation> + Send + Unpin {
    let (objects, revision) = known;
    let rest = follow(Source { client, clock, resource, selection }, State::Open(revision));
    stream::once(std::future::ready(Observation::Restarted { objects, revision })).chain(rest)
}

fn follow(source: Source, state: State) -> stream::BoxStream<'static, Observation> {
    let observer = Observer { source, state, retry_after: FIRST_RETRY };
    stream::unfold(observer, |mut observer| async move {
        let observation = observer.next().await;
        Some((observation, observer))
    })
    .boxed()
}

impl Observer {
    async fn next(&mut self) -> Observation {
        loop {
            let state = std::mem::replace(&mut self.state, State::List);
            if matches!(state, State::Retry(_)) {
                self.source.wait(self.retry_after).await;
                self.retry_after = self.retry_after.saturating_mul(2).min(LONGEST_RETRY);
            }
            let (next, observation) = self.source.step(state).await;
            self.state = next;
            if let Some(observation) = observation {
                self.retry_after = FIRST_RETRY;
                return observation;
            }
        }
    }
}

impl Source {
    async fn wait(&self, duration: SignedDuration) {
        let deadline = self.clock.now().saturating_add(duration).expect("seconds keep their unit");
        self.clock.sleep_until(deadline).await;
    }

    async fn step(&self, state: State) -> (State, Option<Observation>) {
        match state {
            State::List => match self.list().await {
                Ok((objects, revision)) => (State::Open(revision), Some(Observation::Restarted { objects, revision })),
                Err(error) => self.failed(&error, State::List),
            },
            State::Open(revision) => match self.open(revision).await {
                Ok(events) => (State::Watch(events, revision), None),
                Err(error) if error.is_expired() => (State::List, None),
                Err(error) => self.failed(&error, State::Open(revision)),
            },
            State::Watch(mut events, revision) => match events.next().await {
                None => (State::Open(revision), None),
                Some(Err(error)) if error.is_expired() => (State::List, None),
                Some(Err(error)) => self.failed(&error, State::Open(revision)),
                Some(Ok(event)) => received(events, revision, event),
            },
            State::Retry(next) => (*next, None),
        }
    }

    fn failed(&self, error: &Error, next: State) -> (State, Option<Observation>) {
        tracing::debug!(resource = %self.resource, %error, "observation interrupted, will go on");
        (State::Retry(Box::new(next)), None)
    }

    fn options(&self) -> Options {
        Options {
            label_selector: self.selection.label_selector.clone(),
            field_selector: self.selection.field_selector.clone(),
            ..Options::default()
        }
    }

    async fn list(&self) -> Result<(Vec<Arc<Object>>, Revision), Error> {
        let list = self.client.list(&self.resource, self.selection.namespace.as_deref(), self.options()).await?;
        Ok((list.items, list.revision))
    }

    async fn open(&self, revision: Revision) -> Result<EventStream, Error> {
        let namespace = self.selection.namespace.as_deref();
        let mut options = self.options();
        options.resource_version = Some(revision);
        options.allow_watch_bookmarks = true;
        let request = Request::new(Verb::Watch, self.resource.clone(), namespace, None).options(options);
        self.client.watch(request).await
    }
}

fn received(events: EventStream, revision: Revision, event: WatchEvent) -> (State, Option<Observation>) {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => {
            let seen = object.meta().revision.max(revision);
            (State::Watch(events, seen), Some(Observation::Applied(object)))
        }
        WatchEvent::Deleted(object) => {
            let seen = object.meta().revision.max(revision);
            (State::Watch(events, seen), Some(Observation::Deleted(object)))
        }
        WatchEvent::Bookmark { revision: reached, .. } => {
            (State::Watch(events, reached.max(revision)), Some(Observation::Reached(reached)))
        }
        WatchEvent::Error(status) if Error::Status(status.clone()).is_expired() => (State::List, None),
        WatchEvent::Error(status) => {
            tracing::debug!(%status, "watch ended with an error");
            (State::Retry(Box::new(State::Open(revision))), None)
        }
    }
}

//! Faults at a component's door: watch events that come late, writes after which it is cut off, refusals, lost answers.
//!
//! A fault is between a component and the API and changes nothing on either side, as a bad network. Posts of Events are
//! best effort and outside of the count of writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::logs::LogOptions;
use api::resource::EVENTS;
use api::{Gvr, Reply, Request, Status, Verb};
use client::{ByteStream, Error, EventStream, Transport};
use cluster::{Component, Config};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, StreamExt};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The faults of one simulation. Cheap to clone.
#[derive(Clone)]
pub struct Faults(Arc<Shared>);

struct Shared {
    rules: Mutex<Rules>,
    /// Wakes watches that are held back, in the order in which they were.
    changed: Notify,
}

#[derive(Default)]
struct Rules {
    held: Vec<(Component, Gvr)>,
    /// How many writes a component still has.
    left: BTreeMap<Component, u64>,
    refusals: Vec<Refusal>,
    writes: BTreeMap<Component, u64>,
}

/// Answers some requests of a component with a `Status`, or loses the answers.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Whose requests.
    pub component: Component,
    /// Which.
    pub verb: Verb,
    /// Of what.
    pub resource: Gvr,
    /// How many.
    pub times: u64,
    /// The answer; with `None` the request is performed and its answer is lost.
    pub status: Option<Status>,
}

impl Faults {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared { rules: Mutex::default(), changed: Notify::new() }))
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.0.rules.lock());
        self.0.changed.notify_waiters();
    }

    /// Holds back what a component's watches of a resource would tell it, until [`Faults::release_watches`]. Lists and
    /// writes go through.
    pub fn hold_watches(&self, component: Component, resource: &Gvr) {
        self.change(|rules| rules.held.push((component, resource.clone())));
    }

    /// Delivers all that was held back, in order.
    pub fn release_watches(&self, component: Component) {
        self.change(|rules| rules.held.retain(|(held, _)| *held != component));
    }

    /// Lets a component do so many more writes; then its requests and watches fail until [`Faults::restore`]. What it
    /// has begun is over, as for a process that died after that write.
    pub fn cut_after(&self, component: Component, writes: u64) {
        self.change(|rules| _ = rules.left.insert(component, writes));
    }

    /// Whether a component is cut off.
    pub fn is_cut(&self, component: Component) -> bool {
        self.0.rules.lock().left.get(&component) == Some(&0)
    }

    /// Ends [`Faults::cut_after`].
    pub fn restore(&self, component: Component) {
        self.change(|rules| _ = rules.left.remove(&component));
    }

    /// Refuses requests, or loses their answers.
    pub fn refuse(&self, refusal: Refusal) {
        self.change(|rules| rules.refusals.push(refusal));
    }

    /// How many writes a component has done, Events not counted.
    pub fn writes(&self, component: Component) -> u64 {
        self.0.rules.lock().writes.get(&component).copied().unwrap_or_default()
    }

    /// Lets these faults stand between a cluster's components and the API.
    pub(crate) fn stand_in(&self, config: &mut Config) {
        let faults = self.clone();
        let faulty = move |component, inner| Arc::new(Faulty { component, inner, faults: faults.clone() });
        config.interpose = Some(Arc::new(move |component, inner| faulty(component, inner)));
    }

    async fn released(&self, component: Component, resource: &Gvr) {
        loop {
            // Made before the rules are read, so that a change in between ends it.
            let changed = self.0.changed.notified();
            if !self.is_held(component, resource) {
                return;
            }
            changed.await;
        }
    }

    fn is_held(&self, component: Component, resource: &Gvr) -> bool {
        let rules = self.0.rules.lock();
        rules.left.get(&component) == Some(&0)
            || rules.held.iter().any(|(held, what)| *held == component && what == resource)
    }
}

/// What becomes of one request.
enum Fate {
    Goes,
    Refused(Status),
    AnswerLost,
    Cut,
}

impl Rules {
    fn fate(&mut self, component: Component, request: &Request) -> Fate {
        if self.left.get(&component) == Some(&0) {
            return Fate::Cut;
        }
        let refusal = self.refusals.iter_mut().find(|refusal| {
            let (same, times) = (refusal.component == component && refusal.verb == request.verb, refusal.times);
            same && refusal.resource == request.resource && times > 0
        });
        let answer = refusal.map(|refusal| {
            refusal.times -= 1;
            refusal.status.clone()
        });
        if let Some(Some(status)) = answer {
            return Fate::Refused(status);
        }
        if is_write(request) {
            *self.writes.entry(component).or_default() += 1;
            if let Some(left) = self.left.get_mut(&component) {
                *left -= 1;
            }
        }
        if answer.is_some() { Fate::AnswerLost } else { Fate::Goes }
    }
}

fn is_write(request: &Request) -> bool {
    let writes = !matches!(request.verb, Verb::Get | Verb::List | Verb::Watch);
    writes && request.resource != EVENTS
}

/// A door with faults.
struct Faulty {
    component: Component,
    inner: Arc<dyn Transport>,
    faults: Faults,
}

fn unreachable() -> Error {
    Error::Transport("cut off by a fault".into())
}

impl Transport for Faulty {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, Error>> {
        let fate = self.faults.0.rules.lock().fate(self.component, &request);
        let inner = self.inner.clone();
        async move {
            match fate {
                Fate::Goes => inner.call(request).await,
                Fate::Refused(status) => Err(Error::Status(status)),
                Fate::AnswerLost => {
                    drop(inner.call(request).await);
                    Err(unreachable())
                }
                Fate::Cut => Err(unreachable()),
            }
        }
        .boxed()
    }

    fn watch(&self, request: Request) -> BoxFuture<'static, Result<EventStream, Error>> {
        if self.faults.is_cut(self.component) {
            return futures::future::ready(Err(unreachable())).boxed();
        }
        let (faults, component, resource) = (self.faults.clone(), self.component, request.resource.clone());
        let opened = self.inner.watch(request);
        async move {
            let events = stream::unfold(opened.await?, move |mut events| {
                let (faults, resource) = (faults.clone(), resource.clone());
                async move {
                    let event = events.next().await?;
                    // Held back after it was read, so that what was committed before the fault is not told of either.
                    faults.released(component, &resource).await;
                    Some((event, events))
                }
            });
            Ok(events.boxed())
        }
        .boxed()
    }

    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Error>> {
        self.inner.logs(namespace, pod, options)
    }
}

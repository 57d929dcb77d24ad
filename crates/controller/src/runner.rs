//! The runner: one loop per controller that takes in observations, hands keys to reconciles, and waits for the next of
//! a closed set of events. The loop decides nothing about the controller's kind and never blocks: reconciles run as
//! tasks that it owns and joins.
//!
//! Guarantees: no reconcile starts before every source has delivered its first list; observations are applied before
//! the reconciles that they wake are started; a panic in one reconcile is logged and that key retried with back-off,
//! all others go on; at shutdown running reconciles are cut at their next await, which is safe because a plan is made
//! anew from what was observed.
//! Bounds: at most `workers` reconciles at a time, [`crate::queue::MAX_KEYS`] keys. Sources are pulled, so nothing
//! piles up between a watch and the loop.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use client::Observation;
use clock::{Pull, SharedClock};
use futures::stream::{BoxStream, SelectAll, Stream, StreamExt};
use futures::{FutureExt, future};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::queue::Queue;

/// How many reconciles run at one time unless the controller says otherwise.
pub const DEFAULT_WORKERS: usize = 16;

/// The target of the trace records that tell how long each reconcile took, in `seconds` of the controller's clock, its
/// writes among them.
pub const SYNC_TARGET: &str = "controller::sync";

/// What a reconcile asks for when it has succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Reconcile again at this time, even if nothing is observed until then.
    pub wake_at: Option<Timestamp>,
}

impl Outcome {
    /// Nothing to do until something is observed.
    pub fn done() -> Self {
        Self::default()
    }

    /// Reconcile again at `time` at the latest.
    pub fn wake_at(time: Timestamp) -> Self {
        Self { wake_at: Some(time) }
    }
}

impl From<Option<Timestamp>> for Outcome {
    fn from(wake_at: Option<Timestamp>) -> Self {
        Self { wake_at }
    }
}

/// A controller: state kept up to date by observations, and a reconcile for one key.
pub trait Controller: Send + Sync + 'static {
    /// What a reconcile is about: an object's key or UID.
    type Key: Clone + Debug + Eq + Hash + Send + 'static;
    /// Why a reconcile failed.
    type Error: Display + Send;

    /// For logs, such as `job`.
    fn name(&self) -> &'static str;

    /// Takes in one observation of the source with that index, in order, and adds the keys it concerns to the queue.
    /// Runs on the loop: must not wait.
    fn observe(&self, source: usize, observation: Observation, now: Timestamp, queue: &mut Queue<Self::Key>);

    /// Every key the controller knows; asked for after the queue had to refuse keys.
    fn keys(&self) -> Vec<Self::Key>;

    /// Brings one key closer to what is wanted. An error retries the key with back-off; success resets its back-off.
    fn reconcile(&self, key: Self::Key) -> impl Future<Output = Result<Outcome, Self::Error>> + Send;
}

/// What the loop waits for.
enum Event<K> {
    Shutdown,
    Observed(usize, Observation),
    /// All sources have ended; they never do, but for tests with finite ones.
    Unobserved,
    Finished(K, Finish),
    Due,
}

/// How a reconcile ended.
enum Finish {
    Done(Outcome),
    Failed(String),
    Panicked(String),
}

/// A controller with its sources, before it starts.
pub struct Runner<C> {
    controller: Arc<C>,
    clock: SharedClock,
    workers: usize,
    pull: Pull,
    sources: Vec<BoxStream<'static, Observation>>,
}

impl<C: Controller> Runner<C> {
    /// A runner without sources.
    pub fn new(controller: Arc<C>, clock: SharedClock) -> Self {
        Self { controller, clock, workers: DEFAULT_WORKERS, pull: Pull::Yes, sources: Vec::new() }
    }

    /// Adds a source. Its index is how many were added before it.
    #[must_use]
    pub fn source(mut self, observations: impl Stream<Item = Observation> + Send + 'static) -> Self {
        self.sources.push(observations.boxed());
        self
    }

    /// Sets how many reconciles may run at one time; at least one.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Says that this controller's wake-ups are schedules or housekeeping, for which time does not hurry. Its retries
    /// of failures still are work.
    #[must_use]
    pub fn unhurried(mut self) -> Self {
        self.pull = Pull::No;
        self
    }

    /// Starts the loop on the current tokio runtime.
    pub fn start(self) -> RunnerHandle {
        let (stop, stopped) = watch::channel(false);
        let (ready, synced) = watch::channel(false);
        let task = tokio::spawn(Loop::new(self, stopped, ready).run());
        RunnerHandle { stop, synced, task }
    }
}

/// A running controller.
#[derive(Debug)]
pub struct RunnerHandle {
    stop: watch::Sender<bool>,
    synced: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl RunnerHandle {
    /// Waits until every source has delivered its first list. Returns at once if the loop has ended.
    pub async fn synced(&self) {
        // An error means that the loop is gone: there is nothing left to wait for.
        let _ = self.synced.clone().wait_for(|synced| *synced).await;
    }

    /// Stops the loop and waits until it and all its reconciles have ended.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the controller's loop had ended in a panic");
        }
    }
}

struct Loop<C: Controller> {
    controller: Arc<C>,
    clock: SharedClock,
    workers: usize,
    pull: Pull,
    /// When failed keys are due again, the earliest first. A key that succeeds before then leaves its time here.
    retries: BinaryHeap<Reverse<Timestamp>>,
    sources: SelectAll<BoxStream<'static, (usize, Observation)>>,
    /// Sources whose first list is still to come.
    missing: Vec<usize>,
    stopped: watch::Receiver<bool>,
    synced: watch::Sender<bool>,
    queue: Queue<C::Key>,
    running: JoinSet<(C::Key, Finish)>,
}

impl<C: Controller> Loop<C> {
    fn new(runner: Runner<C>, stopped: watch::Receiver<bool>, synced: watch::Sender<bool>) -> Self {
        let missing = (0..runner.sources.len()).collect();
        let tagged = |(index, source): (usize, BoxStream<'static, Observation>)| {
            source.map(move |observation| (index, observation)).boxed()
        };
        Self {
            controller: runner.controller,
            clock: runner.clock,
            workers: runner.workers,
            pull: runner.pull,
            retries: BinaryHeap::new(),
            sources: runner.sources.into_iter().enumerate().map(tagged).collect(),
            missing,
            stopped,
            synced,
            queue: Queue::new(),
            running: JoinSet::new(),
        }
    }

    async fn run(mut self) {
        loop {
            if self.missing.is_empty() {
                self.synced.send_if_modified(|synced| !std::mem::replace(synced, true));
                self.dispatch();
            }
            match self.next().await {
                Event::Shutdown => break,
                Event::Observed(source, observation) => self.observe(source, observation),
                Event::Unobserved => tracing::debug!(controller = self.controller.name(), "all sources have ended"),
                Event::Finished(key, finish) => self.finish(key, finish),
                Event::Due => {}
            }
        }
        self.running.shutdown().await;
    }

    /// Starts reconciles until all workers are busy or no key is due.
    fn dispatch(&mut self) {
        if self.queue.take_overflow() {
            for key in self.controller.keys() {
                self.queue.add(key);
            }
        }
        let now = self.clock.now();
        while self.running.len() < self.workers {
            let Some(key) = self.queue.take(now) else { return };
            self.running.spawn(reconcile(self.controller.clone(), key, self.clock.clone()));
        }
    }

    /// Observations go before finished reconciles, so that the next reconcile sees the newest cache.
    async fn next(&mut self) -> Event<C::Key> {
        let timer = self.timer();
        let (sources, running) = (&mut self.sources, &mut self.running);
        let has_sources = !sources.is_empty();
        tokio::select! {
            biased;
            // An error means that the handle was dropped: nobody can ask for a shutdown any more.
            _ = self.stopped.wait_for(|stopped| *stopped) => Event::Shutdown,
            observed = sources.next(), if has_sources => match observed {
                Some((source, observation)) => Event::Observed(source, observation),
                None => Event::Unobserved,
            },
            Some(joined) = running.join_next() => {
                // Reconciles catch their panics and are cancelled only after the loop.
                let (key, finish) = joined.expect("a reconcile task ends by itself");
                Event::Finished(key, finish)
            }
            () = timer => Event::Due,
        }
    }

    /// Waits for the next key that is due, unless all workers are busy: then a finished reconcile comes first.
    fn timer(&mut self) -> impl Future<Output = ()> + use<C> {
        let now = self.clock.now();
        while self.retries.peek().is_some_and(|Reverse(time)| *time <= now) {
            self.retries.pop();
        }
        let can_dispatch = self.missing.is_empty() && self.running.len() < self.workers;
        let next_wake = self.queue.next_wake(now).filter(|_| can_dispatch);
        let retry = self.retries.peek().map(|Reverse(time)| *time).filter(|_| next_wake.is_some());
        let wait = |time: Option<Timestamp>, pull| match time {
            Some(time) => future::Either::Left(self.clock.wait_until(time, pull)),
            None => future::Either::Right(future::pending()),
        };
        let (wake, retry) = (wait(next_wake, self.pull), wait(retry, Pull::Yes));
        future::select(wake, retry).map(drop)
    }

    fn observe(&mut self, source: usize, observation: Observation) {
        if matches!(observation, Observation::Restarted { .. }) {
            self.missing.retain(|missing| *missing != source);
        }
        let now = self.clock.now();
        self.controller.observe(source, observation, now, &mut self.queue);
    }

    fn finish(&mut self, key: C::Key, finish: Finish) {
        let (now, name) = (self.clock.now(), self.controller.name());
        let hurried = self.pull == Pull::Yes;
        self.queue.done(&key);
        match finish {
            Finish::Done(outcome) => {
                self.queue.forget(&key);
                if let Some(time) = outcome.wake_at {
                    self.queue.add_at(key, time);
                }
            }
            Finish::Failed(error) => {
                let retry_at = self.queue.add_rate_limited(key.clone(), now);
                self.retries.extend((!hurried).then_some(Reverse(retry_at)));
                tracing::warn!(controller = name, ?key, error, %retry_at, "reconcile failed, will retry");
            }
            Finish::Panicked(panic) => {
                let retry_at = self.queue.add_rate_limited(key.clone(), now);
                self.retries.extend((!hurried).then_some(Reverse(retry_at)));
                tracing::error!(controller = name, ?key, panic, %retry_at, "reconcile panicked, will retry");
            }
        }
    }
}

async fn reconcile<C: Controller>(controller: Arc<C>, key: C::Key, clock: SharedClock) -> (C::Key, Finish) {
    let begun = clock.now();
    // Unwind safety: a controller's state is behind locks that do not poison, and a plan never trusts half a state.
    let attempt = AssertUnwindSafe(controller.reconcile(key.clone())).catch_unwind().await;
    let seconds = clock.now().duration_since(begun).as_secs_f64();
    tracing::trace!(target: SYNC_TARGET, controller = controller.name(), ?key, seconds, "reconciled");
    let finish = match attempt {
        Ok(Ok(outcome)) => Finish::Done(outcome),
        Ok(Err(error)) => Finish::Failed(error.to_string()),
        Err(panic) => Finish::Panicked(panic_text(&*panic)),
    };
    (key, finish)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a text".to_owned())
}

#[cfg(test)]
mod tests;

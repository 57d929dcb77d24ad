//! The recorder: posts Events in the background, so that no reconcile waits for one.
//!
//! Events are best effort, as upstream's are. The way to the background is a channel of [`MAX_WAITING`] notes; when it
//! is full a new note is dropped and counted ([`Recorder::dropped`]). What the API refuses is dropped too; what could
//! not reach the API is tried [`MAX_TRIES`] times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::resource::EVENTS;
use api::{Meta, PatchType};
use client::{Client, Error};
use clock::SharedClock;
use jiff::SignedDuration;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::budget::{Budget, Rate};
use crate::correlator::{Correlator, Note, Reference, Severity, Source, Verdict};

/// Most notes that wait for the background task.
pub const MAX_WAITING: usize = 8192;
/// How often a note is sent to an API that cannot be reached (`maxTriesPerEvent` is 12 upstream).
pub const MAX_TRIES: u32 = 3;
/// Wait between two tries.
pub const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// Where a component reports what it did. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    notes: mpsc::Sender<Note>,
    dropped: Arc<AtomicU64>,
    clock: SharedClock,
    budget: Option<Arc<Mutex<Budget>>>,
}

/// The background half of a recorder.
#[derive(Debug)]
pub struct RecorderTask {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts a recorder for one component, such as `job-controller`, on the current tokio runtime.
    pub fn start(client: Client, clock: SharedClock, component: &str) -> (Self, RecorderTask) {
        Self::start_for(client, clock, Source { component: component.to_owned(), host: None })
    }

    /// Starts a recorder for a component on a node.
    pub fn start_for(client: Client, clock: SharedClock, source: Source) -> (Self, RecorderTask) {
        let (notes, waiting) = mpsc::channel(MAX_WAITING);
        let (stop, stopped) = watch::channel(false);
        let correlator = Correlator::new(source);
        let task = tokio::spawn(Poster { client, clock: clock.clone(), correlator, waiting, stopped }.run());
        (Self { notes, dropped: Arc::default(), clock, budget: None }, RecorderTask { stop, task })
    }

    /// The same recorder, which posts no more than this and drops the rest.
    #[must_use]
    pub fn limited(self, rate: Rate) -> Self {
        Self { budget: Some(Arc::new(Mutex::new(Budget::new(rate)))), ..self }
    }

    /// Reports about an object. Never waits.
    pub fn event(&self, about: &Meta, severity: Severity, reason: impl Into<String>, message: impl Into<String>) {
        self.report(Reference::of(about), severity, reason, message);
    }

    /// Reports about what a reference names, such as one container of a pod. Never waits.
    pub fn report(&self, about: Reference, severity: Severity, reason: impl Into<String>, message: impl Into<String>) {
        let at = self.clock.now();
        let granted = self.budget.as_ref().is_none_or(|budget| budget.lock().take(severity, at));
        let note = Note { about, severity, reason: reason.into(), message: message.into(), at };
        if !granted || self.notes.try_send(note).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many notes were dropped because they were above the limit or too many were waiting, or because the recorder was shut down.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl RecorderTask {
    /// Sends what is waiting, each once, and ends.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the recorder had ended in a panic");
        }
    }
}

struct Poster {
    client: Client,
    clock: SharedClock,
    correlator: Correlator,
    waiting: mpsc::Receiver<Note>,
    stopped: watch::Receiver<bool>,
}

impl Poster {
    async fn run(mut self) {
        loop {
            let note = tokio::select! {
                biased;
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
                note = self.waiting.recv() => note,
            };
            let Some(note) = note else { return };
            self.post(note).await;
        }
        self.waiting.close();
        while let Some(note) = self.waiting.recv().await {
            if !self.post(note).await {
                return;
            }
        }
    }

    /// Sends one note. Returns whether the API could be reached.
    async fn post(&mut self, note: Note) -> bool {
        let verdict = self.correlator.correlate(note);
        for _ in 0..MAX_TRIES {
            match self.send(&verdict).await {
                Ok(()) => return true,
                Err(error @ Error::Transport(_)) => tracing::debug!(%error, "an event could not be posted yet"),
                Err(error) => {
                    tracing::debug!(%error, "an event was refused");
                    return true;
                }
            }
            if self.stopping_within_retry().await {
                return false;
            }
        }
        false
    }

    /// Waits before the next try; true if the recorder is to stop.
    async fn stopping_within_retry(&mut self) -> bool {
        let retry_at = self.clock.now().saturating_add(RETRY_AFTER).expect("an offset of seconds keeps its unit");
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => true,
            () = self.clock.sleep_until(retry_at) => false,
        }
    }

    async fn send(&self, verdict: &Verdict) -> Result<(), Error> {
        match verdict {
            Verdict::Drop => Ok(()),
            Verdict::Create { namespace, event } => self.create(namespace, event).await,
            Verdict::Patch { namespace, name, patch, event } => {
                let patch = (PatchType::Merge, patch.clone());
                match self.client.patch(&EVENTS, Some(namespace), name, None, patch).await {
                    Err(error) if error.is_not_found() => self.create(namespace, event).await,
                    other => other.map(drop),
                }
            }
        }
    }

    async fn create(&self, namespace: &str, event: &Value) -> Result<(), Error> {
        self.client.create(&EVENTS, Some(namespace), event.clone()).await.map(drop)
    }
}

#[cfg(test)]
mod tests;

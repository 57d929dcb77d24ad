//! The recorder: an API client in the server's process that watches Jobs, their pods and Events, and writes each Job's
//! story when it ends, when it is deleted and when the server ends in order.
//!
//! Guarantee: when a Job is seen to have ended, everything that was committed before is in its story, which is on disk
//! some milliseconds later. Bounds: a story is written at once for an end, and else no sooner than after a wait that
//! doubles from [`FIRST_WAIT`] to [`LONGEST_WAIT`]; so many in a second as `schedule` says. What each Job may hold is in `seen`.

mod logs;
mod observed;
mod schedule;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use api::Uid;
use client::Client;
use clock::SharedClock;
use explain::Record;
use futures::StreamExt as _;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use self::logs::{Owners, filed, staged};
use self::observed::Streams;
use self::schedule::Schedule;
use super::filing::{self, Fate, Limits};
use super::folder::History;
use super::run::Left;
use super::seen::Watched;

/// The wait before a story is written anew for something that is no end.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Tells the controllers' decisions about an object, if they keep any.
pub(crate) type Decisions = Arc<dyn Fn(&Uid) -> Option<Vec<Record>> + Send + Sync>;

/// What a recorder needs.
pub(crate) struct Parts {
    /// The way to the API.
    pub(crate) client: Client,
    /// The server's time.
    pub(crate) clock: SharedClock,
    /// The way to the decisions.
    pub(crate) decisions: Decisions,
    /// Where to write.
    pub(crate) history: History,
    /// How much is kept.
    pub(crate) limits: Limits,
}

/// A recorder that runs.
pub(crate) struct Recorder {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Owners>,
    history: History,
    limits: Limits,
}

/// A recorder that has written everything but the logs of the pods that end with the server.
pub(crate) struct Closing {
    owners: Owners,
    history: History,
    limits: Limits,
}

impl Recorder {
    /// Starts to record. The history is to be prepared, and nothing to be created yet.
    pub(crate) fn start(parts: Parts) -> Self {
        let (history, limits) = (parts.history.clone(), parts.limits);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(State::new(parts).run(stopped));
        Self { stop: Some(stop), task, history, limits }
    }

    /// Writes the stories of all Jobs: the server is about to end.
    pub(crate) async fn stop(mut self) -> Closing {
        drop(self.stop.take());
        let owners = self.task.await.unwrap_or_else(|error| {
            warn!(%error, "the recorder had ended in a panic");
            Owners::default()
        });
        Closing { owners, history: self.history, limits: self.limits }
    }
}

impl Closing {
    /// Takes in the logs of the pods that ended with the server.
    pub(crate) async fn close(self) {
        let Self { owners, history, limits } = self;
        let file = move || {
            let fates = staged(&history).into_iter().map(|uid| {
                let fate = owners.get(&uid).map_or(Fate::Dropped, |(id, pod)| filed(id, pod));
                (uid, fate)
            });
            filing::file(&history, fates.collect(), limits);
        };
        blocking(file).await;
    }
}

/// Work that waits for a disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    spawn_blocking(work).await.inspect_err(|error| warn!(%error, "the history is not written")).ok()
}

/// One Job.
struct Entry {
    watched: Watched,
    /// The wait before it is written anew.
    wait: Duration,
    /// Whether the Job asked to be left out.
    is_silent: bool,
    asked_at: Option<Instant>,
    /// When its Job was seen to go.
    closed_at: Option<Instant>,
}

impl Default for Entry {
    fn default() -> Self {
        let (watched, wait) = (Watched::default(), FIRST_WAIT);
        Self { watched, wait, is_silent: false, asked_at: None, closed_at: None }
    }
}

impl Entry {
    /// Whether its Job has ended or is gone.
    fn is_closed(&self) -> bool {
        self.watched.is_over || self.watched.gone_at.is_some()
    }
}

struct State {
    parts: Parts,
    jobs: HashMap<Uid, Entry>,
    /// The Job of each pod that a story holds.
    pods: HashMap<Uid, Uid>,
    schedule: Schedule,
    /// Jobs that are gone, oldest first; as many as the history holds.
    closed: VecDeque<Uid>,
    /// When to look for logs of pods that went, and the wait after that.
    look: Option<(Instant, Duration)>,
    /// Of runs that an earlier server wrote and could not give their logs.
    recovered: Owners,
    /// How many Jobs were seen.
    seen: u64,
}

impl State {
    fn new(parts: Parts) -> Self {
        let schedule = Schedule::new(parts.limits.runs, Instant::now());
        Self {
            parts,
            jobs: HashMap::new(),
            pods: HashMap::new(),
            schedule,
            closed: VecDeque::new(),
            look: None,
            recovered: Owners::new(),
            seen: 0,
        }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) -> Owners {
        let mut streams = Streams::open(&self.parts.client);
        self.recover().await;
        loop {
            let next = self.schedule.next_at().into_iter().chain(self.look.map(|(at, _)| at)).min();
            let is_due = tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(observation) = streams.jobs.next() => { self.take_jobs(observation); false }
                Some(observation) = streams.pods.next() => { self.take_pods(observation); false }
                Some(observation) = streams.events.next() => {
                    // An Event may be here before what it is about.
                    self.drain(&mut streams, false);
                    self.take_events(observation);
                    false
                }
                () = until(next) => true,
            };
            if is_due || self.schedule.next_at().is_some_and(|at| at <= Instant::now()) {
                self.drain(&mut streams, true);
                self.write_due().await;
                self.look_for_logs().await;
            }
        }
        self.drain(&mut streams, true);
        self.write_all().await;
        self.owners()
    }

    /// Has a story written then, unless its Job asked to be left out.
    fn write_at(&mut self, job: &Uid, at: Instant) {
        if self.jobs.get(job).is_some_and(|entry| !entry.is_silent) {
            self.schedule.add(job, at);
        }
    }

    /// Writes what is due, as far as the budget goes.
    async fn write_due(&mut self) {
        let now = Instant::now();
        while let Some(job) = self.schedule.take(now) {
            self.write(&job, Left::Alive).await;
        }
    }

    async fn write_all(&mut self) {
        let unwritten = |uid: &Uid, entry: &Entry| self.schedule.has(uid) || !entry.is_closed();
        let jobs = self.jobs.iter().filter(|(uid, entry)| unwritten(uid, entry));
        let jobs: Vec<Uid> = jobs.map(|(uid, _)| uid.clone()).collect();
        for job in jobs {
            self.write(&job, Left::Stopped).await;
        }
    }

    async fn write(&mut self, job: &Uid, left: Left) {
        let Some(entry) = self.jobs.get_mut(job).filter(|entry| !entry.is_silent) else { return };
        entry.wait = (entry.wait * 2).min(LONGEST_WAIT);
        ask(&self.parts.decisions, job, entry);
        let Some(snapshot) = entry.watched.snapshot() else { return };
        let is_new = entry.watched.run.is_none();
        let (history, now, limits) = (self.parts.history.clone(), self.parts.clock.now(), self.parts.limits);
        let work = move || -> std::io::Result<String> {
            let (run, story) = snapshot.tell(left, now)?;
            history.write(&run, &story, is_new)?;
            if is_new {
                filing::hold_runs(&history, limits.runs);
            }
            Ok(run.id)
        };
        match blocking(work).await {
            Some(Ok(id)) => entry.watched.run = Some(id),
            Some(Err(error)) => warn!(%job, %error, "a Job is missing from the history"),
            None => {}
        }
    }

    /// Forgets Jobs that are gone with all their pods, some time after.
    fn retire(&mut self, now: Instant) {
        let is_done = |uid: &Uid, entry: &Entry| {
            let is_closed = entry.closed_at.is_some_and(|at| now.duration_since(at) >= LONGEST_WAIT);
            (is_closed || !entry.watched.has_job()) && !self.schedule.has(uid) && !entry.watched.has_pods()
        };
        let done = self.jobs.iter().filter(|(uid, entry)| is_done(uid, entry));
        let done: Vec<Uid> = done.map(|(uid, _)| uid.clone()).collect();
        done.iter().for_each(|job| self.forget(job));
        let jobs = &self.jobs;
        self.closed.retain(|job| jobs.contains_key(job));
    }

    fn forget(&mut self, job: &Uid) {
        let Some(entry) = self.jobs.remove(job) else { return };
        self.schedule.remove(job);
        for pod in entry.watched.pods() {
            self.pods.remove(&pod);
        }
    }
}

/// Asks for decisions; a controller that has forgotten the Job takes nothing away.
fn ask(decisions: &Decisions, job: &Uid, entry: &mut Entry) {
    if let Some(records) = decisions(job).filter(|records| !records.is_empty()) {
        entry.watched.records = Some(records);
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

//! The recorder: an API client in the server's process that watches Jobs, their pods and Events, and writes each Job's
//! story when it ends, when it is deleted and when the server ends in order.
//!
//! Guarantee: when a Job is seen to have ended, everything that was committed before is in its story, which is on disk
//! some milliseconds later. Bounds: a story is written at once for an end, and else no sooner than after a wait that
//! doubles from [`FIRST_WAIT`] to [`LONGEST_WAIT`]; [`WRITES_PER_SECOND`] in all, beyond which ends wait, and the oldest
//! that wait are left out once there are more than the history would keep. What each Job may hold is in `seen`.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use api::resource::{EVENTS, JOBS, PODS};
use api::{Object, Uid};
use client::{Client, Observation, Selection, observe};
use clock::{SharedClock, SystemClock};
use explain::Record;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::filing::{self, Fate, Limits};
use super::folder::History;
use super::run::Left;
use super::seen::Watched;

/// The wait before a story is written anew for something that is no end.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Most stories written in a second; as many may come at once.
const WRITES_PER_SECOND: u32 = 100;
/// How soon logs of pods that went are looked for; doubles until [`LONGEST_WAIT`].
const FIRST_LOOK: Duration = Duration::from_millis(200);

/// Tells the controllers' decisions about an object, if they keep any.
pub(crate) type Decisions = Arc<dyn Fn(&Uid) -> Option<Vec<Record>> + Send + Sync>;

/// Whose logs these are, by the UID of the pod: the run, and the pod's name.
type Owners = HashMap<String, (String, String)>;

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

fn filed(id: &str, pod: &str) -> Fate {
    Fate::Filed { id: id.to_owned(), pod: pod.to_owned() }
}

/// UIDs of pods whose logs were handed over.
fn staged(history: &History) -> Vec<String> {
    let entries = std::fs::read_dir(history.staging()).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Work that waits for a disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    spawn_blocking(work).await.inspect_err(|error| warn!(%error, "the history is not written")).ok()
}

/// One Job, and when it is to be written.
struct Entry {
    watched: Watched,
    due: Option<Instant>,
    wait: Duration,
    /// Whether the Job asked to be left out.
    is_silent: bool,
    asked_at: Option<Instant>,
    /// When its Job was seen to go.
    closed_at: Option<Instant>,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            watched: Watched::default(),
            due: None,
            wait: FIRST_WAIT,
            is_silent: false,
            asked_at: None,
            closed_at: None,
        }
    }
}

struct Streams {
    jobs: BoxStream<'static, Observation>,
    pods: BoxStream<'static, Observation>,
    events: BoxStream<'static, Observation>,
}

impl Streams {
    fn open(client: &Client) -> Self {
        let all = |resource| observe(client.clone(), Arc::new(SystemClock), resource, Selection::default()).boxed();
        Self { jobs: all(JOBS), pods: all(PODS), events: all(EVENTS) }
    }
}

struct State {
    parts: Parts,
    jobs: HashMap<Uid, Entry>,
    /// The Job of each pod that a story holds.
    pods: HashMap<Uid, Uid>,
    due: BTreeSet<(Instant, Uid)>,
    /// Jobs that are gone, oldest first; as many as the history holds.
    closed: VecDeque<Uid>,
    /// When to look for logs of pods that went, and the wait after that.
    look: Option<(Instant, Duration)>,
    /// Of runs that an earlier server wrote and could not give their logs.
    recovered: Owners,
    writes_left: u32,
    refilled_at: Instant,
    /// How many Jobs were seen.
    seen: u64,
}

impl State {
    fn new(parts: Parts) -> Self {
        let now = Instant::now();
        Self {
            parts,
            jobs: HashMap::new(),
            pods: HashMap::new(),
            due: BTreeSet::new(),
            closed: VecDeque::new(),
            look: None,
            recovered: Owners::new(),
            writes_left: WRITES_PER_SECOND,
            refilled_at: now,
            seen: 0,
        }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) -> Owners {
        let mut streams = Streams::open(&self.parts.client);
        self.recover().await;
        loop {
            let next = self.due.first().map(|(at, _)| *at).into_iter().chain(self.look.map(|(at, _)| at)).min();
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
            if is_due || self.due.first().is_some_and(|(at, _)| *at <= Instant::now()) {
                self.drain(&mut streams, true);
                self.write_due().await;
                self.look_for_logs().await;
            }
        }
        self.drain(&mut streams, true);
        self.write_all().await;
        self.owners()
    }

    /// Takes in all that has come, so that what is written next is everything up to now.
    fn drain(&mut self, streams: &mut Streams, with_events: bool) {
        loop {
            if let Some(Some(observation)) = streams.jobs.next().now_or_never() {
                self.take_jobs(observation);
            } else if let Some(Some(observation)) = streams.pods.next().now_or_never() {
                self.take_pods(observation);
            } else if with_events && let Some(Some(observation)) = streams.events.next().now_or_never() {
                self.take_events(observation);
            } else {
                return;
            }
        }
    }

    fn take_jobs(&mut self, observation: Observation) {
        match observation {
            Observation::Restarted { objects, .. } => {
                let present: HashSet<&Uid> = objects.iter().map(|job| &job.meta().uid).collect();
                let known = self.jobs.iter().filter(|(_, entry)| entry.watched.has_job());
                let gone: Vec<Uid> = known.map(|(uid, _)| uid).filter(|uid| !present.contains(uid)).cloned().collect();
                gone.iter().for_each(|uid| self.gone(uid));
                objects.iter().for_each(|job| self.take_job(job));
            }
            Observation::Applied(job) => self.take_job(&job),
            Observation::Deleted(job) => {
                self.take_job(&job);
                self.gone(&job.meta().uid);
            }
            Observation::Reached(_) => {}
        }
    }

    fn take_job(&mut self, job: &Arc<Object>) {
        let uid = &job.meta().uid;
        let entry = self.jobs.entry(uid.clone()).or_default();
        entry.is_silent = job.field("/metadata/annotations").is_some_and(|all| all[super::ANNOTATION] == "false");
        if !entry.watched.has_job() {
            entry.watched.order = self.seen;
            self.seen += 1;
        }
        let now = Instant::now();
        let ends = entry.watched.saw_job(job);
        if ends || entry.asked_at.is_none_or(|asked| now.duration_since(asked) >= FIRST_WAIT) {
            entry.asked_at = Some(now);
            ask(&self.parts.decisions, uid, entry);
        }
        if ends {
            self.write_at(&uid.clone(), now);
        }
    }

    fn gone(&mut self, uid: &Uid) {
        let Some(entry) = self.jobs.get_mut(uid) else { return };
        if entry.watched.gone_at.is_none() {
            entry.watched.gone_at = Some(self.parts.clock.now());
            entry.closed_at = Some(Instant::now());
            self.write_at(uid, Instant::now());
            self.look_soon();
            self.closed.push_back(uid.clone());
            // As many are in the history, and what comes later of older ones would be removed there.
            while self.closed.len() > self.parts.limits.runs.max(1) {
                let Some(oldest) = self.closed.pop_front() else { return };
                self.forget(&oldest);
            }
        }
    }

    /// Sees to it that logs are looked for soon, however often this is said.
    fn look_soon(&mut self) {
        let soon = Instant::now() + FIRST_LOOK;
        if self.look.is_none_or(|(at, _)| at > soon) {
            self.look = Some((soon, FIRST_LOOK));
        }
    }

    fn take_pods(&mut self, observation: Observation) {
        match observation {
            Observation::Restarted { objects, .. } => {
                let present: HashSet<&Uid> = objects.iter().map(|pod| &pod.meta().uid).collect();
                let gone = self.pods.iter().filter(|(pod, _)| !present.contains(pod));
                let gone: Vec<(Uid, Uid)> = gone.map(|(pod, job)| (pod.clone(), job.clone())).collect();
                for (pod, job) in gone {
                    if let Some(entry) = self.jobs.get_mut(&job) {
                        entry.watched.lost_pod(&pod);
                    }
                    self.changed(&job, true);
                }
                objects.iter().for_each(|pod| self.take_pod(pod, false));
            }
            Observation::Applied(pod) => self.take_pod(&pod, false),
            Observation::Deleted(pod) => self.take_pod(&pod, true),
            Observation::Reached(_) => {}
        }
    }

    fn take_pod(&mut self, pod: &Arc<Object>, is_gone: bool) {
        let meta = pod.meta();
        let job = match self.pods.get(&meta.uid) {
            Some(job) => job.clone(),
            None => match meta.controller().filter(|owner| owner.kind == "Job") {
                Some(owner) => owner.uid.clone(),
                None => return,
            },
        };
        let entry = self.jobs.entry(job.clone()).or_default();
        let left_out = entry.watched.saw_pod(pod, is_gone);
        if entry.watched.pod_name(&meta.uid).is_some() {
            self.pods.insert(meta.uid.clone(), job.clone());
        }
        if let Some(left_out) = left_out {
            self.pods.remove(&left_out);
        }
        self.changed(&job, is_gone);
    }

    fn take_events(&mut self, observation: Observation) {
        let events = match observation {
            Observation::Restarted { objects, .. } => objects,
            Observation::Applied(event) => vec![event],
            Observation::Deleted(_) | Observation::Reached(_) => return,
        };
        for event in events {
            let Some(about) = event.field("/involvedObject/uid") else { continue };
            let about = Uid::from(about.as_str().unwrap_or_default());
            let job = self.pods.get(&about).unwrap_or(&about).clone();
            if let Some(entry) = self.jobs.get_mut(&job) {
                entry.watched.saw_event(&event);
                self.changed(&job, false);
            }
        }
    }

    /// Something other than an end has changed: of a Job that goes on only a pod's going is worth a write.
    fn changed(&mut self, job: &Uid, pod_is_gone: bool) {
        let now = Instant::now();
        if pod_is_gone {
            self.look_soon();
        }
        let Some(entry) = self.jobs.get(job) else { return };
        let is_closed = entry.watched.is_over || entry.watched.gone_at.is_some();
        if entry.due.is_none() && (pod_is_gone || is_closed) {
            let at = now + entry.wait;
            self.write_at(job, at);
        }
    }

    fn write_at(&mut self, job: &Uid, at: Instant) {
        let Some(entry) = self.jobs.get_mut(job).filter(|entry| !entry.is_silent) else { return };
        if let Some(before) = entry.due {
            if before <= at {
                return;
            }
            self.due.remove(&(before, job.clone()));
        }
        entry.due = Some(at);
        self.due.insert((at, job.clone()));
        // Those would be removed again as soon as they were written.
        while self.due.len() > self.parts.limits.runs.max(1) {
            let Some((_, oldest)) = self.due.pop_first() else { return };
            if let Some(entry) = self.jobs.get_mut(&oldest) {
                entry.due = None;
            }
        }
    }

    /// Writes what is due, as far as the budget goes.
    async fn write_due(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.refilled_at) >= Duration::from_secs(1) {
            (self.writes_left, self.refilled_at) = (WRITES_PER_SECOND, now);
        }
        while let Some((at, _)) = self.due.first()
            && *at <= now
        {
            let Some((_, job)) = self.due.pop_first() else { return };
            if self.writes_left == 0 {
                let later = self.refilled_at + Duration::from_secs(1);
                let entry = self.jobs.get_mut(&job);
                if let Some(entry) = entry {
                    entry.due = Some(later);
                    self.due.insert((later, job));
                }
                continue;
            }
            self.writes_left -= 1;
            self.write(&job, Left::Alive).await;
        }
    }

    async fn write_all(&mut self) {
        let unwritten =
            |entry: &Entry| entry.due.is_some() || !(entry.watched.is_over || entry.watched.gone_at.is_some());
        let jobs: Vec<Uid> =
            self.jobs.iter().filter(|(_, entry)| unwritten(entry)).map(|(uid, _)| uid.clone()).collect();
        for job in jobs {
            self.write(&job, Left::Stopped).await;
        }
    }

    async fn write(&mut self, job: &Uid, left: Left) {
        let Some(entry) = self.jobs.get_mut(job).filter(|entry| !entry.is_silent) else { return };
        entry.due = None;
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

    /// Learns whose the logs are that an earlier server left.
    async fn recover(&mut self) {
        let history = self.parts.history.clone();
        let find = move || {
            let is_empty = |folder: &std::path::PathBuf| {
                std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
            };
            if history.unfiled().iter().all(is_empty) {
                return Owners::new();
            }
            let pods = |run: super::run::Run| {
                let pods = history.story(&run).map(|story| story.pods).unwrap_or_default();
                let text = |pod: &serde_json::Value, field| pod["metadata"][field].as_str().map(str::to_owned);
                let named = move |pod| Some((text(&pod, "uid")?, (run.id.clone(), text(&pod, "name")?)));
                pods.into_iter().filter_map(named).collect::<Vec<_>>()
            };
            history.runs().into_iter().flat_map(pods).collect()
        };
        self.recovered = blocking(find).await.unwrap_or_default();
        if !self.recovered.is_empty() {
            self.look_soon();
        }
    }

    /// Files logs that were handed over, and forgets Jobs of which nothing more can come.
    async fn look_for_logs(&mut self) {
        let now = Instant::now();
        let Some((at, wait)) = self.look else { return };
        if at > now {
            return;
        }
        self.look = (wait < LONGEST_WAIT).then(|| (now + wait * 2, wait * 2));
        let history = self.parts.history.clone();
        let Some(staged) = blocking(move || staged(&history)).await else { return };
        let fates: Vec<(String, Fate)> = staged.into_iter().filter_map(|uid| self.fate(uid)).collect();
        if !fates.is_empty() {
            let (history, limits) = (self.parts.history.clone(), self.parts.limits);
            blocking(move || filing::file(&history, fates, limits)).await;
        }
        self.retire(now);
    }

    /// Where logs go; `None` while that is not known.
    fn fate(&self, uid: String) -> Option<(String, Fate)> {
        let pod = Uid::from(uid.as_str());
        let Some(job) = self.pods.get(&pod) else {
            let fate = self.recovered.get(&uid).map_or(Fate::Dropped, |(id, pod)| filed(id, pod));
            return Some((uid, fate));
        };
        let entry = self.jobs.get(job)?;
        match &entry.watched.run {
            Some(id) => Some((uid, filed(id, entry.watched.pod_name(&pod)?))),
            None if entry.due.is_some() => None,
            None => Some((uid, Fate::Dropped)),
        }
    }

    /// Forgets Jobs that are gone with all their pods, some time after.
    fn retire(&mut self, now: Instant) {
        let is_done = |entry: &Entry| {
            let is_closed = entry.closed_at.is_some_and(|at| now.duration_since(at) >= LONGEST_WAIT);
            (is_closed || !entry.watched.has_job()) && entry.due.is_none() && !entry.watched.has_pods()
        };
        let done: Vec<Uid> = self.jobs.iter().filter(|(_, entry)| is_done(entry)).map(|(uid, _)| uid.clone()).collect();
        done.iter().for_each(|job| self.forget(job));
        let jobs = &self.jobs;
        self.closed.retain(|job| jobs.contains_key(job));
    }

    fn forget(&mut self, job: &Uid) {
        let Some(entry) = self.jobs.remove(job) else { return };
        if let Some(due) = entry.due {
            self.due.remove(&(due, job.clone()));
        }
        for pod in entry.watched.pods() {
            self.pods.remove(&pod);
        }
    }

    fn owners(self) -> Owners {
        let Self { jobs, pods, mut recovered, .. } = self;
        for (pod, job) in pods {
            let Some(watched) = jobs.get(&job).map(|entry| &entry.watched) else { continue };
            if let (Some(id), Some(name)) = (&watched.run, watched.pod_name(&pod)) {
                recovered.insert(pod.to_string(), (id.clone(), name.to_owned()));
            }
        }
        recovered
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

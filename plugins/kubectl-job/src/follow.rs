//! Follows one Job to its end: its state, its pods, the output of every attempt.
//!
//! Flow: observe the Job and its pods, open each run's log once, print; when the Job has an outcome, look once more at
//! its pods, read all logs to their end, and return. Guarantee: with `logs` on, every line of every run that the server
//! still had when the run was first seen is printed exactly once.

mod keys;
pub(crate) mod printer;
pub(crate) mod progress;
mod pump;
mod sources;

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::logs::LogOptions;
use api::resource::{JOBS, PODS};
use api::{Gvr, Object, Options, Revision};
use client::{Client, Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::cli::run::Logs;
use crate::exit::Code;
use crate::history::folder::History;
use crate::view::attempts::{self, Attempts, Change};
use crate::view::facts::{self, Outcome};
use crate::view::stuck::{self, Stuck};
use printer::Printer;
use pump::{Piece, Pump};
use sources::{Source, Sources};

/// How often the live line is redrawn.
const REDRAW: Duration = Duration::from_millis(250);
/// How often a follower without a live line says that it is still there.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(30);
/// How often the server is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(5);
/// Probes that may fail in a row.
const MAX_FAILED_PROBES: u32 = 3;
/// How long logs get to reach their end after the Job has.
const LAST_LINES_PATIENCE: Duration = Duration::from_secs(10);
/// Lines of output kept per attempt for the failure screen.
const KEPT_LINES: usize = 5;
/// Attempts whose lines are kept.
const KEPT_ATTEMPTS: usize = 16;

/// What to follow and how.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Whose output to print.
    pub(crate) logs: Logs,
    /// Put no prefix in front of it.
    pub(crate) no_prefix: bool,
    /// How logs are read.
    pub(crate) read: LogOptions,
    /// Only this container.
    pub(crate) container: Option<String>,
    /// Give up after this.
    pub(crate) timeout: Option<SignedDuration>,
    /// Give up when the Job has been stuck for this long.
    pub(crate) fail_on_stuck: Option<SignedDuration>,
    /// What the keys of a terminal may do.
    pub(crate) keys: KeyRights,
    /// Where the output of pods lies that are gone before it was read.
    pub(crate) history: Option<History>,
}

/// What the keys of a terminal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRights {
    /// There are no keys.
    Nothing,
    /// All but leave the Job, which ends with this command.
    Stay,
    /// All, and Ctrl-C does this.
    Leave(&'static str),
}

/// Why following ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The Job has ended.
    Outcome(Outcome),
    /// The Job was deleted before it ended.
    Deleted,
    /// The Job cannot go on.
    Stuck(Stuck),
    /// Time is up.
    TimedOut,
    /// Whoever follows it had enough.
    Detached,
    /// A signal came; the code says which.
    Interrupted(Code),
    /// The server does not answer any more.
    Lost(String),
}

/// The signals that end a command.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Takes over SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the system has no signals to give.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Code {
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
        }
    }
}

/// One run of a pod's containers: the pod's UID and how often they had restarted.
type Run = (String, u32);

/// A Job being followed, and everything that was learned on the way.
pub(crate) struct Follower<'a> {
    client: Client,
    manner: Manner,
    printer: &'a mut Printer,
    /// The Job as it was seen last.
    pub(crate) job: Job,
    /// Its attempts.
    pub(crate) attempts: Attempts,
    /// Pods that have not ended, by UID.
    pods: HashMap<String, Pod>,
    /// UIDs of all pods that were seen.
    seen: HashSet<String>,
    sources: Sources,
    pump: Pump,
    pieces: Option<mpsc::Receiver<Piece>>,
    tails: VecDeque<(String, VecDeque<String>)>,
    stuck: Option<(Stuck, Timestamp)>,
    /// Words on failed attempts that wait, by run, until its output has been printed.
    held_back: Vec<(Run, String)>,
    /// How many logs of a run are being read.
    reading: HashMap<Run, u32>,
    last_talk: Timestamp,
    has_keys: bool,
    /// Whether output is printed as it comes; a key turns it off and on.
    shows_logs: bool,
}

impl<'a> Follower<'a> {
    /// Prepares to follow a Job.
    pub(crate) fn new(client: Client, job: Job, manner: Manner, printer: &'a mut Printer) -> Self {
        let (pump, pieces) = Pump::new(client.clone(), &job, manner.read.clone(), manner.history.clone());
        Self {
            client,
            sources: Sources::new(manner.container.clone()),
            manner,
            printer,
            job,
            attempts: Attempts::default(),
            pods: HashMap::new(),
            seen: HashSet::new(),
            pump,
            pieces: Some(pieces),
            tails: VecDeque::new(),
            stuck: None,
            held_back: Vec::new(),
            reading: HashMap::new(),
            last_talk: crate::time::now(),
            has_keys: false,
            shows_logs: true,
        }
    }

    /// The last lines of output of the attempt that failed last.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        let Some(failure) = self.attempts.failures().next_back() else { return Vec::new() };
        let tail = self.tails.iter().find(|(uid, _)| *uid == failure.uid);
        tail.map(|(_, lines)| lines.iter().cloned().collect()).unwrap_or_default()
    }

    /// Follows the Job until something ends it.
    pub(crate) async fn run(&mut self, interrupts: &mut Interrupts) -> Ending {
        let namespace = facts::namespace(&self.job).to_owned();
        let by_name = format!("metadata.name={}", facts::name(&self.job));
        let jobs =
            Selection { namespace: Some(namespace.clone()), field_selector: Some(by_name), label_selector: None };
        let pods = Selection {
            namespace: Some(namespace),
            label_selector: Some(facts::pod_selector(&self.job)),
            field_selector: None,
        };
        let mut jobs = self.observe(JOBS, jobs, known(&self.job));
        // A Job that has not started had no pods yet; they may all have come and gone before a list is answered.
        let unstarted = known(&self.job).filter(|_| has_no_pods(&self.job));
        let is_whole = unstarted.is_some();
        let mut pods = self.observe(PODS, pods, unstarted.map(|(_, revision)| (Vec::new(), revision)));
        let mut pieces = self.pieces.take().expect("a follower runs once");
        let deadline = self.manner.timeout.map(|span| Instant::now() + span.unsigned_abs());
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let name = facts::name(&self.job).to_owned();
        let is_live = self.printer.screen().live && self.manner.keys != KeyRights::Nothing;
        let mut keys = if is_live { keys::Keys::open() } else { None };
        self.has_keys = keys.is_some();
        let mut probe = pin!(probe(self.client.clone(), facts::namespace(&self.job).to_owned(), name));
        let ending = loop {
            tokio::select! {
                biased;
                code = interrupts.next() => break Ending::Interrupted(code),
                Some(observation) = jobs.next() => {
                    if let Some(ending) = self.take_job(observation) {
                        break ending;
                    }
                }
                key = keys::next(&mut keys) => {
                    if let Some(ending) = self.press(key) {
                        break ending;
                    }
                }
                why = &mut probe => break Ending::Lost(why),
                () = until(deadline) => break Ending::TimedOut,
                _ = redraw.tick() => {
                    if let Some(ending) = self.tick(crate::time::now()) {
                        break ending;
                    }
                }
                Some(observation) = pods.next() => self.take_pods(observation),
                Some(piece) = pieces.recv() => self.take_piece(piece),
            }
        };
        if matches!(ending, Ending::Outcome(_) | Ending::Deleted | Ending::Stuck(_)) {
            let pods = Some(pods).filter(|_| is_whole && matches!(ending, Ending::Outcome(_)));
            self.read_to_the_end(pods, &mut pieces, interrupts).await;
        }
        std::mem::take(&mut self.held_back).into_iter().for_each(|(_, text)| self.printer.note(text));
        self.printer.hide();
        ending
    }

    /// Follows a collection from what is known of it, or from a list of it.
    fn observe(
        &self,
        resource: Gvr,
        selection: Selection,
        known: Option<(Vec<Arc<Object>>, Revision)>,
    ) -> BoxStream<'static, Observation> {
        let (client, clock) = (self.client.clone(), Arc::new(SystemClock));
        match known {
            Some(known) => client::observe_since(client, clock, resource, selection, known).boxed(),
            None => client::observe(client, clock, resource, selection).boxed(),
        }
    }

    fn take_job(&mut self, observation: Observation) -> Option<Ending> {
        let uid = facts::uid(&self.job).to_owned();
        let is_ours = |object: &Arc<Object>| object.meta().uid.as_str() == uid;
        let (object, is_gone) = match observation {
            Observation::Restarted { objects, .. } => match objects.into_iter().find(is_ours) {
                Some(object) => (object, false),
                None => return Some(Ending::Deleted),
            },
            Observation::Applied(object) if is_ours(&object) => (object, false),
            // Another Job took the name, so ours is gone.
            Observation::Applied(_) => return Some(Ending::Deleted),
            Observation::Deleted(object) if is_ours(&object) => (object, true),
            Observation::Deleted(_) | Observation::Reached(_) => return None,
        };
        if let Ok(job) = object.decode::<Job>() {
            self.job = job;
        }
        match facts::outcome(&self.job) {
            Some(outcome) => Some(Ending::Outcome(outcome)),
            None => is_gone.then_some(Ending::Deleted),
        }
    }

    fn take_pods(&mut self, observation: Observation) {
        match observation {
            Observation::Restarted { objects, .. } => {
                let mut pods: Vec<Pod> = objects.iter().filter_map(|object| object.decode().ok()).collect();
                pods.sort_by_key(|pod| (attempts::created_at(pod), pod.metadata.name.clone()));
                self.pods.clear();
                pods.into_iter().for_each(|pod| self.take_pod(pod));
            }
            Observation::Applied(object) => {
                if let Ok(pod) = object.decode() {
                    self.take_pod(pod);
                }
            }
            Observation::Deleted(object) => {
                if let Ok(pod) = object.decode::<Pod>() {
                    self.observe_attempts(&pod);
                    self.pods.remove(object.meta().uid.as_str());
                }
            }
            Observation::Reached(_) => {}
        }
    }

    fn take_pod(&mut self, pod: Pod) {
        if self.manner.logs == Logs::All {
            self.open_logs(&pod);
        }
        self.observe_attempts(&pod);
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        self.seen.insert(uid.clone());
        if matches!(phase, "Succeeded" | "Failed") {
            self.pods.remove(&uid);
        } else {
            self.pods.insert(uid, pod);
        }
    }

    fn open_logs(&mut self, pod: &Pod) {
        for source in self.sources.take(pod) {
            *self.reading.entry((source.uid.clone(), source.run)).or_insert(0) += 1;
            self.pump.open(source);
        }
    }

    fn observe_attempts(&mut self, pod: &Pod) {
        for change in self.attempts.observe(pod) {
            let Change::Ended(position) = change else { continue };
            let attempt = &self.attempts.list()[position];
            if attempt.end.as_ref().is_none_or(attempts::End::is_success) {
                continue;
            }
            let now = crate::time::now();
            let text = progress::failed(&self.job, &self.attempts, attempt, now, self.printer.screen());
            let run = (attempt.uid.clone(), attempt.run);
            self.last_talk = now;
            if self.manner.logs == Logs::Failed {
                self.open_logs(pod);
            }
            // What the attempt said comes before what is said about it.
            if self.reading.contains_key(&run) {
                self.held_back.push((run, text));
            } else {
                self.printer.note(text);
            }
        }
    }

    fn take_piece(&mut self, piece: Piece) {
        match piece {
            Piece::Line { source, bytes } => {
                self.keep(&source, &bytes);
                if self.shows_logs {
                    let prefix = self.prefix(&source);
                    let prefix = prefix.as_ref().map(|(label, number)| (label.as_str(), *number));
                    self.printer.log(prefix, &bytes);
                }
            }
            Piece::Ended { source, error } => {
                self.pump.ended();
                if let Some(error) = error {
                    let text = format!("output of pod {} is incomplete: {error}", source.pod);
                    self.printer.note(crate::screen::escape(&text));
                }
                self.finish_reading(&(source.uid.clone(), source.run));
            }
        }
    }

    /// Says what was held back until all output of a run was printed.
    fn finish_reading(&mut self, run: &Run) {
        match self.reading.get_mut(run) {
            Some(open @ 2..) => {
                *open -= 1;
                return;
            }
            _ => self.reading.remove(run),
        };
        let (ready, rest) = std::mem::take(&mut self.held_back).into_iter().partition(|(held, _)| held == run);
        self.held_back = rest;
        let ready: Vec<(Run, String)> = ready;
        ready.into_iter().for_each(|(_, text)| self.printer.note(text));
    }

    fn keep(&mut self, source: &Source, bytes: &[u8]) {
        let position = self.tails.iter().position(|(uid, _)| *uid == source.uid);
        let position = position.unwrap_or_else(|| {
            if self.tails.len() == KEPT_ATTEMPTS {
                self.tails.pop_front();
            }
            self.tails.push_back((source.uid.clone(), VecDeque::with_capacity(KEPT_LINES)));
            self.tails.len() - 1
        });
        let lines = &mut self.tails[position].1;
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        let end = bytes.len().min(1_000);
        lines.push_back(String::from_utf8_lossy(&bytes[..end]).into_owned());
    }

    /// The label of an attempt's lines. A Job with one pod at a time has none on a pipe, so that `$(...)` gives what
    /// the command printed.
    fn prefix(&self, source: &Source) -> Option<(String, u32)> {
        let screen = self.printer.screen();
        if self.manner.no_prefix || (facts::is_single(&self.job) && !screen.stdout_is_terminal) {
            return None;
        }
        let attempt = self.attempts.position(&source.uid, source.run).map(|position| &self.attempts.list()[position]);
        let (mut label, colour) = match attempt {
            Some(attempt) => (attempt.label(screen.dot()), attempt.index.unwrap_or(attempt.number)),
            None => (source.pod.clone(), 0),
        };
        let containers = facts::spec(&self.job).template.spec.as_ref().map_or(1, |pod| pod.containers.len());
        if containers > 1 && self.manner.container.is_none() {
            label = format!("{label} {}", source.container);
        }
        let width = self.label_width();
        Some((format!("{label:<width$}"), colour))
    }

    /// Wide enough for the labels of a run without failures, so that most lines begin in one column.
    fn label_width(&self) -> usize {
        let completions = facts::spec(&self.job).completions.unwrap_or(1).max(1);
        let digits = |number: i32| number.to_string().len();
        if facts::is_indexed(&self.job) { 3 + digits(completions - 1) + 2 } else { 1 + digits(completions) }
    }

    fn tick(&mut self, now: Timestamp) -> Option<Ending> {
        let screen = self.printer.screen();
        if screen.live {
            let keys = if self.has_keys { format!(" {} ? keys", screen.dot()) } else { String::new() };
            self.printer.footer(format!("{}{keys}", progress::footer(&self.job, &self.attempts, now, screen)));
        } else if now.duration_since(self.last_talk) >= HEARTBEAT {
            self.last_talk = now;
            self.printer.note(progress::heartbeat(&self.job, now));
        }
        self.watch_for_obstacles(now)
    }

    fn press(&mut self, key: keys::Key) -> Option<Ending> {
        let now = crate::time::now();
        let screen = self.printer.screen();
        match key {
            keys::Key::Status => {
                for line in progress::status(&self.job, &self.attempts, now, screen) {
                    self.printer.say(line);
                }
            }
            keys::Key::Logs => {
                self.shows_logs = !self.shows_logs;
                let state = if self.shows_logs { "on" } else { "off: kubectl job logs has all of it" };
                self.printer.say(format!("{} output is {state}", screen.arrow()));
            }
            keys::Key::Detach if matches!(self.manner.keys, KeyRights::Leave(_)) => return Some(Ending::Detached),
            keys::Key::Detach => {
                self.printer.say(format!("{} the Job ends with this command: it cannot be left", screen.arrow()));
            }
            keys::Key::Help => {
                let leave = match self.manner.keys {
                    KeyRights::Leave(interrupt) => format!("   d detach   ^C {interrupt}"),
                    _ => "   ^C stop".to_owned(),
                };
                self.printer.say(format!("  t status   l output on/off{leave}"));
            }
        }
        None
    }

    fn watch_for_obstacles(&mut self, now: Timestamp) -> Option<Ending> {
        let Some(found) = stuck::find(&self.job, self.pods.values()) else {
            self.stuck = None;
            return None;
        };
        let since = match &self.stuck {
            Some((known, since)) if known.reason == found.reason => *since,
            _ => {
                self.tell_obstacle(&found);
                self.stuck = Some((found.clone(), now));
                now
            }
        };
        let patience = self.manner.fail_on_stuck?;
        (now.duration_since(since) >= patience).then_some(Ending::Stuck(found))
    }

    fn tell_obstacle(&mut self, found: &Stuck) {
        let screen = self.printer.screen();
        let text =
            format!("{} {}", screen.tone(crate::screen::Tone::Warn, "Stuck:"), crate::screen::escape(&found.text));
        self.printer.say(text);
        if let Some(hint) = &found.hint {
            self.printer.say(format!("       {}", crate::screen::escape(hint)));
        }
    }

    /// Prints what the pods still have to say, since the Job's end may have overtaken theirs: they are followed on until
    /// each that the Job counts has ended, or looked at once more where the pods that were are not all known.
    async fn read_to_the_end(
        &mut self,
        pods: Option<BoxStream<'static, Observation>>,
        pieces: &mut mpsc::Receiver<Piece>,
        interrupts: &mut Interrupts,
    ) {
        if pods.is_none() {
            self.look_at_pods().await;
        }
        let mut is_behind = pods.is_some();
        let mut pods = pods.unwrap_or_else(|| futures::stream::empty().boxed());
        let deadline = Instant::now() + LAST_LINES_PATIENCE;
        loop {
            is_behind &= self.misses_pods();
            if !is_behind && self.pump.open == 0 {
                return;
            }
            tokio::select! {
                biased;
                _ = interrupts.next() => return,
                piece = pieces.recv() => match piece {
                    Some(piece) => self.take_piece(piece),
                    None => return,
                },
                Some(observation) = pods.next(), if is_behind => self.take_pods(observation),
                () = sleep_until(deadline) => return,
            }
        }
    }

    async fn look_at_pods(&mut self) {
        let options = Options { label_selector: Some(facts::pod_selector(&self.job)), ..Options::default() };
        if let Ok(list) = self.client.list(&PODS, Some(facts::namespace(&self.job)), options).await {
            self.take_pods(Observation::Restarted { objects: list.items, revision: list.revision });
        }
    }

    /// Whether the Job counts pods whose end was not seen.
    fn misses_pods(&self) -> bool {
        let counted = usize::try_from(facts::succeeded(&self.job) + facts::failed(&self.job)).unwrap_or(0);
        self.seen.len() < counted || self.pods.values().any(|pod| pod.metadata.deletion_timestamp.is_none())
    }
}

/// The Job as the whole of a collection of one, at its own revision.
fn known(job: &Job) -> Option<(Vec<Arc<Object>>, Revision)> {
    let object = Object::from_value(&serde_json::to_value(job).ok()?).ok()?;
    let revision = object.meta().revision;
    (revision > Revision(0)).then(|| (vec![Arc::new(object)], revision))
}

/// Whether no pod can belong to the Job yet: it has not started (one that is suspended has no start any more, but counts),
/// and takes over none that others made.
fn has_no_pods(job: &Job) -> bool {
    let started = job.status.as_ref().is_some_and(|status| status.start_time.is_some());
    let counted = facts::succeeded(job) + facts::failed(job) + facts::active(job);
    !started && counted == 0 && facts::spec(job).manual_selector != Some(true) && facts::outcome(job).is_none()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Ends, with the reason, when the server has not answered for a while. Observations heal by themselves for ever, so
/// they never tell that the other side is gone for good.
pub(crate) async fn probe(client: Client, namespace: String, name: String) -> String {
    let mut failed = 0;
    loop {
        tokio::time::sleep(PROBE).await;
        let asked = timeout(PROBE, client.get(&JOBS, Some(&namespace), &name)).await;
        let why = match asked {
            Ok(Err(error)) if error.status().is_none() => {
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
            }
            Ok(_) => {
                failed = 0;
                continue;
            }
            Err(_) => "no answer".to_owned(),
        };
        failed += 1;
        if failed == MAX_FAILED_PROBES {
            return why;
        }
    }
}

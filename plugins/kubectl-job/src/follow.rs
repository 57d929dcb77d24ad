//! Follows one Job to its end: its state, its pods, the output of every attempt.
//!
//! Flow: observe the Job and its pods, open each run's log once, print; when the Job has an outcome, look once more at
//! its pods, read all logs to their end, and return. Guarantee: with `logs` on, every line of every run that the server
//! still had when the run was first seen is printed exactly once.

mod alive;
mod held_back;
mod interrupts;
mod keys;
mod manner;
mod output;
pub(crate) mod printer;
pub(crate) mod progress;
mod pump;
mod sources;
mod tails;
mod talk;

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::resource::{EVENTS, JOBS, PODS};
use api::{Gvr, Object, Revision};
use client::{Client, Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

pub(crate) use self::alive::probe;
use self::held_back::HeldBack;
pub(crate) use self::interrupts::Interrupts;
pub(crate) use self::manner::{Ending, KeyRights, Manner};
use self::printer::Printer;
use self::pump::{Piece, Pump};
use self::sources::Sources;
use self::tails::Tails;
use crate::cli::run::Logs;
use crate::obstacles::Obstacles;
use crate::view::attempts::{self, Attempts, Change};
use crate::view::facts;

/// How often the live line is redrawn.
const REDRAW: Duration = Duration::from_millis(250);

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
    tails: Tails,
    obstacles: Obstacles,
    held_back: HeldBack,
    last_talk: Timestamp,
    has_keys: bool,
    /// Whether output is printed as it comes; a key turns it off and on.
    shows_logs: bool,
}

impl<'a> Follower<'a> {
    /// Prepares to follow a Job.
    pub(crate) fn new(client: Client, job: Job, manner: Manner, printer: &'a mut Printer) -> Self {
        let (pump, pieces) =
            Pump::new(client.clone(), &job, manner.read.clone(), manner.history.clone(), manner.in_order);
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
            tails: Tails::default(),
            obstacles: Obstacles::default(),
            held_back: HeldBack::default(),
            last_talk: crate::time::now(),
            has_keys: false,
            shows_logs: true,
        }
    }

    /// The last lines of output of the attempt that failed last.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.attempts.failures().next_back().map(|failure| self.tails.of(&failure.uid)).unwrap_or_default()
    }

    /// Follows the Job until something ends it.
    pub(crate) async fn run(&mut self, interrupts: &mut Interrupts) -> Ending {
        let mut pieces = self.pieces.take().expect("a follower runs once");
        // A Job that has not started had no pods yet; they may all have come and gone before a list is answered.
        let unstarted = known(&self.job).filter(|_| has_no_pods(&self.job));
        let is_whole = unstarted.is_some();
        let mut pods = self.pods_since(unstarted.map(|(_, revision)| revision));
        let ending = self.follow(&mut pods, &mut pieces, interrupts).await;
        if matches!(ending, Ending::Outcome(_) | Ending::Deleted | Ending::Stuck(_)) {
            let pods = Some(pods).filter(|_| is_whole && matches!(ending, Ending::Outcome(_)));
            self.read_to_the_end(pods, &mut pieces, interrupts).await;
        }
        self.held_back.rest().into_iter().for_each(|text| self.printer.note(text));
        self.printer.hide();
        ending
    }

    async fn follow(
        &mut self,
        pods: &mut BoxStream<'static, Observation>,
        pieces: &mut mpsc::Receiver<Piece>,
        interrupts: &mut Interrupts,
    ) -> Ending {
        let mut jobs = self.jobs();
        let mut events = self.observe(EVENTS, Obstacles::events(facts::namespace(&self.job)), None);
        let deadline = self.manner.timeout.map(|span| Instant::now() + span.unsigned_abs());
        let mut redraw = interval(REDRAW);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let is_live = self.printer.screen().live && self.manner.keys != KeyRights::Nothing;
        let mut keys = if is_live { keys::Keys::open() } else { None };
        self.has_keys = keys.is_some();
        let (namespace, name) = (facts::namespace(&self.job).to_owned(), facts::name(&self.job).to_owned());
        let mut probe = pin!(probe(self.client.clone(), namespace, name));
        loop {
            let ending = tokio::select! {
                biased;
                code = interrupts.next() => Some(Ending::Interrupted(code)),
                Some(observation) = jobs.next() => self.take_job(observation),
                key = keys::next(&mut keys) => self.press(key),
                why = &mut probe => Some(Ending::Lost(why)),
                () = until(deadline) => Some(Ending::TimedOut),
                _ = redraw.tick() => self.tick(crate::time::now()),
                Some(observation) = pods.next() => {
                    self.take_pods(observation);
                    None
                }
                Some(observation) = events.next() => {
                    self.obstacles.take(&observation);
                    None
                }
                Some(piece) = pieces.recv() => {
                    self.take_piece(piece);
                    None
                }
            };
            if let Some(ending) = ending {
                return ending;
            }
        }
    }

    /// The Job, as it is from what is known of it on.
    fn jobs(&self) -> BoxStream<'static, Observation> {
        let namespace = Some(facts::namespace(&self.job).to_owned());
        let by_name = format!("metadata.name={}", facts::name(&self.job));
        let selection = Selection { namespace, field_selector: Some(by_name), label_selector: None };
        self.observe(JOBS, selection, known(&self.job))
    }

    /// Its pods; all of them, when there were none at a revision.
    fn pods_since(&self, revision: Option<Revision>) -> BoxStream<'static, Observation> {
        let namespace = Some(facts::namespace(&self.job).to_owned());
        let by_label = facts::pod_selector(&self.job);
        let selection = Selection { namespace, label_selector: Some(by_label), field_selector: None };
        self.observe(PODS, selection, revision.map(|revision| (Vec::new(), revision)))
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
            if let Some(text) = self.held_back.hold(run, text) {
                self.printer.note(text);
            }
        }
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

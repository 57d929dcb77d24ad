//! Containers that are acted out: a [`Script`] says of each run how long it takes, how it ends, what it prints and how it
//! takes TERM. No process, no file, and time is the injected clock's, so a year of pods costs what their events cost.
//!
//! One task owns all ends, in the order of their times. Bounds: reports wait in a channel of `EXITS_WAITING_MAX`, and
//! a full one holds the task back; the counts of earlier runs are kept for [`OWNERS_MAX`] owners.

mod annotations;
mod script;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use api::session::Streams;
use clock::SharedClock;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::{ContainerId, ContainerSpec, ExecSpec, ExitReceiver, Exited, Runtime, RuntimeFuture, Session, Started};
use crate::logs::{LogWriter, Logs, Source};
use crate::plan::{ProbeKind, Probed};

pub use super::{ExitStatus, StartError};
pub(crate) use annotations::reads_annotation;
pub use annotations::{
    AnnotationScript, BadAnnotation, EXIT, LIVENESS, LOG, READINESS, RUN, START_ERROR, STARTUP, TERM, parse_exit,
    parse_health, parse_on_term,
};
pub use script::{Act, Attempt, Health, OnTerm, Probes, Run, Script};

/// Reports that wait for the kubelet.
const EXITS_WAITING_MAX: usize = 1024;
/// Owners of pods whose runs are counted; the one counted first is forgotten first.
pub const OWNERS_MAX: usize = 100_000;

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

/// The scripted runtime.
pub struct ScriptedRuntime {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    clock: SharedClock,
    script: Arc<dyn Script>,
    logs: Arc<Logs>,
    state: Mutex<State>,
    /// The earliest end may have changed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    running: HashMap<ContainerId, Running>,
    /// By time, and within one time in the order in which they were decided.
    ends: BTreeMap<End, ContainerId>,
    turns: u64,
    attempts: Attempts,
    closed: bool,
}

type End = (Timestamp, u64);

struct Running {
    end: Option<End>,
    status: ExitStatus,
    on_term: OnTerm,
    /// Most runs have no probe that finds anything but good.
    probes: Option<Box<Probes>>,
    started_at: Timestamp,
    log: LogWriter,
}

/// How many runs there were before, by owner, index and container. Never iterated over.
#[derive(Default)]
struct Attempts {
    counts: HashMap<Arc<str>, u32>,
    order: VecDeque<Arc<str>>,
}

impl Attempts {
    fn count(&mut self, key: String) -> u32 {
        if let Some(count) = self.counts.get_mut(key.as_str()) {
            *count += 1;
            return *count;
        }
        let key: Arc<str> = key.into();
        if self.order.len() == OWNERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.counts.insert(key, 0);
        0
    }
}

impl State {
    /// Decides when a run ends, anew if it was decided before.
    fn end_at(&mut self, id: &ContainerId, at: Timestamp, status: ExitStatus) {
        let turn = (at, self.turns);
        let Some(running) = self.running.get_mut(id) else { return };
        // A run that would have ended earlier by itself still does.
        if running.end.is_some_and(|end| end.0 <= at) {
            return;
        }
        self.turns += 1;
        running.status = status;
        if let Some(before) = running.end.replace(turn) {
            self.ends.remove(&before);
        }
        self.ends.insert(turn, id.clone());
    }

    fn take_due(&mut self, now: Timestamp) -> Option<(ContainerId, Running)> {
        let (end, id) = self.ends.first_key_value().filter(|(end, _)| end.0 <= now)?;
        let (end, id) = (*end, id.clone());
        self.ends.remove(&end);
        let running = self.running.remove(&id)?;
        Some((id, running))
    }
}

impl ScriptedRuntime {
    /// Starts the runtime and answers with it and the stream of ends. Call within a tokio runtime. `logs` should be
    /// [`Logs::in_memory`].
    pub fn start(script: Arc<dyn Script>, clock: SharedClock, logs: Arc<Logs>) -> (Self, ExitReceiver) {
        let (exits, receiver) = mpsc::channel(EXITS_WAITING_MAX);
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared { clock, script, logs, state: Mutex::default(), changed: Notify::new() });
        let task = tokio::spawn(act(shared.clone(), exits, stopped));
        (Self { shared, stop, task: Mutex::new(Some(task)) }, receiver)
    }
}

/// Reports ends when they are due, until all are told to end.
async fn act(shared: Arc<Shared>, exits: mpsc::Sender<Exited>, mut stopped: watch::Receiver<bool>) {
    loop {
        let now = shared.clock.now();
        let due = shared.state.lock().take_due(now);
        if let Some((id, running)) = due {
            let finished_at = running.end.map_or(now, |end| end.0);
            running.log.finish(finished_at);
            // No receiver is left when the kubelet is gone: then nobody wants to know.
            let _ = exits.send(Exited { id, status: running.status, finished_at }).await;
            continue;
        }
        let next = shared.state.lock().ends.keys().next().map(|end| end.0);
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            () = shared.changed.notified() => {}
            () = shared.clock.sleep_until(next.unwrap_or(Timestamp::MAX)), if next.is_some() => {}
        }
    }
    let running = {
        let mut state = shared.state.lock();
        state.ends.clear();
        std::mem::take(&mut state.running)
    };
    let finished_at = shared.clock.now();
    let mut running: Vec<_> = running.into_iter().collect();
    running.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (id, running) in running {
        running.log.finish(finished_at);
        // The kubelet has stopped listening to a runtime that it shuts down.
        let _ = exits.try_send(Exited { id, status: ExitStatus::Signal(SIGKILL), finished_at });
    }
}

impl Shared {
    fn start(&self, spec: &ContainerSpec) -> Result<Started, StartError> {
        let now = self.clock.now();
        let attempt = {
            let mut state = self.state.lock();
            if state.closed {
                return Err(StartError::Runtime("the scripted runtime is shut down".to_owned()));
            }
            let mut attempt = Attempt::of(spec, now);
            attempt.number = attempt.owner().map_or(attempt.run, |owner| state.attempts.count(owner));
            attempt
        };
        // Not under the lock: the script is somebody else's code.
        let run = match self.script.act(&attempt) {
            Act::Run(run) => run,
            Act::Refuse(error) => return Err(error),
        };
        let mut log = self.logs.writer(spec.log_path.clone());
        for line in &run.lines {
            log.append(Source::Stdout, format!("{line}\n").as_bytes(), now);
        }
        let mut state = self.state.lock();
        let running = Running {
            end: None,
            status: run.exit,
            on_term: run.on_term,
            probes: (run.probes != Probes::default()).then(|| Box::new(run.probes)),
            started_at: now,
            log,
        };
        state.running.insert(spec.id.clone(), running);
        if let Some(duration) = run.duration {
            state.end_at(&spec.id, after(now, duration), run.exit);
        }
        drop(state);
        self.changed.notify_one();
        Ok(Started { pid: 0, started_at: now })
    }

    fn probe(&self, id: &ContainerId, kind: ProbeKind) -> Option<Probed> {
        let state = self.state.lock();
        let running = state.running.get(id)?;
        let health = running.probes.as_ref().map(|probes| match kind {
            ProbeKind::Startup => &probes.startup,
            ProbeKind::Liveness => &probes.liveness,
            ProbeKind::Readiness => &probes.readiness,
        });
        Some(health.unwrap_or(&Health::default()).at(running.started_at, self.clock.now()))
    }

    fn kill(&self, id: &ContainerId, signal: i32) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let Some(running) = state.running.get(id) else { return };
        match (signal, running.on_term) {
            (SIGKILL, _) => state.end_at(id, now, ExitStatus::Signal(SIGKILL)),
            (SIGTERM, OnTerm::Ends { after: wait, exit }) => state.end_at(id, after(now, wait), exit),
            // Ignored, or a signal that programs do not end from unless they say so.
            _ => return,
        }
        drop(state);
        self.changed.notify_one();
    }
}

fn after(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

impl Runtime for ScriptedRuntime {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn runs_programs(&self) -> bool {
        false
    }

    fn start(&self, spec: ContainerSpec) -> RuntimeFuture<'_, Result<Started, StartError>> {
        Box::pin(std::future::ready(self.shared.start(&spec)))
    }

    fn exec(&self, _spec: ExecSpec) -> RuntimeFuture<'_, Result<Session, StartError>> {
        Box::pin(std::future::ready(Err(StartError::Exec("scripted pods run no programs".to_owned()))))
    }

    fn attach(&self, id: &ContainerId, _streams: Streams) -> Option<Session> {
        let runs = self.shared.state.lock().running.contains_key(id);
        runs.then(|| Session::failed("scripted pods have no streams to attach to".to_owned()))
    }

    fn probe(&self, id: &ContainerId, kind: ProbeKind) -> Option<Probed> {
        self.shared.probe(id, kind)
    }

    fn kill(&self, id: &ContainerId, signal: i32) {
        self.shared.kill(id, signal);
    }

    fn running(&self) -> usize {
        self.shared.state.lock().running.len()
    }

    fn shutdown(&self) -> RuntimeFuture<'_, ()> {
        Box::pin(async move {
            self.shared.state.lock().closed = true;
            self.stop.send_replace(true);
            let task = self.task.lock().take();
            if let Some(task) = task
                && let Err(error) = task.await
            {
                tracing::error!(%error, "the scripted runtime had ended in a panic");
            }
        })
    }
}

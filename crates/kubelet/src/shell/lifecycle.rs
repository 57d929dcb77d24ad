//! What a worker has going on beside its loop: probes that are asked and lifecycle hooks that run. Each is a task of the
//! worker's, which ends with it; at most one per probe and hook of a container's run.

use std::sync::Arc;

use api::k8s::api::core::v1::{Container, LifecycleHandler};
use api::session::{Outcome, SessionEvent, SessionOptions, Streams};
use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinError, JoinSet};
use tracing::{debug, error};

use super::entry::PodEntry;
use super::perform::tell;
use super::prober::{self, http};
use super::{Shared, prepare, sessions};
use crate::plan::{Hook, Plan, PodEvent, ProbeKind, Probed, State};

/// Most bytes of what a probe or a hook prints that are kept (`maxReadLength` in upstream's `pkg/probe/exec`).
const OUTPUT_BYTES_MAX: usize = 10 * 1024;

/// The tasks of one worker, and what those have found that were waited for.
#[derive(Default)]
pub(super) struct Tasks {
    running: JoinSet<Told>,
    told: Vec<Told>,
}

impl Tasks {
    /// Waits for the next that ends; for ever when there is none.
    pub(super) async fn next(&mut self) {
        match self.running.join_next().await {
            Some(told) => self.keep(told),
            None => std::future::pending().await,
        }
    }

    fn keep(&mut self, told: Result<Told, JoinError>) {
        match told {
            Ok(told) => self.told.push(told),
            Err(error) => error!(%error, "a probe or a hook had ended in a panic"),
        }
    }
}

/// What a task has found.
struct Told {
    index: usize,
    run: u32,
    what: What,
}

enum What {
    Probed(ProbeKind, Probed),
    Hooked(Hook, bool),
}

/// Begins what a plan asks for.
pub(super) fn begin(shared: &Arc<Shared>, entry: &Arc<PodEntry>, plan: &Plan, tasks: &mut Tasks) {
    for (index, kind) in plan.probes.iter().copied() {
        let (shared, entry) = (Arc::clone(shared), Arc::clone(entry));
        let run = entry.memory.lock().containers[index].restarts;
        tasks.running.spawn(async move {
            let probed = prober::probe(&shared, &entry, index, run, kind).await;
            Told { index, run, what: What::Probed(kind, probed) }
        });
    }
    for (index, hook) in plan.hooks.iter().copied() {
        let (shared, entry) = (Arc::clone(shared), Arc::clone(entry));
        let run = entry.memory.lock().containers[index].restarts;
        tasks.running.spawn(async move {
            let well = match run_hook(&shared, &entry, index, hook).await {
                Ok(()) => true,
                Err(text) => {
                    // Upstream keeps the text from people too: it may hold what only the container should know.
                    debug!(pod = %entry.key, ?hook, text, "a lifecycle hook failed");
                    false
                }
            };
            Told { index, run, what: What::Hooked(hook, well) }
        });
    }
}

/// Takes in what tasks have found; whether the status may be another, and what is to be done.
pub(super) fn take_all_in(entry: &PodEntry, tasks: &mut Tasks, now: Timestamp) -> (bool, Plan) {
    while let Some(told) = tasks.running.try_join_next() {
        tasks.keep(told);
    }
    let (mut changed, mut plan) = (false, Plan::default());
    for told in tasks.told.drain(..) {
        changed |= take_in(entry, told, now, &mut plan);
    }
    (changed, plan)
}

fn take_in(entry: &PodEntry, told: Told, now: Timestamp, plan: &mut Plan) -> bool {
    let Told { index, run, what } = told;
    let mut memory = entry.memory.lock();
    let container = &memory.containers[index];
    if container.restarts != run || !matches!(container.state, State::Running { .. }) {
        return false;
    }
    match what {
        What::Probed(kind, probed) => {
            let before = memory.standing(&entry.facts, index);
            plan.events.extend(memory.probed(&entry.facts, index, kind, probed, now));
            memory.standing(&entry.facts, index) != before
        }
        What::Hooked(hook, well) => {
            memory.hooked(&entry.facts, index, hook, well, now, plan);
            true
        }
    }
}

/// Runs a lifecycle hook (upstream's `pkg/kubelet/lifecycle/handlers.go`); the text says why it failed.
async fn run_hook(shared: &Shared, entry: &PodEntry, index: usize, hook: Hook) -> Result<(), String> {
    let container = prepare::spec_of(entry, index).ok_or("no such container")?;
    let lifecycle = container.lifecycle.as_ref();
    let handler = lifecycle.and_then(|lifecycle| match hook {
        Hook::PostStart => lifecycle.post_start.as_ref(),
        Hook::PreStop => lifecycle.pre_stop.as_ref(),
    });
    let handler = handler.ok_or("no such hook")?;
    if let Some(sleep) = &handler.sleep {
        let until = shared.clock.now().saturating_add(SignedDuration::from_secs(sleep.seconds));
        shared.clock.sleep_until(until.unwrap_or(Timestamp::MAX)).await;
        return Ok(());
    }
    if !shared.runtime.runs_programs() {
        return Ok(());
    }
    run_handler(shared, entry, container, index, handler).await
}

async fn run_handler(
    shared: &Shared,
    entry: &PodEntry,
    container: &Container,
    index: usize,
    handler: &LifecycleHandler,
) -> Result<(), String> {
    if let Some(exec) = &handler.exec {
        let command = exec.command.clone().unwrap_or_default();
        let (code, output) = run_command(shared, entry, index, command).await?;
        return if code == 0 { Ok(()) } else { Err(format!("command exited with {code}: {output}")) };
    }
    if let Some(get) = &handler.http_get {
        let mut target = http::Target::of(get, container, &prober::address(shared, entry), "lifecycle")?;
        let result = http::get(&target).await;
        return match result {
            Err(text) if target.is_secure && text.contains(http::NOT_HTTPS) => {
                target.is_secure = false;
                http::get(&target).await?;
                let message = format!(
                    "request to HTTPS lifecycle hook {} got HTTP response, retry with HTTP succeeded",
                    target.authority()
                );
                let event = PodEvent { container: None, ..PodEvent::warning(index, "LifecycleHTTPFallback", message) };
                tell(shared, entry, &event);
                Ok(())
            }
            // Whatever the server says, it has been told.
            result => result.map(|_| ()),
        };
    }
    // Such as `tcpSocket`, which upstream keeps for old specs and does not run.
    Err("invalid handler".to_owned())
}

/// Runs a command in a container that runs, to its end; answers with its exit code and what it printed first.
pub(super) async fn run_command(
    shared: &Shared,
    entry: &PodEntry,
    index: usize,
    command: Vec<String>,
) -> Result<(i32, String), String> {
    let surroundings = entry.surroundings.lock().get(&index).cloned().ok_or("container is not running")?;
    let streams = Streams { stdout: true, stderr: true, ..Streams::default() };
    let options = SessionOptions { container: None, command, streams };
    let mut session = sessions::start(shared, surroundings, options, true).await?;
    let mut output = Vec::new();
    while let Some(event) = session.events.recv().await {
        match event {
            SessionEvent::Output(_, bytes) => {
                let room = OUTPUT_BYTES_MAX.saturating_sub(output.len());
                output.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            SessionEvent::Ended(Outcome::Exited(code)) => {
                return Ok((code, String::from_utf8_lossy(&output).into_owned()));
            }
            SessionEvent::Ended(Outcome::Failed(text)) => return Err(text),
        }
    }
    Err("the container has ended".to_owned())
}

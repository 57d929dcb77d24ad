//! What a worker does for a plan: signals, Events, and starts, with what comes of a start that fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use controller::{Reference, Severity};

use super::entry::PodEntry;
use super::sessions::Surroundings;
use super::{Shared, prepare};
use crate::plan::{self, Plan, PodEvent};
use crate::runtime::ContainerId;

/// Performs what a plan says: signals, then words, then starts.
pub(super) async fn perform(shared: &Shared, entry: &PodEntry, plan: &Plan) {
    for (index, signal) in &plan.signals {
        let run = entry.memory.lock().containers[*index].restarts;
        let of_image = entry.surroundings.lock().get(index).and_then(|surroundings| surroundings.stop_signal);
        let is_usual = *signal == plan::SIGTERM && entry.facts.containers[*index].stop_signal.is_none();
        let signal = of_image.filter(|_| is_usual).unwrap_or(*signal);
        shared.runtime.kill(&container_id(entry, *index, run), signal);
    }
    for event in &plan.events {
        tell(shared, entry, event);
    }
    for (index, run) in &plan.starts {
        start(shared, entry, *index, *run).await;
    }
}

pub(super) fn container_id(entry: &PodEntry, index: usize, run: u32) -> ContainerId {
    ContainerId::of_run(entry.uid.as_str(), &entry.facts.containers[index].name, run)
}

pub(super) fn tell(shared: &Shared, entry: &PodEntry, event: &PodEvent) {
    let mut about = Reference::of(&entry.meta);
    if let Some(container) = event.container.map(|index| &entry.facts.containers[index]) {
        about = about.field(format!("spec.{}{{{}}}", container.list(), container.name));
    }
    let severity = if event.warning { Severity::Warning } else { Severity::Normal };
    shared.recorder.report(about, severity, event.reason, event.message.as_str());
}

/// Counts a start for as long as it lives, also when its worker is cut.
pub(super) struct Starting<'a>(&'a AtomicUsize);

impl<'a> Starting<'a> {
    pub(super) fn count(shared: &'a Shared) -> Self {
        shared.starting.fetch_add(1, Ordering::SeqCst);
        Self(&shared.starting)
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn start(shared: &Shared, entry: &PodEntry, index: usize, run: u32) {
    let _starting = Starting::count(shared);
    let id = container_id(entry, index, run);
    let prepared = match prepare::prepare(shared, entry, index, id.clone()).await {
        Ok(prepared) => prepared,
        Err(refusal) => return refused(shared, entry, index, &id, refusal),
    };
    let (spec, stop_signal) = (prepared.spec, prepared.stop_signal);
    let image = &entry.facts.containers[index].image;
    if !prepared.told {
        let pulled = format!("Container image {image:?} already present on machine and can be accessed by the pod");
        tell(shared, entry, &PodEvent::normal(index, "Pulled", pulled));
    }
    tell(shared, entry, &PodEvent::normal(index, "Created", "Container created"));
    let (env, cwd, sandboxed) = (spec.env.clone(), spec.cwd.clone(), spec.sandbox.is_some());
    let surroundings = Surroundings { id: id.clone(), env, cwd, sandboxed, stop_signal };
    match shared.runtime.start(spec).await {
        Ok(started) => {
            entry.surroundings.lock().insert(index, surroundings);
            entry.memory.lock().started(index, id.0.to_string(), started.started_at);
            tell(shared, entry, &PodEvent::normal(index, "Started", "Container started"));
        }
        Err(error) => refused(shared, entry, index, &id, error.into()),
    }
}

fn refused(shared: &Shared, entry: &PodEntry, index: usize, id: &ContainerId, refusal: prepare::Refusal) {
    let now = shared.clock.now();
    let mut memory = entry.memory.lock();
    let message = match refusal {
        prepare::Refusal::Program(message) => {
            memory.start_failed(index, id.0.to_string(), message.clone(), now);
            message
        }
        prepare::Refusal::Image(message) => {
            memory.blocked(index, "ErrImagePull", message.clone(), false, now);
            message
        }
        prepare::Refusal::Name(message) => {
            memory.blocked(index, "InvalidImageName", message, false, now);
            "InvalidImageName".to_owned()
        }
        prepare::Refusal::Pull(message) => {
            memory.pull_failed(index, message, now);
            "ErrImagePull".to_owned()
        }
        prepare::Refusal::NeverPull(message) => {
            memory.blocked(index, "ErrImageNeverPull", message, true, now);
            "ErrImageNeverPull".to_owned()
        }
        prepare::Refusal::Create(message) => {
            memory.blocked(index, "CreateContainerError", message.clone(), true, now);
            message
        }
        prepare::Refusal::Config(message) => {
            memory.blocked(index, "CreateContainerConfigError", message.clone(), true, now);
            message
        }
        prepare::Refusal::Mount(message) => {
            memory.blocked(index, "ContainerCreating", String::new(), true, now);
            drop(memory);
            let event = PodEvent { container: None, ..PodEvent::warning(index, "FailedMount", message) };
            return tell(shared, entry, &event);
        }
        prepare::Refusal::Runtime(message) => {
            memory.blocked(index, "RunContainerError", message.clone(), true, now);
            message
        }
    };
    drop(memory);
    tell(shared, entry, &PodEvent::warning(index, "Failed", format!("Error: {message}")));
}

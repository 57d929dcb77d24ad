//! One pod's worker: feeds the pod's memory, asks the plan, performs it, writes the status.
//!
//! Statuses that people do not wait for are held back for [`STATUS_DELAY`], so that a container which ends at once costs
//! one write, not two. The terminal status is written at once, and before the object is deleted.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use api::k8s::api::core::v1::{Container, Pod};
use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::PODS;
use api::{Meta, Object, ObjectKey, PatchType, Uid};
use client::Error;
use clock::Pull;
use controller::{Reference, Severity};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::debug;

use super::sessions::Surroundings;
use super::{Shared, ephemeral, forget, last_words, lifecycle, names, prepare, updates};
use crate::addresses::{Lease, Pool};
use crate::plan::{self, Memory, Plan, PodEvent, PodFacts};
use crate::runtime::{ContainerId, Exited};
use crate::unsupported;

/// How long a status that is not terminal waits for company.
const STATUS_DELAY: SignedDuration = SignedDuration::from_millis(10);
/// The wait after a write that the API did not take.
const WRITE_RETRY: SignedDuration = SignedDuration::from_secs(1);

/// One pod of this node, in one generation of its spec. A later one takes its place, and shares what lives on.
pub(super) struct PodEntry {
    pub(super) uid: Uid,
    pub(super) key: ObjectKey,
    pub(super) pod: Arc<Pod>,
    pub(super) meta: Meta,
    pub(super) facts: PodFacts,
    /// Its ephemeral containers, as containers.
    pub(super) ephemeral: Vec<Container>,
    /// Keeps the pod's address for it.
    lease: Option<Arc<Lease>>,
    pub(super) memory: Arc<Mutex<Memory>>,
    /// Whether its namespace had Services when a container was last prepared.
    pub(super) has_services: AtomicBool,
    /// Of the containers that run, by index.
    pub(super) surroundings: Arc<Mutex<HashMap<usize, Surroundings>>>,
    inbox: Arc<Mutex<Inbox>>,
    told: Arc<Notify>,
}

/// What happened since the worker last looked. Bounded by the pod: one object, one end per run.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) object: Option<Arc<Object>>,
    pub(super) exits: Vec<Exited>,
    pub(super) gone: bool,
    /// The pod has ended and its status says so: nobody reads this any more.
    closed: bool,
}

impl PodEntry {
    /// Reads a pod that is new to this kubelet.
    pub(super) fn new(
        object: &Arc<Object>,
        now: Timestamp,
        addresses: Option<&Pool>,
    ) -> Result<Self, serde_json::Error> {
        let pod: Pod = object.decode()?;
        let mut facts = PodFacts::of(&pod);
        let lease = addresses.filter(|_| !facts.host_network).and_then(|pool| pool.lease(own_address(&pod)));
        facts.ip = lease.as_ref().map(|lease| lease.address.to_string());
        let fresh = pod.status.as_ref().is_none_or(|status| status.start_time.is_none());
        let memory =
            if fresh { Memory::new(&facts, now) } else { Memory::recovered(&facts, &object.to_value()["status"], now) };
        let meta = object.meta().clone();
        Ok(Self {
            uid: meta.uid.clone(),
            key: meta.key(),
            ephemeral: ephemeral::containers_of(&pod)?,
            pod: Arc::new(pod),
            meta,
            facts,
            lease: lease.map(Arc::new),
            memory: Arc::new(Mutex::new(memory)),
            has_services: AtomicBool::new(false),
            surroundings: Arc::default(),
            inbox: Arc::new(Mutex::new(Inbox { object: Some(Arc::clone(object)), ..Inbox::default() })),
            told: Arc::default(),
        })
    }

    /// The same pod with the spec that it has now.
    pub(super) fn renewed(&self, object: &Object) -> Result<Self, serde_json::Error> {
        let pod: Pod = object.decode()?;
        let mut facts = PodFacts::of(&pod);
        facts.ip.clone_from(&self.facts.ip);
        Ok(Self {
            uid: self.uid.clone(),
            key: self.key.clone(),
            ephemeral: ephemeral::containers_of(&pod)?,
            pod: Arc::new(pod),
            meta: object.meta().clone(),
            facts,
            lease: self.lease.clone(),
            memory: Arc::clone(&self.memory),
            has_services: AtomicBool::new(self.has_services.load(Ordering::SeqCst)),
            surroundings: Arc::clone(&self.surroundings),
            inbox: Arc::clone(&self.inbox),
            told: Arc::clone(&self.told),
        })
    }

    /// Puts something into the inbox and wakes the worker; `false` when the worker has ended.
    pub(super) fn tell(&self, put: impl FnOnce(&mut Inbox)) -> bool {
        let mut inbox = self.inbox.lock();
        if inbox.closed {
            return false;
        }
        put(&mut inbox);
        self.told.notify_one();
        true
    }

    /// The object that has come and was not looked at yet.
    pub(super) fn arrived(&self) -> Option<Arc<Object>> {
        self.inbox.lock().object.clone()
    }

    /// Ends the inbox and answers with what is in it, so that nothing is told to nobody.
    fn close(&self) -> Inbox {
        std::mem::replace(&mut *self.inbox.lock(), Inbox { closed: true, ..Inbox::default() })
    }

    pub(super) fn namespace(&self) -> &str {
        self.key.namespace_or_empty()
    }
}

/// The address that the pod's status names already.
fn own_address(pod: &Pod) -> Option<Ipv4Addr> {
    pod.status.as_ref()?.pod_ip.as_deref()?.parse().ok()
}

/// Whether an object waits for its kubelet to end the grace period of its deletion.
pub(super) fn awaits_delete(meta: &Meta) -> bool {
    meta.is_deleting() && meta.deletion_grace_period_seconds != Some(0)
}

/// What a worker remembers between rounds, besides the pod's memory.
#[derive(Default)]
struct Rounds {
    /// When the status that was not written yet is due.
    write_at: Option<Timestamp>,
    /// What was written last.
    written: Option<Value>,
    gone: bool,
    /// Keeps the files of its volumes as the API has them.
    following: Option<updates::Following>,
}

/// Runs one pod to its end.
pub(super) async fn run(shared: Arc<Shared>, mut entry: Arc<PodEntry>) {
    let (mut rounds, mut tasks) = (Rounds::default(), lifecycle::Tasks::default());
    tell_unsupported(&shared, &entry).await;
    loop {
        // A wait that is over at once gives nobody else a turn by itself.
        tokio::task::coop::consume_budget().await;
        let now = shared.clock.now();
        if let Some(newer) = ephemeral::renewed(&shared, &entry) {
            entry = newer;
        }
        let mut changed = take_in(&shared, &entry, &mut rounds, now);
        let (news, earlier) = lifecycle::take_all_in(&entry, &mut tasks, now);
        changed |= news;
        let plan = plan::plan(&entry.facts, &mut entry.memory.lock(), now).following(earlier);
        let acted = !plan.is_idle();
        lifecycle::begin(&shared, &entry, &plan, &mut tasks);
        perform(&shared, &entry, &plan).await;
        if !plan.starts.is_empty() && rounds.following.is_none() {
            rounds.following = updates::follow(&shared, &entry);
        }
        if rounds.gone && plan.finished {
            entry.close();
            return forget(&shared, &entry.uid);
        }
        if plan.finished {
            return conclude(shared, entry, rounds, plan.delete).await;
        }
        if changed || acted || rounds.written.is_none() {
            let due = shared.clock.now().saturating_add(STATUS_DELAY).unwrap_or(Timestamp::MAX);
            rounds.write_at.get_or_insert(due);
        }
        if !plan.starts.is_empty() {
            // A start changes the memory, so the plan is asked again before anything is waited for.
            continue;
        }
        write_if_due(&shared, &entry, &mut rounds).await;
        let wake_at = plan.wake_at.into_iter().chain(rounds.write_at).min().unwrap_or(Timestamp::MAX);
        let look_at = plan.look_at.unwrap_or(Timestamp::MAX);
        tokio::select! {
            biased;
            () = entry.told.notified() => {}
            () = tasks.next() => {}
            () = shared.clock.sleep_until(wake_at), if wake_at != Timestamp::MAX => {}
            () = shared.clock.wait_until(look_at, Pull::No), if look_at != Timestamp::MAX => {}
        }
    }
}

async fn tell_unsupported(shared: &Shared, entry: &PodEntry) {
    let sandboxes = shared.has_sandboxes().await;
    let paths = entry.pod.spec.as_ref().map(|spec| unsupported(spec, sandboxes)).unwrap_or_default();
    if !paths.is_empty() {
        let message = format!("A local process cannot honour these fields: {}", paths.join(", "));
        shared.recorder.event(&entry.meta, Severity::Warning, "NotHonoured", message);
    }
}

/// Takes the inbox into the memory; whether anything was in it that can change the status.
fn take_in(shared: &Shared, entry: &PodEntry, rounds: &mut Rounds, now: Timestamp) -> bool {
    let inbox = std::mem::take(&mut *entry.inbox.lock());
    let mut memory = entry.memory.lock();
    let mut changed = false;
    for exited in inbox.exits {
        let Some((name, run)) = exited.id.container() else { continue };
        let index = entry.facts.containers.iter().position(|container| container.name == name);
        if let Some(index) = index.filter(|index| memory.containers[*index].restarts == run) {
            let surroundings = entry.surroundings.lock().remove(&index);
            let sandboxed = surroundings.is_some_and(|surroundings| surroundings.sandboxed);
            let message = last_words::of(shared, entry, index, run, exited.status, sandboxed);
            memory.exited(index, exited.status, exited.finished_at, message);
            changed = true;
        }
    }
    if let Some(object) = inbox.object {
        let meta = object.meta();
        changed |= memory.generation != meta.generation;
        memory.generation = meta.generation;
        if !entry.facts.readiness_gates.is_empty() {
            changed |= memory.observe_gates(&entry.facts, &object.to_value()["status"]);
        }
        if meta.is_deleting() {
            let grace_seconds = meta.deletion_grace_period_seconds.unwrap_or(entry.facts.grace_seconds);
            memory.observe_deletion(grace_seconds, now);
        }
    }
    if inbox.gone && !rounds.gone {
        debug!(pod = %entry.key, running = shared.runtime.running(), "pod is gone, its containers are killed");
        rounds.gone = true;
        memory.observe_deletion(0, now);
    }
    changed
}

async fn perform(shared: &Shared, entry: &PodEntry, plan: &Plan) {
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

async fn write_if_due(shared: &Shared, entry: &PodEntry, rounds: &mut Rounds) {
    let now = shared.clock.now();
    if rounds.gone {
        // There is no object to write to, and nothing to wait for but the ends of the containers.
        rounds.write_at = None;
        return;
    }
    if rounds.write_at.is_none_or(|due| due > now) {
        return;
    }
    rounds.write_at = None;
    if !write(shared, entry, rounds).await {
        rounds.write_at = Some(now.saturating_add(WRITE_RETRY).unwrap_or(Timestamp::MAX));
    }
}

/// Writes the status if it changed; `false` when that should be tried again.
async fn write(shared: &Shared, entry: &PodEntry, rounds: &mut Rounds) -> bool {
    let status = plan::status(&entry.facts, &mut entry.memory.lock(), &shared.node, shared.clock.now());
    if rounds.written.as_ref() == Some(&status) {
        return true;
    }
    // The UID makes the patch fail on a newer pod of the same name; others' conditions stay, as lists merge by key.
    let patch = (PatchType::StrategicMerge, json!({"metadata": {"uid": entry.uid.as_str()}, "status": status}));
    match shared.client.patch(&PODS, Some(entry.namespace()), &entry.key.name, Some("status"), patch).await {
        Ok(_) => {
            rounds.written = Some(status);
            true
        }
        // Gone, or another pod by now: the observation will say so.
        Err(error) if error.is_not_found() || error.is_conflict() => {
            rounds.written = Some(status);
            true
        }
        Err(error) => {
            debug!(pod = %entry.key, %error, "status not written yet");
            false
        }
    }
}

/// Writes the last status, then lets the object go if it is being deleted.
async fn conclude(shared: Arc<Shared>, entry: Arc<PodEntry>, mut rounds: Rounds, deleting: bool) {
    // Nothing of the pod runs any more, though it may be kept for long.
    names::forget(&shared, &entry.uid);
    if shared.runtime.runs_programs() {
        super::remove(&shared.credentials(entry.uid.as_str()));
        super::images::remove_roots(&shared, &entry);
    }
    while !write(&shared, &entry, &mut rounds).await {
        pause(&shared).await;
    }
    let inbox = entry.close();
    if inbox.gone {
        return forget(&shared, &entry.uid);
    }
    shared.pods.end(&entry);
    if deleting || inbox.object.is_some_and(|object| awaits_delete(object.meta())) {
        delete(shared, entry.uid.clone(), entry.key.clone()).await;
    }
}

async fn pause(shared: &Shared) {
    let until = shared.clock.now().saturating_add(WRITE_RETRY).unwrap_or(Timestamp::MAX);
    shared.clock.sleep_until(until).await;
}

/// Ends the grace period of a deletion: the pod's processes are gone and its status says how they ended.
pub(super) async fn delete(shared: Arc<Shared>, uid: Uid, key: ObjectKey) {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: Some(uid.to_string()), resource_version: None }),
        ..DeleteOptions::default()
    };
    loop {
        match shared.client.delete(&PODS, Some(key.namespace_or_empty()), &key.name, &options).await {
            Ok(_) => return,
            Err(error) if error.is_not_found() || error.is_conflict() => return,
            Err(error @ (Error::Transport(_) | Error::Status(_))) => {
                debug!(pod = %key, %error, "pod not deleted yet");
                pause(&shared).await;
            }
            Err(error) => return debug!(pod = %key, %error, "the answer to a delete cannot be read"),
        }
    }
}

//! One pod's worker: feeds the pod's memory, asks the plan, performs it, writes the status.
//!
//! The terminal status is written before the object is deleted.

use std::sync::Arc;

use clock::Pull;
use controller::Severity;
use jiff::Timestamp;
use tracing::debug;

use super::entry::PodEntry;
use super::perform::perform;
use super::statuses::{Statuses, awaits_delete, delete};
use super::{Shared, ephemeral, forget, last_words, lifecycle, names, updates};
use crate::plan;
use crate::unsupported;

/// What a worker remembers between rounds, besides the pod's memory.
#[derive(Default)]
struct Rounds {
    statuses: Statuses,
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
        if changed || acted || rounds.statuses.is_unwritten() {
            rounds.statuses.changed(shared.clock.now());
        }
        if !plan.starts.is_empty() {
            // A start changes the memory, so the plan is asked again before anything is waited for.
            continue;
        }
        if rounds.gone {
            // There is no object to write to, and nothing to wait for but the ends of the containers.
            rounds.statuses.give_up();
        }
        rounds.statuses.write_if_due(&shared, &entry).await;
        let wake_at = plan.wake_at.into_iter().chain(rounds.statuses.due()).min().unwrap_or(Timestamp::MAX);
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
    let inbox = entry.take_inbox();
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

/// Writes the last status, then lets the object go if it is being deleted.
async fn conclude(shared: Arc<Shared>, entry: Arc<PodEntry>, mut rounds: Rounds, deleting: bool) {
    // Nothing of the pod runs any more, though it may be kept for long.
    names::forget(&shared, &entry.uid);
    if shared.runtime.runs_programs() {
        super::remove(&shared.credentials(entry.uid.as_str()));
        super::images::remove_roots(&shared, &entry);
    }
    rounds.statuses.write_last(&shared, &entry).await;
    let inbox = entry.close();
    if inbox.gone {
        return forget(&shared, &entry.uid);
    }
    shared.pods.end(&entry);
    if deleting || inbox.object.is_some_and(|object| awaits_delete(object.meta())) {
        delete(shared, entry.uid.clone(), entry.key.clone()).await;
    }
}

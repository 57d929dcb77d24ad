//! What a Job needs next, as a value: `plan(job, pods, memory, now)` reads a Job and its pods and answers with the
//! creates, deletes, finalizer releases and status that bring them one step closer to the spec.
//!
//! Pure: it performs nothing, knows no runtime and never learns which event woke it. Every rule follows upstream's
//! `pkg/controller/job` (v1.36) unless a comment says `Differs:`. Invariants kept here: a finalizer is released only
//! together with, or after, the status that accounts for its pod; a terminal condition is written only when nothing is
//! active, terminating, uncounted or still tracked; a plan made again on the state it led to is empty.
//!
//! Differs: upstream writes the interim status, removes finalizers and writes the final status within one sync, on
//! expectations. Here those are two plans, the second made on a cache that has seen the writes of the first.

pub mod backoff;
pub mod conditions;
mod context;
pub mod cron_job;
mod failure_policy;
pub mod indexes;
mod ownership;
mod per_index;
pub mod pod;
mod pods;
mod removal;
mod scale;
pub mod spec;
mod success_policy;
mod terminal;
mod tracking;
pub mod ttl;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use api::Uid;
use api::k8s::api::batch::v1::JobStatus;
use jiff::Timestamp;

pub use backoff::Memory;
pub use pod::{Phase, PodView};
pub use pods::Pods;
pub use spec::{JobInput, unsupported};

/// Most pods that one plan creates or deletes (`MaxPodCreateDeletePerSync`).
pub const MAX_POD_CREATE_DELETE: usize = 500;
/// Most pods that wait in `status.uncountedTerminatedPods` (`MaxUncountedPods`).
pub const MAX_UNCOUNTED_PODS: usize = 500;
/// The value of `spec.managedBy` that this controller answers to.
pub const CONTROLLER_NAME: &str = "kubernetes.io/job-controller";

/// A pod to create from the Job's template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Create {
    /// The completion index; `None` for NonIndexed Jobs.
    pub index: Option<u32>,
    /// With `backoffLimitPerIndex`: the failures of this index so far, counted and ignored ones.
    pub index_failures: Option<(i32, i32)>,
}

/// A pod to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The pod.
    pub pod: PodRef,
    /// Strip the tracking finalizer first, so that the pod counts neither as failed nor as succeeded.
    pub untracked: bool,
}

/// Names a pod of the Job's namespace; the UID guards against a successor of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodRef {
    /// The UID.
    pub uid: Uid,
    /// The name.
    pub name: Arc<str>,
}

/// `Normal` or `Warning`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// `Normal`.
    Normal,
    /// `Warning`.
    Warning,
}

/// An Event about the Job, in upstream's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventNote {
    /// `type`.
    pub severity: Severity,
    /// `reason`.
    pub reason: Cow<'static, str>,
    /// `message`.
    pub message: Cow<'static, str>,
}

/// A decision record: why the plan is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The rule that decided, such as `backoff`.
    pub rule: &'static str,
    /// What the rule looked at.
    pub inputs: String,
    /// What it decided.
    pub decision: String,
    /// The field of the spec that caused it.
    pub field: &'static str,
    /// What has to happen before anything more can be done, if anything.
    pub waits_for: Option<&'static str>,
    /// When the wait ends by itself, if it does.
    pub until: Option<Timestamp>,
}

/// What to do, in the order in which it is done: adoptions and releases; status; finalizers; deletes; creates; events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Orphans to take over: owner reference and tracking finalizer are added.
    pub adoptions: Vec<PodRef>,
    /// Own pods that no longer match the selector: owner reference and tracking finalizer are removed.
    pub releases: Vec<PodRef>,
    /// The status to write, if it differs from the one read. Nothing after it may be done unless it was accepted.
    pub status: Option<Box<JobStatus>>,
    /// Pods to take the tracking finalizer off; the status above, or the one read, accounts for each.
    pub finalizer_releases: Vec<PodRef>,
    /// Pods to delete.
    pub deletes: Vec<Delete>,
    /// Pods to create.
    pub creates: Vec<Create>,
    /// Events to post once the status was accepted.
    pub events: Vec<EventNote>,
    /// Why.
    pub notes: Vec<Note>,
    /// When to plan again though nothing has changed.
    pub wake_at: Option<Timestamp>,
    /// What to hand to the next plan of this Job.
    pub memory: Memory,
}

impl Plan {
    /// Whether there is nothing to do but wait.
    pub fn is_empty(&self) -> bool {
        self.adoptions.is_empty()
            && self.releases.is_empty()
            && self.status.is_none()
            && self.finalizer_releases.is_empty()
            && self.deletes.is_empty()
            && self.creates.is_empty()
    }

    fn note(&mut self, rule: &'static str, field: &'static str, inputs: String, decision: impl Into<String>) {
        let decision = decision.into();
        self.notes.push(Note { rule, inputs, decision, field, waits_for: None, until: None });
    }

    fn wait(&mut self, note: Note) {
        if let Some(until) = note.until {
            self.wake_at = Some(self.wake_at.map_or(until, |wake_at| wake_at.min(until)));
        }
        self.notes.push(note);
    }

    fn event(&mut self, severity: Severity, reason: &'static str, message: &'static str) {
        self.events.push(EventNote { severity, reason: reason.into(), message: message.into() });
    }
}

/// Decides what a Job needs next.
///
/// `pods` may hold more than matters (see [`Pods`]); `memory` is what the last plan of this Job, by UID, returned, or
/// [`Memory::recover`]ed; `now` is the only clock.
pub fn plan(job: &JobInput, pods: &Pods, memory: &Memory, now: Timestamp) -> Plan {
    let mut plan = Plan { memory: memory.clone(), ..Plan::default() };
    if let Some(manager) = job.foreign_manager() {
        plan.note("managed-by", "spec.managedBy", manager.to_owned(), "another controller manages this Job");
        return plan;
    }
    if let Some(finished) = conditions::finished(&job.status) {
        plan.finalizer_releases = pods.owned().filter(|pod| pod.tracked).map(PodView::reference).collect();
        plan.memory = Memory::default();
        plan.note("finished", "status.conditions", finished.to_owned(), "a finished Job is left as it is");
        return plan;
    }
    if !job.spec.has_known_completion_mode() {
        let mode = job.spec.completion_mode.clone().unwrap_or_default();
        plan.note("completion-mode", "spec.completionMode", mode, "unknown completion mode");
        plan.event(Severity::Warning, "UnknownCompletionMode", "Skipped Job sync because completion mode is unknown");
        return plan;
    }
    if ownership::settle(job, pods, &mut plan) {
        return plan;
    }
    decide(job, pods, now, &mut plan);
    plan
}

/// The Job is ours and unfinished, and its pods are its own.
fn decide(job: &JobInput, pods: &Pods, now: Timestamp, plan: &mut Plan) {
    let mut context = context::Context::read(job, pods, now);
    plan.memory.record(&context);
    terminal::note_failures(&context, plan);
    let mut finish = terminal::evaluate(&context, plan);
    if finish.is_some() {
        scale::delete_active(&mut context, plan);
    } else {
        if job.deleting {
            plan.note(
                "deleting",
                "metadata.deletionTimestamp",
                String::new(),
                "no pods are created; finalizers are released",
            );
        } else {
            scale::manage(&mut context, plan);
        }
        finish = terminal::completed(&context, plan);
    }
    tracking::track(&mut context, finish.as_ref(), plan);
    conditions::conclude(&mut context, finish.as_ref(), plan);
    context.status.active = context::omit_zero(context.counts.active);
    context.status.ready = Some(context.counts.ready);
    context.status.terminating = Some(context.counts.terminating);
    plan.status = (context.status != job.status).then(|| Box::new(context.status));
}

//! How many pods a Job is to have now: it deletes too many, or creates too few, never both in one plan (`manageJob`).

use api::text;
use jiff::Timestamp;

use super::context::{Context, count};
use super::{Create, Delete, MAX_POD_CREATE_DELETE, Note, Plan, PodView, per_index, removal};

/// Deletes all active pods because the Job is about to end. They keep the finalizer: tracking accounts for them.
pub(super) fn delete_active(context: &mut Context<'_>, plan: &mut Plan) {
    let active: Vec<&PodView> = context.pods.active().collect();
    delete(context, plan, &active, false);
}

/// Brings the number of active pods towards what the spec asks for.
///
/// Agrees with the fix of upstream's PR 139457: while a back-off is pending, the active count is the real one.
pub(super) fn manage(context: &mut Context<'_>, plan: &mut Plan) {
    let active = context.counts.active;
    if context.job.spec.is_suspended() {
        let pods: Vec<&PodView> = context.pods.active().collect();
        plan.note(
            "suspend",
            "spec.suspend",
            format!("active {active}"),
            format!("delete {}", text::count(pods.len(), "pod")),
        );
        delete(context, plan, &pods, true);
        return;
    }
    let wanted = wanted(context);
    let (succeeded, parallelism) = (context.counts.succeeded, context.job.spec.parallelism());
    let inputs = format!("active {active}, wanted {wanted}, succeeded {succeeded}, parallelism {parallelism}");
    let excess = usize::try_from(active - wanted).unwrap_or(0);
    let mut surplus = removal::choose(context, excess);
    surplus.truncate(MAX_POD_CREATE_DELETE);
    if !surplus.is_empty() {
        plan.note("scale-down", "spec.parallelism", inputs, format!("delete {}", text::count(surplus.len(), "pod")));
        delete(context, plan, &surplus, true);
        return;
    }
    let replaced_late = context.job.spec.only_replaces_failed_pods();
    let terminating = if replaced_late { context.counts.terminating } else { 0 };
    let missing = usize::try_from(wanted - terminating - active).unwrap_or(0).min(MAX_POD_CREATE_DELETE);
    if missing > 0 {
        create(context, plan, missing, inputs);
    } else if active + terminating > 0 {
        let waits_for = if active > 0 { "a pod to finish" } else { "terminating pods to finish" };
        let field = if active > 0 { "spec.parallelism" } else { "spec.podReplacementPolicy" };
        let decision = "no pods to create or delete".to_owned();
        plan.wait(Note { rule: "scale", inputs, decision, field, waits_for: Some(waits_for), until: None });
    }
}

/// How many pods are to be active.
fn wanted(context: &Context<'_>) -> i32 {
    let parallelism = context.job.spec.parallelism();
    match context.job.spec.completions {
        // A work queue starts no pods once one has succeeded, and lets the others finish.
        None if context.counts.succeeded > 0 => context.counts.active,
        None => parallelism,
        Some(completions) => completions.saturating_sub(context.counts.succeeded).min(parallelism).max(0),
    }
}

fn create(context: &mut Context<'_>, plan: &mut Plan, missing: usize, inputs: String) {
    let per_index = context.job.spec.backoff_limit_per_index.is_some();
    if !per_index && let Some(until) = plan.memory.until(context.now) {
        let failures = plan.memory.failures;
        let decision = format!("create no pods: {} since the last success", text::count(failures, "failure"));
        plan.wait(back_off(inputs, decision, until, "spec.backoffLimit"));
        return;
    }
    let creates = if context.job.spec.is_indexed() {
        let (creates, until) = pending_indexes(context, missing);
        if let Some(until) = until {
            let waiting = missing - creates.len();
            let wait = if waiting == 1 { "waits for its" } else { "wait for their" };
            let decision = format!("{} {wait} back-off", text::count(waiting, "index"));
            plan.wait(back_off(inputs.clone(), decision, until, "spec.backoffLimitPerIndex"));
        }
        creates
    } else {
        vec![Create::default(); missing]
    };
    if !creates.is_empty() {
        plan.note("scale-up", "spec.parallelism", inputs, format!("create {}", text::count(creates.len(), "pod")));
    }
    context.counts.active += count(creates.len());
    plan.creates = creates;
}

fn back_off(inputs: String, decision: String, until: Timestamp, field: &'static str) -> Note {
    Note { rule: "backoff", inputs, decision, field, waits_for: Some("the back-off to pass"), until: Some(until) }
}

/// The lowest pending indexes: those that may have a pod now, and when the first of the others may.
fn pending_indexes(context: &Context<'_>, missing: usize) -> (Vec<Create>, Option<Timestamp>) {
    let mut taken = context.succeeded_indexes.union(&context.pods.active_places().indexes());
    if context.job.spec.only_replaces_failed_pods() {
        taken = taken.union(&context.pods.terminating_places().indexes());
    }
    if let Some(failed) = &context.failed_indexes {
        taken = taken.union(failed);
    }
    let (mut creates, mut first) = (Vec::new(), None);
    for index in taken.first_missing(missing, context.job.spec.indexes()) {
        match per_index::until(context, index) {
            None => creates.push(per_index::create(context, index)),
            Some(until) => first = Some(first.map_or(until, |first: Timestamp| first.min(until))),
        }
    }
    (creates, first)
}

fn delete(context: &mut Context<'_>, plan: &mut Plan, pods: &[&PodView], untracked: bool) {
    let deletes = pods.iter().map(|pod| Delete { pod: pod.reference(), untracked: untracked && pod.tracked });
    plan.deletes.extend(deletes);
    let ready = pods.iter().filter(|pod| pod.is_ready()).count();
    context.counts.active -= count(pods.len());
    context.counts.terminating += count(pods.len());
    context.counts.ready -= count(ready);
}

//! The conditions of a Job: the two steps to its end (`FailureTarget` then `Failed`, `SuccessCriteriaMet` then
//! `Complete`), suspension, and the events that go with them.

use api::k8s::api::batch::v1::{JobCondition, JobStatus};

use super::context::Context;
use super::terminal::Finish;
use super::{EventNote, Note, Plan, Severity};

/// Whether the condition is True.
pub(super) fn is_true(status: &JobStatus, condition_type: &str) -> bool {
    find(status, condition_type).is_some_and(|condition| condition.status == "True")
}

fn find<'a>(status: &'a JobStatus, condition_type: &str) -> Option<&'a JobCondition> {
    status.conditions.as_deref()?.iter().find(|condition| condition.type_ == condition_type)
}

/// `Complete` or `Failed`, if the Job is finished.
pub fn finished(status: &JobStatus) -> Option<&'static str> {
    ["Complete", "Failed"].into_iter().find(|condition_type| is_true(status, condition_type))
}

/// The end that the interim condition declares, success before failure.
pub(super) fn declared(status: &JobStatus) -> Option<Finish> {
    [("SuccessCriteriaMet", true), ("FailureTarget", false)].into_iter().find_map(|(condition_type, success)| {
        let condition = find(status, condition_type).filter(|condition| condition.status == "True")?;
        Some(Finish {
            success,
            reason: condition.reason.clone().unwrap_or_default(),
            message: condition.message.clone().unwrap_or_default(),
            declared: true,
        })
    })
}

/// Writes the conditions that the plan's outcome calls for.
pub(super) fn conclude(context: &mut Context<'_>, finish: Option<&Finish>, plan: &mut Plan) {
    if context.resumes && (finish.is_some() || context.job.deleting) {
        // The start time may change only together with the condition, and a Job that ends is not resumed.
        context.status.start_time = context.job.status.start_time.clone();
    }
    match finish {
        Some(finish) => end(context, finish, plan),
        None if context.job.deleting => {}
        None if context.job.spec.is_suspended() => suspend(context, plan),
        None => resume(context, plan),
    }
}

fn end(context: &mut Context<'_>, finish: &Finish, plan: &mut Plan) {
    if context.status.start_time.is_none()
        && !(context.job.spec.is_suspended() && context.job.spec.completions == Some(0))
    {
        // Suspension clears the start time, and a finished Job must have one.
        context.status.start_time = Some(context.time());
    }
    let (interim, last) = if finish.success { ("SuccessCriteriaMet", "Complete") } else { ("FailureTarget", "Failed") };
    if !finish.declared {
        set(context, interim, "True", &finish.reason, &finish.message);
        return;
    }
    if let Some(waits_for) = unsettled(context, plan) {
        let inputs = format!("{} is declared", finish.reason);
        let decision = format!("{last} is not written yet");
        let field = "status.conditions";
        plan.wait(Note { rule: "two-step", inputs, decision, field, waits_for: Some(waits_for), until: None });
        return;
    }
    set(context, last, "True", &finish.reason, &finish.message);
    if finish.success {
        context.status.completion_time = Some(context.time());
    }
    announce_end(context, finish, plan);
}

fn announce_end(context: &Context<'_>, finish: &Finish, plan: &mut Plan) {
    if !finish.success {
        let (reason, message) = (finish.reason.clone().into(), finish.message.clone().into());
        plan.events.push(EventNote { severity: Severity::Warning, reason, message });
        return;
    }
    let wanted = context.job.spec.completions;
    if wanted.is_some_and(|completions| context.counts.succeeded > completions) {
        let message = "Too many succeeded pods running after completion count reached";
        plan.event(Severity::Warning, "TooManySucceededPods", message);
    }
    plan.event(Severity::Normal, "Completed", "Job completed");
}

/// What keeps the last condition from being written.
fn unsettled(context: &Context<'_>, plan: &Plan) -> Option<&'static str> {
    let lists = context.status.uncounted_terminated_pods.as_ref();
    let uncounted = lists.is_some_and(|lists| lists.succeeded.is_some() || lists.failed.is_some());
    if context.counts.active > 0 || context.counts.terminating > 0 || !plan.deletes.is_empty() {
        Some("pods to terminate")
    } else if uncounted || !plan.finalizer_releases.is_empty() {
        Some("pods to be counted")
    } else {
        None
    }
}

fn suspend(context: &mut Context<'_>, plan: &mut Plan) {
    if set(context, "Suspended", "True", "JobSuspended", "Job suspended") {
        plan.event(Severity::Normal, "Suspended", "Job suspended");
    }
    context.status.start_time = None;
}

/// Only a Job that was suspended gets the condition with status False. The start time was set when the plan began.
fn resume(context: &mut Context<'_>, plan: &mut Plan) {
    if context.resumes {
        set(context, "Suspended", "False", "JobResumed", "Job resumed");
        plan.event(Severity::Normal, "Resumed", "Job resumed");
    }
}

/// Sets a condition; false when it had that status already.
fn set(context: &mut Context<'_>, condition_type: &str, status: &str, reason: &str, message: &str) -> bool {
    let time = context.time();
    let condition = JobCondition {
        type_: condition_type.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(time.clone()),
        last_transition_time: Some(time),
    };
    let conditions = context.status.conditions.get_or_insert_default();
    match conditions.iter_mut().find(|known| known.type_ == condition_type) {
        Some(known) if known.status == status => return false,
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
    true
}

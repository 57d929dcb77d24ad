//! Counts each terminated pod exactly once (`trackJobStatusAndRemoveFinalizers`): its UID goes into
//! `status.uncountedTerminatedPods`, then its finalizer goes, then the UID moves into the counter. The index of a
//! succeeded pod of an Indexed Job takes the place of its UID. Wherever this stops, it resumes without loss.

use api::k8s::api::batch::v1::UncountedTerminatedPods;

use super::context::{Context, count, omit_zero};
use super::terminal::Finish;
use super::{MAX_UNCOUNTED_PODS, Note, Phase, Plan, PodView};

/// Moves what is no longer tracked into the counters, takes in what has terminated, and releases finalizers.
pub(super) fn track(context: &mut Context<'_>, finish: Option<&Finish>, plan: &mut Plan) {
    let mut lists = count_untracked(context);
    let mut new_indexes = 0;
    for pod in candidates(context, finish).filter(|pod| may_release(context, pod, finish)) {
        plan.finalizer_releases.push(pod.reference());
        match account(context, pod, finish) {
            Account::Succeeded => lists.0.push(pod.uid.to_string()),
            Account::Failed => lists.1.push(pod.uid.to_string()),
            Account::SucceededIndex => new_indexes += 1,
            Account::Nothing => {}
        }
        if new_indexes + lists.0.len() + lists.1.len() >= MAX_UNCOUNTED_PODS {
            wait_for_room(plan);
            break;
        }
    }
    if !plan.finalizer_releases.is_empty() {
        let inputs = format!("uncounted {} succeeded, {} failed", lists.0.len() + new_indexes, lists.1.len());
        let decision = format!("release {}", api::text::count(plan.finalizer_releases.len(), "finalizer"));
        plan.note("tracking", "status.uncountedTerminatedPods", inputs, decision);
    }
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let (succeeded, failed) = (some(lists.0), some(lists.1));
    context.status.uncounted_terminated_pods = Some(UncountedTerminatedPods { succeeded, failed });
    if context.job.spec.is_indexed() {
        write_indexes(context);
    }
}

/// What a released pod adds to the status.
enum Account {
    Succeeded,
    Failed,
    SucceededIndex,
    Nothing,
}

fn account(context: &Context<'_>, pod: &PodView, finish: Option<&Finish>) -> Account {
    let uid = pod.uid.as_str();
    if context.uncounted.contains(uid) && !(context.job.spec.is_indexed() && pod.phase == Phase::Succeeded) {
        return Account::Nothing;
    }
    if pod.phase == Phase::Succeeded && !context.uncounted_failed.contains(uid) {
        return match pod.index.filter(|_| context.is_valid(pod)) {
            _ if !context.job.spec.is_indexed() => Account::Succeeded,
            Some(index) if !context.previous_succeeded.contains(index) => Account::SucceededIndex,
            _ => Account::Nothing,
        };
    }
    // Once the Job has failed, every pod that has not ended counts as failed.
    let failed = context.is_failed(pod) || finish.is_some_and(|finish| !finish.success);
    let counts = failed && pod.phase != Phase::Succeeded && context.is_valid(pod) && context.counts_as_failed(pod);
    if counts { Account::Failed } else { Account::Nothing }
}

/// The tracked pods that may be released: only those that have ended, for as long as the Job goes on.
fn candidates<'a>(context: &Context<'a>, finish: Option<&Finish>) -> Box<dyn Iterator<Item = &'a PodView> + 'a> {
    let pods = context.pods;
    if context.job.deleting || finish.is_some() {
        Box::new(pods.owned().filter(|pod| pod.tracked))
    } else {
        Box::new(pods.ended())
    }
}

/// When the Job is going or ending, or the pod has succeeded, or has failed and no replacement waits for its counts.
fn may_release(context: &Context<'_>, pod: &PodView, finish: Option<&Finish>) -> bool {
    if context.job.deleting || finish.is_some() || pod.phase == Phase::Succeeded {
        return true;
    }
    let awaited = pod.index.and_then(|index| context.delayed.get(&index)).is_some_and(|kept| kept.uid == pod.uid);
    context.is_failed(pod) && !awaited
}

/// Adds the uncounted pods that are no longer tracked to the counters; the rest stays in the lists.
fn count_untracked(context: &mut Context<'_>) -> (Vec<String>, Vec<String>) {
    let lists = context.status.uncounted_terminated_pods.take().unwrap_or_default();
    let pods = context.pods;
    let split = |list: Option<Vec<String>>| {
        let list = list.unwrap_or_default();
        let before = list.len();
        let kept: Vec<String> = list.into_iter().filter(|uid| pods.is_tracked(uid)).collect();
        let counted = count(before - kept.len());
        (kept, counted)
    };
    let (succeeded, more_succeeded) = split(lists.succeeded);
    let (failed, more_failed) = split(lists.failed);
    context.status.succeeded = omit_zero(context.status.succeeded.unwrap_or(0) + more_succeeded);
    context.status.failed = omit_zero(context.status.failed.unwrap_or(0) + more_failed);
    (succeeded, failed)
}

/// Differs: a Job that shrank, and whose parallelism was changed before that was seen, keeps the greater count. Upstream
/// writes the smaller one, which its API server then refuses for ever, since it lets the count fall only while
/// completions and parallelism are equal.
fn write_indexes(context: &mut Context<'_>) {
    let text = context.succeeded_indexes.to_string();
    context.status.completed_indexes = (!text.is_empty()).then_some(text);
    let total = i32::try_from(context.succeeded_indexes.total()).unwrap_or(i32::MAX);
    let may_fall = context.job.spec.completions == context.job.spec.parallelism;
    let least = if may_fall { 0 } else { context.job.status.succeeded.unwrap_or(0) };
    context.status.succeeded = omit_zero(total.max(least));
    context.status.failed_indexes = context.failed_indexes.as_ref().map(ToString::to_string);
}

fn wait_for_room(plan: &mut Plan) {
    plan.wait(Note {
        rule: "uncounted-limit",
        inputs: format!("{MAX_UNCOUNTED_PODS} uncounted pods"),
        decision: "the others are counted later".to_owned(),
        field: "status.uncountedTerminatedPods",
        waits_for: Some("finalizers to go"),
        until: None,
    });
}

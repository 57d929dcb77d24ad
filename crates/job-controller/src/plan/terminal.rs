//! Whether a Job has come to its end, and why. The order of the rules is upstream's: an end that was declared stands,
//! then failures, then successes.

use jiff::SignedDuration;

use super::context::Context;
use super::failure_policy::Verdict;
use super::{Note, Plan, conditions, success_policy};

/// The end of a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finish {
    /// Complete rather than Failed.
    pub(super) success: bool,
    /// The reason of the conditions.
    pub(super) reason: String,
    /// The message of the conditions.
    pub(super) message: String,
    /// Whether the observed status carries the interim condition already.
    pub(super) declared: bool,
}

impl Finish {
    fn failure(reason: &str, message: impl Into<String>) -> Self {
        Self { success: false, reason: reason.to_owned(), message: message.into(), declared: false }
    }

    fn success(reason: &str, message: impl Into<String>) -> Self {
        Self { success: true, ..Self::failure(reason, message) }
    }
}

/// All rules but that of reached completions, which looks at what scaling left.
pub(super) fn evaluate(context: &Context<'_>, plan: &mut Plan) -> Option<Finish> {
    let declared = conditions::declared(&context.job.status);
    if declared.is_some() {
        return declared;
    }
    let decided = failed_by_policy(context)
        .map(|finish| (finish, "spec.podFailurePolicy"))
        .or_else(|| past_backoff_limit(context).map(|finish| (finish, "spec.backoffLimit")))
        .or_else(|| past_deadline(context, plan).map(|finish| (finish, "spec.activeDeadlineSeconds")))
        .or_else(|| failed_by_indexes(context))
        .or_else(|| met_success_policy(context).map(|finish| (finish, "spec.successPolicy")));
    let (finish, field) = decided?;
    let inputs = format!("failed {}, succeeded {}", context.counts.failed, context.counts.succeeded);
    plan.note("terminal", field, inputs, format!("{}: {}", finish.reason, finish.message));
    Some(finish)
}

/// Enough pods have succeeded and none is active.
pub(super) fn completed(context: &Context<'_>, plan: &mut Plan) -> Option<Finish> {
    let enough = match context.job.spec.completions {
        None => context.counts.succeeded > 0,
        Some(completions) => context.counts.succeeded >= completions,
    };
    if !enough || context.counts.active != 0 {
        return None;
    }
    let inputs = format!("succeeded {}", context.counts.succeeded);
    plan.note("terminal", "spec.completions", inputs, "CompletionsReached");
    Some(Finish::success("CompletionsReached", "Reached expected number of succeeded pods"))
}

fn failed_by_policy(context: &Context<'_>) -> Option<Finish> {
    context.job.spec.pod_failure_policy.as_ref()?;
    let ended = context.pods.ended().chain(context.pods.released());
    ended.filter(|pod| context.is_failed(pod)).find_map(|pod| match context.verdict(pod) {
        // Differs: only pods that are still tracked are looked at, since those that were counted are forgotten here;
        // what they said was said in the plan that counted them.
        Verdict::FailJob(message) => Some(Finish::failure("PodFailurePolicy", message)),
        Verdict::Count | Verdict::Ignore | Verdict::FailIndex => None,
    })
}

/// `failed > backoffLimit`; with restartPolicy OnFailure also restarts of Pending and Running pods `>= backoffLimit`,
/// or any restart when the limit is 0.
fn past_backoff_limit(context: &Context<'_>) -> Option<Finish> {
    let limit = context.job.spec.backoff_limit();
    let restarts = context.pods.tally().restarts();
    let past = context.counts.failed > limit || (context.job.spec.restarts_on_failure() && restarts >= limit.max(1));
    past.then(|| Finish::failure("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
}

/// Active for as long as the deadline says; otherwise the plan wakes then.
fn past_deadline(context: &Context<'_>, plan: &mut Plan) -> Option<Finish> {
    let seconds = context.job.spec.active_deadline_seconds.filter(|_| !context.job.spec.is_suspended())?;
    let start = context.status.start_time.as_ref()?.0;
    let deadline = start.saturating_add(SignedDuration::from_secs(seconds)).ok()?;
    if context.now >= deadline {
        return Some(Finish::failure("DeadlineExceeded", "Job was active longer than specified deadline"));
    }
    plan.wait(Note {
        rule: "deadline",
        inputs: format!("started {start}"),
        decision: "the Job may go on".to_owned(),
        field: "spec.activeDeadlineSeconds",
        waits_for: None,
        until: Some(deadline),
    });
    None
}

fn failed_by_indexes(context: &Context<'_>) -> Option<(Finish, &'static str)> {
    let failed = context.failed_indexes.as_ref()?.total();
    let most = context.job.spec.max_failed_indexes.and_then(|most| u32::try_from(most).ok());
    if most.is_some_and(|most| failed > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some((Finish::failure("MaxFailedIndexesExceeded", message), "spec.maxFailedIndexes"));
    }
    let done = failed > 0 && failed + context.succeeded_indexes.total() >= context.job.spec.indexes();
    done.then(|| (Finish::failure("FailedIndexes", "Job has failed indexes"), "spec.backoffLimitPerIndex"))
}

fn met_success_policy(context: &Context<'_>) -> Option<Finish> {
    let spec = &context.job.spec;
    let policy = spec.success_policy.as_ref().filter(|_| spec.is_indexed());
    let message = success_policy::met(policy, spec.indexes(), &context.succeeded_indexes)?;
    Some(Finish::success("SuccessPolicy", message))
}

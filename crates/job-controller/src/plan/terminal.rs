//! Whether a Job has come to its end, and why. The order of the rules is upstream's: an end that was declared stands,
//! then failures, then successes.

use api::text::count;
use jiff::SignedDuration;

use super::context::Context;
use super::failure_policy::Verdict;
use super::indexes::Indexes;
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
    let inputs = inputs(context, field);
    plan.note("terminal", field, inputs, format!("{}: {}", finish.reason, finish.message));
    Some(finish)
}

/// What the rule of a field looked at.
fn inputs(context: &Context<'_>, field: &str) -> String {
    let (spec, counts) = (&context.job.spec, &context.counts);
    let limit = |limit: Option<i32>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
    match field {
        "spec.backoffLimit" if spec.restarts_on_failure() => {
            let restarts = context.pods.tally().restarts();
            format!("failed {}, restarts {restarts}, backoffLimit {}", counts.failed, spec.backoff_limit())
        }
        "spec.backoffLimit" => format!("failed {}, backoffLimit {}", counts.failed, spec.backoff_limit()),
        "spec.activeDeadlineSeconds" => {
            let start = context.status.start_time.as_ref().map(|start| start.0.to_string()).unwrap_or_default();
            format!("started {start}, activeDeadlineSeconds {}", spec.active_deadline_seconds.unwrap_or(0))
        }
        "spec.maxFailedIndexes" | "spec.backoffLimitPerIndex" => {
            let failed = context.failed_indexes.as_ref().map(brief).unwrap_or_default();
            format!("failed indexes {failed}, maxFailedIndexes {}", limit(spec.max_failed_indexes))
        }
        _ => format!("failed {}, succeeded {}", counts.failed, counts.succeeded),
    }
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

/// The indexes, as far as a record has room for them.
fn brief(indexes: &Indexes) -> String {
    const MAX_LETTERS: usize = 80;
    let text = indexes.to_string();
    match text.char_indices().nth(MAX_LETTERS) {
        Some((end, _)) => format!("{}... ({} in all)", &text[..end], indexes.total()),
        None => text,
    }
}

/// Records what came of failures that the limits do not tell by themselves: pods that the policy ignores, and indexes
/// that have failed.
pub(super) fn note_failures(context: &Context<'_>, plan: &mut Plan) {
    if context.job.spec.pod_failure_policy.is_some() {
        let failed = context.pods.ended().filter(|pod| pod.tracked && context.is_failed(pod));
        let ignored: Vec<&str> = failed.filter(|pod| !context.counts_as_failed(pod)).map(|pod| &*pod.name).collect();
        if let Some(first) = ignored.first() {
            let others =
                if ignored.len() > 1 { format!(" and {}", count(ignored.len() - 1, "other")) } else { String::new() };
            let decision = format!("{first}{others}: the failure does not count (Ignore)");
            plan.note("pod-failure-policy", "spec.podFailurePolicy", String::new(), decision);
        }
    }
    if !context.newly_failed_indexes.is_empty() {
        let limit = context.job.spec.backoff_limit_per_index.unwrap_or(0);
        let inputs = format!("backoffLimitPerIndex {limit}");
        let decision = format!("failed for good: indexes {}", brief(&context.newly_failed_indexes));
        plan.note("index", "spec.backoffLimitPerIndex", inputs, decision);
    }
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

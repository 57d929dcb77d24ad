//! What a wait is for, and whether a Job has got there. Pure.

use api::k8s::api::batch::v1::Job;

use crate::exit::{Code, Failure};
use crate::view::facts::{self, Verdict};
use crate::view::stuck::Stuck;

/// One thing to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Complete or Failed; the exit code says which.
    Finished,
    /// Complete.
    Complete,
    /// Failed.
    Failed,
    /// Suspended.
    Suspended,
    /// A pod has been started.
    Started,
    /// Something holds it up that time will not cure.
    Stuck,
    /// Gone.
    Deleted,
    /// A condition with this type and status.
    Condition(String, String),
}

/// What is known of a Job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The Job, if it is there.
    pub(crate) job: Option<&'a Job>,
    /// Whether it was there at any time of this wait.
    pub(crate) was_there: bool,
    /// What holds it up.
    pub(crate) stuck: Option<&'a Stuck>,
}

/// The end of a wait for one Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// The exit code.
    pub(crate) code: Code,
    /// What came of it, in a few words.
    pub(crate) text: String,
}

/// Reads `--for`: goals parted by commas, any of which will do.
///
/// # Errors
/// Words that are no goal.
pub(crate) fn parse(text: &str) -> Result<Vec<Goal>, Failure> {
    text.split(',').map(|word| parse_one(word.trim())).collect()
}

fn parse_one(word: &str) -> Result<Goal, Failure> {
    if let Some(condition) = word.strip_prefix("condition=") {
        let (name, value) = condition.split_once('=').unwrap_or((condition, "True"));
        return Ok(Goal::Condition(name.to_owned(), value.to_owned()));
    }
    match word.to_ascii_lowercase().as_str() {
        "finished" => Ok(Goal::Finished),
        "complete" | "completed" => Ok(Goal::Complete),
        "failed" => Ok(Goal::Failed),
        "suspended" => Ok(Goal::Suspended),
        "started" => Ok(Goal::Started),
        "stuck" => Ok(Goal::Stuck),
        "delete" | "deleted" => Ok(Goal::Deleted),
        _ => Err(Failure::usage(format!(
            "error: --for {word:?}: wait for finished, complete, failed, suspended, started, stuck, deleted or condition=NAME[=VALUE]"
        ))),
    }
}

/// Whether the wait is over.
pub(crate) fn judge(goals: &[Goal], seen: Seen<'_>) -> Option<Judgement> {
    let Some(job) = seen.job else {
        let done = |text: &str| Some(Judgement { code: Code::Success, text: text.to_owned() });
        return match (goals.contains(&Goal::Deleted), seen.was_there) {
            (true, _) => done("deleted"),
            (false, true) => Some(Judgement { code: Code::Gone, text: "was deleted".to_owned() }),
            (false, false) => None,
        };
    };
    if let Some(judgement) = goals.iter().find_map(|goal| reached(goal, job, seen.stuck)) {
        return Some(judgement);
    }
    facts::outcome(job)?;
    // A finished Job can still be deleted or be given a condition; everything else is decided.
    let open = |goal: &Goal| matches!(goal, Goal::Deleted | Goal::Condition(..));
    let text = format!("{} and will not be otherwise", facts::state(job));
    (!goals.iter().any(open)).then_some(Judgement { code: Code::Failure, text })
}

fn reached(goal: &Goal, job: &Job, stuck: Option<&Stuck>) -> Option<Judgement> {
    let outcome = facts::outcome(job);
    let verdict = outcome.as_ref().map(|outcome| outcome.verdict);
    let status = job.status.as_ref();
    let met = |text: String| Some(Judgement { code: Code::Success, text });
    let reason = || match outcome.as_ref().map(|outcome| outcome.reason.as_str()) {
        Some("") | None => String::new(),
        Some(reason) => format!(" ({reason})"),
    };
    match goal {
        Goal::Finished => match verdict? {
            Verdict::Complete => met("Complete".to_owned()),
            Verdict::Failed => Some(Judgement { code: Code::Failure, text: format!("Failed{}", reason()) }),
        },
        Goal::Complete if verdict == Some(Verdict::Complete) => met("Complete".to_owned()),
        Goal::Failed if verdict == Some(Verdict::Failed) => met(format!("Failed{}", reason())),
        Goal::Suspended if facts::condition(job, "Suspended").is_some() => met("Suspended".to_owned()),
        Goal::Started => {
            let ready = status.and_then(|status| status.ready).unwrap_or(0);
            let ran = ready > 0 || facts::succeeded(job) > 0 || facts::failed(job) > 0 || verdict.is_some();
            if ran { met("started".to_owned()) } else { None }
        }
        Goal::Stuck => met(format!("stuck: {}", stuck?.reason)),
        Goal::Condition(name, value) => {
            let conditions = status?.conditions.as_deref()?;
            let found = conditions.iter().find(|condition| condition.type_.eq_ignore_ascii_case(name))?;
            if found.status.eq_ignore_ascii_case(value) { met("condition met".to_owned()) } else { None }
        }
        Goal::Complete | Goal::Failed | Goal::Suspended | Goal::Deleted => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(condition: Option<&str>) -> Job {
        let conditions: Vec<_> = condition
            .iter()
            .map(|name| json!({"type": name, "status": "True", "reason": "BackoffLimitExceeded"}))
            .collect();
        serde_json::from_value(json!({"status": {"conditions": conditions}})).expect("a Job")
    }

    fn code(goals: &str, condition: Option<&str>) -> Option<Code> {
        let job = job(condition);
        let seen = Seen { job: Some(&job), was_there: true, stuck: None };
        judge(&parse(goals).expect("goals"), seen).map(|judgement| judgement.code)
    }

    #[test]
    fn finished_ends_with_the_jobs_result() {
        assert_eq!(code("finished", None), None);
        assert_eq!(code("finished", Some("Complete")), Some(Code::Success));
        assert_eq!(code("finished", Some("Failed")), Some(Code::Failure));
    }

    #[test]
    fn what_can_not_come_any_more_ends_the_wait() {
        assert_eq!(code("complete", Some("Failed")), Some(Code::Failure));
        assert_eq!(code("failed", Some("Failed")), Some(Code::Success));
        assert_eq!(code("failed", Some("Complete")), Some(Code::Failure));
        assert_eq!(code("complete,failed", Some("Failed")), Some(Code::Success));
        assert_eq!(code("deleted", Some("Complete")), None);
        assert_eq!(code("condition=Special", Some("Complete")), None);
        assert_eq!(code("condition=complete", Some("Complete")), Some(Code::Success));
    }

    #[test]
    fn a_job_that_goes_away_ends_every_wait() {
        let gone = Seen { job: None, was_there: true, stuck: None };
        let never = Seen { was_there: false, ..gone };
        let judged = |goals: &str, seen| judge(&parse(goals).expect("goals"), seen).map(|judgement| judgement.code);
        assert_eq!(judged("finished", gone), Some(Code::Gone));
        assert_eq!(judged("deleted", gone), Some(Code::Success));
        assert_eq!(judged("deleted", never), Some(Code::Success));
        assert_eq!(judged("finished", never), None);
    }

    #[test]
    fn words_that_are_no_goal_are_refused() {
        assert!(parse("done").expect_err("no goal").message.contains("wait for finished"));
    }
}

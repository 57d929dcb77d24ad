//! The exit code of `logs --exit-status`: the Job's result, as `wait` and `why` give it. Pure.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;

use crate::exit::Code;
use crate::follow::Ending;
use crate::history::run::{RUNNING, Run};
use crate::view::facts::{self, Verdict};
use crate::view::stuck;

/// Of a Job that is there.
pub(super) fn of_job(job: &Job, pods: &[Pod]) -> Code {
    match facts::outcome(job).map(|outcome| outcome.verdict) {
        Some(Verdict::Complete) => Code::Success,
        Some(Verdict::Failed) => Code::Failure,
        None if stuck::find(job, pods, &stuck::Troubles::default()).is_some() => Code::Stuck,
        None => Code::Success,
    }
}

/// Of a Job in the history.
pub(super) fn of_run(run: &Run) -> Code {
    match run.status.as_str() {
        "Complete" | RUNNING => Code::Success,
        "Failed" => Code::Failure,
        // It went, or its server did, before it ended.
        _ => Code::Gone,
    }
}

/// Of a Job that was followed.
pub(super) fn of_ending(ending: &Ending) -> Code {
    match ending {
        Ending::Outcome(outcome) if outcome.verdict == Verdict::Complete => Code::Success,
        Ending::Outcome(_) => Code::Failure,
        Ending::Deleted => Code::Gone,
        Ending::Stuck(_) => Code::Stuck,
        Ending::TimedOut => Code::Timeout,
        Ending::Interrupted(code) => *code,
        Ending::Lost(_) => Code::Server,
        Ending::Detached => Code::Success,
    }
}

/// What to end with when output was read with the first code and the Job's result is the second: output that could not be
/// read must not look like a Job that failed.
pub(super) fn joined(read: Code, result: Code) -> Code {
    if read == Code::Success { result } else { Code::Server }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn job(spec: &Value, conditions: &Value) -> Job {
        let mut spec = spec.clone();
        spec["template"] = json!({"spec": {"restartPolicy": "Never", "containers": []}});
        serde_json::from_value(json!({"metadata": {"name": "x"}, "spec": spec, "status": {"conditions": conditions}}))
            .expect("a Job")
    }

    #[test]
    fn the_code_is_the_jobs_result() {
        let ended = |kind: &str| json!([{"type": kind, "status": "True"}]);
        assert_eq!(of_job(&job(&json!({}), &ended("Complete")), &[]), Code::Success);
        assert_eq!(of_job(&job(&json!({}), &ended("Failed")), &[]), Code::Failure);
        assert_eq!(of_job(&job(&json!({"suspend": true}), &json!([])), &[]), Code::Stuck);
        assert_eq!(of_job(&job(&json!({}), &json!([])), &[]), Code::Success);
    }

    #[test]
    fn output_that_could_not_be_read_is_no_failed_job() {
        assert_eq!(joined(Code::Failure, Code::Success), Code::Server);
        assert_eq!(joined(Code::Success, Code::Failure), Code::Failure);
    }
}

//! How a session ended, as its client is told. Pure; the words are those of upstream's streaming server.

use api::session::{Outcome, Refused};
use serde_json::{Value, json};
use streams::channel::Errors;

/// The message of the error channel; nothing where there is nothing to tell.
pub(super) fn message(outcome: &Outcome, errors: Errors) -> Vec<u8> {
    match (errors, outcome) {
        (Errors::Status, outcome) => status(outcome).to_string().into_bytes(),
        (Errors::Text, Outcome::Exited(0)) => Vec::new(),
        (Errors::Text, outcome) => text(outcome).into_bytes(),
    }
}

fn text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited(code) => {
            format!("command terminated with non-zero exit code: command terminated with exit code {code}")
        }
        Outcome::Failed(text) => format!("Internal error occurred: {text}"),
    }
}

fn status(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Exited(0) => json!({"metadata": {}, "status": "Success"}),
        Outcome::Exited(code) => json!({
            "metadata": {},
            "status": "Failure",
            "message": text(outcome),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Outcome::Failed(why) => json!({
            "metadata": {},
            "status": "Failure",
            "message": text(outcome),
            "reason": "InternalError",
            "details": {"causes": [{"message": why}]},
            "code": 500,
        }),
    }
}

/// A refusal of the kubelet in the error channel: what upstream's translator makes of it.
pub(super) fn refused(refused: &Refused) -> Outcome {
    Outcome::Failed(format!("unable to upgrade connection: {}", refused.text))
}

/// A failure behind upstream's translator, which wraps what it reads of the kubelet's error stream once more.
pub(super) fn translated(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed(text) => Outcome::Failed(format!("Internal error occurred: {text}")),
        exited @ Outcome::Exited(_) => exited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_statuses_that_kubectl_reads() {
        let value: Value = serde_json::from_slice(&message(&Outcome::Exited(7), Errors::Status)).unwrap();
        assert_eq!(
            (&value["reason"], &value["details"]["causes"][0]["message"]),
            (&json!("NonZeroExitCode"), &json!("7"))
        );
        assert_eq!(message(&Outcome::Exited(0), Errors::Status), br#"{"metadata":{},"status":"Success"}"#);
        assert_eq!(message(&Outcome::Exited(0), Errors::Text), b"");
    }

    #[test]
    fn failures_are_internal_errors() {
        let failed = Outcome::Failed("no".to_owned());
        assert_eq!(message(&failed, Errors::Text), b"Internal error occurred: no");
        let twice: Value = serde_json::from_slice(&message(&translated(failed), Errors::Status)).unwrap();
        assert_eq!(twice["message"], "Internal error occurred: Internal error occurred: no");
    }
}

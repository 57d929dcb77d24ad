//! Exit codes, and the errors that choose one. Codes never change meaning: scripts depend on them.

use std::fmt;
use std::process::ExitCode;

use api::{Reason, Status};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    /// The Job completed, or the command did what it was asked.
    Success,
    /// The Job failed; for other verbs, any error, as with kubectl.
    Failure,
    /// The exit code of a container, asked for with `--exit-code-from=container`.
    Container(u8),
    /// The exit code of a command that was run for the user, as by `sandbox`.
    Command(u8),
    /// The command line or the manifest is wrong.
    Usage,
    /// The server or this tool failed.
    Server,
    /// The Job does not exist, or went away before it finished.
    Gone,
    /// The Job cannot go on by itself.
    Stuck,
    /// `--timeout` elapsed.
    Timeout,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Code {
    /// The number that the process ends with.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Container(code) | Self::Command(code) => code,
            Self::Usage => 2,
            Self::Server => 3,
            Self::Gone => 4,
            Self::Stuck => 5,
            Self::Timeout => 124,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}

/// What `kubectl job help exit-codes` prints.
pub(crate) const TABLE: &str = "\
Exit codes

  Code  run, rerun, wait, cron trigger               other verbs
  0     the Job is Complete                          done
  1     the Job Failed                               any error
  2     wrong command line or manifest, --strict     the same
  3     the server cannot be reached, or failed      the same
  4     no such Job, or deleted before it finished   -
  5     stuck or suspended (with --fail-on-stuck)    -
  124   --timeout elapsed                            the same
  130   interrupted (SIGINT)                         the same
  143   terminated (SIGTERM)                         the same

  why, logs --exit-status: the Job's result, as the first column has it; 0 while
           it goes on; 3 also when output could not be read.
  run --exit-code-from container: the code of the container that decided.
  lint: 1 for errors, with --strict for warnings too; doctor: 1 for problems.
  sandbox: its command's code; 127 no such command, 126 it may not be run,
           128 and a signal's number.
  test: 0 all passed, 1 some failed, 2 wrong command line or test file,
        3 a test could not be run, 4 no tests found.
";

/// An error that knows its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: Code,
    /// For people; may have several lines.
    pub(crate) message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// An error with this code.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A wrong command line or manifest.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }
}

/// Whether the verb's exit code is the outcome of a Job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `run`, `rerun` and `wait`.
    Outcome,
    /// All others: kubectl's codes.
    Plain,
}

/// The text and exit code of an error, in kubectl's words where the error is the API's.
pub(crate) fn explain(error: &anyhow::Error, family: Family) -> (Code, String) {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return (failure.code, failure.message.clone());
    }
    let context = context_of(error);
    match error.chain().find_map(|cause| cause.downcast_ref::<client::Error>()) {
        Some(client::Error::Status(status)) => (status_code(status, family), status_text(status, context.as_deref())),
        Some(client::Error::Config(text)) => (Code::Server, format!("error: {text}")),
        Some(other) => (Code::Server, format!("Unable to connect to the server: {}", reached(other))),
        None => (Code::Failure, format!("error: {error:#}")),
    }
}

/// The text put in front of an API error by the caller, if any.
fn context_of(error: &anyhow::Error) -> Option<String> {
    let first = error.to_string();
    let is_client = error.chain().next().is_some_and(|cause| cause.downcast_ref::<client::Error>().is_some());
    let own = error.chain().find_map(|cause| cause.downcast_ref::<client::Error>()).map(ToString::to_string);
    (!is_client && own.as_deref() != Some(first.as_str())).then_some(first)
}

/// What the transport says, which names the address and, where one was read, the file.
fn reached(error: &client::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn status_code(status: &Status, family: Family) -> Code {
    match (family, status.code) {
        (Family::Plain, _) => Code::Failure,
        (Family::Outcome, 404) => Code::Gone,
        (Family::Outcome, 400 | 409 | 413 | 422) => Code::Usage,
        (Family::Outcome, _) => Code::Server,
    }
}

/// An API error as kubectl shows it (`k8s.io/kubectl/pkg/cmd/util/helpers.go`, `StandardErrorMessage` and
/// `checkErr`).
pub(crate) fn status_text(status: &Status, context: Option<&str>) -> String {
    if status.is(&Reason::INVALID)
        && let Some(details) = &status.details
        && !details.kind.is_empty()
    {
        let head = format!("The {} \"{}\" is invalid", details.kind, details.name);
        return match details.causes.as_slice() {
            [] => head,
            [one] => format!("{head}: {}: {}", one.field, one.message),
            many => many
                .iter()
                .fold(format!("{head}: "), |text, cause| format!("{text}\n* {}: {}", cause.field, cause.message)),
        };
    }
    let reason = status.reason.as_ref().map_or("", |reason| reason.0.as_ref());
    let context = context.map(|text| format!("{text}: ")).unwrap_or_default();
    if reason.is_empty() {
        format!("Error from server: {context}{}", status.message)
    } else {
        format!("Error from server ({reason}): {context}{}", status.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    fn refused(status: Status) -> anyhow::Error {
        client::Error::Status(status).into()
    }

    #[test]
    fn api_errors_read_as_kubectl_shows_them() {
        let missing = Status::not_found(&api::resource::JOBS, "pi");
        let (code, text) = explain(&refused(missing.clone()), Family::Plain);
        assert_eq!((code, text.as_str()), (Code::Failure, "Error from server (NotFound): jobs.batch \"pi\" not found"));
        assert_eq!(explain(&refused(missing), Family::Outcome).0, Code::Gone);
    }

    #[test]
    fn the_file_in_error_stands_before_the_servers_words() {
        let error = Err::<(), _>(client::Error::Status(Status::bad_request("unknown field \"spec.foo\"")))
            .context("error when creating \"job.yaml\"")
            .expect_err("it is an error");
        let (code, text) = explain(&error, Family::Outcome);
        assert_eq!(code, Code::Usage);
        assert_eq!(
            text,
            "Error from server (BadRequest): error when creating \"job.yaml\": unknown field \"spec.foo\""
        );
    }

    #[test]
    fn invalid_objects_list_each_field() {
        let kind = api::Kind::known("batch", "v1", "Job");
        let status = Status::invalid(&kind, "pi", &api::field::FieldErrors::default())
            .with_cause("FieldValueInvalid", "must be positive", "spec.completions")
            .with_cause("FieldValueRequired", "Required value", "spec.template");
        let text = status_text(&status, Some("ignored"));
        assert_eq!(
            text,
            "The Job \"pi\" is invalid: \n* spec.completions: must be positive\n* spec.template: Required value"
        );
    }
}

//! Scripts written into the pod: what a server in virtual time runs. Pure.
//!
//! | Annotation | Values | Without it |
//! |---|---|---|
//! | `kubectl-job/run` | how long a run takes: a duration such as `90s` or `1h30m`, or `forever` | `1s` |
//! | `kubectl-job/exit` | an exit code from 0 to 255, a signal such as `SIGKILL`, or `OOMKilled` | `0` |
//! | `kubectl-job/term` | how a run takes TERM: `dies`, `ignores`, a duration until it dies, or a duration and how it ends, such as `5s:0` | `dies` |
//! | `kubectl-job/startup`, `kubectl-job/liveness`, `kubectl-job/readiness` | what that probe finds: `passes` or `fails`, and each time after the start at which that changes, such as `fails 30s passes` or `passes 2m fails` | `passes` |
//! | `kubectl-job/start-error` | the text with which a start fails; an empty one starts | starts |
//! | `kubectl-job/log` | what a run prints, in any number of lines | nothing |
//!
//! All but the log may list several values, separated by commas: the first is for the first run, and so on; the last is
//! for all that follow. Runs are counted as [`Attempt::number`] says: over the pods of a Job, for each index. A name
//! with `.CONTAINER` behind it is for that container alone: `kubectl-job/exit.main`. What cannot be read makes the
//! container wait with the reason `CreateContainerConfigError` and a message that says which value is wrong.

use jiff::SignedDuration;

use super::{Act, Attempt, Health, OnTerm, Probes, Run, Script};
use crate::runtime::{ExitStatus, StartError};

/// How long a run takes.
pub const RUN: &str = "kubectl-job/run";
/// How a run ends.
pub const EXIT: &str = "kubectl-job/exit";
/// How a run takes TERM.
pub const TERM: &str = "kubectl-job/term";
/// What a run's startup probe finds.
pub const STARTUP: &str = "kubectl-job/startup";
/// What a run's liveness probe finds.
pub const LIVENESS: &str = "kubectl-job/liveness";
/// What a run's readiness probe finds.
pub const READINESS: &str = "kubectl-job/readiness";
/// Why a run does not start.
pub const START_ERROR: &str = "kubectl-job/start-error";
/// What a run prints.
pub const LOG: &str = "kubectl-job/log";

/// Whether a pod's annotation, perhaps for one container, is read here.
pub(crate) fn reads_annotation(name: &str) -> bool {
    let is = |known: &str| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    [RUN, EXIT, TERM, STARTUP, LIVENESS, READINESS, START_ERROR, LOG].into_iter().any(is)
}

/// How long a run takes that does not say.
const DEFAULT_RUN: SignedDuration = SignedDuration::from_secs(1);

/// Acts as the pods' annotations say.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnnotationScript;

impl Script for AnnotationScript {
    fn act(&self, attempt: &Attempt) -> Act {
        read(attempt).unwrap_or_else(|error| Act::Refuse(StartError::Config(error.to_string())))
    }
}

/// An annotation that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("annotation {name}: {value:?} is not {wanted}")]
pub struct BadAnnotation {
    name: String,
    value: String,
    wanted: &'static str,
}

fn read(attempt: &Attempt) -> Result<Act, BadAnnotation> {
    if let Some(text) = listed(attempt, START_ERROR).map(|(_, text)| text).filter(|text| !text.is_empty()) {
        return Ok(Act::Refuse(StartError::Exec(text.to_owned())));
    }
    let duration = parsed(attempt, RUN, "a duration such as 5s, or forever", run)?;
    let exit = parsed(attempt, EXIT, "an exit code from 0 to 255, a signal such as SIGKILL, or OOMKilled", parse_exit)?;
    let wanted = "dies, ignores, a duration such as 5s, or one with an end such as 5s:0";
    let on_term = parsed(attempt, TERM, wanted, parse_on_term)?;
    let lines = annotation(attempt, LOG).map(|(_, text)| text.lines().map(str::to_owned).collect());
    Ok(Act::Run(Run {
        duration: duration.unwrap_or(Some(DEFAULT_RUN)),
        exit: exit.unwrap_or(ExitStatus::Code(0)),
        lines: lines.unwrap_or_default(),
        on_term: on_term.unwrap_or_default(),
        probes: probes(attempt)?,
    }))
}

fn probes(attempt: &Attempt) -> Result<Probes, BadAnnotation> {
    let of = |name| {
        let wanted = "passes or fails, with the times of changes between them, such as fails 30s passes";
        Ok(parsed(attempt, name, wanted, parse_health)?.unwrap_or_default())
    };
    Ok(Probes { startup: of(STARTUP)?, liveness: of(LIVENESS)?, readiness: of(READINESS)? })
}

/// The value for this container, and the full name it stands under.
fn annotation<'a>(attempt: &'a Attempt, name: &str) -> Option<(String, &'a str)> {
    let own = format!("{name}.{}", attempt.container);
    match attempt.annotation(&own) {
        Some(value) => Some((own, value)),
        None => attempt.annotation(name).map(|value| (name.to_owned(), value)),
    }
}

/// The value of a list for this run.
fn listed<'a>(attempt: &'a Attempt, name: &str) -> Option<(String, &'a str)> {
    let (name, list) = annotation(attempt, name)?;
    let position = usize::try_from(attempt.number).unwrap_or(usize::MAX);
    let values = || list.split(',');
    let value = values().nth(position).or_else(|| values().next_back())?;
    Some((name, value.trim()))
}

fn parsed<T>(
    attempt: &Attempt,
    name: &str,
    wanted: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, BadAnnotation> {
    let Some((name, value)) = listed(attempt, name) else { return Ok(None) };
    match parse(value) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(BadAnnotation { name, value: value.to_owned(), wanted }),
    }
}

fn run(text: &str) -> Option<Option<SignedDuration>> {
    if text == "forever" { Some(None) } else { duration(text).map(Some) }
}

fn duration(text: &str) -> Option<SignedDuration> {
    text.parse().ok().filter(|duration: &SignedDuration| !duration.is_negative())
}

/// How a run ends: an exit code, a signal such as `SIGKILL`, or `OOMKilled`.
pub fn parse_exit(text: &str) -> Option<ExitStatus> {
    if text == "OOMKilled" {
        return Some(ExitStatus::OutOfMemory);
    }
    if let Some(signal) = text.starts_with("SIG").then(|| text.parse::<nix::sys::signal::Signal>().ok()) {
        return signal.map(|signal| ExitStatus::Signal(signal as i32));
    }
    text.parse::<u8>().ok().map(|code| ExitStatus::Code(code.into()))
}

/// What a probe finds, such as `fails 30s passes`: answers and times in turn; the answers alternate and the times grow.
pub fn parse_health(text: &str) -> Option<Health> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let fails = |word: &str| match word {
        "passes" => Some(false),
        "fails" => Some(true),
        _ => None,
    };
    let (answers, times): (Vec<_>, Vec<_>) = words.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let answers: Vec<bool> = answers.into_iter().map(|(_, word)| fails(word)).collect::<Option<_>>()?;
    let turns: Vec<SignedDuration> = times.into_iter().map(|(_, word)| duration(word)).collect::<Option<_>>()?;
    let alternate = answers.windows(2).all(|pair| pair[0] != pair[1]) && turns.is_sorted_by(|a, b| a < b);
    let complete = answers.len() == turns.len() + 1;
    (alternate && complete).then(|| Health { fails_first: answers[0], turns })
}

/// How a run takes TERM: `dies`, `ignores`, or `5s` and `5s:0` as in the annotation.
pub fn parse_on_term(text: &str) -> Option<OnTerm> {
    match text {
        "dies" => return Some(OnTerm::default()),
        "ignores" => return Some(OnTerm::Ignores),
        _ => {}
    }
    let (after, end) = text.split_once(':').map_or((text, None), |(after, end)| (after, Some(end)));
    let status = end.map_or(Some(ExitStatus::Signal(super::SIGTERM)), parse_exit)?;
    Some(OnTerm::Ends { after: duration(after)?, exit: status })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::k8s::api::core::v1::Pod;
    use jiff::Timestamp;

    use super::*;

    fn act(annotations: &[(&str, &str)], number: u32) -> Act {
        let mut pod = Pod::default();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pod.metadata.annotations = Some(annotations.iter().map(owned).collect());
        let (pod, container) = (Arc::new(pod), "main".to_owned());
        AnnotationScript.act(&Attempt { pod, container, run: number, number, now: Timestamp::UNIX_EPOCH })
    }

    fn secs(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_pod_that_says_nothing_runs_for_a_second_and_succeeds() {
        assert_eq!(act(&[], 0), Run::exits(0, secs(1)).into());
    }

    #[test]
    fn each_run_takes_its_value_and_later_ones_the_last() {
        let annotations = [(RUN, "5s, 1m"), (EXIT, "1,SIGKILL,0")];
        assert_eq!(act(&annotations, 0), Run::exits(1, secs(5)).into());
        let killed = Run { exit: ExitStatus::Signal(9), ..Run::exits(0, secs(60)) };
        assert_eq!(act(&annotations, 1), killed.into());
        assert_eq!(act(&annotations, 7), Run::exits(0, secs(60)).into());
    }

    #[test]
    fn a_container_has_values_of_its_own() {
        assert_eq!(act(&[("kubectl-job/exit.main", "3"), (EXIT, "4")], 0), Run::exits(3, secs(1)).into());
        assert_eq!(act(&[("kubectl-job/exit.side", "3"), (EXIT, "4")], 0), Run::exits(4, secs(1)).into());
    }

    #[test]
    fn term_log_and_start_errors_are_read() {
        let slow = OnTerm::Ends { after: secs(5), exit: ExitStatus::Code(0) };
        let expected = Run::never_ends().on_term(slow).prints("a").prints("b");
        assert_eq!(act(&[(RUN, "forever"), (TERM, "5s:0"), (LOG, "a\nb\n")], 0), expected.into());
        assert_eq!(act(&[(TERM, "ignores")], 0), Run::exits(0, secs(1)).on_term(OnTerm::Ignores).into());
        let refused = Act::Refuse(StartError::Exec("no such program".to_owned()));
        assert_eq!(act(&[(START_ERROR, "no such program,")], 0), refused);
        assert_eq!(act(&[(START_ERROR, "no such program,")], 1), Run::exits(0, secs(1)).into());
    }

    #[test]
    fn probes_find_what_is_written_and_pass_otherwise() {
        let annotations =
            [(READINESS, "fails 30s passes"), ("kubectl-job/liveness.main", "passes 1m fails 2m passes, fails")];
        let probes = Probes {
            startup: Health::default(),
            liveness: Health { fails_first: false, turns: vec![secs(60), secs(120)] },
            readiness: Health::passes_after(secs(30)),
        };
        assert_eq!(act(&annotations, 0), Run::exits(0, secs(1)).probes(probes.clone()).into());
        let later = Probes { liveness: Health::fails(), ..probes };
        assert_eq!(act(&annotations, 1), Run::exits(0, secs(1)).probes(later).into());
        for wrong in ["", "ready", "30s", "passes 30s", "fails 30s fails", "fails 30s passes 20s fails"] {
            assert!(matches!(act(&[(STARTUP, wrong)], 0), Act::Refuse(StartError::Config(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_wrong_value_says_what_is_wrong() {
        for (name, value, text) in [
            (RUN, "soon", "annotation kubectl-job/run: \"soon\" is not a duration such as 5s, or forever"),
            (RUN, "-5s", "annotation kubectl-job/run: \"-5s\" is not a duration such as 5s, or forever"),
            (
                EXIT,
                "256",
                "annotation kubectl-job/exit: \"256\" is not an exit code from 0 to 255, a signal such as SIGKILL, or OOMKilled",
            ),
            (
                EXIT,
                "SIGNOT",
                "annotation kubectl-job/exit: \"SIGNOT\" is not an exit code from 0 to 255, a signal such as SIGKILL, or OOMKilled",
            ),
            (
                "kubectl-job/term.main",
                "5s:x",
                "annotation kubectl-job/term.main: \"5s:x\" is not dies, ignores, a duration such as 5s, or one with an end such as 5s:0",
            ),
        ] {
            assert_eq!(act(&[(name, value)], 0), Act::Refuse(StartError::Config(text.to_owned())));
        }
    }
}

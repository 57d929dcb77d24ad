//! The end of a followed Job: what is said, what exit code it gives, and the result as JSON.

use std::path::Path;

use anyhow::Context as _;
use api::k8s::api::batch::v1::Job;
use jiff::Timestamp;
use serde_json::json;

use crate::cli::run::{ExitCodeFrom, RunArgs};
use crate::exit::Code;
use crate::follow::printer::Printer;
use crate::follow::{Ending, progress};
use crate::manifest::Source;
use crate::screen::{Screen, Tone, escape};
use crate::target::Target;
use crate::view::attempts::Attempts;
use crate::view::facts::{self, Outcome, Verdict};
use crate::view::failure::Failure;

/// A Job that is not followed any more.
pub(crate) struct End<'a> {
    /// The Job as it was seen last.
    pub(crate) job: &'a Job,
    /// Its attempts.
    pub(crate) attempts: &'a Attempts,
    /// Why it is not followed any more.
    pub(crate) ending: &'a Ending,
    /// Where its manifest's values stand.
    pub(crate) source: &'a Source,
    /// The last lines of the attempt that failed last.
    pub(crate) last_lines: &'a [String],
}

impl End<'_> {
    /// The exit code.
    pub(crate) fn code(&self) -> Code {
        match self.ending {
            Ending::Outcome(outcome) if outcome.verdict == Verdict::Complete => Code::Success,
            Ending::Outcome(_) => Code::Failure,
            Ending::Deleted => Code::Gone,
            Ending::Stuck(_) => Code::Stuck,
            Ending::TimedOut => Code::Timeout,
            Ending::Detached => Code::Success,
            Ending::Interrupted(code) => *code,
            Ending::Lost(_) => Code::Server,
        }
    }

    /// Says how it ended, and gives the exit code.
    pub(crate) fn tell(&self, args: &RunArgs, target: &Target, printer: &mut Printer) -> Code {
        let screen = printer.screen();
        let now = crate::time::now();
        for line in self.lines(target, args.how.rm, now, screen) {
            if self.code() == Code::Success { printer.note(line) } else { printer.say(line) }
        }
        match (args.how.exit_code_from, self.container_code()) {
            (ExitCodeFrom::Container, Some(code)) => Code::Container(u8::try_from(code).unwrap_or(u8::MAX)),
            _ => self.code(),
        }
    }

    /// The words for the ending.
    fn lines(&self, target: &Target, is_removed: bool, now: Timestamp, screen: Screen) -> Vec<String> {
        let name = escape(facts::name(self.job)).into_owned();
        let bad = |text: String| vec![screen.tone(Tone::Bad, &format!("{} {text}", screen.bad()))];
        let is_kept = !target.is_ephemeral() && !is_removed;
        match self.ending {
            Ending::Outcome(outcome) => self.outcome(outcome, is_kept, now, screen),
            Ending::Deleted => bad(format!("Job {name} was deleted before it finished")),
            Ending::Stuck(stuck) => {
                let mut lines = bad(format!("Job {name} is stuck {} {}", screen.dash(), escape(&stuck.reason)));
                lines.push(format!("  Why   {}", escape(&stuck.text)));
                lines.extend(stuck.hint.iter().map(|hint| format!("  Next  {}", escape(hint))));
                lines
            }
            Ending::TimedOut if is_kept => {
                let mut lines = bad(format!("time is up; Job {name} goes on"));
                lines.push(format!("  Next  kubectl job wait {name}   or   kubectl job delete {name}"));
                lines
            }
            Ending::TimedOut => bad(format!("time is up; Job {name} ends with this command")),
            Ending::Lost(why) => bad(format!("lost the server while following Job {name}: {}", escape(why))),
            Ending::Interrupted(_) | Ending::Detached => Vec::new(),
        }
    }

    fn outcome(&self, outcome: &Outcome, is_kept: bool, now: Timestamp, screen: Screen) -> Vec<String> {
        if outcome.verdict == Verdict::Complete {
            return vec![progress::complete(self.job, now, screen)];
        }
        let failure = Failure {
            job: self.job,
            outcome,
            attempts: self.attempts,
            source: self.source,
            last_lines: self.last_lines,
            now,
        };
        let mut lines = failure.lines(screen.look());
        lines.extend(self.next_steps(is_kept));
        lines
    }

    fn next_steps(&self, is_kept: bool) -> Vec<String> {
        if !is_kept {
            return vec!["  Next  run it without --ephemeral to keep the Job, its pods and logs".to_owned()];
        }
        let name = escape(facts::name(self.job));
        let namespace = match facts::namespace(self.job) {
            "default" => String::new(),
            other => format!(" -n {}", escape(other)),
        };
        vec![
            format!("  Next  kubectl job why {name}{namespace}        full decision chain"),
            format!("        kubectl job timeline {name}{namespace}   attempts and back-offs over time"),
            format!("        kubectl job logs {name}{namespace}       all output of all attempts"),
        ]
    }

    /// The exit code of the container that failed last.
    fn container_code(&self) -> Option<i32> {
        match self.ending {
            Ending::Outcome(outcome) if outcome.verdict == Verdict::Failed => {
                self.attempts.failures().next_back()?.end.as_ref()?.exit_code
            }
            _ => None,
        }
    }

    /// Writes the result as JSON.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn write_result(&self, file: &Path, code: Code) -> anyhow::Result<()> {
        let (outcome, reason, message) = match self.ending {
            Ending::Outcome(outcome) => {
                let verdict = if outcome.verdict == Verdict::Complete { "Complete" } else { "Failed" };
                (verdict, outcome.reason.as_str(), outcome.message.as_str())
            }
            Ending::Deleted => ("Deleted", "", ""),
            Ending::Stuck(stuck) => ("Stuck", stuck.reason.as_str(), stuck.text.as_str()),
            Ending::TimedOut => ("TimedOut", "", ""),
            Ending::Detached => ("Detached", "", ""),
            Ending::Interrupted(_) => ("Interrupted", "", ""),
            Ending::Lost(why) => ("Lost", "", why.as_str()),
        };
        let result = json!({
            "name": facts::name(self.job),
            "namespace": facts::namespace(self.job),
            "outcome": outcome,
            "reason": reason,
            "message": message,
            "code": code.number(),
            "exitCode": self.attempts.list().last().and_then(|attempt| attempt.end.as_ref()?.exit_code),
            "attempts": self.attempts.list().len(),
            "succeeded": facts::succeeded(self.job),
            "failed": facts::failed(self.job),
            "seconds": facts::elapsed(self.job, crate::time::now()).map(|span| span.as_secs_f64()),
        });
        let text = format!("{}\n", serde_json::to_string_pretty(&result).context("encode the result")?);
        std::fs::write(file, text).with_context(|| format!("write the result to {}", file.display()))
    }
}

//! The failure screen: in at most ten lines why the Job failed, by which line of its manifest, what its last attempt
//! said, and what to do next.

use api::k8s::api::batch::v1::Job;
use jiff::Timestamp;

use crate::attempts::{Attempt, Attempts, End};
use crate::facts::{self, Outcome};
use crate::manifest::Source;
use crate::text::{Style, Tone, escape};
use crate::{Story, duration};

/// The most lines of log that the screen shows.
pub(crate) const LOG_LINES: usize = 3;
/// The longest line of log that the screen shows, in letters.
const LOG_WIDTH: usize = 200;

/// The failure screen of a story, without the next steps, which depend on where it is shown. Empty for a Job that has
/// not failed.
pub fn failure(story: &Story, style: &Style) -> String {
    let job = story.typed_job();
    let Some(outcome) = facts::outcome(&job).filter(|outcome| outcome.verdict == facts::Verdict::Failed) else {
        return String::new();
    };
    let attempts = Attempts::of_values(&story.pods);
    let last = attempts.failures().next_back();
    let container = |attempt: &Attempt| attempt.end.as_ref().map(|end| end.container.clone()).unwrap_or_default();
    let last_lines = last.map(|last| story.tail(&last.pod, last.run, &container(last))).unwrap_or_default();
    let source = story.source();
    let failure =
        Failure { job: &job, outcome: &outcome, attempts: &attempts, source: &source, last_lines, now: story.now };
    failure.lines(*style).join("\n")
}

/// What the screen is made of.
pub struct Failure<'a> {
    /// The Job.
    pub job: &'a Job,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// Its attempts.
    pub attempts: &'a Attempts,
    /// Where its manifest's values stand.
    pub source: &'a Source,
    /// The last attempt's last lines of log.
    pub last_lines: &'a [String],
    /// The time.
    pub now: Timestamp,
}

impl Failure<'_> {
    /// The screen's lines.
    pub fn lines(&self, style: Style) -> Vec<String> {
        let name = escape(facts::name(self.job)).into_owned();
        let after = facts::elapsed(self.job, self.now).map(|span| format!(" after {}", duration::show(span)));
        let head = format!("{} Job {name} FAILED{}", style.bad(), after.unwrap_or_default());
        let reason = escape(&self.outcome.reason);
        let mut lines = vec![format!("{} {} {reason}", style.tone(Tone::Bad, &head), style.dash()), String::new()];
        lines.push(format!("  Why   {}", self.why()));
        if let Some(text) = self.ends() {
            lines.push(format!("        {text}"));
        }
        let last = self.attempts.failures().next_back();
        let shown = self.last_lines.len().saturating_sub(LOG_LINES);
        for (position, line) in self.last_lines[shown..].iter().enumerate() {
            let head = if position == 0 { "Last" } else { "" };
            let pod = last.map(|attempt| escape(&attempt.pod).into_owned()).unwrap_or_default();
            lines.push(format!("  {head:<4}  {pod} {} {}", style.bar(), log_line(line)));
        }
        lines
    }

    /// `2 (job.yaml:7)`, `6 (the default)`.
    fn limit(&self, field: &str, value: impl std::fmt::Display) -> String {
        match self.source.place(&format!("spec.{field}")) {
            Some(place) => format!("{field} is {value} ({})", escape(&place)),
            None if self.source.file().is_some() => format!("{field} is {value} (the default)"),
            None => format!("{field} is {value}"),
        }
    }

    /// The field that decided.
    pub(crate) fn field(&self) -> Option<String> {
        let field = match self.outcome.reason.as_str() {
            "BackoffLimitExceeded" => "backoffLimit",
            "DeadlineExceeded" => "activeDeadlineSeconds",
            "MaxFailedIndexesExceeded" => "maxFailedIndexes",
            "FailedIndexes" => "backoffLimitPerIndex",
            "PodFailurePolicy" => {
                let rule = self.outcome.message.rsplit_once("rule at index ").map(|(_, index)| index);
                let rule = rule.and_then(|index| index.trim_end_matches('.').parse::<usize>().ok());
                return Some(match rule {
                    Some(rule) => format!("spec.podFailurePolicy.rules[{rule}]"),
                    None => "spec.podFailurePolicy".to_owned(),
                });
            }
            _ => return None,
        };
        Some(format!("spec.{field}"))
    }

    pub(crate) fn why(&self) -> String {
        let spec = facts::spec(self.job);
        let count = u32::try_from(facts::failed(self.job)).unwrap_or(0);
        match self.outcome.reason.as_str() {
            "BackoffLimitExceeded" => {
                let limit = self.limit("backoffLimit", facts::backoff_limit(self.job));
                let restarts = self.attempts.failures().count() > count as usize;
                match count {
                    _ if restarts => format!("the container kept failing; {limit}, which its restarts exceeded."),
                    1 => format!("1 pod failed; {limit}, so the first failure ended the Job."),
                    _ => format!("{count} pods failed; {limit}, so the {} failure ended the Job.", ordinal(count)),
                }
            }
            "DeadlineExceeded" => match spec.active_deadline_seconds {
                Some(seconds) => {
                    format!("{}, and the Job was active for longer.", self.limit("activeDeadlineSeconds", seconds))
                }
                None => self.message(),
            },
            "MaxFailedIndexesExceeded" => match spec.max_failed_indexes {
                Some(limit) => {
                    format!("{}; {} failed.", self.limit("maxFailedIndexes", limit), self.failed_indexes())
                }
                None => self.message(),
            },
            "FailedIndexes" => match spec.backoff_limit_per_index {
                Some(limit) => {
                    format!("{} failed; {}.", self.failed_indexes(), self.limit("backoffLimitPerIndex", limit))
                }
                None => self.message(),
            },
            "PodFailurePolicy" => match self.field().and_then(|field| self.source.place(&field)) {
                Some(place) => format!("{} (podFailurePolicy at {})", self.message(), escape(&place)),
                None => self.message(),
            },
            _ => self.message(),
        }
    }

    fn message(&self) -> String {
        match self.outcome.message.as_str() {
            "" => "the Job has condition Failed and gives no message.".to_owned(),
            message => escape(message).into_owned(),
        }
    }

    fn failed_indexes(&self) -> String {
        let indexes = self.job.status.as_ref().and_then(|status| status.failed_indexes.as_deref());
        let indexes = escape(indexes.unwrap_or("?")).into_owned();
        if indexes.contains([',', '-']) { format!("indexes {indexes}") } else { format!("index {indexes}") }
    }

    /// How the attempts ended, if any did.
    pub(crate) fn ends(&self) -> Option<String> {
        let failures: Vec<(&Attempt, &End)> =
            self.attempts.failures().filter_map(|attempt| Some((attempt, attempt.end.as_ref()?))).collect();
        let (_, last) = failures.last()?;
        if last.reason == "StartError" || last.exit_code.is_none() {
            let message = if last.message.is_empty() { &last.reason } else { &last.message };
            return Some(format!("{}: {}", failed_subject(last), escape(message)));
        }
        let container = escape(&last.container);
        let same = failures.iter().all(|(_, end)| end.exit_code == last.exit_code && end.container == last.container);
        Some(match failures.len() {
            1 => format!("Container \"{container}\": {}.", last.show()),
            _ if same => format!("Every attempt ended alike: container \"{container}\", {}.", last.show()),
            _ => {
                let recent = failures.iter().rev().take(6).rev().map(|(_, end)| end.show());
                format!("Attempts ended with: {}.", recent.collect::<Vec<_>>().join(", "))
            }
        })
    }
}

/// A line of output, short enough and without what could steer a terminal.
pub(crate) fn log_line(line: &str) -> String {
    let line: String = line.chars().take(LOG_WIDTH).collect();
    escape(line.trim_end()).into_owned()
}

fn failed_subject(end: &End) -> String {
    match end.container.as_str() {
        "" => "The last pod failed".to_owned(),
        container => format!("Container \"{}\" could not start", escape(container)),
    }
}

/// `1st`, `2nd`, `3rd`, `11th`.
fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::k8s::api::core::v1::Pod;
    use serde_json::json;

    fn pods(codes: &[(i32, &str, &str)]) -> Vec<Pod> {
        let one = |(position, (code, reason, message)): (usize, &(i32, &str, &str))| {
            let terminated = json!({"exitCode": code, "reason": reason, "message": message});
            let status = json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": terminated}});
            serde_json::from_value(
                json!({"metadata": {"name": format!("migrate-{position}"), "uid": position.to_string()},
                "status": {"phase": "Failed", "containerStatuses": [status]}}),
            )
            .expect("a Pod")
        };
        codes.iter().enumerate().map(one).collect()
    }

    fn screen_of(spec: &str, reason: &str, codes: &[(i32, &str, &str)], log: &[&str]) -> Vec<String> {
        let text =
            format!("apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\nspec:\n  template: {{}}\n{spec}");
        let document = crate::manifest::parse("job.yaml", &text).expect("YAML").remove(0);
        let mut value = document.value;
        value["status"] = json!({
            "failed": codes.len(), "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Failed", "status": "True", "reason": reason, "message": "as it says",
                "lastTransitionTime": "2026-01-01T00:00:33Z"}],
        });
        let job: Job = serde_json::from_value(value).expect("a Job");
        let outcome = facts::outcome(&job).expect("it failed");
        let attempts = Attempts::of(&pods(codes));
        let last_lines: Vec<String> = log.iter().map(|line| (*line).to_owned()).collect();
        let now = "2026-01-01T01:00:00Z".parse().expect("a time");
        let failure = Failure {
            job: &job,
            outcome: &outcome,
            attempts: &attempts,
            source: &document.source,
            last_lines: &last_lines,
            now,
        };
        let lines = failure.lines(Style { ascii: true, ..Style::default() });
        assert!(lines.len() <= 10, "{lines:?}");
        lines
    }

    #[test]
    fn the_backoff_limit_is_named_with_its_line() {
        let error = (3, "Error", "");
        let lines =
            screen_of("  backoffLimit: 2\n", "BackoffLimitExceeded", &[error; 3], &["FATAL: no relation \"users\""]);
        assert_eq!(
            lines,
            [
                "x Job migrate FAILED after 33s - BackoffLimitExceeded",
                "",
                "  Why   3 pods failed; backoffLimit is 2 (job.yaml:7), so the 3rd failure ended the Job.",
                "        Every attempt ended alike: container \"app\", exit 3.",
                "  Last  migrate-2 | FATAL: no relation \"users\"",
            ]
        );
    }

    #[test]
    fn a_program_that_does_not_exist_is_told_in_the_runtimes_words() {
        let start_error = (128, "StartError", "exec: \"nope\": executable file not found in $PATH");
        let lines = screen_of("  backoffLimit: 0\n", "BackoffLimitExceeded", &[start_error], &[]);
        assert_eq!(
            lines[2],
            "  Why   1 pod failed; backoffLimit is 0 (job.yaml:7), so the first failure ended the Job."
        );
        assert_eq!(
            lines[3],
            "        Container \"app\" could not start: exec: \"nope\": executable file not found in $PATH"
        );
    }

    #[test]
    fn the_deadline_is_named_with_its_line() {
        let lines = screen_of("  activeDeadlineSeconds: 5\n", "DeadlineExceeded", &[(143, "Error", "")], &[]);
        assert_eq!(lines[2], "  Why   activeDeadlineSeconds is 5 (job.yaml:7), and the Job was active for longer.");
        assert_eq!(lines[3], "        Container \"app\": killed by SIGTERM (exit 143).");
    }

    #[test]
    fn indexes_that_failed_are_named() {
        let error = (1, "Error", "");
        let screen = |indexes: &str| {
            let job = json!({"spec": {"backoffLimitPerIndex": 1, "template": {}}, "status": {"failedIndexes": indexes,
                "conditions": [{"type": "Failed", "status": "True", "reason": "FailedIndexes"}]}});
            let now = "2026-01-01T01:00:00Z".parse().expect("a time");
            let pods = pods(&[error]).iter().map(|pod| json!(pod)).collect();
            let story = Story { job, pods, events: vec![], records: None, manifest: None, logs: vec![], now };
            failure(&story, &Style { ascii: true, ..Style::default() }).lines().nth(2).unwrap_or_default().to_owned()
        };
        assert_eq!(screen("3"), "  Why   index 3 failed; backoffLimitPerIndex is 1.");
        assert_eq!(screen("1,3-5"), "  Why   indexes 1,3-5 failed; backoffLimitPerIndex is 1.");
    }

    #[test]
    fn defaults_and_unlike_ends_are_said_to_be_so() {
        let lines = screen_of("", "BackoffLimitExceeded", &[(1, "Error", ""), (2, "Error", "")], &[]);
        assert!(lines[2].contains("backoffLimit is 6 (the default)"), "{lines:?}");
        assert_eq!(lines[3], "        Attempts ended with: exit 1, exit 2.");
    }

    #[test]
    fn hostile_logs_and_messages_stay_on_their_line() {
        let lines = screen_of("", "PodFailurePolicy", &[(1, "Error", "")], &["a", "b", "c\u{1b}[2J", "d\r"]);
        assert_eq!(lines[4..7], ["  Last  migrate-0 | b", "        migrate-0 | c\\u{1b}[2J", "        migrate-0 | d"]);
        assert_eq!(lines[2], "  Why   as it says");
    }

    #[test]
    fn ordinals_have_their_endings() {
        let shown: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 101, 111].into_iter().map(ordinal).collect();
        assert_eq!(shown, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "101st", "111th"]);
    }
}

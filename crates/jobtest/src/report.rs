//! What is told of a test that ran, and of a whole suite, in the formats of people and machines.

mod github;
mod html;
mod json;
mod junit;
mod pretty;
mod tap;

use std::path::PathBuf;
use std::time::Duration;

use explain::{Story, Style};
use jiff::SignedDuration;
use serde::Serialize;

use crate::format::{ClockMode, Test};
use crate::words;

pub use github::{annotations, summary};
pub use html::html;
pub use json::json;
pub use junit::{Granularity, junit};
pub(crate) use pretty::difference;
pub use pretty::{line, total};
pub use tap::tap;

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is as expected.
    Passed,
    /// Something is not.
    Failed,
    /// It could not be run; why.
    Broken(String),
}

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The line of the test file; 0 when there is none.
    pub line: u64,
    /// The field of the test, such as `expect.outcome`.
    pub field: String,
    /// What was wanted.
    pub want: String,
    /// What came.
    pub got: String,
    /// Where in the manifest it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Decided>,
}

/// The field of a manifest that decided something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The file.
    pub file: String,
    /// The line; 0 when the manifest leaves the field to its default.
    pub line: u64,
    /// Such as `spec.backoffLimit`.
    pub field: String,
    /// Its value.
    pub value: String,
}

impl Failure {
    pub(crate) fn at(line: u64, field: &str, want: impl Into<String>, got: impl Into<String>) -> Self {
        Self { line, field: field.to_owned(), want: want.into(), got: got.into(), manifest: None }
    }
}

impl Decided {
    /// `backoffLimit: 6 (job.yaml:7)`.
    pub fn show(&self) -> String {
        let name = self.field.strip_prefix("spec.").unwrap_or(&self.field);
        let value = if self.value.is_empty() { String::new() } else { format!(": {}", self.value) };
        match self.line {
            0 => format!("{name}{value} (the default; {})", self.file),
            line => format!("{name}{value} ({}:{line})", self.file),
        }
    }
}

/// What is told of one Job of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct JobReport {
    /// Its name.
    pub name: String,
    /// All that is known of it.
    pub story: Story,
}

impl JobReport {
    pub(crate) fn of(story: &Story) -> Self {
        let name = story.job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Self { name, story: story.clone() }
    }

    /// Why it is as it is.
    pub fn why(&self, style: &Style) -> String {
        explain::why(&self.story, style)
    }

    /// Its attempts over time.
    pub fn timeline(&self, style: &Style) -> String {
        explain::timeline(&self.story, style)
    }

    /// The last lines of its attempts that failed, or of the last one: label and line.
    pub fn last_lines(&self, most: usize, dot: &str) -> Vec<(String, String)> {
        let attempts = explain::attempts(&self.story);
        let failed = attempts.iter().rev().find(|attempt| attempt.end.as_ref().is_some_and(|end| !end.is_success()));
        let Some(attempt) = failed.or_else(|| attempts.last()) else { return Vec::new() };
        let tails = self.story.logs.iter().filter(|tail| tail.pod == attempt.pod && tail.run == attempt.run);
        let lines: Vec<&String> = tails.flat_map(|tail| &tail.lines).collect();
        let shown = &lines[lines.len().saturating_sub(most)..];
        shown.iter().map(|line| (attempt.label(dot), (*line).clone())).collect()
    }
}

/// Something that a test asks for, by the line and field that say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The line of the test file; 0 when there is none.
    pub line: u64,
    /// Such as `expect.outcome`, or `do[0].suspend`.
    pub field: String,
}

/// A repetition that did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// What it was run with.
    pub seed: u64,
    /// What was not as expected; nothing when it could not be run.
    pub failures: Vec<Failure>,
}

/// What is told of one test.
#[derive(Clone, Debug)]
pub struct Report {
    /// The test's name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Where it begins.
    pub line: u64,
    /// How time passed.
    pub mode: ClockMode,
    /// What names and UIDs were drawn from.
    pub seed: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// By the cluster's clock.
    pub virtual_time: SignedDuration,
    /// By the machine's.
    pub real: Duration,
    /// What was not as expected.
    pub failures: Vec<Failure>,
    /// All that the test asks for, in the order of its file.
    pub asked: Vec<Asked>,
    /// Whether what is asked of Jobs was not looked at, since a manifest was refused.
    pub unjudged: bool,
    /// The fields of what was not looked at, since a step before it failed.
    pub unreached: Vec<String>,
    /// Beside the point, such as a timeline that was written.
    pub notes: Vec<String>,
    /// All that happened, a line each.
    pub history: String,
    /// Its Jobs.
    pub jobs: Vec<JobReport>,
    /// The command that runs it again, exactly.
    pub replay: String,
    /// How many repetitions failed, of how many that were run, when it was repeated.
    pub repetitions: Option<(u32, u32)>,
    /// The first of those that failed; at most [`REPETITIONS_MAX`].
    pub failed_repetitions: Vec<Repetition>,
    /// Where the data of its cluster were kept.
    pub kept: Option<PathBuf>,
}

/// Failed repetitions of a test that a report tells of one by one.
pub const REPETITIONS_MAX: usize = 20;

impl Report {
    pub(crate) fn new(test: &Test, mode: ClockMode, seed: u64) -> Self {
        Self {
            name: test.name.clone(),
            file: test.file.clone(),
            line: test.line,
            mode,
            seed,
            verdict: Verdict::Passed,
            virtual_time: SignedDuration::ZERO,
            real: Duration::ZERO,
            failures: Vec::new(),
            asked: test.asked(),
            unjudged: false,
            unreached: Vec::new(),
            notes: Vec::new(),
            history: String::new(),
            jobs: Vec::new(),
            replay: String::new(),
            repetitions: None,
            failed_repetitions: Vec::new(),
            kept: None,
        }
    }

    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    /// Whether it passed in some repetitions and failed in others.
    pub fn is_flaky(&self) -> bool {
        self.repetitions.is_some_and(|(bad, times)| 0 < bad && bad < times)
    }

    /// `virtual 10m30s`, or how long it took where time is real.
    pub fn shown_virtual(&self) -> String {
        // Fractions come from processes, and are beside the point.
        let rounded = if self.virtual_time.as_secs() >= 10 {
            SignedDuration::from_secs(self.virtual_time.as_secs())
        } else {
            SignedDuration::from_millis(i64::try_from(self.virtual_time.as_millis() / 10 * 10).unwrap_or(0))
        };
        words::show(if self.mode == ClockMode::Virtual { self.virtual_time } else { rounded })
    }
}

/// Numbers of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Tests.
    pub tests: usize,
    /// That passed.
    pub passed: usize,
    /// That did not come out as expected.
    pub failed: usize,
    /// That could not be run.
    pub broken: usize,
    /// By the clusters' clocks, in all.
    pub virtual_time: SignedDuration,
}

impl Totals {
    /// Of these tests.
    pub fn of(reports: &[Report]) -> Self {
        let count = |wanted: fn(&Verdict) -> bool| reports.iter().filter(|report| wanted(&report.verdict)).count();
        let times = reports.iter().map(|report| report.virtual_time);
        Self {
            tests: reports.len(),
            passed: count(|verdict| *verdict == Verdict::Passed),
            failed: count(|verdict| *verdict == Verdict::Failed),
            broken: count(|verdict| matches!(verdict, Verdict::Broken(_))),
            virtual_time: times.fold(SignedDuration::ZERO, SignedDuration::saturating_add),
        }
    }
}

//! What a `*.jobtest.yaml` file says, as values. Reading is strict: an unknown field, a value of another type or one that
//! means nothing is an error with its place.

mod actions;
mod asked;
mod expectations;
mod pods;
mod read;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::Verb;
use explain::manifest::Document;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use testkit::{Act, Component};

use crate::cel::Expression;
use crate::words::Ranges;

pub(crate) use read::plain_path;
pub use read::{LoadError, load, read_text, zero_config};

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name, unique in its file.
    pub name: String,
    /// Its file, as it was named.
    pub file: String,
    /// The line at which it begins.
    pub line: u64,
    /// What is created at the start.
    pub(crate) manifests: Vec<Manifest>,
    /// How time passes; decided by `pods` when it is not given.
    pub(crate) clock: Option<ClockMode>,
    pub(crate) start_at: Option<Timestamp>,
    /// How much time passes in all; otherwise until everything has happened.
    pub(crate) run_for: Option<SignedDuration>,
    pub(crate) wall_timeout: Duration,
    /// `IMAGE=TARGET` rules for real processes.
    pub(crate) images: Vec<String>,
    pub(crate) pods: Vec<Rule>,
    pub(crate) actions: Vec<Action>,
    /// What is done after another has come true: of a kuttl directory, which has no actions and expectations.
    pub(crate) steps: Vec<Step>,
    pub(crate) expect: Expect,
    /// Where its golden timeline lives.
    pub(crate) snapshot: PathBuf,
}

/// Objects that are applied, and what must hold before the next step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// How long it may take until all of it holds.
    pub(crate) timeout: SignedDuration,
    pub(crate) apply: Vec<Document>,
    /// Partial objects that are there.
    pub(crate) asserts: Vec<Said<Value>>,
    /// Partial objects that are not.
    pub(crate) errors: Vec<Said<Value>>,
    pub(crate) files: Vec<PathBuf>,
}

/// A manifest file that a test names.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// As reports name it: relative to where the tool runs.
    pub(crate) file: String,
    /// The line at which the test names it; 0 when it is a test of its own.
    pub(crate) line: u64,
    pub(crate) text: Arc<str>,
    pub(crate) documents: Vec<Document>,
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// No processes; time moves only to the next timer.
    Virtual,
    /// Real processes; time jumps while none runs.
    Hybrid,
    /// Real processes, real time.
    Real,
}

impl ClockMode {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Virtual => "virtual",
            Self::Hybrid => "hybrid",
            Self::Real => "real",
        }
    }
}

/// Which attempts are meant; what is not said holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Match {
    /// Counted from 1, per index.
    pub(crate) attempt: Option<Ranges>,
    pub(crate) index: Option<Ranges>,
    pub(crate) container: Option<String>,
    pub(crate) job: Option<String>,
}

/// How matching attempts behave.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) matches: Match,
    pub(crate) act: Act,
    /// What is done to the pod some time after the start.
    pub(crate) disruption: Option<(SignedDuration, Blow)>,
}

/// What can happen to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// Evicted through the API.
    Evict,
    /// Deleted without grace.
    Kill,
    /// Deleted with its grace period.
    Delete,
}

/// Something that is done at a time.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) line: u64,
    pub(crate) field: String,
    pub(crate) at: When,
    pub(crate) what: What,
    /// A part of the refusal that is expected.
    pub(crate) refused: Option<String>,
}

/// When an action is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    After(SignedDuration),
    At(Timestamp),
}

/// What an action does.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A merge patch of an object of the namespace `default`.
    Patch {
        target: Target,
        subresource: Option<String>,
        patch: Value,
    },
    Delete {
        target: Target,
        propagation: Option<String>,
    },
    Create(Vec<Document>),
    Apply(Vec<Document>),
    Pod {
        matches: Match,
        blow: Blow,
    },
    Drain {
        node: String,
    },
    Uncordon {
        node: String,
    },
    Stop(Component),
    Start(Component),
    Crash(Component),
    Fault {
        component: Component,
        verb: Verb,
        resource: String,
        times: u64,
        status: Option<u16>,
    },
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
}

/// A value and the line of the test file that says it.
#[derive(Clone, Debug)]
pub(crate) struct Said<T> {
    pub(crate) line: u64,
    pub(crate) field: String,
    pub(crate) value: T,
}

/// How a Job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    Failed,
    Suspended,
    Running,
    Deleted,
}

impl Outcome {
    pub(crate) const WORDS: [(&str, Self); 5] = [
        ("Complete", Self::Complete),
        ("Failed", Self::Failed),
        ("Suspended", Self::Suspended),
        ("Running", Self::Running),
        ("Deleted", Self::Deleted),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::WORDS.iter().find(|(_, outcome)| *outcome == self).map_or("", |(name, _)| name)
    }
}

/// What is expected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expect {
    /// Of the Job, or of each when there are several.
    pub(crate) job: JobExpect,
    /// Of Jobs by name.
    pub(crate) jobs: Vec<(Said<String>, JobExpect)>,
    pub(crate) events: Vec<Said<EventExpect>>,
    pub(crate) never: Vec<Said<Expression>>,
    pub(crate) always: Vec<Said<Expression>>,
    pub(crate) eventually: Vec<Said<Expression>>,
    pub(crate) finally: Vec<Said<Expression>>,
    /// Partial objects that are there at some time.
    pub(crate) objects: Vec<Said<Value>>,
    /// Objects that are not there at the end.
    pub(crate) absent: Vec<Said<Target>>,
    pub(crate) cron: Option<Said<CronExpect>>,
    /// A part of the API's refusal of a manifest.
    pub(crate) refused: Option<Said<String>>,
    pub(crate) snapshot: Option<Said<bool>>,
}

/// What is expected of a Job.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobExpect {
    pub(crate) outcome: Option<Said<Outcome>>,
    pub(crate) reason: Option<Said<String>>,
    pub(crate) message: Option<Said<String>>,
    pub(crate) within: Option<Said<SignedDuration>>,
    pub(crate) took: Option<Said<SignedDuration>>,
    pub(crate) attempts: Option<Said<Vec<Said<AttemptExpect>>>>,
    pub(crate) pods: Vec<Said<(PodCount, u32)>>,
    pub(crate) logs: Vec<Said<LogExpect>>,
}

/// What is expected of one attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttemptExpect {
    pub(crate) index: Option<u32>,
    pub(crate) exit: Option<u32>,
    pub(crate) reason: Option<String>,
    pub(crate) backoff: Option<SignedDuration>,
    pub(crate) ran: Option<SignedDuration>,
}

/// What of a Job's pods is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodCount {
    Created,
    MaxActive,
    Succeeded,
    Failed,
}

impl PodCount {
    pub(crate) const WORDS: [(&'static str, Self); 4] = [
        ("created", Self::Created),
        ("maxActive", Self::MaxActive),
        ("succeeded", Self::Succeeded),
        ("failed", Self::Failed),
    ];
}

/// What is expected of output.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogExpect {
    pub(crate) matches: Match,
    pub(crate) contains: Option<String>,
    pub(crate) lacks: Option<String>,
    pub(crate) equals: Option<String>,
}

/// What is expected of Events.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventExpect {
    pub(crate) reason: String,
    pub(crate) kind: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) contains: Option<String>,
    /// At least one without it.
    pub(crate) count: Option<u32>,
}

/// What is expected of a CronJob.
#[derive(Clone, Debug, Default)]
pub(crate) struct CronExpect {
    pub(crate) name: Option<String>,
    pub(crate) fired: Option<u32>,
    pub(crate) skipped: Option<u32>,
    pub(crate) reason: Option<String>,
    /// The first and following times.
    pub(crate) times: Option<Vec<Timestamp>>,
}

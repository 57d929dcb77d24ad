//! What decides how scripted containers behave.

use std::sync::Arc;

use api::k8s::api::core::v1::Pod;
use jiff::{SignedDuration, Timestamp};

use crate::plan::{Answer, Outlook, Probed};
use crate::runtime::{ContainerSpec, ExitStatus, StartError};

/// The annotation with the index of a pod of an Indexed Job.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Decides how each run of a container behaves. Asked once per start, in the order of the starts; an answer that
/// depends on nothing but the [`Attempt`] keeps simulations repeatable.
pub trait Script: Send + Sync + 'static {
    /// How this run behaves.
    fn act(&self, attempt: &Attempt) -> Act;
}

impl<F: Fn(&Attempt) -> Act + Send + Sync + 'static> Script for F {
    fn act(&self, attempt: &Attempt) -> Act {
        self(attempt)
    }
}

/// One run that is about to start.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The pod.
    pub pod: Arc<Pod>,
    /// The container's name.
    pub container: String,
    /// How often this container was started before in this pod.
    pub run: u32,
    /// How often this container was started before for the pod's controller, and if it has one, its index: in this pod
    /// and in those that it replaces. The same as `run` for a pod that nobody controls.
    pub number: u32,
    /// The time of the start.
    pub now: Timestamp,
}

impl Attempt {
    pub(super) fn of(spec: &ContainerSpec, now: Timestamp) -> Self {
        let (container, run) = spec.id.container().unwrap_or_default();
        Self { pod: spec.pod.clone(), container: container.to_owned(), run, number: run, now }
    }

    /// The completion index of a pod of an Indexed Job.
    pub fn index(&self) -> Option<u32> {
        self.annotation(INDEX)?.parse().ok()
    }

    /// A label of the pod.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.pod.metadata.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// An annotation of the pod.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.pod.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// The pod's name.
    pub fn pod_name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or_default()
    }

    /// What runs are counted by.
    pub(super) fn owner(&self) -> Option<String> {
        let owners = self.pod.metadata.owner_references.as_deref().unwrap_or_default();
        let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
        let index = self.annotation(INDEX).unwrap_or_default();
        Some(format!("{}/{index}/{}", owner.uid, self.container))
    }
}

/// How a run behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It starts.
    Run(Run),
    /// It does not: [`StartError::Exec`] counts as an end, the others are tried again.
    Refuse(StartError),
}

/// A run that starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How long it takes; `None` when it never ends by itself.
    pub duration: Option<SignedDuration>,
    /// How it ends.
    pub exit: ExitStatus,
    /// What it prints, when it starts.
    pub lines: Vec<String>,
    /// How it takes TERM.
    pub on_term: OnTerm,
    /// What its probes find.
    pub probes: Probes,
}

/// What the probes of a run find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// Of its startup probe.
    pub startup: Health,
    /// Of its liveness probe.
    pub liveness: Health,
    /// Of its readiness probe.
    pub readiness: Health,
}

/// Whether a probe passes, over the time of a run. It always does unless something else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether it fails at first.
    pub fails_first: bool,
    /// When it turns into the other, each time counted from the start of the run and later than the one before.
    pub turns: Vec<SignedDuration>,
}

impl Health {
    /// It never passes.
    pub fn fails() -> Self {
        Self { fails_first: true, turns: Vec::new() }
    }

    /// It passes from some time on.
    pub fn passes_after(wait: SignedDuration) -> Self {
        Self { fails_first: true, turns: vec![wait] }
    }

    /// It fails from some time on.
    pub fn fails_after(wait: SignedDuration) -> Self {
        Self { fails_first: false, turns: vec![wait] }
    }

    /// What is found at a time, and until when.
    pub(super) fn at(&self, started_at: Timestamp, now: Timestamp) -> Probed {
        let turn = |turn: &SignedDuration| super::after(started_at, *turn);
        let passed = self.turns.iter().filter(|wait| turn(wait) <= now).count();
        let fails = self.fails_first != (passed % 2 == 1);
        let answer = if fails { Answer::Failure("the script says so".to_owned()) } else { Answer::Success };
        Probed { answer, outlook: Outlook::Until(self.turns.get(passed).map(turn)) }
    }
}

/// How a run takes TERM. KILL ends any run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTerm {
    /// It ends some time later, unless it would have ended before.
    Ends {
        /// How long it takes.
        after: SignedDuration,
        /// How it ends.
        exit: ExitStatus,
    },
    /// Nothing happens.
    Ignores,
}

impl Default for OnTerm {
    /// Dies at once, as a program without a handler.
    fn default() -> Self {
        Self::Ends { after: SignedDuration::ZERO, exit: ExitStatus::Signal(super::SIGTERM) }
    }
}

impl Run {
    /// A run that exits with this code after some time.
    pub fn exits(code: i32, duration: SignedDuration) -> Self {
        Self {
            duration: Some(duration),
            exit: ExitStatus::Code(code),
            lines: Vec::new(),
            on_term: OnTerm::default(),
            probes: Probes::default(),
        }
    }

    /// A run that never ends by itself.
    pub fn never_ends() -> Self {
        Self { duration: None, ..Self::exits(0, SignedDuration::ZERO) }
    }

    /// Sets how it takes TERM.
    #[must_use]
    pub fn on_term(mut self, on_term: OnTerm) -> Self {
        self.on_term = on_term;
        self
    }

    /// Sets what its probes find.
    #[must_use]
    pub fn probes(mut self, probes: Probes) -> Self {
        self.probes = probes;
        self
    }

    /// Adds a line to what it prints.
    #[must_use]
    pub fn prints(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }
}

impl From<Run> for Act {
    fn from(run: Run) -> Self {
        Self::Run(run)
    }
}

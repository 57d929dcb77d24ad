//! What to follow of a Job and how, and what ends it.

use api::logs::LogOptions;
use jiff::SignedDuration;

use crate::cli::run::Logs;
use crate::exit::Code;
use crate::history::folder::History;
use crate::lines::Show;
use crate::view::facts::Outcome;
use crate::view::stuck::Stuck;

/// What to follow and how.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Whose output to print.
    pub(crate) logs: Logs,
    /// Put no prefix in front of it.
    pub(crate) no_prefix: bool,
    /// How logs are read.
    pub(crate) read: LogOptions,
    /// Which of their lines are shown, and how.
    pub(crate) show: Show,
    /// One log after the other, not as their lines come.
    pub(crate) in_order: bool,
    /// Only this container.
    pub(crate) container: Option<String>,
    /// Give up after this.
    pub(crate) timeout: Option<SignedDuration>,
    /// Give up when the Job has been stuck for this long.
    pub(crate) fail_on_stuck: Option<SignedDuration>,
    /// What the keys of a terminal may do.
    pub(crate) keys: KeyRights,
    /// Where the output of pods lies that are gone before it was read.
    pub(crate) history: Option<History>,
}

/// What the keys of a terminal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRights {
    /// There are no keys.
    Nothing,
    /// All but leave the Job, which ends with this command.
    Stay,
    /// All, and Ctrl-C does this.
    Leave(&'static str),
}

/// Why following ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The Job has ended.
    Outcome(Outcome),
    /// The Job was deleted before it ended.
    Deleted,
    /// The Job cannot go on.
    Stuck(Stuck),
    /// Time is up.
    TimedOut,
    /// Whoever follows it had enough.
    Detached,
    /// A signal came; the code says which.
    Interrupted(Code),
    /// The server does not answer any more.
    Lost(String),
}

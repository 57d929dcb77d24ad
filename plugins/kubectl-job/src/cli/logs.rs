//! The flags of `logs`, which `history logs` shares.

use clap::{Args, ValueEnum};

use crate::duration::Span;

/// `logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Name of a Job
    pub(crate) name: String,
    /// Go on until the Job has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Which output, and how.
    #[command(flatten)]
    pub(crate) read: ReadFlags,
}

/// Which output to read, and how to show it.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReadFlags {
    /// Only these completion indexes, such as 0,3-5
    #[arg(long, value_name = "INDEXES")]
    pub(crate) index: Option<String>,
    /// Only this attempt: last, all or a number
    #[arg(long, value_name = "WHICH", default_value = "all")]
    pub(crate) attempt: String,
    /// Only attempts that failed
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only this container
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// All containers, which is the default; with =false only the first
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) all_containers: Option<bool>,
    /// Only the last so much time
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<Span>,
    /// Only so many lines from the end of each attempt, before any are left out by --grep or --exclude
    #[arg(long, value_name = "LINES", allow_negative_numbers = true)]
    pub(crate) tail: Option<i64>,
    /// Only lines that match this regular expression; repeatable: one match will do
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(crate) grep: Vec<String>,
    /// No lines that match this regular expression; repeatable
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(crate) exclude: Vec<String>,
    /// Mark what matches this regular expression, where there are colours; repeatable
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(crate) highlight: Vec<String>,
    /// In which order; without it pod, and with -f as lines come
    #[arg(long, value_name = "ORDER")]
    pub(crate) merge: Option<Merge>,
    /// Put a time in front of every line
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Put no prefix in front of lines
    #[arg(long)]
    pub(crate) no_prefix: bool,
    /// Format
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<Form>,
    /// End with the Job's result: 1 when it failed, 4 when it is not there or was deleted before it ended, 5 when it is
    /// stuck or suspended
    #[arg(long)]
    pub(crate) exit_status: bool,
}

/// `--merge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Merge {
    /// The lines of all attempts by their times; with -f as they come
    Time,
    /// One attempt after the other, whole
    Pod,
}

/// `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The bytes, without prefixes and as they are, on terminals too
    Raw,
    /// An object a line: pod, container, attempt, index, time, line
    Json,
}

impl Form {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Json => "json",
        }
    }
}

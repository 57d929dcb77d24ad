//! The flags of all verbs but `run`.

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use super::run::ImageFlags;
use crate::duration::Span;

/// `get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Names of Jobs; all without any
    pub(crate) names: Vec<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only Jobs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Only Jobs with these fields
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) field_selector: Option<String>,
    /// Only Jobs in this state, such as failed
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,
    /// Go on with every change
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Format: wide, json, yaml, name, jsonpath=..., jsonpath-as-json=..., custom-columns=...
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// No headings
    #[arg(long)]
    pub(crate) no_headers: bool,
    /// Order by this JSONPath
    #[arg(long, value_name = "JSONPATH")]
    pub(crate) sort_by: Option<String>,
    /// A column of labels
    #[arg(long)]
    pub(crate) show_labels: bool,
    /// Keep managedFields in json and yaml
    #[arg(long)]
    pub(crate) show_managed_fields: bool,
    /// A name that does not exist is no error
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
}

/// `describe`.
#[derive(Debug, Args)]
pub(crate) struct DescribeArgs {
    /// Names of Jobs
    #[arg(required_unless_present = "selector")]
    pub(crate) names: Vec<String>,
    /// Jobs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub(crate) selector: Option<String>,
    /// Format: json, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = ["json", "yaml"])]
    pub(crate) output: Option<String>,
    /// Whether to show events; kubectl calls it so too
    #[arg(long = "show-events", alias = "events", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) events: Option<bool>,
    /// As it was so long after its start, such as +35s; for Jobs of the history, which has those that have ended
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(crate) at: Option<Span>,
}

/// `wait`.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Names of Jobs
    #[arg(required_unless_present_any = ["selector", "all"])]
    pub(crate) names: Vec<String>,
    /// Jobs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub(crate) selector: Option<String>,
    /// All Jobs of the namespace
    #[arg(long, conflicts_with_all = ["names", "selector"])]
    pub(crate) all: bool,
    /// For what: finished, complete, failed, suspended, started, stuck, deleted, condition=NAME[=VALUE]; a comma means or
    #[arg(long = "for", value_name = "WHAT", default_value = "finished")]
    pub(crate) what: String,
    /// Wait no longer than this; 0 looks once, negative waits for ever
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(crate) timeout: Option<Span>,
    /// End with the first Job that got there
    #[arg(long)]
    pub(crate) any: bool,
    /// End with exit code 5 when a Job cannot go on by itself for this long
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "30s")]
    pub(crate) fail_on_stuck: Option<Span>,
    /// Print the last lines of output of a Job that failed
    #[arg(long)]
    pub(crate) logs_on_failure: bool,
}

/// `delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Names of Jobs
    #[arg(required_unless_present_any = ["selector", "all", "files"])]
    pub(crate) names: Vec<String>,
    /// Delete the Jobs of this manifest
    #[arg(short = 'f', long = "filename", value_name = "FILE", conflicts_with = "names")]
    pub(crate) files: Vec<String>,
    /// Jobs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub(crate) selector: Option<String>,
    /// All Jobs of the namespace
    #[arg(long, conflicts_with_all = ["names", "selector"])]
    pub(crate) all: bool,
    /// What happens to the pods
    #[arg(long, value_name = "HOW", default_value = "background", value_parser = ["background", "foreground", "orphan"])]
    pub(crate) cascade: String,
    /// Wait until the Jobs are gone
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub(crate) wait: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<Span>,
    /// Seconds that pods get to end by themselves; 0 only with --force, negative means as the pods say
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) grace_period: Option<i64>,
    /// Kill the pods at once and take them away without waiting for their end
    #[arg(long)]
    pub(crate) force: bool,
    /// Ask before anything is deleted
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Same as --grace-period=1
    #[arg(long, conflicts_with = "grace_period")]
    pub(crate) now: bool,
    /// A name that does not exist is no error
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
    /// Format: name
    #[arg(short, long, value_name = "FORMAT", value_parser = ["name"])]
    pub(crate) output: Option<String>,
}

/// `server`.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerVerb {
    /// Start the local server in the background
    Start(StartArgs),
    /// Stop the local server and every pod on it
    Stop,
    /// Say whether the local server runs, and where
    Status {
        /// Format: json
        #[arg(short, long, value_name = "FORMAT", value_parser = ["json"])]
        output: Option<String>,
    },
}

/// `server start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Stay in the foreground
    #[arg(long)]
    pub(crate) foreground: bool,
    /// What the server is like.
    #[command(flatten)]
    pub(crate) options: ServeArgs,
}

/// What a local server is like.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Stop after this long with no Job and no request; 0 never stops
    #[arg(long, value_name = "DURATION", default_value = "30m")]
    pub(crate) idle_timeout: Span,
    /// How time passes: real; hybrid jumps over waits while no process runs; virtual jumps only, and pods are acted out
    #[arg(long, value_name = "MODE", default_value = "real")]
    pub(crate) clock: ClockMode,
    /// Hide what no Kubernetes API server has (/clock, /decisions): a stand-in for a real cluster
    #[arg(long)]
    pub(crate) plain_api: bool,
    /// What it runs.
    #[command(flatten)]
    pub(crate) images: ImageFlags,
    /// What it keeps.
    #[command(flatten)]
    pub(crate) history: super::history::HistoryFlags,
}

impl Default for ServeArgs {
    fn default() -> Self {
        let idle_timeout = Span(jiff::SignedDuration::from_mins(30));
        Self {
            port: 0,
            idle_timeout,
            clock: ClockMode::Real,
            plain_api: false,
            images: ImageFlags::default(),
            history: Default::default(),
        }
    }
}

/// How time passes on a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClockMode {
    /// As everywhere.
    #[default]
    Real,
    /// As everywhere while a process runs; else to the next wait at once
    Hybrid,
    /// From wait to wait; pods are acted out as their annotations say
    Virtual,
}

impl ClockMode {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Hybrid => "hybrid",
            Self::Virtual => "virtual",
        }
    }
}

/// `clock`.
#[derive(Debug, Subcommand)]
pub(crate) enum ClockVerb {
    /// Say what time it is on the local server
    Now {
        /// Format: json
        #[arg(short, long, value_name = "FORMAT", value_parser = ["json"])]
        output: Option<String>,
    },
    /// Let time pass on the local server, through every timer on the way; returns when all is done that was due
    Advance {
        /// How much, such as 90s, 1h30m or 30d
        #[arg(value_name = "DURATION")]
        by: Span,
    },
    /// Let time pass, from timer to timer, until a Job has ended or a CronJob has started one
    Until(UntilArgs),
    /// Not here: a clock stands still by itself when it is virtual.
    #[command(hide = true)]
    Pause(Words),
    /// Not here.
    #[command(hide = true)]
    Resume(Words),
    /// Not here.
    #[command(hide = true)]
    Speed(Words),
}

/// `clock until`.
#[derive(Debug, Args)]
pub(crate) struct UntilArgs {
    /// job/NAME=finished, complete, failed, suspended, started or deleted, a comma means or; cronjob/NAME=fired
    #[arg(value_name = "OBJECT=STATE")]
    pub(crate) what: String,
    /// Give up after so much of the server's time
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub(crate) limit: Span,
}

/// Whatever is typed.
#[derive(Debug, Args)]
pub(crate) struct Words {
    /// The words.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

/// `env`.
#[derive(Debug, Args)]
pub(crate) struct EnvArgs {
    /// The shell to write for [default: from $SHELL]
    #[arg(long, value_name = "SHELL", value_parser = ["sh", "fish", "powershell"])]
    pub(crate) shell: Option<String>,
    /// Print only the path of the kubeconfig
    #[arg(long)]
    pub(crate) path: bool,
}

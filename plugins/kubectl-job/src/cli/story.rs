//! The flags of `why` and `timeline`.

use clap::{Args, ValueEnum};

/// `why`.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// Name of a Job, or cronjob/NAME; without one, the newest Job of the namespace
    pub(crate) name: Option<String>,
    /// Show this many decisions of the controllers, the newest; 0 shows none
    #[arg(long, value_name = "N", default_value_t = explain::DEFAULT_DEPTH)]
    pub(crate) depth: usize,
    /// Format: json, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = ["json", "yaml"])]
    pub(crate) output: Option<String>,
    /// End with the Job's result: 1 when it failed, 4 when there is none, 5 when it is stuck or suspended
    #[arg(long)]
    pub(crate) exit_status: bool,
}

/// `timeline`.
#[derive(Debug, Args)]
pub(crate) struct TimelineArgs {
    /// Name of a Job; without one, the newest Job of the namespace
    pub(crate) name: Option<String>,
    /// Format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Drawing,
    /// Draw again with every change, until the Job has ended
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// How a timeline is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// For a terminal.
    Text,
    /// As data.
    Json,
    /// As a Mermaid gantt diagram.
    Mermaid,
    /// As a page of its own, with the explanation.
    Html,
    /// As a picture.
    Svg,
    /// As a trace for ui.perfetto.dev or chrome://tracing.
    Perfetto,
}

//! The flags of `suspend` and `resume`.

use clap::Args;

use crate::duration::Span;

/// `suspend` and `resume`.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Names of Jobs, or of CronJobs as cj/NAME; @last is the newest Job
    #[arg(required_unless_present_any = ["selector", "all"])]
    pub(crate) names: Vec<String>,
    /// Jobs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub(crate) selector: Option<String>,
    /// All Jobs of the namespace that have not finished
    #[arg(long, conflicts_with_all = ["names", "selector"])]
    pub(crate) all: bool,
    /// Wait until it is done: no pod runs any more, or one has started
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "DURATION", requires = "wait")]
    pub(crate) timeout: Option<Span>,
    /// Format: name, json, yaml, jsonpath=...
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
}

//! The flags of `cron`.

use clap::{Args, Subcommand};

use super::run::HowFlags;

/// `cron`.
#[derive(Debug, Subcommand)]
pub(crate) enum CronVerb {
    /// List CronJobs, as kubectl get cronjobs does
    List(CronListArgs),
    /// Say when a CronJob runs next, and what may keep it from running then
    Next(CronNextArgs),
    /// Run a CronJob's Job now, as kubectl create job --from does, and follow it
    Trigger(Box<CronTriggerArgs>),
}

/// `cron list`.
#[derive(Debug, Args)]
pub(crate) struct CronListArgs {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only CronJobs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Format: wide, json, yaml, name, jsonpath=..., custom-columns=...
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// No headings
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// `cron next`.
#[derive(Debug, Args)]
pub(crate) struct CronNextArgs {
    /// Name of the CronJob
    #[arg(required_unless_present = "files")]
    pub(crate) name: Option<String>,
    /// The CronJobs of this manifest instead; needs no server
    #[arg(short = 'f', long = "filename", value_name = "FILE", conflicts_with = "name")]
    pub(crate) files: Vec<String>,
    /// How many times to show
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,
    /// Show times in this zone, such as Europe/Berlin [default: the CronJob's own]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
    /// Format: json
    #[arg(short, long, value_name = "FORMAT", value_parser = ["json"])]
    pub(crate) output: Option<String>,
}

/// `cron trigger`.
#[derive(Debug, Args)]
pub(crate) struct CronTriggerArgs {
    /// Name of the CronJob
    pub(crate) cron_job: String,
    /// Name of the Job [default: CRONJOB-manual- and a few letters]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Another image for the first container
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// Environment variable to add or change; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Another command for the first container
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// What to do with it.
    #[command(flatten)]
    pub(crate) how: HowFlags,
}

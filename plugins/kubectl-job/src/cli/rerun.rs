//! The flags of `rerun`.

use clap::Args;

use super::run::HowFlags;

/// `rerun [NAME] [-- COMMAND...]`: a copy of a Job that has ended, under the name NAME-rN, or NAME itself with --replace.
/// A Job that is gone is copied from the history.
#[derive(Debug, Args)]
#[command(
    override_usage = "kubectl job rerun [NAME] [FLAGS] [-- COMMAND...]",
    mut_arg("replace", |arg| arg.help("Delete the old Job first and take its name"))
)]
pub(crate) struct RerunArgs {
    /// Name of a Job; without one, or with @last, the Job that was created last
    pub(crate) name: Option<String>,
    /// Another command for the container
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Another image for the container
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// An environment variable to add or change; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// The container that --image and the command are for; --env is for all containers without it
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// What to do with it.
    #[command(flatten)]
    pub(crate) how: HowFlags,
}

//! The flags of `shell`.

use clap::Args;

/// `shell NAME [-- COMMAND...]`: a shell in the environment of an attempt.
///
/// A copy of the attempt's pod is made, with that container alone, which does nothing; the shell runs in it, and the copy is
/// deleted afterwards. It has the container's image, environment, working directory and volumes. It does not have: what
/// the attempt wrote into its scratch directory or an emptyDir, the attempt's pod name and address, and what init
/// containers, hooks and sidecars did, since none of these run. The Job does not see the copy. Local Jobs only.
#[derive(Debug, Args)]
#[command(override_usage = "kubectl job shell NAME [FLAGS] [-- COMMAND...]")]
pub(crate) struct ShellArgs {
    /// Name of a Job; one that is gone is taken from the history
    pub(crate) name: String,
    /// Which attempt [default: the last that failed, else the last]
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// Which completion index the attempt is of
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Option<u32>,
    /// Which container [default: the one that ended the attempt, else the first]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// What to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

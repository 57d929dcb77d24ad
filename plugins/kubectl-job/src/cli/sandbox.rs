//! The flags of `sandbox`.

use std::ffi::OsString;

use clap::Args;

use super::run::ImageFlags;
use super::verbs::ClockMode;

/// `sandbox [FLAGS] -- COMMAND...`.
#[derive(Debug, Args)]
#[command(
    override_usage = "kubectl job sandbox [FLAGS] -- COMMAND...",
    after_help = "Examples:\n  kubectl job sandbox -- kubectl get jobs\n  kubectl job sandbox -- pytest tests/\n  \
                  kubectl job sandbox --clock hybrid -- sh -c 'helm template chart | kubectl apply -f - && kubectl job wait --all'"
)]
pub(crate) struct SandboxArgs {
    /// The command: it finds the server through KUBECONFIG, and `kubectl job` finds it too
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    /// How time passes: real; hybrid jumps over waits while no process runs; virtual jumps only, and pods are acted out
    #[arg(long, value_name = "MODE", default_value = "real")]
    pub(crate) clock: ClockMode,
    /// Keep the server when the command fails, until Ctrl-C, so that one can look at what is there
    #[arg(long)]
    pub(crate) keep_on_failure: bool,
    /// What the server runs.
    #[command(flatten)]
    pub(crate) images: ImageFlags,
}

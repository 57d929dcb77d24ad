//! The flags of the verbs that are about the tool itself: `version`, `doctor`, `completion`, `help`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `version`.
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// This program's version only
    #[arg(long)]
    pub(crate) client: bool,
    /// Format: json, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = ["json", "yaml"])]
    pub(crate) output: Option<String>,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Format: json
    #[arg(short, long, value_name = "FORMAT", value_parser = ["json"])]
    pub(crate) output: Option<String>,
}

/// `completion`.
#[derive(Debug, Subcommand)]
pub(crate) enum CompletionVerb {
    /// Print the script for bash
    Bash,
    /// Print the script for zsh
    Zsh,
    /// Print the script for fish
    Fish,
    /// Print the script for PowerShell
    Powershell,
    /// Put kubectl_complete-job next to this program, through which kubectl completes kubectl job
    Install {
        /// Put it into this directory of PATH instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `help`.
#[derive(Debug, Args)]
pub(crate) struct HelpArgs {
    /// Verb, or topic: exit-codes, fidelity, env
    pub(crate) topic: Vec<String>,
}

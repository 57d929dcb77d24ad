//! The command line: what may be typed, and nothing of what it does.
//!
//! Flags keep kubectl's names, letters and meanings. kubectl hands the arguments after `kubectl job` over untouched, so
//! its connection flags are read here as well.

pub(crate) mod connection;
pub(crate) mod history;
pub(crate) mod run;
pub(crate) mod verbs;

use anstream::ColorChoice;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Run and test Kubernetes Jobs without a cluster.
///
/// By default Jobs run on a local server that starts by itself and stops when idle; their pods are processes on this
/// machine, run as you, without isolation. A real cluster is used only with --context, --kubeconfig or --server.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-job",
    bin_name = "kubectl job",
    version,
    disable_help_subcommand = true,
    max_term_width = 120
)]
#[command(subcommand_required = true, arg_required_else_help = true, propagate_version = true)]
pub(crate) struct Cli {
    /// Which server, as whom.
    #[command(flatten)]
    pub(crate) connection: connection::Connection,
    /// How to talk.
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// How to talk to people.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Display")]
pub(crate) struct Talk {
    /// When to use colour; NO_COLOR and CLICOLOR_FORCE are honoured too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = false)]
    color: When,
    /// Use no symbols beyond ASCII
    #[arg(long, global = true)]
    pub(crate) ascii: bool,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Log what happens inside; 6 and above logs every request
    #[arg(short = 'v', long = "v", global = true, value_name = "LEVEL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "4", action = ArgAction::Set)]
    pub(crate) verbosity: Option<u8>,
}

impl Talk {
    /// The choice of colour.
    pub(crate) fn colour(&self) -> ColorChoice {
        match self.color {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a Job, follow it, and end with its result
    Run(Box<run::RunArgs>),
    /// List Jobs
    #[command(visible_aliases = ["list", "ls"])]
    Get(verbs::GetArgs),
    /// Show one Job: verdict, conditions, attempts, events
    Describe(verbs::DescribeArgs),
    /// Print the output of all pods and attempts of a Job
    Logs(verbs::LogsArgs),
    /// Wait until Jobs have finished; ends with their result
    Wait(verbs::WaitArgs),
    /// Delete Jobs and their pods
    Delete(verbs::DeleteArgs),
    /// List Jobs that were, also those that are gone with their pods and their server
    History(history::HistoryArgs),
    /// Start, stop or look at the local server
    #[command(subcommand)]
    Server(verbs::ServerVerb),
    /// Read or move the clock of a local server that was started with --clock hybrid or virtual
    #[command(subcommand)]
    Clock(verbs::ClockVerb),
    /// Print what a shell needs so that plain kubectl talks to the local server
    Env(verbs::EnvArgs),
    /// Print versions
    Version,
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Explain a verb, or a topic: exit-codes
    Help {
        /// Verb or topic
        topic: Vec<String>,
    },
    /// The server itself.
    #[command(name = "__serve", hide = true)]
    Serve(verbs::ServeArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn no_two_flags_of_a_verb_collide() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_command_after_the_dashes_is_untouched() {
        let line = ["kubectl-job", "run", "hello", "--image=busybox", "-n", "team", "--", "sh", "-c", "echo $X", "-n"];
        let cli = Cli::try_parse_from(line).expect("it is right");
        let Verb::Run(run) = cli.verb else { panic!("another verb") };
        assert_eq!(run.command, ["sh", "-c", "echo $X", "-n"]);
        assert_eq!(cli.connection.namespace.as_deref(), Some("team"));
    }

    #[test]
    fn verbosity_is_written_as_kubectl_writes_it() {
        let level =
            |argument| Cli::try_parse_from(["kubectl-job", "get", argument]).expect("it is right").talk.verbosity;
        assert_eq!((level("-v=6"), level("--v=8"), level("-v")), (Some(6), Some(8), Some(4)));
    }

    #[test]
    fn optional_values_need_an_equals_sign_so_that_names_are_not_eaten() {
        let cli = Cli::try_parse_from(["kubectl-job", "wait", "--fail-on-stuck", "pi"]).expect("it is right");
        let Verb::Wait(wait) = cli.verb else { panic!("another verb") };
        assert_eq!(wait.names, ["pi"]);
        assert!(wait.fail_on_stuck.is_some());
    }
}

//! The command line: what may be typed, and nothing of what it does.
//!
//! Flags keep kubectl's names, letters and meanings. kubectl hands the arguments after `kubectl job` over untouched, so
//! its connection flags are read here as well.

pub(crate) mod about;
pub(crate) mod change;
pub(crate) mod connection;
pub(crate) mod cron;
mod examples;
pub(crate) mod history;
pub(crate) mod lint;
pub(crate) mod logs;
pub(crate) mod rerun;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod shell;
pub(crate) mod story;
pub(crate) mod test;
pub(crate) mod verbs;

use crate::config::Chosen;
use anstream::ColorChoice;
use clap::{ArgAction, Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

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
    max_term_width = 100
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
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        env = "KUBECTL_JOB_COLOR",
        hide_env = true
    )]
    color: When,
    /// Use no symbols beyond ASCII
    #[arg(long, global = true, env = "KUBECTL_JOB_ASCII", hide_env = true)]
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
    /// Run a copy of a Job that has ended, follow it, and end with its result
    Rerun(Box<rerun::RerunArgs>),
    /// List Jobs
    #[command(visible_aliases = ["list", "ls"])]
    Get(verbs::GetArgs),
    /// Show one Job: verdict, conditions, attempts, events
    Describe(verbs::DescribeArgs),
    /// Explain why a Job or CronJob is as it is
    Why(story::WhyArgs),
    /// Draw a Job's attempts over time
    Timeline(story::TimelineArgs),
    /// Print the output of all pods and attempts of a Job
    Logs(Box<logs::LogsArgs>),
    /// Wait until Jobs have finished; ends with their result
    Wait(verbs::WaitArgs),
    /// Delete Jobs and their pods
    Delete(verbs::DeleteArgs),
    /// List Jobs that were, also those that are gone with their pods and their server
    History(history::HistoryArgs),
    /// Stop the pods of Jobs and keep the Jobs
    Suspend(change::ChangeArgs),
    /// Let suspended Jobs go on
    Resume(change::ChangeArgs),
    /// Look at CronJobs: when they run next; run one now
    #[command(subcommand)]
    Cron(cron::CronVerb),
    /// Run tests of Job manifests: *.jobtest.yaml, each in a cluster of its own
    Test(Box<test::TestArgs>),
    /// Open a shell in the environment of an attempt
    Shell(shell::ShellArgs),
    /// Start, stop or look at the local server
    #[command(subcommand)]
    Server(verbs::ServerVerb),
    /// Read or move the clock of a local server that was started with --clock hybrid or virtual
    #[command(subcommand)]
    Clock(verbs::ClockVerb),
    /// Run a command with a server of its own, which ends with it
    Sandbox(sandbox::SandboxArgs),
    /// Print what a shell needs so that plain kubectl talks to the local server
    Env(verbs::EnvArgs),
    /// Say what becomes of each field of a manifest, and what is likely to go wrong
    Lint(lint::LintArgs),
    /// Look at this machine: what Jobs get here, and what to do about the rest
    Doctor(about::DoctorArgs),
    /// Print the versions of this program and of the server
    Version(about::VersionArgs),
    /// Print a completion script for a shell, or let kubectl complete kubectl job
    #[command(subcommand)]
    Completion(about::CompletionVerb),
    /// Explain a verb, or a topic: exit-codes, fidelity, env
    Help(about::HelpArgs),
    /// Write the manual pages.
    #[command(name = "__man", hide = true)]
    Man {
        /// Where to.
        dir: std::path::PathBuf,
    },
    /// The server itself.
    #[command(name = "__serve", hide = true)]
    Serve(verbs::ServeArgs),
}

/// The command line with the examples of each verb.
pub(crate) fn command() -> Command {
    let mut command = Cli::command();
    for (verb, text) in examples::EXAMPLES {
        command = command.mut_subcommand(verb, |command| command.after_help(*text));
    }
    command
}

/// Reads the arguments of the process, with the defaults that the user has chosen. Help (0) and what cannot be read (2)
/// end it. What is wrong with the choices is told beside, for verbs that do without.
pub(crate) fn parse() -> (Cli, Option<String>) {
    let (chosen, wrong) = match Chosen::read() {
        Ok(chosen) => (chosen, None),
        Err(wrong) => (Chosen::default(), Some(wrong)),
    };
    let mut cli = read(&chosen, true);
    if chosen.is_about_local_jobs() && cli.connection.is_remote() {
        cli = read(&chosen, false);
    }
    cli.connection.home = chosen.home();
    (cli, wrong)
}

fn read(chosen: &Chosen, is_local: bool) -> Cli {
    let matches = chosen.apply(command(), is_local).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_flags_of_a_verb_collide() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_has_an_example_and_every_example_is_read() {
        for verb in command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.contains("kubectl job "), "{} has no example: add one to cli/examples.rs", verb.get_name());
        }
        for (verb, text) in examples::EXAMPLES {
            for line in text.lines().filter_map(|line| line.trim().strip_prefix("kubectl job ")) {
                let line = line.split(" #").next().unwrap_or(line).replace(['\'', '"'], "");
                let words = std::iter::once("kubectl-job").chain(line.split_whitespace());
                let read = Cli::try_parse_from(words);
                assert!(read.is_ok(), "{verb}: {line}: {}", read.expect_err("it was not read"));
            }
        }
    }

    #[test]
    fn help_fits_eighty_columns() {
        let mut command = command().term_width(80);
        command.build();
        narrow(&mut command);
    }

    fn narrow(command: &mut Command) {
        let text = command.render_help().to_string();
        let is_usage = |line: &&str| line.contains("kubectl job ");
        let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80 && !is_usage(line)).collect();
        assert!(wide.is_empty(), "{}: {wide:#?}", command.get_name());
        command.get_subcommands_mut().for_each(narrow);
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

//! End-to-end tests: the built binary, driven by clients that people really use. Each suite starts servers of its own
//! and compares what it sees with explicit expectations; a failed check does not end its suite.

mod clients;
mod hostile;
mod images;
mod javascript;
mod kubectl;
mod load;
mod pattern;
mod plugin;
mod program;
mod python;
mod queues;
pub(crate) mod report;
mod rust;
mod session;
mod step;
mod verbs;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::workspace::{self, Profile};
use report::Report;

/// What `cargo xtask e2e` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// The suites to run; all of them when none is named
    suites: Vec<Suite>,
    /// Drive every kubectl that is found, not only 1.20 and the newest
    #[arg(long)]
    all: bool,
    /// Leave out clients that this machine lacks instead of failing
    #[arg(long)]
    allow_missing: bool,
    /// Test this kubectl-job instead of building one
    #[arg(long, value_name = "PROGRAM")]
    binary: Option<PathBuf>,
    /// Print only what fails
    #[arg(long, short)]
    quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (suites, binary) = (Vec::new(), None);
        Self { suites, all: false, allow_missing: false, binary, quiet: false }
    }
}

/// A group of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Real kubectls, 1.20 and newer
    Kubectl,
    /// The documentation's page on Jobs, section by section, with the same kubectls
    Page,
    /// The patterns of work queues, with Redis and RabbitMQ, and what they stand on: Services and names
    Queues,
    /// kubectl-job's own screens and exit codes
    Plugin,
    /// Each verb of kubectl-job, by itself, through a real kubectl, and with a real cluster's API
    Verbs,
    /// What well-behaved clients never send
    Hostile,
    /// 1,000 completions as real processes
    Load,
    /// Images, with Debian's docker-registry
    Images,
    /// The Python client
    Python,
    /// The Rust client, kube
    Rust,
    /// The JavaScript client
    Javascript,
}

/// What every suite is given.
struct Context<'a> {
    options: &'a Options,
    binary: PathBuf,
}

/// Runs the suites and prints the count.
///
/// # Errors
/// When the product cannot be built or a suite cannot be run at all.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (passed, failed) = run_all(options)?;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the suites; the answer is how many checks passed and failed.
///
/// # Errors
/// When the product cannot be built.
pub(crate) fn run_all(options: &Options) -> anyhow::Result<(usize, usize)> {
    let binary = match &options.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => workspace::build_product(Profile::Dev)?,
    };
    let context = Context { options, binary };
    let mut report = Report::new(options.quiet);
    let chosen = if options.suites.is_empty() { Suite::value_variants() } else { &options.suites };
    for suite in chosen {
        let run = match suite {
            Suite::Kubectl => kubectl::run,
            Suite::Page => kubectl::page::run,
            Suite::Queues => queues::run,
            Suite::Plugin => plugin::run,
            Suite::Verbs => verbs::run,
            Suite::Hostile => hostile::run,
            Suite::Load => load::run,
            Suite::Images => images::run,
            Suite::Python => python::run,
            Suite::Rust => rust::run,
            Suite::Javascript => javascript::run,
        };
        // A suite that breaks off is one failure among the others: the rest still runs.
        if let Err(error) = run(&context, &mut report) {
            report.check(&format!("{suite:?} runs to its end").to_lowercase(), Err(format!("{error:#}")));
        }
    }
    report.close();
    Ok(report.counts())
}

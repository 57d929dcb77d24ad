//! What must hold however often and however much: the server killed a thousand times, a gibibyte of log, every exit code,
//! ten minutes of an attack. The sizes are CI's unless `--full` or a flag says otherwise. Every section prints what it
//! measured; one that cannot run is a failure, like one that does not hold.

mod crash;
mod escape;
mod exits;
mod follow;
mod jobs;
mod logs;
mod screens;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;

use crate::e2e::report::Report;
use crate::workspace::{self, Profile};

/// What `cargo xtask soak` takes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// The sections to run; all of them when none is named
    sections: Vec<Section>,
    /// The sizes that a release is held to, not CI's: 1,000 kills, 1 GiB of log, 10,000 pods, ten minutes of attack
    #[arg(long)]
    full: bool,
    /// How often the server is killed
    #[arg(long, value_name = "TRIALS")]
    trials: Option<usize>,
    /// MiB of log through one pod
    #[arg(long, value_name = "MIB")]
    log_mib: Option<u64>,
    /// How many pods print one line each
    #[arg(long, value_name = "PODS")]
    pods: Option<usize>,
    /// How long the attack on volumes lasts
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Test this kubectl-job instead of building one
    #[arg(long, value_name = "PROGRAM")]
    binary: Option<PathBuf>,
}

/// A group of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// kill -9 of the server, and of its supervisor with it: no process is left, or the next start sweeps it
    Crash,
    /// All exit codes and the common signals, reported exactly
    Exits,
    /// Logs are what was printed, byte for byte, and end when the container does
    Logs,
    /// Links swapped in volumes while they are mounted
    Escape,
    /// Terminal escapes in what pods say
    Screens,
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    trials: usize,
    log_mib: u64,
    pods: usize,
    attack: Duration,
}

impl Sizes {
    fn of(options: &Options) -> Self {
        let or = |full: u64, ci: u64| if options.full { full } else { ci };
        Self {
            trials: options.trials.unwrap_or(or(1000, 50) as usize),
            log_mib: options.log_mib.unwrap_or(or(1024, 64)),
            pods: options.pods.unwrap_or(or(10_000, 500) as usize),
            attack: Duration::from_secs(options.seconds.unwrap_or(or(600, 20))),
        }
    }
}

/// Runs the sections and prints the count.
///
/// # Errors
/// When the product cannot be built.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let (passed, failed) = run_all(options)?;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the sections; the answer is how many checks passed and failed.
///
/// # Errors
/// When the product cannot be built.
pub(crate) fn run_all(options: &Options) -> anyhow::Result<(usize, usize)> {
    let binary = match &options.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => workspace::build_product(Profile::Dev)?,
    };
    let sizes = Sizes::of(options);
    let mut report = Report::new(false);
    let chosen = if options.sections.is_empty() { Section::value_variants() } else { &options.sections };
    for section in chosen {
        let ran = match section {
            Section::Crash => crash::run(&binary, sizes.trials, &mut report),
            Section::Exits => exits::run(&binary, &mut report),
            Section::Logs => logs::run(&binary, sizes.log_mib, sizes.pods, &mut report)
                .and_then(|()| follow::run(&binary, &mut report)),
            Section::Escape => escape::run(&binary, sizes.attack, &mut report),
            Section::Screens => screens::run(&binary, &mut report),
        };
        // A section that breaks off is one failure among the others: the rest still runs.
        if let Err(error) = ran {
            report.check(&format!("{section:?} runs to its end").to_lowercase(), Err(format!("{error:#}")));
        }
    }
    report.close();
    Ok(report.counts())
}

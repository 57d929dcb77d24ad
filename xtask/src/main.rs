//! The project's own commands: `demo` shows the product, `ci` decides whether a change may land, `tidy` holds the rules
//! that the compiler cannot, `e2e` drives the product with real clients, `soak` wears it out, `bench` measures it, `dist`
//! packs it.
//!
//! Nothing here is part of the product. Every command works on a clean checkout and names what a machine lacks.
#![allow(clippy::print_stdout, reason = "these commands talk to a person on their terminal")]

mod bench;
mod ci;
mod debian;
mod demo;
mod dist;
mod e2e;
mod https;
mod man;
mod perl;
mod procfs;
mod server;
mod shell;
mod soak;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set this machine up and run the pi Job through `kubectl-job run`
    Demo,
    /// Everything that must hold before a change lands
    Ci(ci::Options),
    /// The rules that the compiler cannot check
    Tidy,
    /// End-to-end tests with real clients: kubectl, Python, Rust
    E2e(e2e::Options),
    /// What must hold however often and however much: kills, exit codes, logs, an attack on volumes
    Soak(soak::Options),
    /// Write the manual pages of kubectl-job to target/man
    Man,
    /// Make the archives that people download, and krew's index
    Dist(dist::Options),
    /// Measure the release build: start, memory, latency, pods and requests per second
    Bench(bench::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Task::Demo => demo::run(),
        Task::Ci(options) => ci::run(&options),
        Task::Tidy => tidy::run(),
        Task::E2e(options) => e2e::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Man => man::run(),
        Task::Dist(options) => dist::run(&options),
        Task::Bench(options) => bench::run(&options),
    }
}

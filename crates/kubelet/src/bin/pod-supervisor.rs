//! The supervisor as a program of its own, for tests and benchmarks; the shipped binary runs it as a hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubelet::supervisor::main()
}

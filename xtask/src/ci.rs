//! What must hold before a change lands, cheapest first; the first failure ends the run. Everything is built in the dev
//! profile, so that the tests, the documentation and the end-to-end tests share one build.

mod elsewhere;

use std::io::{BufRead as _, BufReader};
use std::ops::Add;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::workspace::{self, Profile};
use crate::{dist, e2e, shell, soak, tidy};

/// How many tests a step ran, where it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

/// One step of the run.
type Step = fn() -> anyhow::Result<Count>;

/// What `cargo xtask ci` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Only these steps, by the names that a run prints
    steps: Vec<String>,
}

/// Runs every step, or those that are named.
///
/// # Errors
/// When a step cannot be run at all.
pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let steps: [(&str, Step); 12] = [
        ("format", format),
        ("clippy", clippy),
        ("tidy", check_tidy),
        ("dependencies", dependencies),
        ("docs", docs),
        ("tests", tests),
        ("doc tests", doc_tests),
        ("end to end", end_to_end),
        ("distribution", distribution),
        ("soak", soaked),
        ("as nobody", elsewhere::as_nobody),
        ("without network", elsewhere::without_network),
    ];
    let is_step = |name: &String| steps.iter().any(|(step, _)| step == name);
    if let Some(unknown) = options.steps.iter().find(|name| !is_step(name)) {
        bail!("there is no step {unknown:?}: {}", steps.map(|(name, _)| name).join(", "));
    }
    let is_wanted = |name: &str| options.steps.is_empty() || options.steps.iter().any(|step| step == name);
    let (begun, mut total) = (Instant::now(), Count::default());
    for (name, step) in steps.into_iter().filter(|(name, _)| is_wanted(name)) {
        println!("==> {name}");
        let started = Instant::now();
        let result = step();
        let seconds = started.elapsed().as_secs_f64();
        match result {
            Ok(count) => {
                total = total + count;
                println!("==> {name}: ok after {seconds:.1} s");
            }
            Err(error) => {
                println!("==> {name}: FAILED after {seconds:.1} s: {error:#}");
                return Ok(ExitCode::FAILURE);
            }
        }
        if total.failed > 0 {
            break;
        }
    }
    println!("==> {:.0} s in all", begun.elapsed().as_secs_f64());
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn format() -> anyhow::Result<Count> {
    plain(&["fmt", "--all", "--check"])
}

fn clippy() -> anyhow::Result<Count> {
    plain(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn check_tidy() -> anyhow::Result<Count> {
    if tidy::run()? != ExitCode::SUCCESS {
        bail!("rules are broken");
    }
    Ok(Count::default())
}

/// Licences, sources and doubled versions. Advisories need a download and are left to a scheduled run.
fn dependencies() -> anyhow::Result<Count> {
    if !has_cargo_command("deny") {
        println!("    left out: cargo-deny is not installed (cargo install --locked cargo-deny)");
        return Ok(Count::default());
    }
    plain(&["deny", "--offline", "check", "bans", "licenses", "sources"])
}

fn docs() -> anyhow::Result<Count> {
    let mut command = workspace::cargo();
    command.args(["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    shell::run(&mut command)?;
    Ok(Count::default())
}

fn tests() -> anyhow::Result<Count> {
    if has_cargo_command("nextest") {
        return counted(workspace::cargo().args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]));
    }
    counted(workspace::cargo().args([
        "test",
        "--locked",
        "--workspace",
        "--no-fail-fast",
        "--lib",
        "--bins",
        "--tests",
    ]))
}

fn doc_tests() -> anyhow::Result<Count> {
    counted(workspace::cargo().args(["test", "--locked", "--workspace", "--doc"]))
}

fn end_to_end() -> anyhow::Result<Count> {
    let (passed, failed) = e2e::run_all(&e2e::Options::default())?;
    Ok(Count { passed, failed })
}

/// The archives and krew's index, made of the dev build: how they are made is tested, not what is in the program.
fn distribution() -> anyhow::Result<Count> {
    let binary = workspace::build_product(Profile::Dev)?;
    let out = workspace::target().join("dist-of-ci");
    dist::run(&dist::Options::trial(binary, out))?;
    Ok(Count::default())
}

fn soaked() -> anyhow::Result<Count> {
    let (passed, failed) = soak::run_all(&soak::Options::default())?;
    Ok(Count { passed, failed })
}

fn plain(arguments: &[&str]) -> anyhow::Result<Count> {
    shell::run(workspace::cargo().args(arguments))?;
    Ok(Count::default())
}

fn has_cargo_command(name: &str) -> bool {
    let mut command = workspace::cargo();
    command.args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a test command with its output passed through, line by line, and counts what it says that it ran.
fn counted(command: &mut Command) -> anyhow::Result<Count> {
    // Both kinds of summary are wanted: nextest writes to stderr, the test harness to stdout.
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("starting `{}`", shell::line(command)))?;
    // The command keeps copies of the pipe's end; while they live the reader never sees its end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut count = Count::default();
    for line in BufReader::new(reader).lines() {
        let line = line?;
        println!("{line}");
        count = count + read_count(&line);
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        bail!("`{}` ended with {status}", shell::line(command));
    }
    Ok(count)
}

/// Reads `test result: ok. 3 passed; 0 failed; ...`, `Summary [ 1.2s] 3 tests run: 3 passed, 0 skipped`, and what this
/// program says at the end of a run: `3 passed, 0 failed`.
fn read_count(line: &str) -> Count {
    let own =
        line.ends_with(" failed") && line.contains(" passed, ") && line.starts_with(|one: char| one.is_ascii_digit());
    let summary = own || line.starts_with("test result:") || (line.contains("Summary [") && line.contains(" run:"));
    if !summary {
        return Count::default();
    }
    let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let before = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words[at.checked_sub(1)?].parse().ok()
    };
    let timed_out: usize = before("timed").unwrap_or(0);
    Count { passed: before("passed").unwrap_or(0), failed: before("failed").unwrap_or(0) + timed_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_summaries_are_counted() {
        let harness = "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(read_count(harness), Count { passed: 12, failed: 2 });
        let nextest = "     Summary [   1.250s] 41 tests run: 38 passed (1 slow), 2 failed, 1 timed out, 0 skipped";
        assert_eq!(read_count(nextest), Count { passed: 38, failed: 3 });
        assert_eq!(read_count("41 passed, 2 failed"), Count { passed: 41, failed: 2 });
        assert_eq!(read_count("   Running 3 tests: 3 passed"), Count::default());
    }
}

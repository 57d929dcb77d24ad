//! Checks that are a program of their own, in the language of the client that they are about. Such a program prints
//! `ok NAME` for each check that held, `left out NAME: WHY` for what it could not check, and `done` as its last line.

use std::process::Command;
use std::time::Duration;

use super::report::Report;
use crate::shell;

/// How long such a program may run.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs the program and counts its checks. What it wrote to stderr is shown when it did not run to its end.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run(command: &mut Command, report: &mut Report) -> anyhow::Result<()> {
    let outcome = shell::capture(command, LIMIT)?;
    for line in outcome.stdout.lines() {
        if let Some(name) = line.strip_prefix("ok ") {
            report.check(name, Ok(()));
        } else if let Some((name, why)) = line.strip_prefix("left out ").and_then(|rest| rest.split_once(": ")) {
            report.left_out(name, why);
        }
    }
    let whole = outcome.succeeded() && outcome.stdout.lines().last() == Some("done");
    let why = if outcome.timed_out { format!("it did not end in time\n{}", outcome.stderr) } else { outcome.stderr };
    report.check("the program runs to its end", if whole { Ok(()) } else { Err(why) });
    Ok(())
}

/// Runs a test runner of another language; each line that begins with this mark names a test that passed. The tests passed
/// when the runner says so and there was one.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run_tests(command: &mut Command, mark: &str, report: &mut Report) -> anyhow::Result<()> {
    let outcome = shell::capture(command, LIMIT)?;
    // Node numbers its tests: `ok 1 - a Job runs`.
    let name = |line: &str| {
        line.trim_start_matches(|letter: char| letter.is_ascii_digit() || " -".contains(letter)).to_owned()
    };
    let passed: Vec<String> = outcome.stdout.lines().filter_map(|line| line.strip_prefix(mark)).map(name).collect();
    for test in &passed {
        report.check(test, Ok(()));
    }
    let whole = outcome.succeeded() && !passed.is_empty();
    let why = format!(
        "{}{}{}",
        if outcome.timed_out { "it did not end in time\n" } else { "" },
        outcome.stdout,
        outcome.stderr
    );
    report.check("the tests run to their end", if whole { Ok(()) } else { Err(why) });
    Ok(())
}

//! Collects what the checks found and tells it as it happens. Decides nothing.

use std::time::Instant;

/// The checks so far.
pub(crate) struct Report {
    quiet: bool,
    passed: usize,
    failed: Vec<String>,
    group: String,
    since: Instant,
}

impl Report {
    /// No checks yet.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, passed: 0, failed: Vec::new(), group: String::new(), since: Instant::now() }
    }

    /// Begins a group of checks.
    pub(crate) fn group(&mut self, name: &str) {
        println!("--- {name}");
        name.clone_into(&mut self.group);
        self.since = Instant::now();
    }

    /// Notes a check; an error is the text that explains it.
    pub(crate) fn check(&mut self, name: &str, result: Result<(), String>) {
        let milliseconds = self.since.elapsed().as_millis();
        match result {
            Ok(()) => {
                self.passed += 1;
                if !self.quiet {
                    println!("  ok    {name} ({milliseconds} ms)");
                }
            }
            Err(why) => {
                println!("  FAIL  {name}\n{}", indent(&why));
                self.failed.push(format!("{}: {name}", self.group));
            }
        }
        self.since = Instant::now();
    }

    /// Says what was measured.
    pub(crate) fn note(&self, text: &str) {
        println!("        {text}");
    }

    /// Says what was not tested, and why.
    pub(crate) fn left_out(&self, name: &str, why: &str) {
        println!("  left out  {name}: {why}");
    }

    /// Names every failure once more, at the end, where people look.
    pub(crate) fn close(&self) {
        for name in &self.failed {
            println!("failed: {name}");
        }
    }

    /// How many checks passed and failed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.passed, self.failed.len())
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("        | {line}")).collect::<Vec<_>>().join("\n")
}

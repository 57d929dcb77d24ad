//! The tables of `docs/coverage.md`, `docs/network.md` and `docs/pods.md`: each row names the tests that hold it, or says
//! where we differ, and a test that is
//! named there exists. Else the table would say what was true once.

use std::collections::{HashMap, HashSet};

use super::source::Source;
use super::{Finding, Text};

/// The documents with tables.
const TABLES: [&str; 3] = ["docs/coverage.md", "docs/network.md", "docs/pods.md"];
/// Folders that hold crates, with what stands before a crate's name.
const FOLDERS: [&str; 2] = ["crates/", "plugins/"];

/// The names of functions in each crate, tests and macros for tests included.
pub(super) struct Tests(HashMap<String, HashSet<String>>);

impl Tests {
    /// Gathers them.
    pub(super) fn of(sources: &[Source]) -> Self {
        let mut crates: HashMap<String, HashSet<String>> = HashMap::new();
        for source in sources {
            let Some(name) = crate_of(&source.path) else { continue };
            let found = source.code.iter().filter_map(|line| function(line));
            crates.entry(name.to_owned()).or_default().extend(found.map(str::to_owned));
        }
        Self(crates)
    }

    fn has(&self, reference: &str) -> bool {
        let Some((name, test)) = reference.split_once("::") else { return false };
        let test = test.rsplit("::").next().unwrap_or(test);
        self.0.get(name).is_some_and(|tests| tests.contains(test))
    }
}

fn crate_of(path: &str) -> Option<&str> {
    let below = FOLDERS.iter().find_map(|folder| path.strip_prefix(folder));
    let name = below.map_or_else(|| path.starts_with("xtask/").then_some("xtask"), |rest| rest.split('/').next());
    name.filter(|name| !name.is_empty())
}

/// The function that a line begins.
fn function(line: &str) -> Option<&str> {
    let words = line.trim_start().trim_start_matches("pub ").trim_start_matches("async ");
    let name = words.strip_prefix("fn ")?.split(['(', '<']).next()?;
    (!name.is_empty()).then_some(name)
}

/// Rows that name no test, and names that stand for none. A name with `/` is a file, which `exists` answers for.
pub(super) fn table(text: &Text, tests: &Tests, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    if !TABLES.contains(&text.path.as_str()) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut report = |line: usize, message: String| findings.push(Finding::new(&text.path, line + 1, message));
    for (index, line) in text.content.lines().enumerate() {
        let Some(held) = held_by(line) else { continue };
        let names: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !held.contains("Differs:") {
            report(index, "the row names no test and no difference".to_owned());
        }
        for name in names.into_iter().filter(|name| name.contains("::") || name.contains('/')) {
            let known = if name.contains('/') { exists(name) } else { tests.has(name) };
            if !known {
                report(index, format!("there is no test `{name}`"));
            }
        }
    }
    findings
}

/// The last cell of a table's row, unless it is a head or a rule.
fn held_by(line: &str) -> Option<&str> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cell = row.rsplit('|').next()?.trim();
    let ruler = cell.starts_with("---");
    (!ruler && cell != "Held by").then_some(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &str) -> Vec<usize> {
        let code = "//! T.\n\n#[test]\nfn it_holds() {}\n\n#[test]\nasync fn it_waits() {}\n";
        let tests = Tests::of(&[Source::new("crates/store/src/tests.rs", code)]);
        let text = Text { path: TABLES[0].to_owned(), content: content.to_owned() };
        table(&text, &tests, |path| path == "xtask/src/e2e/x.rs").iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_row_names_a_test_that_exists_or_a_difference() {
        let head = "| What | Held by |\n|---|---|\n";
        let good =
            "| a | `store::it_holds`, `store::tests::it_waits` |\n| b | Differs: no |\n| c | `xtask/src/e2e/x.rs` |\n";
        assert_eq!(lines(&format!("{head}{good}")), [0_usize; 0]);
        let bad = "| a | `store::gone` |\n| b | `other::it_holds` |\n| c | by hand |\n| d | `xtask/src/y.rs` |\n";
        assert_eq!(lines(&format!("{head}{bad}")), [3, 4, 5, 6]);
    }
}

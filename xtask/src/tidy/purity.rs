//! Pure parts know no runtime, no clock, no log and no random source: `now` and identifiers come in as arguments.

use super::Finding;
use super::source::Source;

/// Crates that are pure as a whole.
const PURE_CRATES: [&str; 8] = [
    "crates/api/",
    "crates/cron/",
    "crates/explain/",
    "crates/fields/",
    "crates/store/",
    "crates/machinery/",
    "crates/registry/",
    "crates/streams/",
];

/// What pure code may not name.
const IMPURE: [&str; 7] = ["tokio", "tracing", "rand", "fastrand", "SystemTime::now", "Timestamp::now", "Instant::now"];

/// Every impure name in a pure part.
pub(super) fn pure_parts(source: &Source) -> Vec<Finding> {
    if !is_pure(&source.path) {
        return Vec::new();
    }
    let found = IMPURE.iter().flat_map(|word| source.lines_with(word).into_iter().map(move |line| (line, word)));
    found
        .map(|(line, word)| {
            Finding::new(&source.path, line, format!("pure code names `{word}`: take it as an argument"))
        })
        .collect()
}

fn is_pure(path: &str) -> bool {
    PURE_CRATES.iter().any(|pure| path.starts_with(pure)) || path.contains("/plan/") || path.ends_with("/plan.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        pure_parts(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_pure_part_that_reads_the_clock_is_found() {
        let text = "//! P.\nuse jiff::Timestamp;\nfn f() { let now = Timestamp::now(); }\n";
        assert_eq!(lines("crates/store/src/log.rs", text), [3]);
        assert_eq!(lines("crates/job-controller/src/plan/backoff.rs", text), [3]);
        assert_eq!(lines("crates/kubelet/src/plan.rs", text), [3]);
        assert_eq!(lines("crates/kubelet/src/shell.rs", text), [0_usize; 0]);
    }

    #[test]
    fn a_pure_part_that_names_the_runtime_is_found_in_code_only() {
        assert_eq!(lines("crates/api/src/a.rs", "//! tokio\nuse tokio::fs;\n// tokio\n"), [2]);
    }
}

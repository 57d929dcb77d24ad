//! What a file looks like: a header that says what it is for, at most 600 lines, and no `mod.rs`.

use super::Finding;
use super::source::Source;

/// The most lines a file may have.
const MAX_LINES: usize = 600;

/// Header, length and name of one file.
pub(super) fn file(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, message: String| findings.push(Finding::new(&source.path, line, message));
    if !source.raw.first().is_some_and(|line| line.starts_with("//!")) {
        find(1, "the file begins without a `//!` header: say what it is for and what it does not do".to_owned());
    }
    if source.raw.len() > MAX_LINES {
        find(MAX_LINES + 1, format!("{} lines; {MAX_LINES} at most: split the file", source.raw.len()));
    }
    if source.path.ends_with("/mod.rs") {
        find(1, "a module `x` is `x.rs` beside the folder `x`, never `x/mod.rs`".to_owned());
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        file(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert_eq!(lines("crates/x/src/a.rs", "use std::fs;\n"), [1]);
        assert_eq!(lines("crates/x/src/a.rs", ""), [1]);
        assert_eq!(lines("crates/x/src/a.rs", "//! For this.\nuse std::fs;\n"), [0_usize; 0]);
    }

    #[test]
    fn line_601_is_one_too_many() {
        let full = format!("//! Full.\n{}", "\n".repeat(MAX_LINES - 1));
        assert_eq!(lines("crates/x/src/a.rs", &full), [0_usize; 0]);
        assert_eq!(lines("crates/x/src/a.rs", &format!("{full}\n")), [601]);
    }

    #[test]
    fn mod_rs_is_found() {
        assert_eq!(lines("crates/x/src/a/mod.rs", "//! Here.\n"), [1]);
    }
}

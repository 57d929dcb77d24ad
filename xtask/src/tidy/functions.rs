//! How long functions are: 70 lines from `fn` to the closing brace, tests included.

use super::Finding;
use super::source::{Source, block_end, holds, is_name};

/// The most lines a function may have.
const MAX_LINES: usize = 70;

/// Every function of a file that is too long, by name.
pub(super) fn length(source: &Source) -> Vec<Finding> {
    let starts = (0..source.code.len()).filter(|index| holds(&source.code[*index], "fn"));
    let measured = starts.filter_map(|start| {
        let name = name(&source.code[start])?;
        let lines = block_end(&source.code, start)? - start + 1;
        (lines > MAX_LINES).then(|| {
            Finding::new(
                &source.path,
                start + 1,
                format!("`fn {name}` has {lines} lines; {MAX_LINES} at most: split it"),
            )
        })
    });
    measured.collect()
}

/// The name after `fn`; a function pointer type such as `fn(u32)` has none.
fn name(line: &str) -> Option<&str> {
    let at = line.match_indices("fn ").find(|(at, _)| !line[..*at].chars().next_back().is_some_and(is_name))?.0;
    let rest = &line[at + 3..];
    let name = &rest[..rest.find(|character| !is_name(character)).unwrap_or(rest.len())];
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(body_lines: usize) -> String {
        format!(
            "//! F.\npub(crate) fn planned(x: [u8; 2]) {{\n{}}}\nfn short() {{}}\n",
            "    act();\n".repeat(body_lines)
        )
    }

    #[test]
    fn a_function_past_the_limit_is_named() {
        let found = length(&Source::new("crates/x/src/a.rs", &function(MAX_LINES - 1)));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
        assert!(found[0].message.starts_with("`fn planned` has 71 lines"), "{}", found[0].message);
    }

    #[test]
    fn a_function_at_the_limit_is_fine() {
        assert_eq!(length(&Source::new("crates/x/src/a.rs", &function(MAX_LINES - 2))), []);
    }

    #[test]
    fn signatures_without_a_body_and_function_types_are_not_measured() {
        let text = format!("//! T.\ntrait T {{\n    fn f(&self, g: fn(u8) -> u8);\n{}}}\n", "\n".repeat(90));
        assert_eq!(length(&Source::new("crates/x/src/a.rs", &text)), []);
    }
}

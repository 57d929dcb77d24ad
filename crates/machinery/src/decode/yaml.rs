//! YAML, tuned to what upstream's decoder (`sigs.k8s.io/yaml`, YAML 1.1 habits) makes of a document.

use serde::de::DeserializeSeed;
use serde_json::Value;
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use super::tree;

/// The deepest nesting of a document: the parser takes some 20 KiB of stack a level in a debug build, and a thread has
/// 2 MiB.
const MAX_DEPTH: usize = 48;

/// The most events (scalars, starts and ends) that a document may have once its aliases are expanded.
const MAX_EVENTS: usize = 500_000;

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! { max_depth: MAX_DEPTH, max_events: MAX_EVENTS },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        legacy_octal_numbers: true,
        strict_booleans: false,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 100_000 },
        with_snippet: false,
    }
}

/// Reads the first document of a text; what follows it is not looked at, as upstream's decoder does. The error begins
/// with its line, as go-yaml's do: `line 3: ...`.
pub(super) fn document(text: &str, notes: &mut tree::Notes) -> Result<Value, String> {
    let read = |deserializer: serde_yaml::Deserializer<'_, '_>| tree::Seed::new(notes, true).deserialize(deserializer);
    let text = first_document(text);
    if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    serde_yaml::with_deserializer_from_str_with_options(text, options(), read).map_err(|error| in_go_yamls_form(&error))
}

/// `line 3: what`, without the column that the parser puts at the end.
fn in_go_yamls_form(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let what = text.strip_prefix("error: ").unwrap_or(&text);
    let Some(line) = error.location().map(|location| location.line()).filter(|line| *line > 0) else {
        return what.to_owned();
    };
    let what = match what.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((_, what)) => what,
        None => what.rsplit_once(" at line ").map_or(what, |(what, _)| what),
    };
    format!("line {line}: {what}")
}

/// The text up to the marker that ends its first document.
fn first_document(text: &str) -> &str {
    let (mut at, mut begun) = (0, false);
    for line in text.split_inclusive('\n') {
        let marker = |marker: &str| {
            line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        };
        if begun && (marker("---") || marker("...")) {
            return &text[..at];
        }
        begun |= marker("---") || !(line.trim().is_empty() || line.starts_with(['#', '%']));
        at += line.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_document_is_read() {
        assert_eq!(first_document("a: 1\n---\nb: 2\n"), "a: 1\n");
        assert_eq!(first_document("# c\n---\na: 1\n...\nb: ["), "# c\n---\na: 1\n");
        assert_eq!(first_document("--- a\n---"), "--- a\n");
        assert_eq!(first_document("a: |\n  ---\n  x\n"), "a: |\n  ---\n  x\n");
        assert_eq!(first_document("a: 1\n---x: 2\n"), "a: 1\n---x: 2\n");
    }
}

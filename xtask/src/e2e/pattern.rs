//! Patterns for the output of commands: everything is literal but ages, random names and free passages. Runs of blanks
//! count as one, so that a table's widths do not matter; colours are taken away.

/// Whether the whole text is as the pattern says. In a line `*` stands for any text, none included, and `?` for one
/// character that is not blank; a line of `...` stands for any number of lines.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (lines(pattern), lines(text));
    match_lines(&pattern, &text)
}

/// Whether some line of the text holds the pattern.
pub(super) fn contains(pattern: &str, text: &str) -> bool {
    let pattern = format!("*{}*", lines(pattern).join(" "));
    lines(text).iter().any(|line| match_line(pattern.as_bytes(), line.as_bytes()))
}

fn lines(text: &str) -> Vec<String> {
    let plain = without_colours(text);
    let mut lines: Vec<String> =
        plain.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn match_lines(pattern: &[String], text: &[String]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [free, rest @ ..] if free == "..." => (0..=text.len()).any(|skipped| match_lines(rest, &text[skipped..])),
        [first, rest @ ..] => {
            text.first().is_some_and(|line| match_line(first.as_bytes(), line.as_bytes()))
                && match_lines(rest, &text[1..])
        }
    }
}

/// Matches with one step back to the last `*`, which is enough for this kind of pattern.
fn match_line(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, read));
                at += 1;
            }
            Some(b'?') if text[read] != b' ' => (at, read) = (at + 1, read + 1),
            Some(byte) if *byte == text[read] && *byte != b'?' => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                (at, read) = (after, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Takes out `ESC [ ... letter`.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character: char| character.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_match_whatever_their_widths_and_ages() {
        let table = "NAME   STATUS     COMPLETIONS   DURATION   AGE\npi     Complete   1/1           4s         5m3s\n";
        assert!(matches("NAME STATUS COMPLETIONS DURATION AGE\npi Complete 1/1 * *", table));
        assert!(!matches("NAME STATUS COMPLETIONS DURATION AGE\npi Failed 0/1 * *", table));
        assert!(!matches("NAME STATUS COMPLETIONS DURATION AGE", table));
    }

    #[test]
    fn a_random_suffix_has_its_length() {
        assert!(matches("pi-?????", "pi-x7k2p\n"));
        assert!(!matches("pi-?????", "pi-x7k2\n"));
        assert!(!matches("pi-?????", "pi-x7 2p\n"));
    }

    #[test]
    fn free_lines_may_be_none_or_many() {
        assert!(matches("a\n...\nz", "a\nz\n"));
        assert!(matches("a\n...\nz", "a\nb\nc\nz\n"));
        assert!(!matches("a\n...\nz", "a\nb\nc\n"));
    }

    #[test]
    fn stars_step_back() {
        assert!(matches("*ab*ab", "xababyab"));
        assert!(!matches("*ab*abc", "xababyab"));
    }

    #[test]
    fn colours_do_not_count() {
        assert!(contains(
            "running at https://*:*",
            "\x1b[0;32mcontrol plane\x1b[0m is running at \x1b[0;33mhttps://h:1\x1b[0m\n"
        ));
    }

    #[test]
    fn no_output_matches_only_no_pattern() {
        assert!(matches("", "\n"));
        assert!(!matches("", "something"));
        assert!(!contains("x", ""));
    }
}

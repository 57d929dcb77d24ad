//! What changed between two values, as upstream's errors print it: a unified diff of the indented JSON of the internal
//! type (`k8s.io/apimachinery/pkg/util/diff`), made by the algorithm of Python's `difflib`, whose port upstream uses.

mod matcher;

use serde_json::Value;

use crate::internal;
use matcher::{Change, changes};

/// Unchanged lines around each change.
const CONTEXT: usize = 3;

/// The diff of two values of an internal type.
pub(crate) fn unified(ty: &'static str, old: &Value, new: &Value) -> String {
    let (old, new) = (indented(&internal::show(ty, Some(old))), indented(&internal::show(ty, Some(new))));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut text = String::new();
    for group in groups(changes(&old, &new)) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (of_old, of_new) = (range(first.old.start, last.old.end), range(first.new.start, last.new.end));
        text.push_str(&format!("@@ -{of_old} +{of_new} @@\n"));
        for change in &group {
            if change.is_equal {
                push_lines(&mut text, ' ', &old[change.old.clone()]);
            } else {
                push_lines(&mut text, '-', &old[change.old.clone()]);
                push_lines(&mut text, '+', &new[change.new.clone()]);
            }
        }
    }
    text
}

fn push_lines(text: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        text.push(sign);
        text.push_str(line);
        text.push('\n');
    }
}

/// Lines count from 1; an empty range names the line before it.
fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}

/// Changes with their context, in groups that do not touch.
fn groups(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut groups = Vec::new();
    let mut group: Vec<Change> = Vec::new();
    let last = changes.len().saturating_sub(1);
    for (index, mut change) in changes.into_iter().enumerate() {
        if !change.is_equal {
            group.push(change);
            continue;
        }
        if index == 0 {
            change.keep_last(CONTEXT);
        }
        if index == last {
            change.keep_first(CONTEXT);
        } else if index > 0 && change.old.len() > 2 * CONTEXT {
            let mut before = change.clone();
            before.keep_first(CONTEXT);
            group.push(before);
            groups.push(std::mem::take(&mut group));
            change.keep_last(CONTEXT);
        }
        group.push(change);
    }
    groups.push(group);
    groups.retain(|group| group.iter().any(|change| !change.is_equal));
    groups
}

/// Compact JSON as Go's `MarshalIndent` prints it with one space.
fn indented(compact: &str) -> String {
    let mut text = String::with_capacity(compact.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut letters = compact.chars().peekable();
    let break_line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n(' ', depth));
    };
    while let Some(letter) = letters.next() {
        if quoted {
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            text.push(letter);
            continue;
        }
        match letter {
            '{' | '[' => {
                text.push(letter);
                match letters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => text.push(end),
                    None => {
                        depth += 1;
                        break_line(&mut text, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut text, depth);
                text.push(letter);
            }
            ',' => {
                text.push(letter);
                break_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => {
                quoted = letter == '"';
                text.push(letter);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_indented_as_go_does() {
        let text = indented("{\"a\":[],\"b\":{},\"c\":[1,{\"d\":\"x\\\"{:,\"}],\"e\":null}");
        let expected =
            "{\n \"a\": [],\n \"b\": {},\n \"c\": [\n  1,\n  {\n   \"d\": \"x\\\"{:,\"\n  }\n ],\n \"e\": null\n}";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let (old, new) = (json!({"key": "a", "effect": "x"}), json!({"key": "a", "effect": "y"}));
        let expected = "@@ -2,6 +2,6 @@\n  \"Key\": \"a\",\n  \"Operator\": \"\",\n  \"Value\": \"\",\n- \"Effect\": \"x\",\n\
                        + \"Effect\": \"y\",\n  \"TolerationSeconds\": null\n }\n";
        assert_eq!(unified("Toleration", &old, &new), expected);
        assert_eq!(unified("Toleration", &old, &old), "");
    }
}

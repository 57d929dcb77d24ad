//! A Rust file as the rules see it: the text as written, the code alone (comments and literals blanked, so that a word
//! in a sentence breaks no rule), and which lines are test code. A lexer, not a parser: it knows strings, characters,
//! lifetimes and comments, and keeps every line where it was.

/// One Rust file.
pub(super) struct Source {
    /// The path, relative to the checkout, with `/`.
    pub(super) path: String,
    /// The lines as written.
    pub(super) raw: Vec<String>,
    /// The lines with comments and literals blanked.
    pub(super) code: Vec<String>,
    /// Whether each line is test code.
    pub(super) test: Vec<bool>,
}

impl Source {
    /// Reads a file's text.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code: Vec<String> = blank(text).lines().map(str::to_owned).collect();
        let test = test_lines(path, &code);
        Self { path: path.to_owned(), raw: text.lines().map(str::to_owned).collect(), code, test }
    }

    /// Every place where the code holds this word, as line numbers from 1.
    pub(super) fn lines_with(&self, word: &str) -> Vec<usize> {
        let found = self.code.iter().enumerate().filter(|(_, line)| holds(line, word));
        found.map(|(index, _)| index + 1).collect()
    }

    /// Whether the line (from 1) or the one before it carries the comment `tidy: PERMISSION` with a reason.
    pub(super) fn permits(&self, line: usize, permission: &str) -> bool {
        let marker = format!("tidy: {permission} ");
        let lines = [Some(line - 1), (line - 1).checked_sub(1)];
        lines.into_iter().flatten().filter_map(|index| self.raw.get(index)).any(|text| text.contains(&marker))
    }
}

/// Whether `line` holds `word` (which may be a path such as `Instant::now`) as a whole, not as a part of a longer name.
pub(super) fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

pub(super) fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Replaces comments and the insides of literals by spaces; line breaks stay.
fn blank(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let in_name = out.chars().next_back().is_some_and(is_name);
        let length = literal_length(rest, in_name);
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment or literal that `rest` begins with; 0 when it begins with code.
fn literal_length(rest: &str, in_name: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    if in_name {
        return 0;
    }
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    if prefix > 2 {
        return 0;
    }
    let body = &rest[prefix..];
    let raw = rest[..prefix].contains('r');
    let hashes = body.len() - body.trim_start_matches('#').len();
    if raw && body[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = &body[hashes + 1..];
        return inside.find(&end).map_or(rest.len(), |at| prefix + hashes + 1 + at + end.len());
    }
    if body.starts_with('"') { prefix + string_length(body) } else { 0 }
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let tail = &rest[at..];
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// `'x'` and `'\n'` are literals; `'a` in `&'a str` is a lifetime.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            let closing = characters.skip(1).find(|(_, character)| *character == '\'');
            closing.map_or(0, |(at, _)| at + 1)
        }
        Some(_) => characters.next().filter(|(_, character)| *character == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

fn string_length(body: &str) -> usize {
    let mut escaped = false;
    for (at, character) in body.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    body.len()
}

/// Test code: files below `tests/`, files named `tests.rs`, and what follows `#[cfg(test)]` until its block ends.
fn test_lines(path: &str, code: &[String]) -> Vec<bool> {
    if path.contains("/tests/") || path.ends_with("/tests.rs") {
        return vec![true; code.len()];
    }
    let mut test = vec![false; code.len()];
    for start in (0..code.len()).filter(|index| code[*index].contains("#[cfg(test)]")) {
        let end = block_end(code, start).unwrap_or(code.len() - 1);
        test[start..=end].fill(true);
    }
    test
}

/// The line (from 0) on which the first block opened at or after `start` closes, or on which a `;` ends the item first.
pub(super) fn block_end(code: &[String], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut groups = 0_usize;
    for (index, line) in code.iter().enumerate().skip(start) {
        for character in line.chars() {
            match character {
                '{' => depth += 1,
                '}' if depth == 1 => return Some(index),
                '}' => depth = depth.saturating_sub(1),
                '(' | '[' => groups += 1,
                ')' | ']' => groups = groups.saturating_sub(1),
                ';' if depth == 0 && groups == 0 => return Some(index),
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_comments_and_literals_are_not_code() {
        let text = "let a = \"tokio\"; // tokio\n/* tokio /* tokio */ tokio */ let b = r#\"tokio\" tokio\"#;\nlet c = b\"tokio\";\n";
        assert!(!blank(text).contains("tokio"), "{}", blank(text));
        assert_eq!(blank(text).lines().count(), 3);
    }

    #[test]
    fn lifetimes_and_characters_are_told_apart() {
        let text = "fn f<'a>(x: &'a str) -> char { let q = '\"'; let e = '\\''; tokio(q, e, '{') }";
        let code = blank(text);
        assert!(code.contains("tokio(q, e,") && code.contains("&'a str"), "{code}");
        assert!(!code.contains("'{'"), "{code}");
    }

    #[test]
    fn a_part_of_a_name_is_not_the_name() {
        assert!(holds("let x = Instant::now();", "Instant::now"));
        assert!(!holds("let x = MyInstant::nowadays();", "Instant::now"));
        assert!(!holds("unsafe_code", "unsafe"));
    }

    #[test]
    fn test_modules_are_test_code_and_what_follows_them_is_not() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let source = Source::new("crates/x/src/lib.rs", text);
        assert_eq!(source.test, [false, true, true, true, true, false]);
        assert_eq!(Source::new("crates/x/tests/y.rs", text).test, [true; 6]);
    }
}

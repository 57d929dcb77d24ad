//! What becomes of a line of a container's output on its way to a reader: chosen or left out, marked, put into its form.
//! Pure.

use std::borrow::Cow;

use explain::text::is_harmful;
use jiff::Timestamp;
use regex::bytes::Regex;
use serde::Serialize;

use crate::cli::logs::{Form, ReadFlags};
use crate::exit::Failure;
use crate::view::attempts::Attempt;

/// Reverse video goes with whatever colours a line has of its own.
const MARK: (&[u8], &[u8]) = (b"\x1b[7m", b"\x1b[27m");

/// A line as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Without its end; with the time in front where times were asked for.
    pub(crate) bytes: &'a [u8],
    /// Whether it had an end: the last line of a program may have none, and parts of a very long line have none.
    pub(crate) is_whole: bool,
}

/// Whose output it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// Name of the pod.
    pub(crate) pod: &'a str,
    /// The container.
    pub(crate) container: &'a str,
    /// The attempt, if it is known.
    pub(crate) attempt: Option<&'a Attempt>,
}

/// Which lines are shown, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Show {
    form: Option<Form>,
    timestamps: bool,
    grep: Vec<Regex>,
    exclude: Vec<Regex>,
    highlight: Vec<Regex>,
    has_times: bool,
}

/// What to print of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown<'a> {
    /// A line of text for people, which wants a prefix and is escaped for terminals.
    Text(Cow<'a, [u8]>),
    /// These bytes and nothing else.
    Bytes(Vec<u8>),
}

#[derive(Serialize)]
struct Entry<'a> {
    pod: &'a str,
    container: &'a str,
    attempt: Option<u32>,
    index: Option<u32>,
    time: Option<&'a str>,
    line: Cow<'a, str>,
}

impl Show {
    /// Every line, as text for people.
    pub(crate) fn everything() -> Self {
        Self::default()
    }

    /// Reads the flags. `wants_times`: the times of lines are needed, whatever is shown of them.
    ///
    /// # Errors
    /// Patterns that are none; flags that do not go together.
    pub(crate) fn parse(args: &ReadFlags, wants_times: bool) -> Result<Self, Failure> {
        if let (Some(form), false) = (args.output, args.highlight.is_empty()) {
            return Err(Failure::usage(format!(
                "error: --highlight marks text: it does not go with -o {}",
                form.name()
            )));
        }
        Ok(Self {
            form: args.output,
            timestamps: args.timestamps,
            grep: patterns("--grep", &args.grep)?,
            exclude: patterns("--exclude", &args.exclude)?,
            highlight: patterns("--highlight", &args.highlight)?,
            has_times: args.timestamps || wants_times || args.output == Some(Form::Json),
        })
    }

    /// Whether logs must be read with times in front of lines.
    pub(crate) fn has_times(&self) -> bool {
        self.has_times
    }

    /// The time of a line, where times were asked for.
    pub(crate) fn time(&self, line: Line<'_>) -> Option<Timestamp> {
        self.split(line.bytes).0?.parse().ok()
    }

    /// What is shown of a line; `None` for one that is not wanted.
    pub(crate) fn line<'l>(&self, origin: Origin<'_>, line: Line<'l>, colour: bool) -> Option<Shown<'l>> {
        let (time, text) = self.split(line.bytes);
        let has = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(text));
        if !self.grep.is_empty() && !has(&self.grep) || has(&self.exclude) {
            return None;
        }
        Some(match self.form {
            Some(Form::Json) => Shown::Bytes(entry(origin, time, text)),
            Some(Form::Raw) => {
                let shown = if self.timestamps { line.bytes } else { text };
                let end: &[u8] = if line.is_whole { b"\n" } else { b"" };
                Shown::Bytes([shown, end].concat())
            }
            None => {
                let marked = if colour { self.mark(text) } else { Cow::Borrowed(text) };
                match time.filter(|_| self.timestamps) {
                    None => Shown::Text(marked),
                    Some(time) => Shown::Text([time.as_bytes(), b" ", &marked].concat().into()),
                }
            }
        })
    }

    /// Parts the time in front of a line from its text. Of a very long line only the first part has one.
    fn split<'l>(&self, bytes: &'l [u8]) -> (Option<&'l str>, &'l [u8]) {
        let found = self.has_times.then(|| bytes.iter().position(|byte| *byte == b' ')).flatten();
        let Some(end) = found else { return (None, bytes) };
        match std::str::from_utf8(&bytes[..end]).ok().filter(|time| time.parse::<Timestamp>().is_ok()) {
            Some(time) => (Some(time), &bytes[end + 1..]),
            None => (None, bytes),
        }
    }

    fn mark<'l>(&self, text: &'l [u8]) -> Cow<'l, [u8]> {
        let mut found: Vec<(usize, usize)> = self
            .highlight
            .iter()
            .flat_map(|pattern| pattern.find_iter(text).map(|found| (found.start(), found.end())))
            .filter(|(start, end)| start < end)
            .collect();
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let (mut marked, mut done) = (Vec::with_capacity(text.len() + found.len() * 9), 0);
        for (start, end) in found {
            // Matches of several patterns may overlap.
            let start = start.max(done);
            if start < end {
                for part in [&text[done..start], MARK.0, &text[start..end], MARK.1] {
                    marked.extend_from_slice(part);
                }
                done = end;
            }
        }
        marked.extend_from_slice(&text[done..]);
        Cow::Owned(marked)
    }
}

fn patterns(flag: &str, texts: &[String]) -> Result<Vec<Regex>, Failure> {
    let one = |text: &String| {
        Regex::new(text)
            .map_err(|error| Failure::usage(format!("error: {flag} {text:?} is no regular expression: {error}")))
    };
    texts.iter().map(one).collect()
}

fn entry(origin: Origin<'_>, time: Option<&str>, text: &[u8]) -> Vec<u8> {
    let entry = Entry {
        pod: origin.pod,
        container: origin.container,
        attempt: origin.attempt.map(|attempt| attempt.number),
        index: origin.attempt.and_then(|attempt| attempt.index),
        time,
        line: String::from_utf8_lossy(text),
    };
    let mut text = String::new();
    // Data may end up on a terminal: no letter of it moves the cursor.
    for letter in serde_json::to_string(&entry).unwrap_or_default().chars() {
        if is_harmful(letter) {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(letter);
        }
    }
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin<'static> = Origin { pod: "p", container: "app", attempt: None };

    fn flags(arguments: &[&str]) -> ReadFlags {
        use clap::Parser as _;
        let words = ["kubectl-job", "logs", "x"].iter().chain(arguments);
        match crate::cli::Cli::try_parse_from(words).expect("it is right").verb {
            crate::cli::Verb::Logs(args) => args.read,
            _ => panic!("another verb"),
        }
    }

    fn shown(arguments: &[&str], text: &str, colour: bool) -> Option<String> {
        let show = Show::parse(&flags(arguments), false).expect("they go together");
        let line = Line { bytes: text.as_bytes(), is_whole: true };
        show.line(ORIGIN, line, colour).map(|shown| match shown {
            Shown::Text(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Shown::Bytes(bytes) => format!("bytes {}", String::from_utf8_lossy(&bytes)),
        })
    }

    #[test]
    fn one_match_of_grep_and_none_of_exclude_is_wanted() {
        let chosen = |text| shown(&["--grep", "^a", "--grep", "z$", "--exclude", "no"], text, false).is_some();
        assert_eq!(["ab", "bz", "b", "a no", ""].map(chosen), [true, true, false, false, false]);
        assert!(shown(&["--exclude", "no"], "", false).is_some());
    }

    #[test]
    fn patterns_see_the_text_and_not_the_time() {
        let line = "2026-01-01T00:00:02.000000000Z two";
        assert_eq!(shown(&["--timestamps", "--grep", "^two$"], line, false).as_deref(), Some(line));
        assert_eq!(shown(&["--timestamps", "--grep", "2026"], line, false), None);
        assert_eq!(shown(&["--grep", "2026"], line, false).as_deref(), Some(line), "it is the program's own then");
    }

    #[test]
    fn matches_are_marked_once_and_only_where_there_is_colour() {
        let marks = ["--highlight", "err.r", "--highlight", "ror|x*"];
        assert_eq!(shown(&marks, "an error", false).as_deref(), Some("an error"));
        assert_eq!(shown(&marks, "an error!", true).as_deref(), Some("an \u{1b}[7merror\u{1b}[27m!"));
    }

    #[test]
    fn raw_is_the_bytes_and_adds_no_end_of_line() {
        let show = Show::parse(&flags(&["-o", "raw"]), true).expect("right");
        let line = Line { bytes: b"2026-01-01T00:00:02Z \xff\r", is_whole: false };
        assert_eq!(show.line(ORIGIN, line, true), Some(Shown::Bytes(b"\xff\r".to_vec())));
        assert_eq!(shown(&["-o", "raw"], "hi", true).as_deref(), Some("bytes hi\n"));
        let line = "2026-01-01T00:00:02Z hi";
        assert_eq!(shown(&["-o", "raw", "--timestamps"], line, true), Some(format!("bytes {line}\n")));
    }

    #[test]
    fn json_tells_where_a_line_is_from() {
        let attempt = Attempt {
            number: 2,
            index: Some(5),
            pod: "p".to_owned(),
            uid: "u".to_owned(),
            run: 0,
            created_at: None,
            started_at: None,
            backoff: None,
            end: None,
        };
        let show = Show::parse(&flags(&["-o", "json"]), false).expect("right");
        let origin = Origin { attempt: Some(&attempt), ..ORIGIN };
        let shown = show.line(origin, Line { bytes: b"2026-01-01T00:00:02.5Z a \"b\"", is_whole: true }, true);
        let expected =
            r#"{"pod":"p","container":"app","attempt":2,"index":5,"time":"2026-01-01T00:00:02.5Z","line":"a \"b\""}"#;
        assert_eq!(shown, Some(Shown::Bytes(format!("{expected}\n").into_bytes())));
        let shown = self::shown(&["-o", "json"], "\u{1b}[2J\u{9b}2J", true).expect("it is wanted");
        assert!(shown.ends_with("\"line\":\"\\u001b[2J\\u009b2J\"}\n"), "{shown}");
    }

    #[test]
    fn patterns_that_are_none_and_marks_in_data_are_refused() {
        let refusal = |arguments: &[&str]| Show::parse(&flags(arguments), false).expect_err("wrong").message;
        assert!(refusal(&["--grep", "("]).starts_with("error: --grep \"(\" is no regular expression: "));
        assert!(refusal(&["--highlight", "x", "-o", "json"]).contains("does not go with -o json"));
    }
}

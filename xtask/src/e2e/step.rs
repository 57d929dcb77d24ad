//! One command and what it must print: the unit that the test lists are made of. A step says nothing of who runs it.

use crate::shell::Outcome;

use super::pattern;

/// A command with its expectations. Without others it must exit with 0 and print nothing to stderr.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The arguments, as typed; `'...'` keeps blanks, `{name}` is filled in by the session.
    pub(super) line: String,
    /// How long it may take to come true, in seconds; 0 tries once.
    pub(super) within_seconds: u64,
    /// The oldest kubectl minor that the step is for.
    pub(super) since: u32,
    /// The newest kubectl minor that the step is for.
    pub(super) until: u32,
    /// Where stdout goes afterwards.
    pub(super) save: Option<Save>,
    /// What is typed into it; `{name}` is filled in.
    pub(super) input: Option<String>,
    /// Environment variables of this command alone; `{name}` is filled in.
    pub(super) environment: Vec<(&'static str, String)>,
    code: i32,
    stdout: Vec<Expect>,
    stderr: Vec<Expect>,
}

/// Where a step's stdout goes.
#[derive(Clone, Debug)]
pub(super) enum Save {
    /// Into `{name}`, for later steps.
    Variable(&'static str),
    /// Into a file of the session's folder.
    File(&'static str),
}

#[derive(Clone, Debug)]
enum Expect {
    /// The whole text.
    Is(String),
    /// Some line.
    Has(String),
    Anything,
}

/// A command line, to which expectations are added.
pub(super) fn step(line: &str) -> Step {
    Step {
        line: line.to_owned(),
        within_seconds: 0,
        since: 0,
        until: u32::MAX,
        save: None,
        input: None,
        environment: Vec::new(),
        code: 0,
        stdout: Vec::new(),
        stderr: Vec::new(),
    }
}

impl Step {
    /// stdout is, as a whole, as this pattern says.
    pub(super) fn out(mut self, pattern: &str) -> Self {
        self.stdout.push(Expect::Is(pattern.to_owned()));
        self
    }

    /// Some line of stdout holds this pattern.
    pub(super) fn has(mut self, pattern: &str) -> Self {
        self.stdout.push(Expect::Has(pattern.to_owned()));
        self
    }

    /// stderr is, as a whole, as this pattern says.
    pub(super) fn err(mut self, pattern: &str) -> Self {
        self.stderr.push(Expect::Is(pattern.to_owned()));
        self
    }

    /// Some line of stderr holds this pattern.
    pub(super) fn err_has(mut self, pattern: &str) -> Self {
        self.stderr.push(Expect::Has(pattern.to_owned()));
        self
    }

    /// stderr may say anything: it is talk, and its wording is another check's.
    pub(super) fn talks(mut self) -> Self {
        self.stderr.push(Expect::Anything);
        self
    }

    /// The exit code.
    pub(super) fn exits(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// kubectl's own way to fail: exit code 1 and this on stderr.
    pub(super) fn fails(self, pattern: &str) -> Self {
        self.exits(1).err(pattern)
    }

    /// It comes true within so many seconds, asked again and again.
    pub(super) fn within(mut self, seconds: u64) -> Self {
        self.within_seconds = seconds;
        self
    }

    /// Only for kubectl 1.`minor` and newer.
    pub(super) fn since(mut self, minor: u32) -> Self {
        self.since = minor;
        self
    }

    /// Only for kubectl 1.`minor` and older.
    pub(super) fn until(mut self, minor: u32) -> Self {
        self.until = minor;
        self
    }

    /// Keeps stdout as `{name}` for later steps.
    pub(super) fn save(mut self, name: &'static str) -> Self {
        self.save = Some(Save::Variable(name));
        self
    }

    /// Keeps stdout as a file of the session's folder.
    pub(super) fn save_file(mut self, name: &'static str) -> Self {
        self.save = Some(Save::File(name));
        self
    }

    /// Types this into it.
    pub(super) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Sets an environment variable for this command alone.
    pub(super) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Compares; the error lists every difference and what was printed.
    pub(super) fn judge(&self, fill: impl Fn(&str) -> String, outcome: &Outcome) -> Result<(), String> {
        let mut wrong = Vec::new();
        if outcome.timed_out {
            wrong.push("it did not end in time".to_owned());
        } else if outcome.code != Some(self.code) {
            wrong.push(format!("exit code: wanted {}, got {:?}", self.code, outcome.code));
        }
        let silent = [Expect::Is(String::new())];
        let stderr = if self.stderr.is_empty() { &silent[..] } else { &self.stderr };
        for (name, text, expectations) in
            [("stdout", &outcome.stdout, &self.stdout[..]), ("stderr", &outcome.stderr, stderr)]
        {
            let differences = expectations.iter().filter_map(|expectation| difference(expectation, &fill, text));
            wrong.extend(differences.map(|difference| format!("{name} {difference}")));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let printed = format!("stdout was:\n{}\nstderr was:\n{}", clip(&outcome.stdout), clip(&outcome.stderr));
        Err(format!("{}\n{printed}", wrong.join("\n")))
    }
}

fn difference(expectation: &Expect, fill: impl Fn(&str) -> String, text: &str) -> Option<String> {
    let (pattern, met, wanted) = match expectation {
        Expect::Is(pattern) => (fill(pattern), pattern::matches(&fill(pattern), text), "is not"),
        Expect::Has(pattern) => (fill(pattern), pattern::contains(&fill(pattern), text), "has no line with"),
        Expect::Anything => return None,
    };
    (!met).then(|| format!("{wanted}:\n{pattern}"))
}

/// The most characters of output that a failure shows.
const SHOWN: usize = 4000;

fn clip(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("\n(cut)");
    }
    shown
}

/// Splits a line into words at blanks; `'...'` keeps its inside together.
pub(super) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    for character in line.chars() {
        match character {
            '\'' => (quoted, begun) = (!quoted, true),
            ' ' if !quoted => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            other => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i32, stdout: &str, stderr: &str) -> Outcome {
        Outcome { code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned(), timed_out: false }
    }

    #[test]
    fn words_are_split_as_a_shell_would() {
        assert_eq!(words("patch job/a  -p '{\"a\": 1}' ''"), ["patch", "job/a", "-p", "{\"a\": 1}", ""]);
    }

    #[test]
    fn an_unexpected_warning_fails_a_step() {
        let same = str::to_owned;
        assert_eq!(step("x").out("done").judge(same, &outcome(0, "done\n", "")), Ok(()));
        assert!(step("x").out("done").judge(same, &outcome(0, "done\n", "Warning: old\n")).is_err());
        assert_eq!(step("x").err("Warning: old").judge(same, &outcome(0, "", "Warning: old\n")), Ok(()));
    }

    #[test]
    fn every_difference_is_named() {
        let why = step("x").exits(1).has("a").out("c").judge(str::to_owned, &outcome(0, "b\n", "")).expect_err("wrong");
        for part in ["exit code: wanted 1, got Some(0)", "stdout has no line with:\na", "stdout is not:\nc"] {
            assert!(why.contains(part), "{why}");
        }
    }
}

//! Runs programs: with their output passed through, or captured with a time limit. Keeps one promise: an error names
//! the whole command line, so that a person can run it again.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(3);

/// What a captured program did.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The exit code; `None` when a signal or the time limit ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
    /// Whether the time limit ended it.
    pub(crate) timed_out: bool,
}

impl Outcome {
    /// Whether it ended with exit code 0.
    pub(crate) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }
}

/// The command line as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| {
        let text = word.to_string_lossy().into_owned();
        if text.contains([' ', '"', '\n', '*', '$', '{']) { format!("'{text}'") } else { text }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Runs a program with its input and output passed through.
///
/// # Errors
/// When it cannot be started or does not end with exit code 0.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs a program with its input and output passed through and answers how it ended.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    command.status().with_context(|| format!("starting `{}`", line(command)))
}

/// The command line so that a shell reads it back.
pub(crate) fn quoted(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"))).collect::<Vec<_>>().join(" ")
}

/// Runs a program without input and captures its output.
///
/// # Errors
/// When it cannot be started or its output cannot be kept.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> anyhow::Result<Outcome> {
    capture_from(command, Stdio::null(), limit)
}

/// Runs a program that reads this input and captures its output.
///
/// # Errors
/// When it cannot be started or its input or output cannot be kept.
pub(crate) fn capture_with_input(command: &mut Command, input: &[u8], limit: Duration) -> anyhow::Result<Outcome> {
    let mut file = tempfile::tempfile()?;
    file.write_all(input)?;
    file.rewind()?;
    capture_from(command, Stdio::from(file), limit)
}

/// Runs a program and captures its output. Files take the output, not pipes: a grandchild that keeps a
/// pipe open would otherwise hold this up.
///
/// # Errors
/// When it cannot be started or its output cannot be kept.
fn capture_from(command: &mut Command, stdin: Stdio, limit: Duration) -> anyhow::Result<Outcome> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(stdin).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("starting `{}`", line(command)))?;
    let status = wait(&mut child, limit)?;
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(Outcome {
        code: status.and_then(|status| status.code()),
        stdout: text(&mut stdout)?,
        stderr: text(&mut stderr)?,
        timed_out: status.is_none(),
    })
}

/// Waits for a child to end, at most so long.
///
/// # Errors
/// When the child cannot be waited for.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// Asks again until the answer is `Some`, at most so long.
pub(crate) fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if started.elapsed() > limit {
            return None;
        }
        thread::sleep(POLL);
    }
}

fn text(file: &mut File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_past_its_limit_is_ended_and_its_output_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; exec sleep 600"]);
        let outcome = capture(&mut command, Duration::from_millis(300)).expect("sh starts");
        assert!(outcome.timed_out);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (None, "begun\n"));
    }

    #[test]
    fn a_failure_names_the_command_line() {
        let error = run(Command::new("sh").args(["-c", "exit 7"])).expect_err("it fails");
        assert_eq!(error.to_string(), "`sh -c 'exit 7'` ended with exit status: 7");
    }
}

//! Runs steps one after the other as one person at one terminal: a program, a HOME of its own, a folder for files and
//! values kept from earlier steps.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

use super::report::Report;
use super::step::{Save, Step, words};
use crate::shell::{self, Outcome};
use crate::workspace;

/// How long one command may run.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);

/// A person at a terminal.
pub(super) struct Session {
    program: PathBuf,
    /// Words before those of every line.
    prefix: Vec<String>,
    /// The kubectl minor; `u32::MAX` for other programs.
    minor: u32,
    environment: Vec<(String, String)>,
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Session {
    /// A session of a program that finds its server through `kubeconfig`.
    ///
    /// # Errors
    /// When no folder can be made.
    pub(super) fn new(program: &Path, minor: u32, kubeconfig: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("e2e-").tempdir().context("making a folder")?;
        let home = folder.path().join("home");
        fs::create_dir(&home)?;
        let variables = BTreeMap::from([
            ("jobs".to_owned(), workspace::jobs().display().to_string()),
            ("work".to_owned(), folder.path().display().to_string()),
        ]);
        let environment = vec![
            ("HOME".to_owned(), home.display().to_string()),
            ("KUBECONFIG".to_owned(), kubeconfig.display().to_string()),
            // Colours and widths of the terminal that this happens to run in must not matter.
            ("NO_COLOR".to_owned(), "1".to_owned()),
            ("TERM".to_owned(), "dumb".to_owned()),
        ];
        Ok(Self { program: program.to_owned(), prefix: Vec::new(), minor, environment, folder, variables })
    }

    /// Its folder, `{work}`.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The kubectl minor; `u32::MAX` for other programs.
    pub(super) fn minor(&self) -> u32 {
        self.minor
    }

    /// Sets an environment variable for every later command.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Puts words before those of every later line, such as the name of a plugin.
    pub(super) fn prefix(&mut self, words: &[&str]) {
        self.prefix = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Sets `{name}`.
    fn let_be(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Writes a file into the session's folder, `{work}`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn file(&self, name: &str, content: &str) -> anyhow::Result<()> {
        fs::write(self.folder.path().join(name), content).with_context(|| format!("writing {name}"))
    }

    /// Writes a program into the session's folder: a shell script.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn script(&self, name: &str, content: &str) -> anyhow::Result<()> {
        self.file(name, &format!("#!/bin/sh\n{content}\n"))?;
        let path = self.folder.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).with_context(|| format!("permitting {name}"))
    }

    /// Runs steps in order.
    ///
    /// # Errors
    /// When a command cannot be started.
    pub(super) fn run(&mut self, steps: &[Step], report: &mut Report) -> anyhow::Result<()> {
        for step in steps {
            if (step.since..=step.until).contains(&self.minor) || self.minor == u32::MAX {
                self.run_one(step, report)?;
            }
        }
        Ok(())
    }

    fn run_one(&mut self, step: &Step, report: &mut Report) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(step.within_seconds);
        let (outcome, verdict) = loop {
            let outcome = self.outcome_of(step)?;
            let verdict = step.judge(|text| self.fill(text), &outcome);
            if verdict.is_ok() || Instant::now() >= deadline {
                break (outcome, verdict);
            }
        };
        match step.save {
            Some(Save::Variable(name)) => self.let_be(name, outcome.stdout.trim()),
            Some(Save::File(name)) => self.file(name, &outcome.stdout)?,
            None => {}
        }
        report.check(&step.line, verdict);
        Ok(())
    }

    fn outcome_of(&self, step: &Step) -> anyhow::Result<Outcome> {
        let mut command = self.command(&step.line);
        command.envs(step.environment.iter().map(|(name, value)| (name, self.fill(value))));
        let input = step.input.as_deref().map(|text| self.fill(text));
        match input {
            Some(text) => shell::capture_with_input(&mut command, text.as_bytes(), COMMAND_LIMIT),
            None => shell::capture(&mut command, COMMAND_LIMIT),
        }
    }

    /// Runs a command line and captures what it did.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn outcome(&self, line: &str) -> anyhow::Result<Outcome> {
        shell::capture(&mut self.command(line), COMMAND_LIMIT)
    }

    /// Runs a command line that reads this input, and captures what it did.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn outcome_with_input(&self, line: &str, input: &[u8]) -> anyhow::Result<Outcome> {
        shell::capture_with_input(&mut self.command(line), input, COMMAND_LIMIT)
    }

    /// Starts a command line and leaves it running, for commands that watch.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(&self, line: &str) -> anyhow::Result<Running> {
        let path = self.folder.path().join("running");
        let output = fs::File::create(&path)?;
        let mut command = self.command(line);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("starting `{}`", shell::line(&command)))?;
        Ok(Running { child, path })
    }

    /// A command line that was not started.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.prefix).args(words(line).iter().map(|word| self.fill(word))).current_dir(self.folder.path());
        // With CI set, kubectl-job keeps its server inside the command; here that is chosen by each step.
        command.env_remove("CI");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.variables {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }
}

/// A command that was left running; it ends with this value.
pub(super) struct Running {
    child: std::process::Child,
    path: PathBuf,
}

impl Running {
    /// What it has printed so far.
    pub(super) fn output(&self) -> String {
        fs::read_to_string(&self.path).unwrap_or_default()
    }

    /// Waits until what it has printed satisfies the condition.
    pub(super) fn until(&self, limit: Duration, met: impl Fn(&str) -> bool) -> Result<(), String> {
        let seen = shell::until(limit, || met(&self.output()).then_some(()));
        seen.ok_or_else(|| format!("after {} s it had printed:\n{}", limit.as_secs(), self.output()))
    }

    /// Waits for it to end by itself; the answer is its exit code.
    pub(super) fn end(&mut self, limit: Duration) -> Result<Option<i32>, String> {
        let status = shell::wait(&mut self.child, limit).map_err(|error| error.to_string())?;
        status.map(|status| status.code()).ok_or_else(|| format!("it did not end within {} s", limit.as_secs()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; either way it must be gone and reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

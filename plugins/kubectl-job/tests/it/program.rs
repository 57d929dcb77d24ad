//! A program with a state directory of its own, whose server is stopped when the test is over.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program and a home for it.
pub(crate) struct Program {
    folder: tempfile::TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Exit code; -1 for death by signal.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Program {
    /// A program that nobody has used before.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// A command of it, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-job"));
        command.args(arguments).current_dir(self.folder()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder()).env("TZ", "UTC");
        command.env("LANG", "C.UTF-8").env("KUBECTL_JOB_STATE_DIR", self.state()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn say(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().expect("it starts").into()
    }

    /// Runs it to its end with this on standard input.
    pub(crate) fn say_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        child.wait_with_output().expect("it ends").into()
    }

    /// Puts a file into its folder.
    pub(crate) fn file(&self, name: &str, content: &str) {
        std::fs::write(self.folder().join(name), content).expect("it can be written");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.command(&["server", "stop"]).output();
    }
}

/// A Job's manifest, with one line of spec and a shell command.
pub(crate) fn manifest(name: &str, spec: &str, script: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\nspec:\n  {spec}\n  template:\n    spec:\n      \
         restartPolicy: Never\n      containers:\n      - name: app\n        image: app:1\n        command: [sh, -c, '{script}']\n"
    )
}

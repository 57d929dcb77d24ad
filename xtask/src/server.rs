//! A server of the product, started for one suite in a folder of its own and gone with this value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::https::Endpoint;
use crate::{procfs, shell};

/// How long a server may take to start or to stop.
const LIMIT: Duration = Duration::from_secs(60);
/// The environment variable by which a server's own processes are found.
const MARK: &str = "KUBECTL_JOB_XTASK";

/// A running server.
pub(crate) struct Server {
    binary: PathBuf,
    folder: TempDir,
    mark: String,
    extra: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Server {
    /// Starts a server in the background and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(binary: &Path, extra: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(binary, extra, &[])
    }

    /// The same with variables in its environment.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start_with(binary: &Path, extra: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("server-").tempdir().context("making a folder")?;
        let mark = folder.path().file_name().and_then(|name| name.to_str()).context("a plain name")?.to_owned();
        let extra = extra.iter().map(|word| (*word).to_owned()).collect();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = environment.iter().map(own).collect();
        let server = Self { binary: binary.to_owned(), folder, mark, extra, environment };
        server.again()?;
        Ok(server)
    }

    /// Starts it once more, where it was: on the same state, after it was killed.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn again(&self) -> anyhow::Result<()> {
        let mut command = self.command(&["server", "start"]);
        command.args(&self.extra);
        let outcome = shell::capture(&mut command, LIMIT)?;
        if !outcome.succeeded() || !self.kubeconfig().exists() {
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            bail!("`{}` did not start a server (exit code {:?}):\n{said}", shell::line(&command), outcome.code);
        }
        Ok(())
    }

    /// A command of the product that is about this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--state-dir").arg(self.state());
        command.env(MARK, &self.mark).env("HOME", self.folder.path()).env_remove("CI");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Its state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The kubeconfig it wrote.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state().join("kubeconfig")
    }

    /// Where it is, for our own client.
    ///
    /// # Errors
    /// When its kubeconfig cannot be read.
    pub(crate) fn endpoint(&self) -> anyhow::Result<Endpoint> {
        Endpoint::from_kubeconfig(&self.kubeconfig())
    }

    /// The process that listens.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        procfs::listener(self.endpoint()?.port)
    }

    /// Every process that was started with it, the listener among them.
    pub(crate) fn processes(&self) -> Vec<u32> {
        procfs::with_environment(&format!("{MARK}={}", self.mark))
    }

    /// What it wrote to its log, where it keeps one.
    pub(crate) fn log(&self) -> String {
        let entries = fs::read_dir(self.state()).into_iter().flatten().filter_map(Result::ok);
        let logs = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "log"));
        logs.filter_map(|path| fs::read_to_string(path).ok()).collect()
    }

    /// Asks it to stop.
    ///
    /// # Errors
    /// When `server stop` fails.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        let mut command = self.command(&["server", "stop"]);
        let outcome = shell::capture(&mut command, LIMIT)?;
        if !outcome.succeeded() {
            bail!("`{}` failed: {}{}", shell::line(&command), outcome.stdout, outcome.stderr);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever a failed test left behind ends here; a server that was stopped has no process any more.
        if self.processes().is_empty() {
            return;
        }
        let _ = self.stop();
        for pid in self.processes() {
            let _ = procfs::kill(pid);
        }
    }
}

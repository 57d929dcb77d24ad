//! The state directory: who may read it, what lies in it, and how files come to be there whole.
//!
//! Invariant: the directory is 0700 and files are 0600 from the moment they exist, whatever the umask, since the
//! kubeconfig holds the token that lets its reader start processes.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::verbs::ClockMode;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// Neither XDG_STATE_HOME nor HOME says where it is.
    #[error("cannot tell where to keep state: set HOME, XDG_STATE_HOME or --state-dir")]
    NoHome,
    /// It belongs to somebody else.
    #[error("{0} belongs to another user: give a directory of your own with --state-dir")]
    Foreign(PathBuf),
    /// The file system refused.
    #[error("{what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What a running server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerInfo {
    /// Its process.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) address: std::net::SocketAddr,
    /// Version of the program.
    pub(crate) version: String,
    /// When it was ready.
    pub(crate) started_at: jiff::Timestamp,
    /// How time passes there.
    #[serde(default)]
    pub(crate) clock: ClockMode,
    /// What it was started with, for telling whether a later start asks for something else.
    pub(crate) options: Vec<String>,
}

/// A state directory that exists and is private.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Opens the directory, making it when it is not there.
    ///
    /// # Errors
    /// See [`StateError`].
    pub(crate) fn open(given: Option<&Path>) -> Result<Self, StateError> {
        let root = match given {
            Some(path) => std::path::absolute(path).map_err(|source| io_error("find", path, source))?,
            None => default_root()?,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)
            .map_err(|source| io_error("make", &root, source))?;
        let metadata = fs::metadata(&root).map_err(|source| io_error("look at", &root, source))?;
        if metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Err(StateError::Foreign(root));
        }
        if metadata.mode() & 0o077 != 0 {
            let private = fs::Permissions::from_mode(0o700);
            fs::set_permissions(&root, private).map_err(|source| io_error("make private", &root, source))?;
        }
        Ok(Self { root })
    }

    /// Where it is when nobody says otherwise; nothing is made.
    pub(crate) fn default_path() -> Option<PathBuf> {
        default_root().ok()
    }

    /// The directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The kubeconfig for this server.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    /// What the server printed.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// Where the server keeps what its pods wrote.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// What the last server said of itself, whether it still runs or not.
    pub(crate) fn info(&self) -> Option<ServerInfo> {
        let text = fs::read(self.root.join("server.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether a server holds the life lock now.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub(crate) fn is_alive(&self) -> Result<bool, StateError> {
        let path = self.root.join("server.lock");
        let file = self.lock_file(&path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(io_error("lock", &path, source)),
        }
    }

    /// Takes the lock that says that a server lives; held until the file is closed.
    ///
    /// # Errors
    /// When another server holds it, or the file system refuses.
    pub(crate) fn hold_life(&self) -> Result<Option<File>, StateError> {
        let path = self.root.join("server.lock");
        let file = self.lock_file(&path)?;
        // A prober holds the lock for an instant, so one refusal does not say that another server lives.
        for _ in 0..50 {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(2)),
                Err(TryLockError::Error(source)) => return Err(io_error("lock", &path, source)),
            }
        }
        Ok(None)
    }

    /// Waits for the right to start a server; held until the file is closed.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn hold_start(&self) -> Result<File, StateError> {
        let path = self.root.join("start.lock");
        let file = self.lock_file(&path)?;
        file.lock().map_err(|source| io_error("lock", &path, source))?;
        Ok(file)
    }

    fn lock_file(&self, path: &Path) -> Result<File, StateError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        opened.map_err(|source| io_error("open", path, source))
    }

    /// Says that a server is ready, and how to reach it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn publish(&self, info: &ServerInfo, kubeconfig: &str) -> Result<(), StateError> {
        self.write(&self.kubeconfig(), kubeconfig.as_bytes())?;
        let text = serde_json::to_vec_pretty(info).expect("plain data");
        self.write(&self.root.join("server.json"), &text)
    }

    /// Takes back what [`StateDir::publish`] said; also clears what a server that was killed left.
    pub(crate) fn retract(&self) {
        for name in ["server.json", "kubeconfig"] {
            let _ = fs::remove_file(self.root.join(name));
        }
    }

    /// Opens the log of a new server; the log before is kept beside it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn new_log(&self) -> Result<File, StateError> {
        let path = self.log();
        let _ = fs::rename(&path, self.root.join("server.log.1"));
        let opened = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path);
        opened.map_err(|source| io_error("make", &path, source))
    }

    /// Puts a file there in one step: readers see the old text or the new one.
    fn write(&self, path: &Path, text: &[u8]) -> Result<(), StateError> {
        let mut temporary = path.to_path_buf();
        temporary.set_extension(format!("new.{}", std::process::id()));
        let _ = fs::remove_file(&temporary);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(text))
            .and_then(|()| fs::rename(&temporary, path));
        written.map_err(|source| io_error("write", path, source))
    }
}

fn default_root() -> Result<PathBuf, StateError> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // The XDG rules say that a relative path counts as not given.
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    Ok(state.ok_or(StateError::NoHome)?.join("kubectl-job"))
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(Some(&folder.path().join("a/b"))).expect("it can be made");
        (folder, state)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").mode() & 0o777
    }

    fn info() -> ServerInfo {
        ServerInfo {
            pid: 7,
            address: "127.0.0.1:6443".parse().expect("an address"),
            version: "0.1.0".to_owned(),
            started_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
            clock: ClockMode::Hybrid,
            options: vec!["--port=0".to_owned()],
        }
    }

    #[test]
    fn directory_and_files_are_private() {
        let (_folder, state) = state();
        state.publish(&info(), "token").expect("it can be written");
        state.new_log().expect("it can be made");
        assert_eq!(mode(state.root()), 0o700);
        assert_eq!((mode(&state.kubeconfig()), mode(&state.log())), (0o600, 0o600));
        assert_eq!(mode(&state.root().join("server.json")), 0o600);
    }

    #[test]
    fn a_directory_open_to_others_is_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let state = StateDir::open(Some(folder.path())).expect("it can be opened");
        assert_eq!(mode(state.root()), 0o700);
    }

    #[test]
    fn life_is_told_by_the_lock_and_not_by_files() {
        let (_folder, state) = state();
        state.publish(&info(), "token").expect("it can be written");
        assert!(!state.is_alive().expect("it can be probed"));
        let life = state.hold_life().expect("it can be locked").expect("nobody holds it");
        assert!(state.is_alive().expect("it can be probed"));
        assert!(state.hold_life().expect("it can be tried").is_none());
        drop(life);
        assert!(!state.is_alive().expect("it can be probed"));
    }

    #[test]
    fn what_was_published_can_be_read_until_it_is_retracted() {
        let (_folder, state) = state();
        assert_eq!(state.info(), None);
        state.publish(&info(), "one").expect("it can be written");
        state.publish(&info(), "two").expect("it can be replaced");
        assert_eq!(state.info(), Some(info()));
        assert_eq!(fs::read_to_string(state.kubeconfig()).expect("it is there"), "two");
        state.retract();
        assert_eq!(state.info(), None);
        assert!(!state.kubeconfig().exists());
    }
}

//! Logs that are kept in memory, for containers that are acted out. As large as what their scripts print.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

/// The bytes of one log.
pub(super) type Page = Arc<Mutex<Vec<u8>>>;

/// All logs that have an entry, ordered by path so that those of a pod lie together.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<PathBuf, Page>>);

impl Memory {
    /// The log at a path, made if it is not there.
    pub(super) fn page(&self, path: &Path) -> Page {
        self.0.lock().entry(path.to_owned()).or_default().clone()
    }

    pub(super) fn find(&self, path: &Path) -> Option<Page> {
        self.0.lock().get(path).cloned()
    }

    /// Drops all logs below a directory.
    pub(super) fn forget(&self, directory: &Path) {
        let mut pages = self.0.lock();
        let below = pages.range(directory.to_owned()..).map(|(path, _)| path);
        let below: Vec<PathBuf> = below.take_while(|path| path.starts_with(directory)).cloned().collect();
        for path in below {
            pages.remove(&path);
        }
    }
}

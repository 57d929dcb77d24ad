//! Files that are looked at again and again until one of them changes: for `run --watch-files` and `test --watch`.
//!
//! It polls. Notifications of the kernel do not come from network and shared file systems, and end with the file that an
//! editor replaces; a look at some tens of files costs microseconds. Nothing is read here, and what a change means is for
//! the caller to say.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long from one look to the next, and so how long files must stay as they are before a change is told.
const PERIOD: Duration = Duration::from_millis(150);

/// Files and folders, and how each was when it was last told of.
///
/// A folder changes when an entry of it comes, goes or is renamed, and not with the content of its files. What is not
/// there is watched too: its coming is a change.
#[derive(Debug)]
pub(crate) struct Watcher {
    told: Vec<(PathBuf, Mark)>,
}

/// What of a file differs once it was written or replaced; nothing while it is not there.
type Mark = Option<(u64, u64, i64, i64, i64, i64)>;

impl Watcher {
    /// Looks at each path now. Make it before the files are read, so that no change falls in between.
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut paths: Vec<PathBuf> = paths.into_iter().collect();
        paths.sort();
        paths.dedup();
        Self { told: paths.into_iter().map(|path| (path.clone(), mark(&path))).collect() }
    }

    /// Watches these paths from now on. Those that it watched before keep what was told of them, so that a change which
    /// nobody has heard of is still told.
    pub(crate) fn set(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        let before: HashMap<PathBuf, Mark> = std::mem::take(&mut self.told).into_iter().collect();
        self.told = Self::new(paths).told;
        for (path, told) in &mut self.told {
            *told = before.get(path).copied().unwrap_or(*told);
        }
    }

    /// Waits until files have changed since the start or the last answer, and have then stayed as they are for a moment,
    /// so that a file that is being written is not told of half written. Returns those files.
    ///
    /// May be dropped while it waits: what it has not told yet is told the next time.
    pub(crate) async fn changed(&mut self) -> Vec<PathBuf> {
        let mut before = self.look();
        loop {
            tokio::time::sleep(PERIOD).await;
            let now = self.look();
            if now == before && self.told.iter().zip(&now).any(|((_, told), now)| told != now) {
                return self.tell(now);
            }
            before = now;
        }
    }

    fn look(&self) -> Vec<Mark> {
        self.told.iter().map(|(path, _)| mark(path)).collect()
    }

    fn tell(&mut self, now: Vec<Mark>) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for ((path, told), now) in self.told.iter_mut().zip(now) {
            if std::mem::replace(told, now) != now {
                changed.push(path.clone());
            }
        }
        changed
    }
}

/// Links are followed: what counts is the file that would be read.
fn mark(path: &Path) -> Mark {
    let data = std::fs::metadata(path).ok()?;
    Some((data.ino(), data.len(), data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn written_replaced_new_and_removed_files_are_told_of_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["written", "replaced", "removed", "same"] {
            std::fs::write(path(name), "1").expect("it can be written");
        }
        let names = ["written", "replaced", "removed", "same", "new", "same"];
        let mut watcher = Watcher::new(names.iter().map(|name| path(name)));
        std::fs::write(path("written"), "22").expect("it can be written");
        std::fs::write(path("other"), "1").expect("it can be written");
        std::fs::rename(path("other"), path("replaced")).expect("it can be moved");
        std::fs::remove_file(path("removed")).expect("it can be removed");
        std::fs::write(path("new"), "1").expect("it can be written");
        let told = watcher.changed().await;
        assert_eq!(told, ["new", "removed", "replaced", "written"].map(path));
        std::fs::write(path("same"), "333").expect("it can be written");
        assert_eq!(watcher.changed().await, [path("same")]);
    }

    #[tokio::test]
    async fn a_change_that_nobody_waited_for_to_the_end_is_told_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        let mut watcher = Watcher::new([file.clone(), folder.path().to_owned()]);
        std::fs::write(&file, "1").expect("it can be written");
        // Polled once and dropped.
        assert!(futures::FutureExt::now_or_never(watcher.changed()).is_none());
        watcher.set([file.clone(), folder.path().join("other")]);
        assert_eq!(watcher.changed().await, [file]);
    }
}

//! What `run --watch-files` watches: files, and all that lies below folders.

use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::watch_files::Watcher;

/// Most files and folders that are watched.
const MAX_PATHS: usize = 10_000;

/// Files and folders that are watched, with what comes and goes below the folders.
pub(super) struct Files {
    named: Vec<PathBuf>,
    watcher: Watcher,
}

impl Files {
    /// Files and folders that are there.
    ///
    /// # Errors
    /// Paths that are not; more files than should be watched.
    pub(super) fn new(named: &[PathBuf]) -> Result<Self, Failure> {
        if let Some(path) = named.iter().find(|path| !path.exists()) {
            let text = format!("error: --watch-files: the path \"{}\" does not exist", path.display());
            return Err(Failure::usage(text));
        }
        let all = all(named);
        if all.len() > MAX_PATHS {
            let text = format!("error: --watch-files: there are more than {MAX_PATHS} files: name fewer");
            return Err(Failure::usage(text));
        }
        Ok(Self { named: named.to_vec(), watcher: Watcher::new(all) })
    }

    /// Waits for a change and returns a path that changed: a file, or a folder in which one came or went.
    ///
    /// May be dropped while it waits: the next call tells of the change.
    pub(super) async fn changed(&mut self) -> PathBuf {
        let changed = self.watcher.changed().await;
        self.watcher.set(all(&self.named));
        let file = changed.iter().find(|path| !path.is_dir());
        file.or(changed.first()).cloned().unwrap_or_default()
    }
}

/// The paths themselves and what is below them.
fn all(named: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = named.to_vec();
    for path in named {
        below(path, &mut all);
    }
    all
}

/// Links to folders are not followed: they may lead round in circles.
fn below(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if all.len() > MAX_PATHS {
            return;
        }
        all.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&entry.path(), all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_changes_and_goes_below_a_folder_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(at(name), text).expect("it can be written");
        std::fs::create_dir_all(at("src/deep")).expect("it can be made");
        write("src/deep/one", "1");
        let mut files = Files::new(&[at("src")]).expect("it is there");
        write("src/deep/one", "11");
        assert_eq!(files.changed().await, at("src/deep/one"));
        write("src/deep/two", "2");
        assert_eq!(files.changed().await, at("src/deep"));
        write("src/deep/two", "22");
        assert_eq!(files.changed().await, at("src/deep/two"));
        std::fs::remove_file(at("src/deep/one")).expect("it goes");
        assert_eq!(files.changed().await, at("src/deep/one"));
    }

    #[test]
    fn a_path_that_is_not_there_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = Files::new(&[folder.path().join("absent")]).err().expect("it is refused");
        assert!(refused.to_string().contains("absent"), "{refused}");
    }
}

//! Files that are looked at again and again, which sees every way in which editors save, on every file system.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::exit::Failure;

/// How often files are looked at. A change counts once two looks in a row see the same: whoever writes is done then.
const LOOK: Duration = Duration::from_millis(200);
/// Most files that are looked at.
const MAX_FILES: usize = 10_000;

/// What tells a file from what it was: when it was written, its size, and which file it is.
type Mark = (i64, i64, u64, u64);
/// Each file that was seen, and those that were named and are not there.
type Seen = BTreeMap<PathBuf, Option<Mark>>;

/// Files and directories, and how they were when they were looked at last.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    seen: Seen,
    changed: PathBuf,
    looks: Interval,
}

impl Files {
    /// Files that are there.
    ///
    /// # Errors
    /// Paths that are not; more files than should be looked at.
    pub(super) fn new(paths: &[PathBuf]) -> Result<Self, Failure> {
        if let Some(path) = paths.iter().find(|path| !path.exists()) {
            let text = format!("error: --watch-files: the path \"{}\" does not exist", path.display());
            return Err(Failure::usage(text));
        }
        let seen = look(paths);
        if seen.len() > MAX_FILES {
            let text = format!("error: --watch-files: there are more than {MAX_FILES} files: name fewer");
            return Err(Failure::usage(text));
        }
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { paths: paths.to_vec(), seen, changed: PathBuf::new(), looks })
    }

    /// Waits until a file is not as it was, and stays as it is then. When it is not waited for to the end, nothing is
    /// lost: the next wait sees the change.
    pub(super) async fn change(&mut self) {
        let mut before: Option<Seen> = None;
        loop {
            self.looks.tick().await;
            let paths = self.paths.clone();
            let Ok(now) = tokio::task::spawn_blocking(move || look(&paths)).await else { continue };
            if now == self.seen {
                before = None;
            } else if before.as_ref() == Some(&now) {
                self.changed = first_difference(&self.seen, &now);
                self.seen = now;
                return;
            } else {
                before = Some(now);
            }
        }
    }

    /// A file that changed last.
    pub(super) fn changed(&self) -> &Path {
        &self.changed
    }
}

fn first_difference(before: &Seen, now: &Seen) -> PathBuf {
    let changed = now.iter().find(|(path, mark)| before.get(*path) != Some(*mark)).map(|(path, _)| path);
    let gone = before.keys().find(|path| !now.contains_key(*path));
    changed.or(gone).cloned().unwrap_or_default()
}

fn look(paths: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => below(path, &mut seen),
            found => {
                seen.insert(path.clone(), found.ok().map(|found| mark(&found)));
            }
        }
    }
    seen
}

/// All files below a directory. Links to directories are not followed: they may lead round in circles.
fn below(folder: &Path, seen: &mut Seen) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if seen.len() > MAX_FILES {
            return;
        }
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => below(&path, seen),
            Ok(_) => {
                let found = fs::metadata(&path).ok().map(|found| mark(&found));
                seen.insert(path, found);
            }
            // It went while the directory was read.
            Err(_) => {}
        }
    }
}

fn mark(found: &fs::Metadata) -> Mark {
    (found.mtime(), found.mtime_nsec(), found.size(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_sees_what_was_written_replaced_added_and_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| fs::write(at(name), text).expect("it can be written");
        fs::create_dir(at("src")).expect("it can be made");
        write("one", "1");
        write("src/two", "2");
        let paths = [at("one"), at("src"), at("absent")];
        let mut before = look(&paths);
        assert_eq!(before.len(), 3);
        assert_eq!(look(&paths), before);
        let mut change = |what: &str, path: &str, act: &dyn Fn()| {
            act();
            let now = look(&paths);
            assert_eq!(first_difference(&before, &now), at(path), "{what}");
            before = now;
        };
        change("longer", "one", &|| write("one", "11"));
        change("another file of the same size", "one", &|| {
            write("new", "22");
            fs::rename(at("new"), at("one")).expect("it moves");
        });
        change("more", "src/three", &|| write("src/three", ""));
        change("less", "src/two", &|| fs::remove_file(at("src/two")).expect("it goes"));
        change("there at last", "absent", &|| write("absent", ""));
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_loses_no_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "1").expect("it can be written");
        let mut files = Files::new(std::slice::from_ref(&file)).expect("it is there");
        fs::write(&file, "22").expect("it can be written");
        // Given up after its first poll.
        tokio::select! {
            biased;
            () = files.change() => panic!("one look is not enough"),
            () = std::future::ready(()) => {}
        }
        files.change().await;
        assert_eq!(files.changed(), file);
        assert!(Files::new(&[folder.path().join("absent")]).is_err());
    }
}

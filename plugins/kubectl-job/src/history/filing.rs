//! Logs into their runs, and the bounds of the history. Blocking: for threads that may wait for a disk.
//!
//! Bounds: [`RUNS_MAX`] runs and [`BYTES_MAX`] bytes of logs, unless `--history-limit` says otherwise. The runs that were
//! recorded longest ago go first; of one whose logs alone are too much, the attempts that began first.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::folder::{History, LOGS};
use super::logs;
use super::run::Run;

/// Most runs that are kept.
pub(crate) const RUNS_MAX: usize = 200;
/// Most bytes of logs that are kept, over all runs.
pub(crate) const BYTES_MAX: u64 = 1 << 30;

/// How much of the history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Most runs.
    pub(crate) runs: usize,
    /// Most bytes of logs.
    pub(crate) bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { runs: RUNS_MAX, bytes: BYTES_MAX }
    }
}

/// What becomes of the logs of a pod that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are a run's.
    Filed {
        /// The run.
        id: String,
        /// The pod's name.
        pod: String,
    },
    /// Nobody keeps them.
    Dropped,
}

/// Takes logs out of the staging folder.
pub(super) fn file(history: &History, fates: Vec<(String, Fate)>, limits: Limits) {
    let mut touched = Vec::new();
    for (uid, fate) in fates {
        let from = history.staging().join(&uid);
        if let Fate::Filed { id, pod } = fate {
            match take_in(history, &from, &id, &pod) {
                Ok(()) => touched.push(id),
                Err(error) => warn!(pod, id, %error, "logs of a pod are not kept"),
            }
        }
        if let Err(error) = fs::remove_dir_all(&from)
            && error.kind() != io::ErrorKind::NotFound
        {
            warn!(folder = %from.display(), %error, "logs of a pod stay behind");
        }
    }
    touched.sort();
    touched.dedup();
    for id in touched {
        let Some(mut run) = history.run(&id) else { continue };
        run.log_bytes = pods_of(history, &id).iter().map(|pod| pod.bytes).sum();
        note(history, &run);
    }
    hold_bytes(history, limits.bytes);
}

/// Moves the logs of one pod into its run.
fn take_in(history: &History, from: &Path, id: &str, pod: &str) -> io::Result<()> {
    let run = history.path(id);
    if !run.is_dir() {
        // It was removed meanwhile, by somebody or by the bound.
        return Ok(());
    }
    let above = run.join(LOGS);
    let folder = above.join(pod);
    for made in [&above, &folder] {
        match DirBuilder::new().mode(0o700).create(made) {
            // The run was removed meanwhile; it is not made anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    for file in logs::unfiled(from) {
        let to = folder.join(format!("{}-{}.log", file.container, file.run));
        match fs::rename(&file.path, &to) {
            // A server inside a command keeps its pods' files in the folder for temporary files.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(&file.path, &to)?,
            moved => moved?,
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // The mode of the file comes with it: it is its owner's only.
    fs::copy(from, to).map(|_| ())
}

/// Removes the runs that were recorded longest ago, until so many are left.
pub(super) fn hold_runs(history: &History, runs_max: usize) {
    let ids = history.ids();
    if ids.len() <= runs_max {
        return;
    }
    let recorded = |id: &String| fs::metadata(history.path(id)).and_then(|folder| folder.modified());
    let mut by_age: Vec<(SystemTime, String)> =
        ids.into_iter().map(|id| (recorded(&id).unwrap_or(SystemTime::UNIX_EPOCH), id)).collect();
    by_age.sort();
    let surplus = by_age.len() - runs_max;
    for (_, id) in by_age.into_iter().take(surplus) {
        if let Err(error) = history.remove(&id) {
            warn!(id, %error, "an old run stays behind");
        }
    }
}

/// Drops logs until no more than so many bytes are left; their runs say so.
fn hold_bytes(history: &History, bytes_max: u64) {
    let mut runs = history.runs();
    let mut bytes: u64 = runs.iter().map(|run| run.log_bytes).sum();
    while bytes > bytes_max {
        let Some(mut oldest) = runs.pop() else { return };
        if oldest.log_bytes == 0 {
            continue;
        }
        bytes -= oldest.log_bytes;
        let mut pods = pods_of(history, &oldest.id);
        oldest.log_bytes = pods.iter().map(|pod| pod.bytes).sum();
        pods.sort_by_key(|pod| std::cmp::Reverse(pod.began));
        while bytes + oldest.log_bytes > bytes_max {
            let Some(pod) = pods.pop() else { break };
            if let Err(error) = fs::remove_dir_all(&pod.folder) {
                warn!(folder = %pod.folder.display(), %error, "old logs stay behind");
            }
            oldest.log_bytes -= pod.bytes;
            oldest.logs_dropped += 1;
        }
        note(history, &oldest);
        bytes += oldest.log_bytes;
    }
}

/// The logs of one pod.
struct PodLogs {
    folder: PathBuf,
    bytes: u64,
    began: SystemTime,
}

fn pods_of(history: &History, id: &str) -> Vec<PodLogs> {
    let folders = fs::read_dir(history.path(id).join(LOGS)).into_iter().flatten().flatten();
    let measure = |folder: fs::DirEntry| {
        let files = fs::read_dir(folder.path()).into_iter().flatten().flatten();
        let metadata: Vec<fs::Metadata> = files.filter_map(|file| file.metadata().ok()).collect();
        let began = metadata.iter().filter_map(|file| file.modified().ok()).min();
        PodLogs {
            folder: folder.path(),
            bytes: metadata.iter().map(fs::Metadata::len).sum(),
            began: began.unwrap_or(SystemTime::UNIX_EPOCH),
        }
    };
    folders.map(measure).collect()
}

fn note(history: &History, run: &Run) {
    // A run that somebody removes meanwhile has nothing to note.
    if let Err(error) = history.write_run(run)
        && error.kind() != io::ErrorKind::NotFound
    {
        warn!(id = run.id, %error, "the list of the history is out of date");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::folder::tests::{history, write};

    /// Puts the log of a pod where the kubelet hands it over.
    fn hand_over(history: &History, uid: &str, bytes: usize) {
        let folder = history.staging().join(uid).join("app");
        fs::create_dir_all(&folder).expect("it can be made");
        fs::write(folder.join("0.log"), vec![b'x'; bytes]).expect("it can be written");
    }

    fn filed(run: &Run, pod: &str) -> Fate {
        Fate::Filed { id: run.id.clone(), pod: pod.to_owned() }
    }

    #[test]
    fn logs_come_into_their_run_and_nothing_stays_behind() {
        let (_folder, history) = history();
        let run = write(&history, "a", 1);
        hand_over(&history, "u", 10);
        hand_over(&history, "stranger", 10);
        let fates = vec![("u".to_owned(), filed(&run, "p")), ("stranger".to_owned(), Fate::Dropped)];
        file(&history, fates, Limits::default());
        assert_eq!(fs::read(history.path(&run.id).join("logs/p/app-0.log")).expect("it is there").len(), 10);
        assert_eq!(fs::read_dir(history.staging()).expect("it is there").count(), 0);
        assert_eq!(history.run(&run.id).expect("it is there").log_bytes, 10);
    }

    #[test]
    fn a_run_that_was_removed_is_not_made_anew_by_its_logs() {
        let (_folder, history) = history();
        let run = write(&history, "a", 1);
        hand_over(&history, "1", 10);
        history.remove(&run.id).expect("it goes");
        let from = history.staging().join("1");
        take_in(&history, &from, &run.id, "a-1").expect("nothing to do");
        assert!(!history.path(&run.id).exists());
        assert!(history.ids().is_empty());
    }

    #[test]
    fn runs_beyond_the_bound_go_the_oldest_first() {
        let (_folder, history) = history();
        let runs: Vec<Run> = (0..9).map(|second| write(&history, "a", second)).collect();
        for (age, run) in runs.iter().enumerate() {
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
            fs::File::open(history.path(&run.id)).and_then(|folder| folder.set_modified(time)).expect("it is ours");
        }
        hold_runs(&history, 4);
        let left: Vec<String> = history.runs().into_iter().map(|run| run.id).rev().collect();
        assert_eq!(left, runs[5..].iter().map(|run| run.id.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn logs_beyond_the_bound_go_and_their_run_says_so() {
        let (_folder, history) = history();
        let (old, new) = (write(&history, "a", 1), write(&history, "a", 2));
        for (uid, run, pod) in [("u1", &old, "p1"), ("u2", &new, "p2")] {
            hand_over(&history, uid, 60);
            file(&history, vec![(uid.to_owned(), filed(run, pod))], Limits { runs: 9, bytes: 100 });
        }
        let read = |run: &Run| history.run(&run.id).map(|run| (run.log_bytes, run.logs_dropped)).expect("it is there");
        assert_eq!((read(&old), read(&new)), ((0, 1), (60, 0)));
        // A log that is too large by itself is not kept either.
        hand_over(&history, "u3", 101);
        file(&history, vec![("u3".to_owned(), filed(&new, "p3"))], Limits { runs: 9, bytes: 100 });
        assert!(read(&new).0 <= 100 && read(&new).1 >= 1, "{:?}", read(&new));
    }
}

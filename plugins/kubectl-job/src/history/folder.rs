//! The folder of the history: finding runs in it, reading them, and writing them whole.
//!
//! Invariant: folders are 0700 and files 0600, since what a program printed may be a secret. A run appears by one rename,
//! and each file in it is replaced by one.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use explain::Story;
use jiff::Timestamp;

use super::filing::Limits;
use super::run::Run;
use crate::exit::{Code, Failure};
use crate::server::state::StateDir;

/// The file that a list reads.
const RUN: &str = "run.json";
/// The file that tells all.
const STORY: &str = "story.json";
/// The folder of a run's logs.
pub(crate) const LOGS: &str = "logs";
/// How much is kept, beside the runs.
const LIMITS: &str = ".limits.json";
/// What the folder of a run that is being made is called first: no run's id begins so.
const UNFINISHED: &str = ".new-";

/// All runs of one state directory.
#[derive(Clone, Debug)]
pub(crate) struct History {
    root: PathBuf,
    /// Where a server of this state directory keeps what its pods wrote.
    data: PathBuf,
}

impl History {
    /// The history of this state directory, which may be empty.
    pub(crate) fn of(state: &StateDir) -> Self {
        Self { root: state.root().join("history"), data: state.data() }
    }

    /// The same, whose servers keep what pods wrote elsewhere.
    pub(crate) fn with_data(self, data: PathBuf) -> Self {
        Self { data, ..self }
    }

    /// Where logs lie that no run has taken in yet: of pods that are gone, and of those that are still there.
    pub(crate) fn unfiled(&self) -> [PathBuf; 2] {
        [self.staging(), self.data.join(LOGS)]
    }

    /// Where the kubelet hands logs of pods that are gone.
    pub(crate) fn staging(&self) -> PathBuf {
        self.data.join("gone")
    }

    /// The folder of a run.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// Ids of all runs, in no order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| !name.starts_with('.')).collect()
    }

    /// All runs, newest first. One that is being removed, or that cannot be read, is passed over.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = self.ids().iter().filter_map(|id| self.run(id)).collect();
        runs.sort_by(|left, right| age(right).cmp(&age(left)));
        runs
    }

    /// One run.
    pub(crate) fn run(&self, id: &str) -> Option<Run> {
        let bytes = fs::read(self.path(id).join(RUN)).ok()?;
        serde_json::from_slice::<Run>(&bytes).ok().filter(|run| run.id == id).map(Run::read)
    }

    /// The newest run of a Job of that name.
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<Run> {
        let middle = format!("-{namespace}-{name}-");
        let mut runs: Vec<Run> =
            self.ids().iter().filter(|id| id.contains(&middle)).filter_map(|id| self.run(id)).collect();
        runs.retain(|run| run.namespace == namespace && run.name == name);
        runs.into_iter().max_by(|left, right| age(left).cmp(&age(right)))
    }

    /// The run that somebody names: its id, the beginning of one, the short UID at its end, or the Job's name.
    ///
    /// # Errors
    /// A name of no run, or of several.
    pub(crate) fn named(&self, text: &str, namespace: &str) -> Result<Run, Failure> {
        let text = text.strip_prefix("run/").unwrap_or(text);
        if let Some(run) = (!text.contains('/')).then(|| self.run(text)).flatten() {
            return Ok(run);
        }
        if let Some(run) = self.find(namespace, text) {
            return Ok(run);
        }
        let ids = self.ids();
        let fits = |id: &&String| !text.is_empty() && (id.starts_with(text) || id.ends_with(&format!("-{text}")));
        let fitting: Vec<&String> = ids.iter().filter(fits).collect();
        match fitting.as_slice() {
            [one] => self.run(one).ok_or_else(|| unknown(text)),
            [] => Err(unknown(text)),
            several => Err(Failure::new(
                Code::Failure,
                format!("error: {} runs begin with {text:?}: give more of the id", several.len()),
            )),
        }
    }

    /// All that was known of a run's Job.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub(crate) fn story(&self, run: &Run) -> anyhow::Result<Story> {
        let path = self.path(&run.id).join(STORY);
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))
    }

    /// Writes a run, or writes it anew. One that was removed since it was written first stays so.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn write(&self, run: &Run, story: &Story, is_new: bool) -> io::Result<()> {
        let story = serde_json::to_vec(story)?;
        let folder = self.path(&run.id);
        if let Some(known) = self.run(&run.id) {
            replace(&folder.join(STORY), &story)?;
            // What its logs are is told by who files them.
            let Run { log_bytes, logs_dropped, .. } = known;
            return self.write_run(&Run { log_bytes, logs_dropped, ..run.clone() });
        }
        if !is_new {
            return Ok(());
        }
        let unfinished = self.root.join(format!("{UNFINISHED}{}-{}", run.id, std::process::id()));
        private(&unfinished)?;
        replace(&unfinished.join(STORY), &story)?;
        replace(&unfinished.join(RUN), &serde_json::to_vec(run)?)?;
        fs::rename(&unfinished, &folder)
    }

    /// Writes what a list shows of a run.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn write_run(&self, run: &Run) -> io::Result<()> {
        replace(&self.path(&run.id).join(RUN), &serde_json::to_vec(run)?)
    }

    /// Removes a run.
    ///
    /// # Errors
    /// What the file system says; one that is gone already is no error.
    pub(crate) fn remove(&self, id: &str) -> io::Result<()> {
        let absent_is_fine = |done: io::Result<()>| match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        // Out of the way first: a server may be putting logs into it.
        let gone = self.root.join(format!("{UNFINISHED}gone-{id}-{}", std::process::id()));
        absent_is_fine(fs::rename(self.path(id), &gone))?;
        absent_is_fine(fs::remove_dir_all(gone))
    }

    /// How much is kept, as it was set last.
    pub(crate) fn limits(&self) -> Limits {
        let text = fs::read(self.root.join(LIMITS)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Sets how much is kept.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn set_limits(&self, limits: Limits) -> io::Result<()> {
        replace(&self.root.join(LIMITS), &serde_json::to_vec(&limits)?)
    }

    /// Makes the folders that a recorder needs, and removes what one that was killed left half made.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        private(&self.root)?;
        private(&self.staging())?;
        let entries = fs::read_dir(&self.root)?.flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
            let name = entry.file_name();
            let process = name.to_string_lossy().rsplit('-').next().map(str::to_owned).unwrap_or_default();
            if !Path::new("/proc").join(process).exists() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Orders runs by time. Those that began in one second are in the order in which their server saw them.
fn age(run: &Run) -> (Timestamp, u64, &str) {
    (run.started_at, run.order, &run.id)
}

fn unknown(text: &str) -> Failure {
    Failure::new(Code::Failure, format!("error: the history has no run {text:?}: see kubectl job history"))
}

/// Makes a folder for its owner only.
///
/// # Errors
/// What the file system says.
pub(crate) fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Puts a file there in one step.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("new.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::history::run::Left;
    use serde_json::json;
    use std::os::unix::fs::MetadataExt as _;

    /// A history, and the folder that it lies in.
    pub(crate) fn history() -> (tempfile::TempDir, History) {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(Some(folder.path())).expect("it can be opened");
        let history = History::of(&state);
        history.prepare().expect("it can be made");
        (folder, history)
    }

    /// A run of a Job, with one pod called `p`.
    pub(crate) fn write(history: &History, name: &str, second: u32) -> Run {
        let created = format!("2026-01-01T12:00:{second:02}Z");
        let uid = format!("{second:08}-0000-4000-8000-000000000000");
        let job = json!({"metadata": {"name": name, "namespace": "default", "uid": uid, "creationTimestamp": created}});
        let now = created.parse().expect("a time");
        let run = Run::of(&serde_json::from_value(job.clone()).expect("a Job"), Left::Deleted, Some(now), now);
        let pods = vec![json!({"metadata": {"name": "p", "uid": format!("pod-of-{uid}")}})];
        let story = Story { job, pods, events: vec![], records: None, manifest: None, logs: vec![], now };
        history.write(&run, &story, true).expect("it can be written");
        run
    }

    #[test]
    fn the_newest_run_of_a_name_is_found() {
        let (_folder, history) = history();
        let runs = [write(&history, "a", 1), write(&history, "a", 3), write(&history, "a-b", 5)];
        assert_eq!(history.find("default", "a").map(|run| run.id), Some(runs[1].id.clone()));
        assert_eq!(history.find("other", "a"), None);
        assert_eq!(history.runs().iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["a-b", "a", "a"]);
        let named = |text: &str| history.named(text, "default").map(|run| run.id).map_err(|failure| failure.message);
        assert_eq!(named(&runs[0].id), Ok(runs[0].id.clone()));
        assert_eq!(named("00000003"), Ok(runs[1].id.clone()));
        assert_eq!(named("20260101T120005"), Ok(runs[2].id.clone()));
        assert!(named("2026").expect_err("several").contains("3 runs begin with \"2026\""));
        assert!(named("../history").expect_err("none").contains("has no run"));
    }

    #[test]
    fn a_run_is_private_and_can_be_written_anew_and_removed() {
        let (_folder, history) = history();
        let run = write(&history, "a", 1);
        let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
        let folder = history.path(&run.id);
        assert_eq!((mode(&folder), mode(&folder.join(RUN)), mode(&folder.join(STORY))), (0o700, 0o600, 0o600));
        write(&history, "a", 1);
        let story = history.story(&run).expect("it is there");
        assert_eq!(story.job["metadata"]["name"], "a");
        assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 2);
        history.remove(&run.id).expect("it can be removed");
        history.remove(&run.id).expect("it is no error");
        history.write(&run, &story, false).expect("it is no error");
        assert_eq!(history.runs(), []);
    }

    #[test]
    fn what_a_killed_recorder_left_half_made_is_removed() {
        let (_folder, history) = history();
        let left = |process: u32| history.root.join(format!("{UNFINISHED}x-{process}"));
        private(&left(u32::MAX)).expect("it can be made");
        private(&left(std::process::id())).expect("it can be made");
        history.prepare().expect("it can be prepared");
        assert!(!left(u32::MAX).exists() && left(std::process::id()).exists());
    }
}

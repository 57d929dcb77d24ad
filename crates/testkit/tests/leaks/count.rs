//! What a process has, as the kernel counts it.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

/// What one process has at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    threads: BTreeSet<String>,
    /// Descriptors, by number and by what is behind them.
    descriptors: BTreeSet<String>,
    children: BTreeSet<String>,
    /// Temporary files.
    files: BTreeSet<String>,
}

impl Count {
    pub(crate) fn now() -> Self {
        Self { threads: names("/proc/self/task"), descriptors: descriptors(), children: children(), files: files() }
    }

    /// Waits until all is as it was, and fails when it does not become so.
    pub(crate) fn is_restored(&self, when: &str) {
        if eventually(|| self.is_same(&Self::now())) {
            return;
        }
        let now = Self::now();
        let more = |now: &BTreeSet<String>, then: &BTreeSet<String>| now.difference(then).cloned().collect::<Vec<_>>();
        panic!(
            "{when}: threads {} before and {} now; new descriptors {:?}, children {:?}, files {:?}",
            self.threads.len(),
            now.threads.len(),
            more(&now.descriptors, &self.descriptors),
            more(&now.children, &self.children),
            more(&now.files, &self.files),
        );
    }

    /// Threads that went and came are others by number; how many there are is what counts, and one that was about to end
    /// before is none that is missing.
    fn is_same(&self, now: &Self) -> bool {
        let held = now.threads.len() <= self.threads.len() && now.descriptors == self.descriptors;
        held && now.children == self.children && now.files == self.files
    }
}

/// Whether something becomes true: a socket that the kernel closes, or a task that sees its last client go, may take a
/// moment; a leak stays.
pub(crate) fn eventually(is: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(30) {
        if is() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").filter_map(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn descriptors() -> BTreeSet<String> {
    let link = |number: &String| fs::read_link(format!("/proc/self/fd/{number}")).ok();
    // The descriptor that reads the list is closed by the time its link is read.
    names("/proc/self/fd").iter().filter_map(|number| Some(format!("{number} {}", link(number)?.display()))).collect()
}

/// Children, those that ended and were not waited for too.
fn children() -> BTreeSet<String> {
    let own = std::process::id().to_string();
    let of_own = |pid: &String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(own.as_str())
    };
    names("/proc").into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(of_own).collect()
}

fn files() -> BTreeSet<String> {
    let own = format!("testkit.{}.", std::process::id());
    let folder = std::env::temp_dir();
    names(&folder.display().to_string()).into_iter().filter(|name| name.starts_with(&own)).collect()
}

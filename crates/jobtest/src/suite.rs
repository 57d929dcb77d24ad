//! Many tests: finding their files, choosing among them, and running them in several threads.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::format::{LoadError, Test, load};
use crate::report::{REPETITIONS_MAX, Repetition, Report, Verdict};
use crate::run::{RunOptions, run};

/// How deep folders are searched.
const DEPTH_MAX: usize = 32;

/// Tests, and files that hold none.
#[derive(Debug, Default)]
pub struct Collected {
    /// In the order of their files and in them.
    pub tests: Vec<Test>,
    /// What is wrong in files.
    pub errors: Vec<LoadError>,
}

/// Reads the tests of files, and of all `*.jobtest.yaml` below folders.
pub fn collect(paths: &[PathBuf]) -> Collected {
    let (mut files, mut collected) = (Vec::new(), Collected::default());
    for path in paths {
        if path.is_dir() {
            let mut found = Vec::new();
            if let Err(error) = find(path, 0, &mut found, &mut Vec::new()) {
                collected.errors.push(LoadError::unreadable(path, &error));
            }
            found.sort();
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    for file in files {
        match load(&file) {
            Ok(tests) => collected.tests.extend(tests),
            Err(error) => collected.errors.push(error),
        }
    }
    collected
}

/// All test files below a folder, and the folders that were searched.
pub(crate) fn find(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    folders: &mut Vec<PathBuf>,
) -> std::io::Result<()> {
    folders.push(folder.to_owned());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name().to_string_lossy().into_owned();
        // Links are not followed: they may lead in circles.
        if kind.is_dir() && depth < DEPTH_MAX && !name.starts_with('.') && name != "target" && name != "node_modules" {
            find(&path, depth + 1, files, folders)?;
        } else if kind.is_file() && (name.ends_with(".jobtest.yaml") || name.ends_with(".jobtest.yml")) {
            files.push(path);
        }
    }
    Ok(())
}

/// How to run a suite.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How to run each test.
    pub options: RunOptions,
    /// How many at a time.
    pub threads: usize,
    /// How often each, with one seed after the other.
    pub repeat: u32,
    /// Whether nothing is begun any more once a test has failed.
    pub fail_fast: bool,
}

/// Runs all tests; `done` hears of each as it ends. The answer is in the order of the tests; tests that were not begun are
/// not in it.
pub fn run_all(
    tests: &[Test],
    plan: &Plan,
    replay: impl Fn(&Test, u64) -> String + Sync,
    done: impl Fn(&Report) + Sync,
) -> Vec<Report> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let reports: Mutex<Vec<(usize, Report)>> = Mutex::default();
    let work = || {
        while !stop.load(Ordering::Relaxed) && !plan.options.stop.load(Ordering::Relaxed) {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(test) = tests.get(position) else { return };
            let report = repeated(test, plan, &replay);
            if plan.fail_fast && !report.passed() {
                stop.store(true, Ordering::Relaxed);
            }
            done(&report);
            reports.lock().push((position, report));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..plan.threads.clamp(1, tests.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut reports = reports.into_inner();
    reports.sort_by_key(|(position, _)| *position);
    reports.into_iter().map(|(_, report)| report).collect()
}

/// Runs a test as often as it is to be; the first repetition that does not pass is the one reported.
fn repeated(test: &Test, plan: &Plan, replay: &(impl Fn(&Test, u64) -> String + Sync)) -> Report {
    let times = plan.repeat.max(1);
    let (mut first_bad, mut last, mut bad, mut ran) = (None, None, 0, 0);
    let mut failed = Vec::new();
    for repetition in 0..times {
        let seed = plan.options.seed.wrapping_add(repetition.into());
        let mut report = run(test, &RunOptions { seed, ..plan.options.clone() });
        report.replay = replay(test, seed);
        ran += 1;
        if report.passed() {
            last = Some(report);
            continue;
        }
        bad += 1;
        if failed.len() < REPETITIONS_MAX {
            failed.push(Repetition { seed, failures: report.failures.clone() });
        }
        let is_broken = matches!(report.verdict, Verdict::Broken(_));
        first_bad.get_or_insert(report);
        if is_broken || plan.fail_fast {
            break;
        }
    }
    let mut report = first_bad.or(last).expect("it ran at least once");
    if times > 1 {
        report.repetitions = Some((bad, ran));
        report.failed_repetitions = failed;
    }
    report
}

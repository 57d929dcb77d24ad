//! `test --watch`: runs all tests, and then again those that a change affects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jobtest::Test;
use jobtest::report::Report;
use tokio::signal::unix::{SignalKind, signal};

use super::Round;
use crate::exit::Code;
use crate::watch_files::Watcher;

/// A test, by its file and its name.
type Id = (String, String);

/// Runs until Ctrl-C.
///
/// # Errors
/// Arguments that do not go together, files that cannot be written.
pub(super) fn run(round: &Round<'_>) -> anyhow::Result<Code> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // From here on none is missed: what came before has stopped the round.
    let mut interrupts = {
        let _entered = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    let mut watcher = Watcher::new(named(round));
    let (mut known, mut changed) = (BTreeSet::<Id>::new(), BTreeSet::<PathBuf>::new());
    let mut last: BTreeMap<Id, Report> = BTreeMap::new();
    loop {
        watcher.set(named(round));
        // What is wrong was told; what has changed until then is run when it is mended.
        if let Ok(tests) = round.chosen()? {
            watcher.set(named(round).into_iter().chain(golden(round, &tests)));
            last.retain(|id, _| tests.iter().any(|test| id_of(test) == *id));
            let affected: Vec<Test> =
                tests.iter().filter(|test| is_affected(test, &known, &changed)).cloned().collect();
            if !affected.is_empty() {
                let (ran, real) = round.run(&affected);
                if round.is_stopped() {
                    return Ok(Code::Interrupted);
                }
                last.extend(ran.iter().map(|report| ((report.file.clone(), report.name.clone()), report.clone())));
                let all: Vec<Report> = last.values().cloned().collect();
                round.finish(&ran, &all, real)?;
            }
            known = tests.iter().map(id_of).collect();
            changed.clear();
        }
        round.screen.note("watching; a change of a test or of a manifest runs it again, Ctrl-C ends");
        if round.is_stopped() {
            return Ok(Code::Interrupted);
        }
        let told = runtime.block_on(async {
            tokio::select! {
                biased;
                _ = interrupts.recv() => None,
                told = watcher.changed() => Some(told),
            }
        });
        match told {
            Some(told) => changed.extend(told),
            None => return Ok(Code::Interrupted),
        }
    }
}

fn id_of(test: &Test) -> Id {
    (test.file.clone(), test.name.clone())
}

/// Whether a test is new, or made of something that has changed.
fn is_affected(test: &Test, known: &BTreeSet<Id>, changed: &BTreeSet<PathBuf>) -> bool {
    !known.contains(&id_of(test)) || test.files().iter().any(|file| changed.contains(file))
}

/// All files that tests are read from, and the folders in which more may come.
fn named(round: &Round<'_>) -> Vec<PathBuf> {
    if !round.args.manifests.is_empty() {
        return round.args.manifests.clone();
    }
    if !round.args.kuttl.is_empty() {
        return jobtest::kuttl_files(&round.args.kuttl);
    }
    let here = [PathBuf::from(".")];
    let (files, folders) = jobtest::folders(if round.args.paths.is_empty() { &here } else { &round.args.paths });
    files.iter().flat_map(|file| jobtest::files_named(file)).chain(folders).collect()
}

/// Golden timelines; not when the tests write them themselves.
fn golden(round: &Round<'_>, tests: &[Test]) -> Vec<PathBuf> {
    if round.args.update { Vec::new() } else { tests.iter().flat_map(Test::files).collect() }
}

//! Directories of kuttl tests, as tests of ours: the files of a number are a step, whose objects are applied, whose
//! `-assert` must become true and whose `-errors` must not be, all at one moment.
//!
//! What a step can say in kuttl and cannot here (commands, scripts, kinds that this server has not) is an error with its
//! file and line: a test that runs was understood to the last word.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use explain::manifest::{self, Document};
use jiff::SignedDuration;
use serde_json::Value;

use crate::format::{Expect, LoadError, Manifest, Said, Step, Test};
use crate::kinds;
use crate::node::Place;
use crate::suite::Collected;

/// How long a step may take when its assert does not say: as in kuttl.
const DEFAULT_TIMEOUT_SECONDS: i64 = 30;
/// How much real time a test may take beyond the limits of its steps.
const SLACK: Duration = Duration::from_secs(20);

/// What a file of a step is, by the first word of its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Apply,
    Assert,
    Errors,
}

/// Reads the tests of these directories: of a directory with steps, that test; else of each directory in it that has some.
pub fn collect(paths: &[PathBuf]) -> Collected {
    let mut collected = Collected::default();
    for path in paths {
        match folders(path) {
            Err(error) => collected.errors.push(at(path, 1, "the folder", format!("cannot be read: {error}"))),
            Ok(folders) => {
                for (folder, steps) in folders {
                    match test(&folder, &steps) {
                        Ok(test) => collected.tests.push(test),
                        Err(error) => collected.errors.push(error),
                    }
                }
            }
        }
    }
    collected
}

/// All that lies in these directories and in those below, two levels deep: what a change of may change a test.
pub fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = paths.to_vec();
    for path in paths {
        let inner = entries(path).unwrap_or_default();
        all.extend(inner.iter().filter(|path| path.is_dir()).flat_map(|path| entries(path).unwrap_or_default()));
        all.extend(inner);
    }
    all
}

/// What lies in a directory, in the order of names.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}

/// Directories that are tests, each with its files by step.
type Steps = BTreeMap<u64, Vec<(Part, PathBuf)>>;

fn folders(path: &Path) -> std::io::Result<Vec<(PathBuf, Steps)>> {
    let own = steps(path)?;
    if !own.is_empty() {
        return Ok(vec![(path.to_owned(), own)]);
    }
    let mut found = Vec::new();
    for folder in entries(path)?.into_iter().filter(|entry| entry.is_dir()) {
        let steps = steps(&folder)?;
        if !steps.is_empty() {
            found.push((folder, steps));
        }
    }
    Ok(found)
}

fn steps(folder: &Path) -> std::io::Result<Steps> {
    let mut steps = Steps::new();
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((number, part)) = step_of(&name) {
            steps.entry(number).or_default().push((part, path));
        }
    }
    Ok(steps)
}

/// `01-assert.yaml`: the step and the part. As in kuttl, other names are no part of a test.
fn step_of(name: &str) -> Option<(u64, Part)> {
    let (number, rest) = name.split_once('-')?;
    let number = number.parse().ok()?;
    let stem = rest.strip_suffix(".yaml").unwrap_or(rest);
    if stem.is_empty() || stem.contains('.') {
        return None;
    }
    let part = match stem.split('-').next().unwrap_or_default().to_lowercase().as_str() {
        "assert" => Part::Assert,
        "errors" => Part::Errors,
        _ => Part::Apply,
    };
    Some((number, part))
}

fn test(folder: &Path, steps: &Steps) -> Result<Test, LoadError> {
    let (mut manifests, mut read) = (Vec::new(), Vec::new());
    for files in steps.values() {
        read.push(step(files, &mut manifests)?);
    }
    let limits = read.iter().map(|step| step.timeout).fold(SignedDuration::ZERO, SignedDuration::saturating_add);
    // A path that ends in dots has a name only once it is resolved.
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Test {
        name,
        file: folder.display().to_string(),
        line: 0,
        manifests,
        clock: None,
        start_at: None,
        run_for: None,
        wall_timeout: Duration::try_from(limits).unwrap_or_default().saturating_add(SLACK),
        images: Vec::new(),
        pods: Vec::new(),
        actions: Vec::new(),
        steps: read,
        expect: Expect::default(),
        snapshot: PathBuf::new(),
    })
}

fn step(files: &[(Part, PathBuf)], manifests: &mut Vec<Manifest>) -> Result<Step, LoadError> {
    let mut step = Step {
        timeout: SignedDuration::from_secs(DEFAULT_TIMEOUT_SECONDS),
        apply: Vec::new(),
        asserts: Vec::new(),
        errors: Vec::new(),
        files: files.iter().map(|(_, path)| path.clone()).collect(),
    };
    for (part, path) in files {
        let unreadable = |message: String| at(path, 1, "the file", message);
        if path.is_dir() {
            return Err(unreadable("a directory as a step is not supported".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        let file = path.display().to_string();
        let documents = manifest::parse(&file, &text).map_err(|broken| broken_at(path, &broken.to_string()))?;
        let mut own = Vec::new();
        for document in documents {
            if is_kuttls(&document) {
                step.timeout = settings(path, &document)?.unwrap_or(step.timeout);
                continue;
            }
            let namespaced = served(path, &document)?;
            match part {
                Part::Apply => own.push(document),
                Part::Assert => step.asserts.push(said(path, &document, namespaced)),
                Part::Errors => step.errors.push(said(path, &document, namespaced)),
            }
        }
        if *part == Part::Apply {
            step.apply.extend(own.iter().cloned());
            manifests.push(Manifest { line: 0, file, text: text.into(), documents: own });
        }
    }
    Ok(step)
}

fn is_kuttls(document: &Document) -> bool {
    document.value["apiVersion"].as_str().is_some_and(|version| version.starts_with("kuttl.dev/"))
}

/// What a `TestAssert` says of the time a step may take. All else of kuttl's own kinds is refused.
fn settings(path: &Path, document: &Document) -> Result<Option<SignedDuration>, LoadError> {
    let kind = document.value["kind"].as_str().unwrap_or_default();
    let mut timeout = None;
    for (field, value) in document.value.as_object().into_iter().flatten() {
        let refused = |message: String| Err(at(path, line_of(document, field), &format!("{kind}.{field}"), message));
        match (kind, field.as_str()) {
            ("TestAssert" | "TestStep", "apiVersion" | "kind" | "metadata") => {}
            ("TestAssert", "timeout") => match value.as_i64().filter(|seconds| *seconds > 0) {
                Some(seconds) => timeout = Some(SignedDuration::from_secs(seconds)),
                None => return refused("must be a whole number of seconds above 0".to_owned()),
            },
            ("TestAssert" | "TestStep", _) => {
                return refused("is not supported: run it with kuttl in a sandbox".to_owned());
            }
            _ => return Err(at(path, line_of(document, "kind"), "kind", format!("{kind} is not supported in a step"))),
        }
    }
    Ok(timeout)
}

/// Whether the objects of a document's kind live in namespaces; an error for a kind that there is not.
fn served(path: &Path, document: &Document) -> Result<bool, LoadError> {
    let text = |field: &str| document.value[field].as_str().unwrap_or_default();
    kinds::of_object(&document.value).map(|served| served.namespaced).ok_or_else(|| {
        let message = format!("{} of {} is no kind that this server has", text("kind"), text("apiVersion"));
        at(path, line_of(document, "kind"), "kind", message)
    })
}

/// A partial object; without a namespace it is that of the test.
fn said(path: &Path, document: &Document, namespaced: bool) -> Said<Value> {
    let mut value = document.value.clone();
    if namespaced && value["metadata"]["namespace"].is_null() {
        value["metadata"]["namespace"] = "default".into();
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Said { line: 0, field: format!("{name}:{}", line_of(document, "kind")), value }
}

fn line_of(document: &Document, field: &str) -> u64 {
    let place = document.source.place(field).or_else(|| document.source.place("kind"));
    let line = place.and_then(|place| place.rsplit_once(':').and_then(|(_, line)| line.parse().ok())).unwrap_or(1);
    // A list or an object begins below its key.
    let text = document.source.manifest().map(|manifest| manifest.text).unwrap_or_default();
    let above = text.lines().take(usize::try_from(line).unwrap_or(usize::MAX)).collect::<Vec<_>>();
    let key = above.iter().rposition(|line| line.strip_prefix(field).is_some_and(|rest| rest.starts_with(':')));
    key.and_then(|position| u64::try_from(position + 1).ok()).unwrap_or(line)
}

fn at(path: &Path, line: u64, field: &str, message: String) -> LoadError {
    let place = Place { line, column: 1 };
    LoadError { file: path.display().to_string(), place, field: field.to_owned(), message }
}

/// `FILE:LINE: what`, taken apart.
fn broken_at(path: &Path, text: &str) -> LoadError {
    let rest = text.strip_prefix(&format!("{}:", path.display())).unwrap_or(text);
    match rest.split_once(':').map(|(line, what)| (line.parse(), what)) {
        Some((Ok(line), what)) => at(path, line, "the file", what.trim().to_owned()),
        _ => at(path, 1, "the file", rest.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests;

//! From files to tests.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use explain::manifest;
use jiff::SignedDuration;

use super::{Action, ClockMode, Expect, Manifest, Test, actions, expectations, pods};
use crate::node::{Bad, Field, Fields, Place, documents};
use crate::slips;

/// How long a test may take in real time when it does not say.
const DEFAULT_WALL_TIMEOUT: Duration = Duration::from_secs(20);

const API_VERSION: &str = "jobtest.dev/v1alpha1";

/// Why a file holds no tests: file, line, column and field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The file.
    pub file: String,
    /// Where in it; line 0 for the file as a whole.
    pub place: Place,
    /// Which field, such as `spec.expect.outcome`.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, field, message } = self;
        if place.line == 0 {
            return write!(f, "{file}: {message}");
        }
        write!(f, "{file}:{}:{}: {field}: {message}", place.line, place.column)
    }
}

impl LoadError {
    /// A file of which nothing can be said by line.
    pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = slips::unreadable(path, error);
        Self { file: path.display().to_string(), place: Place::default(), field: "the file".to_owned(), message }
    }
}

/// Reads the tests of a file.
///
/// # Errors
/// What is wrong first.
pub fn load(path: &Path) -> Result<Vec<Test>, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|error| LoadError::unreadable(path, &error))?;
    read_text(path, &text)
}

/// Reads the tests of a text that stands, or would stand, at a path: manifests are looked for beside it.
///
/// # Errors
/// What is wrong first.
pub fn read_text(path: &Path, text: &str) -> Result<Vec<Test>, LoadError> {
    let file = path.display().to_string();
    let located = |bad: Bad| LoadError { file: file.clone(), place: bad.place, field: bad.field, message: bad.message };
    let nodes = documents(text).map_err(located)?;
    let (mut tests, mut names) = (Vec::new(), BTreeSet::new());
    for node in &nodes {
        let test = test(&Field::root(node), path).map_err(located)?;
        if !names.insert(test.name.clone()) {
            let message = format!("{:?} is the name of another test of this file", test.name);
            return Err(located(Bad { place: node.place, field: "metadata.name".to_owned(), message }));
        }
        tests.push(test);
    }
    if tests.is_empty() {
        let place = Place { line: 1, column: 1 };
        return Err(located(Bad { place, field: "the file".to_owned(), message: "holds no test".to_owned() }));
    }
    Ok(tests)
}

fn test(root: &Field<'_>, path: &Path) -> Result<Test, Bad> {
    let mut top = root.fields()?;
    let version = top.need("apiVersion")?;
    version.one_of(&[(API_VERSION, ())]).map_err(|bad| or_manifest(bad, &version, path))?;
    top.need("kind")?.one_of(&[("JobTest", ())])?;
    let mut metadata = top.need("metadata")?.fields()?;
    let name = name(&metadata.need("name")?)?;
    metadata.finish()?;
    let spec = top.need("spec")?;
    top.finish()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.trim_end_matches(".yaml").trim_end_matches(".yml").trim_end_matches(".jobtest");
    let mut fields = spec.fields()?;
    let test = Test {
        snapshot: folder.join("__snapshots__").join(format!("{stem}.{name}.txt")),
        name,
        file: path.display().to_string(),
        line: root.line(),
        manifests: manifests(&fields.need("manifests")?, folder)?,
        clock: fields.read("clock", clock)?,
        start_at: fields.read("startAt", Field::time)?,
        run_for: fields.read("runFor", Field::duration)?,
        wall_timeout: fields.read("wallTimeout", wall_timeout)?.unwrap_or(DEFAULT_WALL_TIMEOUT),
        images: fields.read("images", |field| images(field, folder))?.unwrap_or_default(),
        pods: fields.read("pods", pods::rules)?.unwrap_or_default(),
        actions: fields.read("do", |field| action_list(field, folder))?.unwrap_or_default(),
        steps: Vec::new(),
        expect: fields.read("expect", expectations::read)?.unwrap_or_default(),
    };
    finish(fields, &spec, test)
}

/// What only the whole can tell.
fn finish(fields: Fields<'_>, spec: &Field<'_>, test: Test) -> Result<Test, Bad> {
    fields.finish()?;
    let has_cron_jobs = test.documents().any(|document| document.value["kind"] == "CronJob");
    if has_cron_jobs && test.run_for.is_none() && test.expect.refused.is_none() {
        return Err(spec.bad("needs runFor, since a CronJob never ends"));
    }
    if test.clock == Some(ClockMode::Virtual) && !test.images.is_empty() {
        return Err(spec.bad("has images, which only processes have: clock must be hybrid or real"));
    }
    if !test.pods.is_empty() && matches!(test.clock, Some(ClockMode::Hybrid | ClockMode::Real)) {
        return Err(spec.bad("has pods, a script that replaces processes: clock must be virtual"));
    }
    if test.start_at.is_some() && test.mode() != ClockMode::Virtual {
        return Err(spec.bad("has startAt, which needs clock: virtual"));
    }
    Ok(test)
}

/// A manifest was named where a test is asked for.
fn or_manifest(bad: Bad, version: &Field<'_>, path: &Path) -> Bad {
    if !version.text().is_ok_and(|version| matches!(version.as_str(), "v1" | "batch/v1")) {
        return bad;
    }
    let file = path.display();
    let way = format!(
        "this is a manifest and no test; run it with: kubectl job test -f {file}, or write a test of what it does now: kubectl job test --init {file}"
    );
    Bad { message: format!("{}; {way}", bad.message), ..bad }
}

impl Test {
    /// How time passes in it.
    pub fn mode(&self) -> ClockMode {
        self.clock.unwrap_or(if self.pods.is_empty() { ClockMode::Hybrid } else { ClockMode::Virtual })
    }

    /// Whether it is a kuttl directory.
    pub fn is_kuttl(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Whether a script stands for its processes.
    pub fn scripts_pods(&self) -> bool {
        !self.pods.is_empty()
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = &manifest::Document> {
        self.manifests.iter().flat_map(|manifest| &manifest.documents)
    }
}

fn name(field: &Field<'_>) -> Result<String, Bad> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let wanted = "a name of letters, digits, '-', '_' and '.'";
    field.parsed(wanted, |text| (!text.is_empty() && text.chars().all(allowed)).then(|| text.to_owned()))
}

fn clock(field: &Field<'_>) -> Result<ClockMode, Bad> {
    field.one_of(&[("virtual", ClockMode::Virtual), ("hybrid", ClockMode::Hybrid), ("real", ClockMode::Real)])
}

fn wall_timeout(field: &Field<'_>) -> Result<Duration, Bad> {
    let duration = field.duration()?;
    Ok(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

fn manifests(field: &Field<'_>, folder: &Path) -> Result<Vec<Manifest>, Bad> {
    let files = field.one_or_more()?;
    if files.is_empty() {
        return Err(field.bad("must name at least one file"));
    }
    files.iter().map(|file| manifest_file(file, folder)).collect()
}

/// Reads a manifest that a field names, from the folder of the test.
pub(super) fn manifest_file(field: &Field<'_>, folder: &Path) -> Result<Manifest, Bad> {
    let path = plain_path(&folder.join(field.text()?));
    let text = std::fs::read_to_string(&path)
        .map_err(|error| field.bad(format!("{} {}", path.display(), slips::unreadable(&path, &error))))?;
    let file = path.display().to_string();
    let documents = manifest::parse(&file, &text).map_err(|broken| field.bad(broken.to_string()))?;
    Ok(Manifest { file, line: field.line(), text: text.into(), documents })
}

/// The path without `x/..`, as people would write it.
pub(crate) fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let ends_in_name = matches!(plain.components().next_back(), Some(std::path::Component::Normal(_)));
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if ends_in_name => _ = plain.pop(),
            other => plain.push(other),
        }
    }
    plain
}

/// `IMAGE: {exec: PROGRAM}`, or `IMAGE: TARGET` as after `--map-image IMAGE=`.
fn images(field: &Field<'_>, folder: &Path) -> Result<Vec<String>, Bad> {
    let mut rules = Vec::new();
    for (image, target) in field.entries()? {
        let target_text = if target.is_text() {
            target.text()?
        } else {
            let mut fields = target.fields()?;
            let program = fields.need("exec")?.text()?;
            fields.finish()?;
            program
        };
        let placed = testkit::image_target_below(&target_text, folder);
        rules.push(format!("{image}={placed}"));
        testkit::check_image_rule(rules.last().map_or("", String::as_str)).map_err(|wrong| target.bad(wrong))?;
    }
    Ok(rules)
}

fn action_list(field: &Field<'_>, folder: &Path) -> Result<Vec<Action>, Bad> {
    field.list()?.iter().map(|field| actions::read(field, folder)).collect()
}

/// An expectation of success and nothing else, for a manifest without a test.
pub(crate) fn expects_success() -> Expect {
    let outcome = super::Said { line: 0, field: "outcome".to_owned(), value: super::Outcome::Complete };
    Expect { job: super::JobExpect { outcome: Some(outcome), ..Default::default() }, ..Expect::default() }
}

/// A test of a manifest on its own: it runs, and each Job of it is Complete.
///
/// # Errors
/// A file that cannot be read, or holds no manifest.
pub fn zero_config(path: &Path, run_for: Option<SignedDuration>) -> Result<Test, LoadError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| LoadError::unreadable(path, &error))?;
    let documents = manifest::parse(&file, &text).map_err(|broken| {
        // The words begin with the place.
        let message = broken.to_string();
        let message = message.strip_prefix(&format!("{file}: ")).unwrap_or(&message).to_owned();
        LoadError { file: file.clone(), place: Place::default(), field: "the manifest".to_owned(), message }
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Test {
        name,
        file: file.clone(),
        line: 0,
        manifests: vec![Manifest { file, line: 0, text: text.into(), documents }],
        clock: None,
        start_at: None,
        run_for,
        wall_timeout: DEFAULT_WALL_TIMEOUT,
        images: Vec::new(),
        pods: Vec::new(),
        actions: Vec::new(),
        steps: Vec::new(),
        expect: expects_success(),
        snapshot: PathBuf::new(),
    })
}

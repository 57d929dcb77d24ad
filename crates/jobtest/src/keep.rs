//! Writes down all that is known of the cluster of a test that failed, while it is there: objects, Events, decisions,
//! output, timelines. Plain files in a folder of the test's own; no credentials, and no values of Secrets.

use std::fmt::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use explain::Style;
use serde::Serialize;
use serde_json::{Value, json};

use crate::judge::Evidence;
use crate::kinds;
use crate::report::{Report, difference};
use crate::world::text;

/// The file that each folder has, and by which a folder of an earlier run is known.
const FAILURE: &str = "failure.txt";

/// Writes it; the folder, or why it could not be written.
pub(crate) fn keep(below: &Path, evidence: &Evidence<'_>, report: &Report) -> Result<PathBuf, String> {
    let folder = below.join(folder_name(report));
    if folder.exists() {
        // Only what an earlier run of the same test has left goes.
        if !folder.join(FAILURE).is_file() {
            return Err(format!("{} is there already, and was not written by this program", folder.display()));
        }
        std::fs::remove_dir_all(&folder).map_err(|error| format!("remove {}: {error}", folder.display()))?;
    }
    let kept = Folder(folder.clone());
    kept.write(FAILURE, &failure(report))?;
    kept.write("history.txt", &report.history)?;
    objects(&kept, evidence)?;
    let events: Vec<Value> = evidence.world.events().into_iter().cloned().collect();
    kept.write("events.yaml", &yaml(&events)?)?;
    decisions(&kept, evidence)?;
    for ((pod, container, run), lines) in evidence.logs {
        let mut text = lines.join("\n");
        text.push_str(if lines.is_empty() { "" } else { "\n" });
        kept.write(&format!("logs/{pod}.{container}.{run}.log"), &text)?;
    }
    let style = Style { ascii: true, colour: false, width: 100 };
    for job in &report.jobs {
        kept.write(&format!("timeline/{}.txt", job.name), &format!("{}\n", job.timeline(&style).trim_end()))?;
        kept.write(&format!("why/{}.txt", job.name), &format!("{}\n", job.why(&style).trim_end()))?;
    }
    Ok(folder)
}

/// `deploy-migrate.migrate-retries.seed-1`: the file, the test and the seed.
fn folder_name(report: &Report) -> String {
    let file = report.file.trim_end_matches(".yaml").trim_end_matches(".yml").trim_end_matches(".jobtest");
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let parts: Vec<String> = file
        .split('/')
        .filter(|part| !part.chars().all(|letter| letter == '.'))
        .map(|part| part.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect())
        .collect();
    format!("{}.{}.seed-{}", parts.join("-"), report.name, report.seed)
}

fn failure(report: &Report) -> String {
    let mut text = format!("{} ({}:{})\n", report.name, report.file, report.line);
    for failure in &report.failures {
        // Writing into a string does not fail.
        let _ = writeln!(text, "  {}", difference(report, failure));
        if let Some(decided) = &failure.manifest {
            let _ = writeln!(text, "    decided by {}", decided.show());
        }
    }
    let _ = writeln!(text, "clock {}, seed {}, virtual {}", report.mode.name(), report.seed, report.shown_virtual());
    text
}

/// A file for each kind of which there is an object, and of Jobs and pods that were there before.
fn objects(kept: &Folder, evidence: &Evidence<'_>) -> Result<(), String> {
    for (kind, served) in kinds::all().filter(|(kind, _)| *kind != "Event") {
        let mut list = evidence.machine.list(&served.gvr);
        for object in &mut list {
            tidy(object, kind);
        }
        if !list.is_empty() {
            kept.write(&format!("objects/{}.yaml", served.gvr.plural), &yaml(&list)?)?;
        }
    }
    let tracks = &evidence.world.jobs;
    let jobs: Vec<Value> =
        tracks.iter().filter(|track| track.deleted_at.is_some()).map(|track| track.job.clone()).collect();
    let pods = tracks.iter().flat_map(|track| track.pods.pods());
    let pods: Vec<Value> = pods.filter(|pod| pod[explain::GONE] == true).cloned().collect();
    for (plural, list) in [("jobs", jobs), ("pods", pods)] {
        if !list.is_empty() {
            kept.write(&format!("gone/{plural}.yaml"), &yaml(&list)?)?;
        }
    }
    Ok(())
}

/// Gives an object of a list its kind, and takes the values of a Secret away.
fn tidy(object: &mut Value, kind: &str) {
    if object["kind"].is_null() {
        object["kind"] = kind.into();
    }
    if kind == "Secret"
        && let Some(data) = object["data"].as_object_mut()
    {
        for value in data.values_mut() {
            *value = format!("({} characters of base64)", value.as_str().unwrap_or_default().len()).into();
        }
    }
}

fn decisions(kept: &Folder, evidence: &Evidence<'_>) -> Result<(), String> {
    let jobs = evidence.world.jobs.iter().map(|track| &track.job);
    let mut all = Vec::new();
    for object in jobs.chain(evidence.world.cron_jobs.values()) {
        let of = format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"));
        all.push(json!({"of": of, "decisions": evidence.machine.records(object)}));
    }
    kept.write("decisions.yaml", &yaml(&all)?)
}

/// A document for each.
fn yaml<T: Serialize>(list: &[T]) -> Result<String, String> {
    let mut text = String::new();
    for (number, object) in list.iter().enumerate() {
        text.push_str(if number == 0 { "" } else { "---\n" });
        text.push_str(&serde_yaml::to_string(object).map_err(|error| error.to_string())?);
    }
    Ok(text)
}

/// The folder of a test.
struct Folder(PathBuf);

impl Folder {
    fn write(&self, name: &str, content: &str) -> Result<(), String> {
        let path = self.0.join(name);
        let folder = path.parent().unwrap_or(&self.0);
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let told = |error: std::io::Error| format!("write {}: {error}", path.display());
        made.and_then(|()| std::fs::write(&path, content)).map_err(told)
    }
}

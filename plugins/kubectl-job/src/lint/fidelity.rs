//! What becomes of each field of a pod on the local server, from the project's own table (docs/pods.md), which a test of
//! the kubelet holds to be complete. The table is read here, so that there is no second list.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use explain::manifest::Document;
use serde::Serialize;
use serde_json::Value;

use super::{Place, locate};

const TABLE: &str = include_str!("../../../../docs/pods.md");

/// Rows by section and field: the text for a plain process, and for a sandbox.
static ROWS: LazyLock<BTreeMap<(String, String), (String, String)>> = LazyLock::new(|| rows(TABLE));

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Fate {
    /// As in a cluster.
    Honoured,
    /// Something else that serves the same end.
    Simulated,
    /// Stored and shown, without effect.
    NotEnforced,
}

/// One field of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    /// Where.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// Its path.
    pub(crate) field: String,
    /// What becomes of it.
    pub(crate) fate: Fate,
    /// In words; empty for what is honoured.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
}

/// Which part of the table the value of a field is looked up in.
const INNER: [(&str, &str, &str); 23] = [
    ("PodSpec", "containers", "Container"),
    ("PodSpec", "initContainers", "Container"),
    ("PodSpec", "ephemeralContainers", "Container"),
    ("PodSpec", "securityContext", "PodSecurityContext"),
    ("PodSpec", "volumes", "Volume"),
    ("PodSpec", "dnsConfig", "PodDNSConfig"),
    ("Container", "securityContext", "SecurityContext"),
    ("Container", "livenessProbe", "Probe"),
    ("Container", "readinessProbe", "Probe"),
    ("Container", "startupProbe", "Probe"),
    ("Container", "lifecycle", "Lifecycle"),
    ("Container", "volumeMounts", "VolumeMount"),
    ("Container", "env", "EnvVar"),
    ("Container", "envFrom", "EnvFromSource"),
    ("EnvVar", "valueFrom", "EnvVarSource"),
    ("SecurityContext", "capabilities", "Capabilities"),
    ("Lifecycle", "postStart", "LifecycleHandler"),
    ("Lifecycle", "preStop", "LifecycleHandler"),
    ("Job", "template", "Template"),
    ("CronJob", "jobTemplate", "JobTemplate"),
    ("JobTemplate", "spec", "Job"),
    ("Template", "spec", "PodSpec"),
    ("Pod", "spec", "PodSpec"),
];

/// The fields of a Job, CronJob or Pod. `sandboxes` says whether the machine gives them, `warnings` is what the server
/// warned of: paths, each with a colon and a text.
pub(crate) fn fields(document: &Document, sandboxes: bool, warnings: &[String]) -> Vec<Field> {
    let section = match document.value["kind"].as_str() {
        Some("Job") => "Job",
        Some("CronJob") => "CronJob",
        Some("Pod") => "PodSpec",
        _ => return Vec::new(),
    };
    let mut walk = Walk { document, sandboxes, fields: Vec::new() };
    walk.object(section, &document.value["spec"], "spec");
    for warning in warnings {
        walk.warned(warning);
    }
    walk.fields.sort_by(|left, right| (&left.place, &left.field).cmp(&(&right.place, &right.field)));
    walk.fields
}

struct Walk<'a> {
    document: &'a Document,
    sandboxes: bool,
    fields: Vec<Field>,
}

impl Walk<'_> {
    fn object(&mut self, section: &str, value: &Value, path: &str) {
        let Some(entries) = value.as_object() else { return };
        for (key, value) in entries {
            let path = format!("{path}.{key}");
            self.field(section, key, &path);
            let inner = INNER.iter().find(|(outer, field, _)| *outer == section && field == key);
            let Some((_, _, inner)) = inner else { continue };
            match value.as_array() {
                Some(items) => {
                    for (index, item) in items.iter().enumerate() {
                        self.object(inner, item, &format!("{path}[{index}]"));
                    }
                }
                None => self.object(inner, value, &path),
            }
        }
    }

    fn field(&mut self, section: &str, key: &str, path: &str) {
        let row = ROWS.get(&(section.to_owned(), key.to_owned()));
        let text = row.map(|(process, sandbox)| if self.sandboxes { sandbox } else { process });
        let (fate, text) = match text.map(String::as_str) {
            // Fields of Jobs and CronJobs are their controllers', and these are upstream's.
            None if matches!(section, "Job" | "CronJob") && !matches!(key, "template" | "jobTemplate") => {
                (Fate::Honoured, "")
            }
            None | Some("see below") => return,
            Some(text) if text == "yes" || text.starts_with("yes,") => (Fate::Honoured, ""),
            Some(text) => match text.strip_prefix('-') {
                Some(rest) => (Fate::NotEnforced, rest.trim_start_matches([':', ',', ' '])),
                None => (Fate::Simulated, text.trim_start_matches("yes;").trim_start_matches("yes: ").trim()),
            },
        };
        let place = locate(&self.document.source, path);
        self.fields.push(Field { place, field: path.to_owned(), fate, text: text.to_owned() });
    }

    /// The server is the judge of what it does not honour.
    fn warned(&mut self, warning: &str) {
        let Some((path, text)) = warning.split_once(": ") else { return };
        let is_path = path.starts_with("spec") && !path.contains(' ');
        if !is_path {
            return;
        }
        // The place that may stand at the end is told by the line in front.
        let text = text.split(" (").next().unwrap_or(text).to_owned();
        match self.fields.iter_mut().find(|field| field.field == path) {
            Some(field) => (field.fate, field.text) = (Fate::NotEnforced, text),
            None => {
                let place = locate(&self.document.source, path);
                self.fields.push(Field { place, field: path.to_owned(), fate: Fate::NotEnforced, text });
            }
        }
    }
}

/// Reads the sections of the table whose heading is a type and whose rows begin with field names.
fn rows(table: &str) -> BTreeMap<(String, String), (String, String)> {
    let (mut rows, mut section) = (BTreeMap::new(), "");
    for line in table.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.trim();
            continue;
        }
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [fields, process, sandbox, ..] = cells.as_slice() else { continue };
        if !fields.starts_with('`') {
            continue;
        }
        // A cell may begin with the words of the one before it.
        let sandbox =
            sandbox.strip_prefix("the same").map_or_else(|| (*sandbox).to_owned(), |rest| format!("{process}{rest}"));
        for field in fields.split(',') {
            let field = field.trim().trim_matches('`').to_owned();
            rows.insert((section.to_owned(), field), (plain(process), plain(&sandbox)));
        }
    }
    rows
}

/// The text of a cell without its markup, and without links to other parts of the page.
fn plain(text: &str) -> String {
    let text = text.replace('`', "").replace(": -", ": not enforced");
    text.split(": see [").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_inner_type_has_its_part_of_the_table() {
        let own = ["Job", "CronJob", "Pod", "Template", "JobTemplate", "EnvVar"];
        for (_, _, inner) in INNER.iter().filter(|(_, _, inner)| !own.contains(inner)) {
            assert!(ROWS.keys().any(|(section, _)| section == inner), "docs/pods.md has no section {inner}");
        }
    }

    #[test]
    fn cells_lose_their_markup() {
        assert_eq!(plain("a program, or `files`: see [Images](#images)"), "a program, or files");
        let image = ROWS.get(&("Container".to_owned(), "image".to_owned())).expect("a row");
        assert!(!image.1.contains("the same") && image.1.starts_with(&image.0), "{image:?}");
    }
}

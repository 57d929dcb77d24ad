//! What becomes of each field of a pod on the local server, from the project's own table (docs/pods.md), which a test of
//! the kubelet holds to be complete. The table is read here, so that there is no second list.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use explain::manifest::Document;
use serde::Serialize;
use serde_json::Value;

use super::{Place, locate};

const TABLE: &str = include_str!("../../../../docs/pods.md");

/// How the cells begin that tell of fields that keep pods from starting.
const NEVER: &str = "never starts";

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
    /// Keeps its pods from starting.
    NeverStarts,
}

impl Fate {
    /// As it is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Honoured => "honoured",
            Self::Simulated => "simulated",
            Self::NotEnforced => "not enforced",
            Self::NeverStarts => "never starts",
        }
    }

    /// Whether people should do something about it.
    pub(crate) fn is_bad(self) -> bool {
        matches!(self, Self::NotEnforced | Self::NeverStarts)
    }
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
            Some(text) if text.starts_with(NEVER) => {
                (Fate::NeverStarts, text[NEVER.len()..].trim_start_matches([':', ' ']))
            }
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
            // The table says more of what is worse.
            Some(field) if field.fate == Fate::NeverStarts => {}
            Some(field) => (field.fate, field.text) = (Fate::NotEnforced, text),
            None => {
                let place = locate(&self.document.source, path);
                self.fields.push(Field { place, field: path.to_owned(), fate: Fate::NotEnforced, text });
            }
        }
    }
}

/// The object of a Job as the server holds it, without values that the server filled in: nobody asked for those.
pub(crate) fn without_defaults(job: &Value) -> Value {
    let mut job = job.clone();
    let defaults = [("dnsPolicy", "ClusterFirst"), ("schedulerName", "default-scheduler")];
    let of_containers = [("terminationMessagePath", "/dev/termination-log"), ("terminationMessagePolicy", "File")];
    let Some(pod) = job.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut) else { return job };
    let is_default = |defaults: &[(&str, &str)], key: &str, value: &Value| {
        value.as_object().is_some_and(serde_json::Map::is_empty)
            || defaults.iter().any(|(field, default)| key == *field && value == default)
    };
    pod.retain(|key, value| !is_default(&defaults, key, value));
    for list in ["initContainers", "containers"] {
        for container in pod.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(container) = container.as_object_mut() else { continue };
            // Set from the image's tag unless it is given; the image's own line says what becomes of both.
            container.retain(|key, value| key != "imagePullPolicy" && !is_default(&of_containers, key, value));
        }
    }
    job
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
    use serde_json::json;

    #[test]
    fn every_inner_type_has_its_part_of_the_table() {
        let own = ["Job", "CronJob", "Pod", "Template", "JobTemplate", "EnvVar"];
        for (_, _, inner) in INNER.iter().filter(|(_, _, inner)| !own.contains(inner)) {
            assert!(ROWS.keys().any(|(section, _)| section == inner), "docs/pods.md has no section {inner}");
        }
    }

    #[test]
    fn what_the_server_filled_in_is_not_told_of() {
        let container = json!({"name": "c", "image": "app", "imagePullPolicy": "Always", "resources": {},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"});
        let pod = json!({"containers": [container], "dnsPolicy": "ClusterFirst", "securityContext": {},
            "schedulerName": "default-scheduler", "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "c"}}]});
        let job = json!({"kind": "Job", "spec": {"template": {"spec": pod}}});
        let document = Document { value: without_defaults(&job), source: Default::default() };
        let told = fields(&document, true, &[]);
        let told: Vec<_> = told.iter().filter(|field| field.fate != Fate::Honoured).collect();
        let fates: Vec<_> = told.iter().map(|field| (field.field.as_str(), field.fate)).collect();
        let image = ("spec.template.spec.containers[0].image", Fate::Simulated);
        let claim = ("spec.template.spec.volumes[0].persistentVolumeClaim", Fate::NeverStarts);
        assert_eq!(fates, [image, claim]);
        assert!(told[1].text.contains("no claims here"), "{}", told[1].text);
    }

    #[test]
    fn cells_lose_their_markup() {
        assert_eq!(plain("a program, or `files`: see [Images](#images)"), "a program, or files");
        let image = ROWS.get(&("Container".to_owned(), "image".to_owned())).expect("a row");
        assert!(!image.1.contains("the same") && image.1.starts_with(&image.0), "{image:?}");
    }
}

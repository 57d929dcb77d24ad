//! What is wrong, or likely to go wrong, with manifests of Jobs: rules with an id, a place and a reason each. Pure: the
//! API server's own refusals and warnings are put in by the caller.

mod cron_job;
mod failure_policy;
mod fidelity;
mod job;
mod pod;
mod rules;
#[cfg(test)]
mod tests;

use explain::manifest::{Document, Source};
use serde::Serialize;
use serde_json::Value;

pub(crate) use fidelity::{Fate, Field, fields, without_defaults};
pub(crate) use rules::{RULES, Rule};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Worth knowing.
    Note,
    /// Will surprise somebody.
    Warning,
    /// Does not work.
    Error,
}

impl Severity {
    /// As it is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Place {
    /// The file as given.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: u64,
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Where.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// By which rule.
    #[serde(serialize_with = "rules::id")]
    pub(crate) rule: &'static Rule,
    /// How bad.
    pub(crate) severity: Severity,
    /// The field, such as `spec.backoffLimit`.
    pub(crate) field: String,
    /// What.
    pub(crate) message: String,
}

/// The findings in one object, by line. Objects that are no Job, CronJob or Pod have none.
pub(crate) fn findings(document: &Document) -> Vec<Finding> {
    let mut sink = Sink { source: &document.source, findings: Vec::new() };
    let value = &document.value;
    match (value["kind"].as_str(), value["apiVersion"].as_str()) {
        (Some("Job"), Some("batch/v1")) => {
            sink.generate_name(value);
            job::check(&value["spec"], "spec", false, &mut sink);
        }
        (Some("CronJob"), Some("batch/v1")) => {
            sink.generate_name(value);
            cron_job::check(&value["spec"], &mut sink);
            job::check(&value["spec"]["jobTemplate"]["spec"], "spec.jobTemplate.spec", true, &mut sink);
        }
        (Some("Pod"), Some("v1")) => pod::check(&value["spec"], "spec", &mut sink),
        _ => {}
    }
    sink.findings.sort_by(|left, right| left.place.cmp(&right.place));
    sink.findings
}

/// Collects findings and finds their lines.
struct Sink<'a> {
    source: &'a Source,
    findings: Vec<Finding>,
}

impl Sink<'_> {
    fn add(&mut self, id: &str, field: impl Into<String>, message: impl Into<String>) {
        let (rule, field) = (rules::find(id), field.into());
        let place = locate(self.source, &field);
        self.findings.push(Finding { place, rule, severity: rule.severity, field, message: message.into() });
    }

    fn generate_name(&mut self, value: &Value) {
        if value.pointer("/metadata/generateName").is_some() && value.pointer("/metadata/name").is_none() {
            self.add("generate-name", "metadata.generateName", "kubectl apply refuses generateName");
        }
    }
}

/// The line of a field, or of the nearest field around it.
pub(crate) fn locate(source: &Source, field: &str) -> Place {
    let mut path = field;
    loop {
        if let Some((file, line)) = source.place(path).as_deref().and_then(|place| place.rsplit_once(':')) {
            return Place { file: file.to_owned(), line: line.parse().unwrap_or(1) };
        }
        match path.rfind(['.', '[']) {
            Some(end) => path = &path[..end],
            None => break,
        }
    }
    let first = source.place("apiVersion").as_deref().and_then(|place| Some(place.rsplit_once(':')?.1.to_owned()));
    let line = first.and_then(|line| line.parse().ok()).unwrap_or(1);
    Place { file: source.file().unwrap_or_default().to_owned(), line }
}

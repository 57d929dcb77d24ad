//! `batch/v1 Job` (`pkg/registry/batch/job/strategy.go`).
//!
//! `/status` is the hot path: it moves the old spec over, and its validation reads the status only.

mod indexes;
mod policies;
mod prepare;
mod spec;
mod status;
mod table;
mod update;

use api::Kind;
use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::Value;

use crate::fields::{get, int, number, text};
use crate::strategy::{Column, DefaultPropagation, Descriptor, Row, Strategy};
use crate::{metadata, pod_spec};

pub use indexes::{Interval, parse_indexes};
pub(crate) use prepare::default_template_spec;
pub(crate) use spec::validate_template_spec;
pub(crate) use table::SELECTOR_DESCRIPTION;

/// The label and annotation that upstream's own code prefers.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";
const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
const LEGACY_JOB_NAME: &str = "job-name";
const LEGACY_CONTROLLER_UID: &str = "controller-uid";

const COMPLETIONS_SOFT_LIMIT: i64 = 100_000;
const PARALLELISM_SOFT_LIMIT: i64 = 10_000;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("batch", "v1", "Job"),
    plural: "jobs",
    singular: "job",
    short_names: &[],
    categories: &["all"],
    namespaced: true,
    subresources: &["status"],
};

/// The strategy of Jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobStrategy;

impl Strategy for JobStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        prepare::default(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        prepare::for_create(object);
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        prepare::for_update(new, old, subresource);
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        spec::validate_job(object, true)
    }

    fn validate_update(&self, new: &Value, old: &Value, subresource: Option<&str>) -> FieldErrors {
        match subresource {
            Some("status") => status::validate(new, old),
            _ => update::validate(new, old),
        }
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let Some(old) = old else { return warnings_on_create(new) };
        let changed = get(new, "spec") != get(old, "spec");
        if changed { warnings_of_spec(new) } else { Vec::new() }
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[("status.successful", "/status/succeeded")]
    }

    fn selectable_default(&self, field: &str) -> &'static str {
        if field == "status.successful" { "0" } else { "" }
    }

    fn columns(&self) -> &'static [Column] {
        table::COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        table::row(object, now)
    }

    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Orphan {
            warning: Some(
                "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
            ),
        }
    }
}

fn warnings_on_create(job: &Value) -> Vec<String> {
    metadata::pod_name_warning(job).into_iter().chain(warnings_of_spec(job)).collect()
}

fn warnings_of_spec(job: &Value) -> Vec<String> {
    get(job, "spec").map_or_else(Vec::new, |spec| spec_warnings(&Path::new("spec"), spec))
}

/// `WarningsForJobSpec`.
pub(crate) fn spec_warnings(path: &Path, spec: &Value) -> Vec<String> {
    let crowded = is_indexed(spec)
        && number(spec, "completions") > COMPLETIONS_SOFT_LIMIT
        && number(spec, "parallelism") > PARALLELISM_SOFT_LIMIT;
    let mut warnings = Vec::new();
    if crowded {
        warnings.push(format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ));
    }
    if let Some(template) = get(spec, "template") {
        warnings.extend(pod_spec::warnings::warnings(&path.child("template"), template));
    }
    warnings
}

fn is_indexed(spec: &Value) -> bool {
    text(spec, "completionMode") == "Indexed"
}

fn completions(spec: &Value) -> Option<i64> {
    int(spec, "completions")
}

#[cfg(test)]
mod tests;

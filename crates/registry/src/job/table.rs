//! `kubectl get jobs` (`printJob`).

use api::conditions;
use jiff::Timestamp;
use serde_json::Value;

use crate::fields::{get, int, number};
use crate::labels::format_selector;
use crate::strategy::{Column, Row};
use crate::table::{AGE, NAME, age, between, container_cells, name, text_column, time, wide_column};

pub(crate) const COLUMNS: &[Column] = &[
    NAME,
    text_column("Status", "Status of the job."),
    text_column(
        "Completions",
        "The number of pods which reached phase Succeeded. The value increases monotonically for a given spec. However, it may decrease in reaction to scale down of elastic indexed jobs.",
    ),
    text_column("Duration", "Time required to complete the job."),
    AGE,
    wide_column("Containers", "Names of each container in the template."),
    wide_column("Images", "Images referenced by each container in the template."),
    wide_column("Selector", SELECTOR_DESCRIPTION),
];

/// Upstream's description of `spec.selector`.
pub(crate) const SELECTOR_DESCRIPTION: &str = "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors";

pub(crate) fn row(job: &Value, now: Timestamp) -> Row {
    let spec = job.get("spec").unwrap_or(&Value::Null);
    let status = job.get("status").unwrap_or(&Value::Null);
    let template = job.pointer("/spec/template/spec").unwrap_or(&Value::Null);
    let (containers, images) = container_cells(template);
    let cells = vec![
        name(job),
        status_cell(job).into(),
        completions_cell(spec, status).into(),
        duration_cell(status, now).into(),
        age(job, now),
        containers.into(),
        images.into(),
        format_selector(get(spec, "selector")).into(),
    ];
    Row { cells, conditions: Vec::new() }
}

fn status_cell(job: &Value) -> &'static str {
    let is = |condition| conditions::is_true(job, condition);
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if job.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions_cell(spec: &Value, status: &Value) -> String {
    let succeeded = number(status, "succeeded");
    match (int(spec, "completions"), number(spec, "parallelism")) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism @ 2..) => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration_cell(status: &Value, now: Timestamp) -> String {
    let Some(start) = time(status, "startTime") else { return String::new() };
    api::time::human_duration(between(start, time(status, "completionTime").unwrap_or(now)))
}

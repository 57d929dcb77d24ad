//! Tables as kubectl lays them out, and the rows of Jobs and pods.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Container;
use jiff::Timestamp;
use tabled::builder::Builder;
use tabled::settings::{Alignment, Padding, Style};

use super::facts;
use crate::screen::escape;

/// What a table of Jobs shows beyond the plain columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// A NAMESPACE column in front.
    pub(crate) namespace: bool,
    /// The columns of `-o wide`.
    pub(crate) wide: bool,
    /// A LABELS column at the end.
    pub(crate) labels: bool,
}

/// The headings of a table of Jobs.
pub(crate) fn job_headings(columns: Columns) -> Vec<String> {
    let mut headings = Vec::new();
    if columns.namespace {
        headings.push("NAMESPACE");
    }
    headings.extend(["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]);
    if columns.wide {
        headings.extend(["CONTAINERS", "IMAGES", "SELECTOR", "FAILED", "REASON"]);
    }
    if columns.labels {
        headings.push("LABELS");
    }
    headings.into_iter().map(str::to_owned).collect()
}

/// One row of a table of Jobs.
pub(crate) fn job_row(job: &Job, columns: Columns, now: Timestamp) -> Vec<String> {
    let mut cells = Vec::new();
    if columns.namespace {
        cells.push(facts::namespace(job).to_owned());
    }
    let created = job.metadata.creation_timestamp.as_ref().map(|time| &time.0);
    cells.extend([
        facts::name(job).to_owned(),
        facts::state(job).to_owned(),
        facts::completions(job),
        facts::duration(job, now).map(api::time::human_duration).unwrap_or_default(),
        facts::age(created, now),
    ]);
    if columns.wide {
        cells.extend(wide_cells(job));
    }
    if columns.labels {
        cells.push(map_text(job.metadata.labels.as_ref()));
    }
    cells
}

fn wide_cells(job: &Job) -> [String; 5] {
    let pod = facts::spec(job).template.spec.as_ref();
    let containers = pod.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let join = |of: fn(&Container) -> &str| containers.iter().map(of).collect::<Vec<_>>().join(",");
    let selector = facts::spec(job).selector.as_ref().and_then(|selector| selector.match_labels.as_ref());
    [
        join(|container| &container.name),
        join(|container| container.image.as_deref().unwrap_or_default()),
        map_text(selector),
        facts::failed(job).to_string(),
        facts::outcome(job).map(|outcome| outcome.reason).unwrap_or_default(),
    ]
}

/// `a=1,b=2`, or `<none>`.
pub(crate) fn map_text(map: Option<&std::collections::BTreeMap<String, String>>) -> String {
    match map {
        Some(map) if !map.is_empty() => {
            map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
        }
        _ => "<none>".to_owned(),
    }
}

/// Lays rows out with three spaces between columns and none at line ends; every cell is escaped.
pub(crate) fn lay_out<'r>(rows: impl IntoIterator<Item = &'r [String]>) -> String {
    let mut builder = Builder::default();
    for row in rows {
        builder.push_record(row.iter().map(|cell| escape(cell).into_owned()));
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, 3, 0, 0)).with(Alignment::left());
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pi() -> Job {
        serde_json::from_value(json!({
            "metadata": {"name": "pi", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"a": "b"}},
            "spec": {"completions": 1, "parallelism": 1, "selector": {"matchLabels": {"k": "v"}},
                "template": {"spec": {"containers": [{"name": "pi", "image": "perl:5.34.0"}]}}},
            "status": {"succeeded": 1, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:05:03Z",
                "conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached"}]},
        }))
        .expect("a Job")
    }

    fn table(columns: Columns) -> String {
        let now = "2026-01-01T02:00:00Z".parse().expect("a time");
        lay_out([job_headings(columns).as_slice(), job_row(&pi(), columns, now).as_slice()])
    }

    #[test]
    fn the_plain_table_is_kubectls() {
        let expected =
            "NAME   STATUS     COMPLETIONS   DURATION   AGE\npi     Complete   1/1           5m3s       120m";
        assert_eq!(table(Columns::default()), expected);
    }

    #[test]
    fn wide_adds_kubectls_columns_and_ours() {
        let text = table(Columns { namespace: true, wide: true, labels: true });
        let headings: Vec<&str> = text.lines().next().expect("a line").split_whitespace().collect();
        assert_eq!(headings[..6], ["NAMESPACE", "NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]);
        assert_eq!(headings[6..], ["CONTAINERS", "IMAGES", "SELECTOR", "FAILED", "REASON", "LABELS"]);
        let cells: Vec<&str> = text.lines().nth(1).expect("a line").split_whitespace().collect();
        assert_eq!(cells[6..], ["pi", "perl:5.34.0", "k=v", "0", "CompletionsReached", "a=b"]);
    }

    #[test]
    fn cells_cannot_steer_the_terminal() {
        assert_eq!(lay_out([["a\u{1b}[2Jb".to_owned(), "c\nd".to_owned()].as_slice()]), "a\\u{1b}[2Jb   c\\nd");
    }
}

//! `batch/v1 CronJob`, and the same as `batch/v1beta1`, which kubectl before 1.21 asks for
//! (`pkg/registry/batch/cronjob/strategy.go`, `pkg/apis/batch/v1/defaults.go`).
//!
//! Differs: upstream removed `batch/v1beta1` in 1.25. It is served here with the fields of `batch/v1`, never preferred.

mod validation;

use api::Kind;
use api::field::{FieldErrors, Path};
use api::resource::CRON_JOBS;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{child, default_text, default_to, drop_empty, drop_nulls, get, items, map_of, text};
use crate::labels::format_selector;
use crate::strategy::{Column, DefaultPropagation, Descriptor, Row, Strategy, View};
use crate::table::{AGE, NAME, age, container_cells, name, since, text_column, time, wide_column};
use crate::{generation, job, metadata, pod_spec};

static V1: Descriptor = descriptor("v1");
static V1_BETA1: Descriptor = descriptor("v1beta1");

const fn descriptor(version: &'static str) -> Descriptor {
    Descriptor {
        kind: Kind::known("batch", version, "CronJob"),
        plural: "cronjobs",
        singular: "cronjob",
        short_names: &["cj"],
        categories: &["all"],
        namespaced: true,
        subresources: &["status"],
    }
}

/// Both versions have the same fields.
static V1_BETA1_VIEW: View = View { stored: CRON_JOBS, from_stored: |_| {}, to_stored: |_| {} };

const COLUMNS: &[Column] = &[
    NAME,
    text_column("Schedule", "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron."),
    text_column("Timezone", TIME_ZONE_DESCRIPTION),
    Column { column_type: "boolean", ..text_column("Suspend", SUSPEND_DESCRIPTION) },
    Column { column_type: "integer", ..text_column("Active", "A list of pointers to currently running jobs.") },
    text_column("Last Schedule", "Information when was the last time the job was successfully scheduled."),
    AGE,
    wide_column("Containers", "Names of each container in the template."),
    wide_column("Images", "Images referenced by each container in the template."),
    wide_column("Selector", job::SELECTOR_DESCRIPTION),
];

const TIME_ZONE_DESCRIPTION: &str = "The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones. If not specified, this will default to the time zone of the kube-controller-manager process. The set of valid time zone names and the time zone offset is loaded from the system-wide time zone database by the API server during CronJob validation and the controller manager during execution. If no system-wide time zone database can be found a bundled version of the database is used instead. If the time zone name becomes invalid during the lifetime of a CronJob or due to a change in host configuration, the controller will stop creating new new Jobs and will create a system event with the reason UnknownTimeZone. More information can be found in https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones";
const SUSPEND_DESCRIPTION: &str = "This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.  Defaults to false.";

/// The strategy of CronJobs, in one of their versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronJobStrategy {
    /// `batch/v1`: what is stored.
    V1,
    /// `batch/v1beta1`.
    V1Beta1,
}

impl Strategy for CronJobStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        match self {
            Self::V1 => &V1,
            Self::V1Beta1 => &V1_BETA1,
        }
    }

    fn view(&self) -> Option<&'static View> {
        (*self == Self::V1Beta1).then_some(&V1_BETA1_VIEW)
    }

    fn default(&self, object: &mut Value) {
        let spec = child(object, "spec");
        map_of(spec).retain(|_, value| !value.is_null());
        default_text(spec, "concurrencyPolicy", "Allow");
        default_to(spec, "suspend", false);
        default_to(spec, "successfulJobsHistoryLimit", 3);
        default_to(spec, "failedJobsHistoryLimit", 1);
        let template = child(spec, "jobTemplate");
        pod_spec::clean_template_metadata(child(template, "metadata"));
        job::default_template_spec(child(template, "spec"));
        clean_status(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({});
        generation::begin(object);
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        generation::prepare_for_update(new, old, subresource, clean_status);
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validation::create(object)
    }

    fn validate_update(&self, new: &Value, old: &Value, subresource: Option<&str>) -> FieldErrors {
        if subresource == Some("status") { FieldErrors::new() } else { validation::update(new, old) }
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let spec = get(new, "spec").unwrap_or(&Value::Null);
        let of_job = || {
            let spec = get(spec, "jobTemplate").and_then(|template| get(template, "spec"));
            let path = Path::new("spec").child("jobTemplate").child("spec");
            spec.map_or_else(Vec::new, |spec| job::spec_warnings(&path, spec))
        };
        let Some(old) = old else {
            return metadata::pod_name_warning(new).into_iter().chain(of_job()).collect();
        };
        let changed = get(old, "spec") != Some(spec);
        let mut warnings = if changed { of_job() } else { Vec::new() };
        if text(spec, "schedule").contains("TZ") {
            // The path is upstream's.
            warnings.push("cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details".to_owned());
        }
        warnings
    }

    fn default_propagation(&self) -> DefaultPropagation {
        match self {
            Self::V1 => DefaultPropagation::Background,
            Self::V1Beta1 => DefaultPropagation::Orphan { warning: None },
        }
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        row(object, now)
    }
}

fn clean_status(cron_job: &mut Value) {
    let status = child(cron_job, "status");
    map_of(status);
    drop_nulls(status);
    drop_empty(status, &["active"]);
}

/// `printCronJob`.
fn row(cron_job: &Value, now: Timestamp) -> Row {
    let spec = cron_job.get("spec").unwrap_or(&Value::Null);
    let status = cron_job.get("status").unwrap_or(&Value::Null);
    let job = cron_job.pointer("/spec/jobTemplate/spec").unwrap_or(&Value::Null);
    let suspend = match get(spec, "suspend").and_then(Value::as_bool) {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = time(status, "lastScheduleTime").map_or_else(|| "<none>".to_owned(), |last| since(Some(last), now));
    let (containers, images) = container_cells(job.pointer("/template/spec").unwrap_or(&Value::Null));
    let cells = vec![
        name(cron_job),
        text(spec, "schedule").into(),
        get(spec, "timeZone").and_then(Value::as_str).unwrap_or("<none>").into(),
        suspend.into(),
        items(status, "active").len().into(),
        last.into(),
        age(cron_job, now),
        containers.into(),
        images.into(),
        format_selector(get(job, "selector")).into(),
    ];
    Row { cells, conditions: Vec::new() }
}

#[cfg(test)]
mod tests;

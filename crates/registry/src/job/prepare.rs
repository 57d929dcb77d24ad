//! Defaults and preparation of Jobs (`pkg/apis/batch/v1/defaults.go`, `generateSelector`).

use serde_json::{Value, json};

use crate::fields::{child, child_map, default_text, default_to, drop_empty, drop_nulls, flag, get, items_mut};
use crate::fields::{is_empty_map, map_of, take_from, text};
use crate::generation;
use crate::job::{CONTROLLER_UID, JOB_NAME, LEGACY_CONTROLLER_UID, LEGACY_JOB_NAME};
use crate::pod_spec::default_template;

const DEFAULT_BACKOFF_LIMIT: i64 = 6;

/// What `omitempty` leaves out of a `JobStatus`; `ready`, `terminating` and `failedIndexes` are pointers and stay.
const STATUS_OMITTED: &[&str] = &["active", "completedIndexes", "conditions", "failed", "succeeded"];

/// `SetDefaults_Job`, save for the labels: see [`default_labels`].
pub(crate) fn default(job: &mut Value) {
    default_spec(child(job, "spec"));
    clean_status(job);
}

fn clean_status(job: &mut Value) {
    let status = child(job, "status");
    map_of(status);
    drop_nulls(status);
    drop_empty(status, STATUS_OMITTED);
}

/// The defaults that the spec of a Job template has as well: those of its pods and policies.
pub(crate) fn default_template_spec(spec: &mut Value) {
    map_of(spec);
    default_template(child(spec, "template"));
    drop_policy_nulls(spec);
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        for rule in items_mut(policy, "rules") {
            for pattern in items_mut(rule, "onPodConditions") {
                default_text(pattern, "status", "True");
            }
        }
    }
}

fn default_spec(spec: &mut Value) {
    default_template_spec(spec);
    if get(spec, "completions").is_none() && get(spec, "parallelism").is_none() {
        default_to(spec, "completions", 1);
    }
    default_to(spec, "parallelism", 1);
    let per_index = get(spec, "backoffLimitPerIndex").is_some();
    default_to(spec, "backoffLimit", if per_index { i64::from(i32::MAX) } else { DEFAULT_BACKOFF_LIMIT });
    default_to(spec, "completionMode", "NonIndexed");
    default_to(spec, "suspend", false);
    let policy = if get(spec, "podFailurePolicy").is_some() { "Failed" } else { "TerminatingOrFailed" };
    default_to(spec, "podReplacementPolicy", policy);
    default_to(spec, "manualSelector", false);
}

/// Drops `null` fields of the spec and its policies, and empty lists where upstream has `omitempty`.
fn drop_policy_nulls(spec: &mut Value) {
    map_of(spec).retain(|_, value| !value.is_null());
    if let Some(selector) = spec.get_mut("selector") {
        drop_nulls(selector);
        drop_empty(selector, &["matchLabels"]);
    }
    if let Some(policy) = spec.get_mut("podFailurePolicy") {
        for rule in items_mut(policy, "rules") {
            map_of(rule).retain(|_, value| !value.is_null());
            drop_empty(rule, &["onPodConditions"]);
        }
    }
    if let Some(policy) = spec.get_mut("successPolicy") {
        for rule in items_mut(policy, "rules") {
            map_of(rule).retain(|_, value| !value.is_null());
        }
    }
}

/// A Job without labels takes those of its template. Upstream does this whenever it decodes a Job, which means after
/// the generated labels have come into the template, so they show on the Job as well.
fn default_labels(job: &mut Value) {
    let unlabelled = get(job, "metadata").is_none_or(|metadata| is_empty_map(metadata, "labels"));
    if !unlabelled {
        return;
    }
    let Some(labels) = job.pointer("/spec/template/metadata/labels").filter(|labels| labels.is_object()) else {
        return;
    };
    let labels = labels.clone();
    child_map(job, "metadata").insert("labels".to_owned(), labels);
}

/// Prepares a new Job: generation 1, empty status, generated selector.
pub(crate) fn for_create(job: &mut Value) {
    job["status"] = json!({});
    generation::begin(job);
    if !get(job, "spec").is_some_and(|spec| flag(spec, "manualSelector")) {
        generate_selector(job);
    }
    default_labels(job);
}

/// Puts the four labels into the template and the UID into the selector. Values that the user set stay: validation
/// names them.
fn generate_selector(job: &mut Value) {
    let metadata = child(job, "metadata");
    let (name, uid) = (text(metadata, "name").to_owned(), text(metadata, "uid").to_owned());
    let spec = child(job, "spec");
    let labels = child_map(child(child(spec, "template"), "metadata"), "labels");
    for (key, value) in
        [(LEGACY_JOB_NAME, &name), (JOB_NAME, &name), (LEGACY_CONTROLLER_UID, &uid), (CONTROLLER_UID, &uid)]
    {
        labels.entry(key).or_insert_with(|| value.as_str().into());
    }
    let selector = child_map(child(spec, "selector"), "matchLabels");
    selector.entry(CONTROLLER_UID).or_insert_with(|| uid.into());
}

/// Prepares an update: the status is `/status`'s, everything else the main resource's. `/status` keeps labels and
/// annotations of the request, as upstream does.
pub(crate) fn for_update(new: &mut Value, old: &Value, subresource: Option<&str>) {
    let is_status = subresource == Some("status");
    take_from(new, old, if is_status { "spec" } else { "status" });
    if is_status {
        // Defaults of the spec are of no use here, so `/status` may come without having been defaulted.
        clean_status(new);
    }
    default_labels(new);
    let changed = !is_status && new.get("spec") != old.get("spec");
    generation::follow(new, old, changed);
}

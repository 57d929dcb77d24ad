//! Small objects to begin with, and words for times.

use jiff::SignedDuration;
use serde_json::{Value, json};

/// A Job with one container and `restartPolicy: Never`; `spec` is laid over its spec, field by field.
pub fn job(name: &str, spec: Value) -> Value {
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": template()},
    });
    lay_over(&mut job["spec"], spec);
    job
}

/// A CronJob whose Jobs are as [`job`] makes them; `spec` is laid over its spec, field by field.
pub fn cron_job(name: &str, schedule: &str, spec: Value) -> Value {
    let mut cron_job = json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template()}}},
    });
    lay_over(&mut cron_job["spec"], spec);
    cron_job
}

fn template() -> Value {
    json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "scripted"}]}})
}

/// Objects are merged, everything else is replaced.
fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (field, value) in above {
                lay_over(below.entry(field).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// The condition of that type, if its status is `True`.
pub fn condition<'a>(object: &'a Value, condition_type: &str) -> Option<&'a Value> {
    api::conditions::find(object, condition_type).filter(|condition| condition["status"] == "True")
}

/// So many seconds.
pub fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// So many minutes.
pub fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

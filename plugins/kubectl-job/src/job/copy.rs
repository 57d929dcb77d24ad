//! Jobs made from others: a CronJob's template, a Job that ran before, and what flags change of either.

use serde_json::{Map, Value, json};

use super::{set_fields, variable};
use crate::cli::run::JobFlags;
use crate::exit::Failure;

/// The annotation by which a Job started by hand is told from a scheduled one (`kubectl create job --from`).
const INSTANTIATE: (&str, &str) = ("cronjob.kubernetes.io/instantiate", "manual");
/// Labels that a Job's pods are found by (`pkg/registry/batch/job/strategy.go`); a copy gets its own.
pub(crate) const GENERATED_LABELS: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];
/// Annotations that say something of the original alone.
pub(crate) const OWN_ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "batch.kubernetes.io/job-tracking",
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
];

/// The Job that a CronJob would start now, owned by it, as `kubectl create job --from=cronjob/NAME` makes it.
pub(crate) fn of_cron_job(cron_job: &Value, name: Option<&str>) -> Value {
    let template = &cron_job["spec"]["jobTemplate"];
    let mut annotations = map(&template["metadata"]["annotations"]);
    annotations.insert(INSTANTIATE.0.to_owned(), INSTANTIATE.1.into());
    let original = &cron_job["metadata"]["name"];
    // Not `blockOwnerDeletion`: it needs rights on the CronJob's finalizers that people may not have.
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "name": original, "uid": cron_job["metadata"]["uid"], "controller": true,
    });
    let mut metadata = json!({"annotations": annotations, "ownerReferences": [owner]});
    let labels = map(&template["metadata"]["labels"]);
    if !labels.is_empty() {
        metadata["labels"] = labels.into();
    }
    set_name(&mut metadata, name, &format!("{}-manual-", original.as_str().unwrap_or_default()));
    job(metadata, template["spec"].clone(), &cron_job["metadata"]["namespace"])
}

/// A Job like this one that has not run: without what the server and the controller added to it.
pub(crate) fn of_job(original: &Value, name: Option<&str>) -> Value {
    let mut metadata = json!({});
    for field in ["labels", "annotations"] {
        let mut entries = without(&original["metadata"][field], &GENERATED_LABELS);
        entries.retain(|key, _| !OWN_ANNOTATIONS.contains(&key.as_str()));
        if !entries.is_empty() {
            metadata[field] = entries.into();
        }
    }
    set_name(&mut metadata, name, &format!("{}-", original["metadata"]["name"].as_str().unwrap_or_default()));
    let mut spec = original["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        // A selector of the user's own choice is kept; a generated one would find the original's pods.
        if original["spec"]["manualSelector"] != true {
            fields.remove("selector");
            fields.remove("manualSelector");
        }
        // A copy of a suspended Job is there to run.
        fields.remove("suspend");
    }
    if let Some(labels) = spec.pointer_mut("/template/metadata/labels").and_then(Value::as_object_mut) {
        labels.retain(|key, _| !GENERATED_LABELS.contains(&key.as_str()));
    }
    job(metadata, spec, &original["metadata"]["namespace"])
}

fn job(metadata: Value, spec: Value, namespace: &Value) -> Value {
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec});
    if let Some(namespace) = namespace.as_str() {
        job["metadata"]["namespace"] = namespace.into();
    }
    job
}

fn set_name(metadata: &mut Value, name: Option<&str>, prefix: &str) {
    match name {
        Some(name) => metadata["name"] = name.into(),
        None => metadata["generateName"] = prefix.into(),
    }
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// A map without these keys.
pub(crate) fn without(value: &Value, keys: &[&str]) -> Map<String, Value> {
    let mut map = map(value);
    map.retain(|key, _| !keys.contains(&key.as_str()));
    map
}

/// Changes a Job by the flags that were given: image and command of the first container, variables of all of them.
///
/// # Errors
/// Environment without `=`.
pub(crate) fn adapt(job: &mut Value, flags: &JobFlags, command: &[String]) -> Result<(), Failure> {
    let variables = flags.env.iter().map(|pair| variable(pair)).collect::<Result<Vec<_>, _>>()?;
    let spec = &mut job["spec"];
    set_fields(spec, flags);
    let pod = &mut spec["template"]["spec"];
    if let Some(restart) = flags.restart {
        pod["restartPolicy"] = restart.name().into();
    }
    let Some(containers) = pod["containers"].as_array_mut() else { return Ok(()) };
    if let Some(first) = containers.first_mut() {
        if let Some(image) = &flags.image {
            first["image"] = image.as_str().into();
        }
        if let (false, Some(fields)) = (command.is_empty(), first.as_object_mut()) {
            fields.insert("command".to_owned(), json!(command));
            // Arguments belong to the command that is replaced.
            fields.remove("args");
        }
    }
    for container in containers {
        for variable in &variables {
            set_variable(container, variable);
        }
    }
    Ok(())
}

/// Adds a variable, or gives it another value in its place: later ones may refer to it.
pub(crate) fn set_variable(container: &mut Value, variable: &Value) {
    let Some(fields) = container.as_object_mut() else { return };
    let list = fields.entry("env").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    match list.iter_mut().find(|known| known["name"] == variable["name"]) {
        Some(known) => *known = variable.clone(),
        None => list.push(variable.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(labels: Value) -> Value {
        json!({"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never",
            "containers": [{"name": "a", "image": "x:1", "command": ["old"], "args": ["one"], "env": [{"name": "A", "value": "1"}]},
                {"name": "b", "image": "y:1"}]}})
    }

    #[test]
    fn a_job_of_a_cron_job_is_the_one_that_kubectl_makes() {
        let cron_job = json!({
            "metadata": {"name": "nightly", "namespace": "team", "uid": "u-1"},
            "spec": {"schedule": "@daily", "jobTemplate": {"metadata": {"labels": {"l": "1"}, "annotations": {"a": "1"}}, "spec": {"template": pod(json!({}))}}},
        });
        let made = of_cron_job(&cron_job, Some("now"));
        let owner =
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "u-1", "controller": true});
        assert_eq!(
            made["metadata"],
            json!({"name": "now", "namespace": "team", "labels": {"l": "1"}, "ownerReferences": [owner],
                "annotations": {"a": "1", "cronjob.kubernetes.io/instantiate": "manual"}})
        );
        assert_eq!(made["spec"], cron_job["spec"]["jobTemplate"]["spec"]);
        assert_eq!(of_cron_job(&cron_job, None)["metadata"]["generateName"], "nightly-manual-");
    }

    #[test]
    fn a_copy_of_a_job_has_nothing_that_the_server_or_the_controller_added() {
        let labels =
            json!({"mine": "1", "controller-uid": "u", "batch.kubernetes.io/job-name": "pi", "job-name": "pi"});
        let original = json!({
            "metadata": {"name": "pi", "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z", "labels": labels,
                "finalizers": ["x"], "annotations": {"batch.kubernetes.io/job-tracking": ""}},
            "spec": {"selector": {"matchLabels": {"controller-uid": "u"}}, "suspend": true, "template": pod(labels)},
            "status": {"succeeded": 1},
        });
        let copy = of_job(&original, None);
        let expected = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "pi-", "labels": {"mine": "1"}},
            "spec": {"template": pod(json!({"mine": "1"}))}});
        assert_eq!(copy, expected);
    }

    #[test]
    fn a_selector_of_the_users_own_is_kept() {
        let spec = json!({"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}, "template": pod(json!({"a": "b"}))});
        assert_eq!(of_job(&json!({"metadata": {"name": "x"}, "spec": spec}), None)["spec"], spec);
    }

    #[test]
    fn flags_change_the_first_container_and_variables_of_all() {
        let mut job = json!({"spec": {"template": pod(json!({}))}});
        let flags = JobFlags {
            image: Some("z:2".to_owned()),
            env: vec!["A=2".to_owned(), "B=3".to_owned()],
            backoff_limit: Some(0),
            ..JobFlags::default()
        };
        adapt(&mut job, &flags, &["new".to_owned()]).expect("it is right");
        let containers = &job["spec"]["template"]["spec"]["containers"];
        let env = json!([{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]);
        assert_eq!(containers[0], json!({"name": "a", "image": "z:2", "command": ["new"], "env": env}));
        assert_eq!(containers[1], json!({"name": "b", "image": "y:1", "env": env}));
        assert_eq!(job["spec"]["backoffLimit"], 0);
    }
}

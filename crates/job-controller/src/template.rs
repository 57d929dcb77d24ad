//! The pods of a Job: a skeleton made once per spec, filled in once per pod
//! (`GetPodFromTemplate`, `addCompletionIndexEnvVariables`). Invariant: every pod made here carries the tracking
//! finalizer and an owner reference to its Job.

use api::Object;
use api::resource::JOB_TRACKING_FINALIZER;
use serde_json::{Map, Value, json};

use crate::plan::Create;
use crate::plan::pod::{INDEX_ANNOTATION, INDEX_FAILURES_ANNOTATION, INDEX_IGNORED_ANNOTATION};

/// Most bytes of a name before its random suffix (`MaxGeneratedNameLength`).
const MAX_GENERATED_NAME_BYTES: usize = 58;
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// What all pods of one generation of a Job have in common.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pod: Value,
    job_name: String,
}

impl Template {
    /// Reads a Job's template. `None` when it has none, which validation does not let pass.
    pub(crate) fn of(job: &Object) -> Option<Self> {
        let mut value = job.to_value();
        let indexed = value["spec"]["completionMode"] == "Indexed";
        let template = value.get_mut("spec")?.get_mut("template")?.as_object_mut()?;
        let mut spec = template.remove("spec")?;
        let from = template.remove("metadata").unwrap_or_default();
        let mut metadata = Map::new();
        for field in ["labels", "annotations", "finalizers"] {
            if let Some(found) = from.get(field).filter(|found| !found.is_null()) {
                metadata.insert(field.to_owned(), found.clone());
            }
        }
        add_finalizer(&mut metadata);
        let meta = job.meta();
        metadata.insert("namespace".to_owned(), meta.namespace.clone().into());
        metadata.insert("generateName".to_owned(), format!("{}-", meta.name).into());
        metadata.insert("ownerReferences".to_owned(), json!([owner_reference(job)]));
        if indexed {
            add_index_variables(&mut spec);
        }
        let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec });
        Some(Self { pod, job_name: meta.name.clone() })
    }

    /// One pod.
    pub(crate) fn pod(&self, create: &Create) -> Value {
        let mut pod = self.pod.clone();
        let Some(index) = create.index else { return pod };
        let text = index.to_string();
        pod["metadata"]["generateName"] = self.indexed_prefix(index).into();
        pod["metadata"]["labels"][INDEX_ANNOTATION] = text.clone().into();
        let annotations = &mut pod["metadata"]["annotations"];
        annotations[INDEX_ANNOTATION] = text.into();
        if let Some((failures, ignored)) = create.index_failures {
            annotations[INDEX_FAILURES_ANNOTATION] = failures.to_string().into();
            if ignored > 0 {
                annotations[INDEX_IGNORED_ANNOTATION] = ignored.to_string().into();
            }
        }
        pod["spec"]["hostname"] = format!("{}-{index}", self.job_name).into();
        pod
    }

    /// `NAME-INDEX-`, the name cut short rather than the index (`podGenerateNameWithIndex`).
    fn indexed_prefix(&self, index: u32) -> String {
        let suffix = format!("-{index}-");
        let room = MAX_GENERATED_NAME_BYTES.saturating_sub(suffix.len());
        let name: String = self.job_name.chars().take(room).collect();
        name + &suffix
    }
}

/// The owner reference of a Job's pods.
pub(crate) fn owner_reference(job: &Object) -> Value {
    let meta = job.meta();
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta.name,
        "uid": meta.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

fn add_finalizer(metadata: &mut Map<String, Value>) {
    let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|finalizer| finalizer == JOB_TRACKING_FINALIZER)
    {
        list.push(JOB_TRACKING_FINALIZER.into());
    }
}

/// Every container learns its index, unless it defines the variable for itself.
fn add_index_variables(spec: &mut Value) {
    let variable = json!({
        "name": INDEX_VARIABLE,
        "valueFrom": { "fieldRef": {
            "apiVersion": "v1",
            "fieldPath": format!("metadata.labels['{INDEX_ANNOTATION}']"),
        } },
    });
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(container) = container.as_object_mut() else { continue };
            let env = container.entry("env").or_insert_with(|| json!([]));
            if let Some(env) = env.as_array_mut()
                && !env.iter().any(|known| known["name"] == INDEX_VARIABLE)
            {
                env.push(variable.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(mode: &str) -> Object {
        let value = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": { "name": "pi", "namespace": "default", "uid": "u-1" },
            "spec": { "completionMode": mode, "template": {
                "metadata": { "labels": { "job-name": "pi" }, "creationTimestamp": null },
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        { "name": "a", "image": "perl" },
                        { "name": "b", "image": "perl", "env": [{ "name": "JOB_COMPLETION_INDEX", "value": "mine" }] },
                    ],
                },
            } },
        });
        Object::from_value(&value).expect("an object")
    }

    #[test]
    fn pods_carry_the_finalizer_the_owner_and_the_labels_of_the_template() {
        let pod = Template::of(&job("NonIndexed")).expect("a template").pod(&Create::default());
        let metadata = &pod["metadata"];
        assert_eq!(metadata["generateName"], "pi-");
        assert_eq!(metadata["finalizers"], json!(["batch.kubernetes.io/job-tracking"]));
        assert_eq!(metadata["labels"], json!({ "job-name": "pi" }));
        assert_eq!(metadata["ownerReferences"][0]["uid"], "u-1");
        assert_eq!(metadata["ownerReferences"][0]["blockOwnerDeletion"], true);
        assert_eq!(pod["spec"]["containers"][0].get("env"), None);
        assert!(metadata.get("annotations").is_none());
    }

    #[test]
    fn indexed_pods_know_their_index() {
        let create = Create { index: Some(7), index_failures: Some((2, 1)) };
        let pod = Template::of(&job("Indexed")).expect("a template").pod(&create);
        let metadata = &pod["metadata"];
        assert_eq!(metadata["generateName"], "pi-7-");
        assert_eq!(metadata["labels"][INDEX_ANNOTATION], "7");
        assert_eq!(metadata["annotations"][INDEX_ANNOTATION], "7");
        assert_eq!(metadata["annotations"][INDEX_FAILURES_ANNOTATION], "2");
        assert_eq!(metadata["annotations"][INDEX_IGNORED_ANNOTATION], "1");
        assert_eq!(pod["spec"]["hostname"], "pi-7");
        let field = &pod["spec"]["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["fieldPath"];
        assert_eq!(field, "metadata.labels['batch.kubernetes.io/job-completion-index']");
        assert_eq!(pod["spec"]["containers"][1]["env"].as_array().map(Vec::len), Some(1), "its own definition stands");
    }

    #[test]
    fn a_long_name_is_cut_and_the_index_kept() {
        let template = Template { pod: json!({}), job_name: "x".repeat(63) };
        assert_eq!(template.indexed_prefix(12), format!("{}-12-", "x".repeat(54)));
    }
}

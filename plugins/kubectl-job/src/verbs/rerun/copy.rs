//! A copy of a Job that a server takes as a new one: without what the server and the controller wrote into it. Pure.

use serde_json::{Value, json};

use crate::exit::Failure;
use crate::job;
use crate::job::copy::{GENERATED_LABELS, OWN_ANNOTATIONS, set_variable, without};

/// Says what a Job is a copy of.
const RERUN_OF: &str = "kubectl-job/rerun-of";
/// The longest name of a Job: its pods carry it as a label.
const NAME_LETTERS: usize = 63;

/// What is to be different.
pub(super) struct Changes<'a> {
    /// The image.
    pub(super) image: Option<&'a str>,
    /// Variables, `NAME=VALUE`.
    pub(super) env: &'a [String],
    /// The command; empty for the old one.
    pub(super) command: &'a [String],
    /// The container that image and command are for.
    pub(super) container: Option<&'a str>,
}

/// The copy, under the old name.
///
/// # Errors
/// Changes that do not fit the Job.
pub(super) fn of(old: &Value, changes: &Changes<'_>) -> Result<Value, Failure> {
    let name = old["metadata"]["name"].as_str().unwrap_or_default();
    let mut metadata = json!({"name": name});
    let mut annotations = without(&old["metadata"]["annotations"], &OWN_ANNOTATIONS);
    annotations.insert(RERUN_OF.to_owned(), name.into());
    metadata["annotations"] = annotations.into();
    let labels = without(&old["metadata"]["labels"], &GENERATED_LABELS);
    if !labels.is_empty() {
        metadata["labels"] = labels.into();
    }
    if let Some(namespace) = old["metadata"]["namespace"].as_str() {
        metadata["namespace"] = namespace.into();
    }
    let mut spec = old["spec"].as_object().cloned().unwrap_or_default();
    // A selector is made anew with the labels; one that somebody chose would find the old pods. A copy is to run.
    for field in ["selector", "manualSelector", "suspend"] {
        spec.remove(field);
    }
    let mut spec = Value::Object(spec);
    if let Some(template) = spec["template"]["metadata"].as_object_mut() {
        template.remove("creationTimestamp");
        let labels = without(template.get("labels").unwrap_or(&Value::Null), &GENERATED_LABELS);
        template.insert("labels".to_owned(), labels.into());
    }
    change(&mut spec["template"]["spec"], changes)?;
    Ok(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}))
}

fn change(pod: &mut Value, changes: &Changes<'_>) -> Result<(), Failure> {
    let variables: Vec<Value> = changes.env.iter().map(|pair| job::variable(pair)).collect::<Result<_, _>>()?;
    let Some(containers) = pod["containers"].as_array_mut() else { return Ok(()) };
    let names: Vec<String> = containers.iter().filter_map(|c| c["name"].as_str().map(str::to_owned)).collect();
    let is_chosen = |container: &Value| changes.container.is_none_or(|name| container["name"] == name);
    if let Some(name) = changes.container
        && !names.iter().any(|known| known == name)
    {
        let names = names.join(", ");
        return Err(Failure::usage(format!("error: the Job has no container {name:?}; it has: {names}")));
    }
    let needs_one = changes.image.is_some() || !changes.command.is_empty();
    if needs_one && changes.container.is_none() && names.len() > 1 {
        let names = names.join(", ");
        return Err(Failure::usage(format!("error: say with -c which container is to change: {names}")));
    }
    for container in containers.iter_mut().filter(|container| is_chosen(container)) {
        for variable in &variables {
            set_variable(container, variable);
        }
        if let Some(image) = changes.image {
            container["image"] = image.into();
        }
        if !changes.command.is_empty() {
            container["command"] = json!(changes.command);
            // They were arguments of the old command.
            container.as_object_mut().map(|container| container.remove("args"));
        }
    }
    Ok(())
}

/// `NAME-rN`: the copy after all that there are. A copy of a copy counts on.
pub(super) fn free_name(name: &str, taken: &[String]) -> String {
    let number = |name: &str, base: &str| name.strip_prefix(base)?.strip_prefix("-r")?.parse::<u32>().ok();
    let is_copy = |(base, number): &(&str, &str)| !base.is_empty() && number.parse::<u32>().is_ok();
    let base = name.rsplit_once("-r").filter(is_copy).map_or(name, |(base, _)| base);
    let last = taken.iter().filter_map(|name| number(name, base)).chain(number(name, base)).max();
    let end = format!("-r{}", last.map_or(2, |last| last.saturating_add(1)));
    let base: String = base.chars().take(NAME_LETTERS - end.len()).collect();
    format!("{}{end}", base.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Changes<'_> = Changes { image: None, env: &[], command: &[], container: None };

    fn old() -> Value {
        let generated = json!({"controller-uid": "u", "job-name": "a", "batch.kubernetes.io/controller-uid": "u",
            "batch.kubernetes.io/job-name": "a", "app": "x"});
        json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7", "generation": 1, "labels": generated,
                "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"],
                "ownerReferences": [{"kind": "CronJob", "name": "c", "uid": "c"}],
                "annotations": {"mine": "1", "batch.kubernetes.io/cronjob-scheduled-timestamp": "x"}},
            "spec": {"backoffLimit": 6, "suspend": true, "manualSelector": true, "selector": {"matchLabels": {"controller-uid": "u"}},
                "template": {"metadata": {"creationTimestamp": null, "labels": generated}, "spec": {"containers": [
                    {"name": "app", "image": "app:1", "command": ["old"], "args": ["x"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]},
                    {"name": "side", "image": "side:1"}]}}},
            "status": {"failed": 1},
        })
    }

    #[test]
    fn a_copy_has_nothing_of_what_the_server_and_the_controller_wrote() {
        let mut expected = old();
        expected["metadata"] = json!({"name": "a", "namespace": "n", "labels": {"app": "x"}, "annotations": {"mine": "1", "kubectl-job/rerun-of": "a"}});
        expected["spec"]["template"]["metadata"] = json!({"labels": {"app": "x"}});
        for field in ["selector", "manualSelector", "suspend"] {
            expected["spec"].as_object_mut().expect("a map").remove(field);
        }
        expected.as_object_mut().expect("a map").remove("status");
        assert_eq!(of(&old(), &NONE).expect("a copy"), expected);
    }

    #[test]
    fn changes_are_for_the_container_that_is_named() {
        let env = ["A=2".to_owned(), "C=3".to_owned()];
        let command = ["new".to_owned()];
        let changes = Changes { image: Some("app:2"), env: &env, command: &command, container: Some("app") };
        let copy = of(&old(), &changes).expect("a copy");
        let containers = &copy["spec"]["template"]["spec"]["containers"];
        let variables =
            json!([{"name": "A", "value": "2"}, {"name": "B", "value": "$(A)"}, {"name": "C", "value": "3"}]);
        assert_eq!(containers[0], json!({"name": "app", "image": "app:2", "command": ["new"], "env": variables}));
        assert_eq!(containers[1], json!({"name": "side", "image": "side:1"}));
        let everywhere = of(&old(), &Changes { env: &env, ..NONE }).expect("a copy");
        assert_eq!(everywhere["spec"]["template"]["spec"]["containers"][1]["env"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn changes_that_do_not_fit_are_refused() {
        let refusal = |changes: Changes<'_>| of(&old(), &changes).expect_err("it does not fit").message;
        assert!(
            refusal(Changes { image: Some("x"), ..NONE })
                .contains("say with -c which container is to change: app, side")
        );
        assert!(
            refusal(Changes { container: Some("x"), ..NONE }).contains("has no container \"x\"; it has: app, side")
        );
        assert!(refusal(Changes { env: &["A".to_owned()], ..NONE }).contains("write NAME=VALUE"));
    }

    #[test]
    fn copies_are_counted() {
        let named = |name: &str, taken: &[&str]| {
            free_name(name, &taken.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(named("a", &["a"]), "a-r2");
        assert_eq!(named("a", &["a", "a-r2", "a-r7", "b-r9"]), "a-r8");
        assert_eq!(named("a-r2", &["a-r2"]), "a-r3");
        assert_eq!(named("a-rest", &[]), "a-rest-r2");
        let long = named(&"x".repeat(63), &[]);
        assert_eq!((long.len(), long.ends_with("x-r2")), (63, true));
    }
}

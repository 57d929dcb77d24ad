//! A copy of a pod with one container that does nothing: for commands that want its environment. Pure.

use serde_json::{Value, json};

use crate::exit::Failure;

/// What the container runs: nothing, until it is told to end. By its path, since the environment may have any PATH.
const IDLE: [&str; 3] = ["/bin/sh", "-c", "exec /bin/sleep 86400"];
/// When a copy that was left behind, since its command was killed, ends by itself.
const SECONDS_MAX: u32 = 86_400;
/// What only a container that does its work has.
const WORK: [&str; 7] =
    ["args", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "stdinOnce", "restartPolicyRules"];
/// What only a pod that does its work has.
const POD_WORK: [&str; 6] =
    ["initContainers", "ephemeralContainers", "nodeName", "restartPolicy", "schedulingGates", "readinessGates"];
/// Labels by which a Job finds its pods.
const OWNED: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// The copy, and the name of its container: the one that is named, else the one that ended the attempt, else the first.
///
/// # Errors
/// A container that is not there.
pub(super) fn of(pod: &Value, job: &str, named: Option<&str>, ended: Option<&str>) -> Result<(Value, String), Failure> {
    let spec = &pod["spec"];
    let lists = [&spec["containers"], &spec["initContainers"]];
    let containers: Vec<&Value> = lists.into_iter().filter_map(Value::as_array).flatten().collect();
    let find = |name: &str| containers.iter().find(|container| container["name"] == name).copied();
    let found = match named {
        Some(name) => find(name),
        None => ended.and_then(find).or(containers.first().copied()),
    };
    let Some(container) = found else {
        let names: Vec<&str> = containers.iter().filter_map(|container| container["name"].as_str()).collect();
        let names = names.join(", ");
        return Err(Failure::usage(format!(
            "error: the pod has no container {:?}; it has: {names}",
            named.unwrap_or("")
        )));
    };
    let mut container = container.clone();
    remove(&mut container, &WORK);
    container["command"] = json!(IDLE);
    let name = container["name"].as_str().unwrap_or_default().to_owned();
    let mut spec = spec.clone();
    remove(&mut spec, &POD_WORK);
    spec["containers"] = json!([container]);
    spec["restartPolicy"] = "Never".into();
    spec["activeDeadlineSeconds"] = SECONDS_MAX.into();
    let mut labels = pod["metadata"]["labels"].clone();
    remove(&mut labels, &OWNED);
    let metadata = json!({
        "generateName": format!("{}-shell-", job.chars().take(50).collect::<String>()),
        "labels": labels, "annotations": pod["metadata"]["annotations"],
    });
    Ok((json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}), name))
}

fn remove(map: &mut Value, keys: &[&str]) {
    if let Some(map) = map.as_object_mut() {
        map.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({
            "metadata": {"name": "a-x", "uid": "u", "ownerReferences": [{"kind": "Job"}], "annotations": {"n": "1"},
                "labels": {"job-name": "a", "batch.kubernetes.io/job-completion-index": "2"}},
            "spec": {"nodeName": "local", "restartPolicy": "OnFailure", "volumes": [{"name": "v"}],
                "initContainers": [{"name": "first", "image": "i"}],
                "containers": [{"name": "app", "image": "i", "args": ["x"], "env": [{"name": "A", "value": "1"}], "workingDir": "/w",
                    "livenessProbe": {}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}, {"name": "side", "image": "j"}]},
        })
    }

    #[test]
    fn a_copy_keeps_what_a_program_sees_and_nobody_takes_it_for_the_jobs() {
        let (copy, name) = of(&pod(), "a", None, None).expect("a copy");
        assert_eq!(name, "app");
        let container = json!({"name": "app", "image": "i", "env": [{"name": "A", "value": "1"}], "workingDir": "/w",
            "command": IDLE, "volumeMounts": [{"name": "v", "mountPath": "/v"}]});
        let spec = json!({"restartPolicy": "Never", "activeDeadlineSeconds": SECONDS_MAX, "volumes": [{"name": "v"}], "containers": [container]});
        assert_eq!(copy["spec"], spec);
        let labels = json!({"batch.kubernetes.io/job-completion-index": "2"});
        assert_eq!(copy["metadata"], json!({"generateName": "a-shell-", "labels": labels, "annotations": {"n": "1"}}));
    }

    #[test]
    fn the_container_is_the_one_named_or_the_one_that_ended_the_attempt() {
        let chosen = |named, ended| of(&pod(), "a", named, ended).map(|(_, name)| name);
        assert_eq!(chosen(None, Some("side")).expect("it is there"), "side");
        assert_eq!(chosen(Some("first"), Some("side")).expect("it is there"), "first");
        let refusal = chosen(Some("none"), None).expect_err("it is not there").message;
        assert_eq!(refusal, "error: the pod has no container \"none\"; it has: app, side, first");
    }
}

//! Rules about the pods of a Job.

use serde_json::Value;

use super::Sink;

/// Words in the names of variables whose values are secret.
const SECRETS: [&str; 6] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "PRIVATE_KEY"];

/// Checks a pod's spec.
pub(super) fn check(spec: &Value, path: &str, sink: &mut Sink<'_>) {
    for list in ["initContainers", "containers"] {
        for (index, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            check_container(container, &format!("{path}.{list}[{index}]"), sink);
        }
    }
    let containers = spec["containers"].as_array().map_or(0, Vec::len);
    if containers > 1 {
        sink.add("several-containers", format!("{path}.containers"), format!("the pod has {containers} containers"));
    }
}

fn check_container(container: &Value, path: &str, sink: &mut Sink<'_>) {
    if let Some(image) = container["image"].as_str()
        && let Some(why) = moving(image)
    {
        sink.add("latest-image", format!("{path}.image"), format!("the image {image} {why}"));
    }
    let resources = &container["resources"];
    if resources["requests"].is_null() && resources["limits"].is_null() {
        sink.add("no-requests", path, "there are no resources.requests");
    }
    if container["command"].as_array().is_none_or(Vec::is_empty) {
        sink.add("no-command", path, "there is no command");
    }
    for (index, variable) in container["env"].as_array().into_iter().flatten().enumerate() {
        let name = variable["name"].as_str().unwrap_or_default().to_ascii_uppercase();
        let has_value = variable["value"].as_str().is_some_and(|value| !value.is_empty());
        if has_value && SECRETS.iter().any(|word| name.contains(word)) {
            let text = format!("{name} has its value in the manifest");
            sink.add("plain-secret", format!("{path}.env[{index}].value"), text);
        }
    }
}

/// How an image's name can mean something else tomorrow.
fn moving(image: &str) -> Option<&'static str> {
    if image.contains('@') {
        return None;
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        None => Some("has no tag"),
        Some((_, "latest")) => Some("has the tag latest"),
        Some(_) => None,
    }
}

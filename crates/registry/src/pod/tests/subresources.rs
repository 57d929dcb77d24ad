//! What `pods/ephemeralcontainers` and `pods/resize` may change.

use serde_json::{Value, json};

use crate::fixtures::{created, pod, texts, with, with_at};
use crate::pod::PodStrategy;
use crate::strategy::Strategy;

fn stored(patch: Value) -> Value {
    created(&PodStrategy, with(pod(), &patch))
}

/// The new pod after preparation, and what is wrong with it.
fn write(subresource: &str, old: &Value, new: Value) -> (Value, Vec<String>) {
    let mut new = new;
    PodStrategy.prepare_for_update(&mut new, old, Some(subresource));
    let errors = texts(PodStrategy.validate_update(&new, old, Some(subresource)));
    (new, errors)
}

fn debugger(image: &str) -> Value {
    json!({"spec": {"ephemeralContainers": [{"name": "debug", "image": image}]}})
}

#[test]
fn ephemeral_containers_are_added_and_nothing_else_changes() {
    let old = stored(json!({}));
    let patch = with(debugger("busybox"), &json!({"spec": {"priority": 7}, "metadata": {"labels": {"a": "b"}}}));
    let (new, errors) = write("ephemeralcontainers", &old, with(old.clone(), &patch));
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(new["spec"]["ephemeralContainers"][0]["terminationMessagePolicy"], "File");
    assert_eq!((new["spec"].get("priority"), new["metadata"].get("labels")), (None, None));
    assert_eq!((&old["metadata"]["generation"], &new["metadata"]["generation"]), (&json!(1), &json!(2)));
}

#[test]
fn ephemeral_containers_stay_as_they_were_added() {
    let (old, _) = write("ephemeralcontainers", &stored(json!({})), with(stored(json!({})), &debugger("busybox")));
    let (_, errors) =
        write("ephemeralcontainers", &old, with(old.clone(), &json!({"spec": {"ephemeralContainers": []}})));
    assert_eq!(
        errors,
        ["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"debug\" may not be removed\n"]
    );
    let (_, errors) = write("ephemeralcontainers", &old, with(old.clone(), &debugger("alpine")));
    assert!(errors[0].contains("existing ephemeral containers \"debug\" may not be changed\n"), "{errors:?}");
}

fn resources(cpu: &str) -> Value {
    json!({"requests": {"cpu": cpu, "memory": "1Mi"}})
}

fn sized() -> Value {
    with_at(stored(json!({})), "/spec/containers/0/resources", resources("1"))
}

fn resize(patch: impl FnOnce(&mut Value)) -> (Value, Vec<String>) {
    resize_from(&with(sized(), &json!({"status": {"qosClass": "Burstable"}})), patch)
}

fn resize_from(old: &Value, patch: impl FnOnce(&mut Value)) -> (Value, Vec<String>) {
    let mut new = old.clone();
    patch(&mut new);
    write("resize", old, new)
}

#[test]
fn a_resize_changes_cpu_and_memory_and_nothing_else() {
    let (new, errors) = resize(|pod| {
        pod["spec"]["containers"][0]["resources"] = resources("2");
        pod["spec"]["containers"][0]["image"] = json!("other");
        pod["metadata"]["labels"] = json!({"a": "b"});
    });
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(new["spec"]["containers"][0]["resources"], resources("2"));
    assert_eq!(new["spec"]["containers"][0]["image"], "busybox");
    assert_eq!((new["metadata"].get("labels"), &new["metadata"]["generation"]), (None, &json!(2)));
}

#[test]
fn a_resize_keeps_what_is_named_and_the_quality_of_service() {
    let (_, errors) = resize(|pod| pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1"}}));
    assert_eq!(errors, ["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"]);
    let (_, errors) = resize(|pod| {
        pod["spec"]["containers"][0]["resources"]["limits"] = json!({"cpu": "1", "memory": "1Mi"});
    });
    assert_eq!(errors, ["spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing"]);
    let (_, errors) = resize(|pod| {
        pod["spec"]["containers"][0]["resources"]["requests"]["ephemeral-storage"] = json!("1Gi");
    });
    assert_eq!(errors, ["spec: Forbidden: only cpu and memory resources are mutable"]);
}

#[test]
fn a_resize_keeps_the_containers() {
    let (_, errors) = resize(|pod| pod["spec"]["containers"][0]["name"] = json!("renamed"));
    assert_eq!(errors, ["spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize"]);
    let (_, errors) = resize(|pod| {
        let mut second = pod["spec"]["containers"][0].clone();
        second["name"] = json!("second");
        pod["spec"]["containers"].as_array_mut().expect("a list").push(second);
    });
    assert_eq!(errors, ["spec.containers: Forbidden: containers may not be added or removed on resize"]);
}

#[test]
fn a_running_pod_is_resized_where_its_kubelet_can() {
    let running =
        json!({"status": {"qosClass": "Burstable", "containerStatuses": [{"name": "main", "state": {"running": {}}}]}});
    let change = |pod: &mut Value| pod["spec"]["containers"][0]["resources"] = resources("2");
    let (_, errors) = resize_from(&with(sized(), &running), change);
    assert_eq!(errors, ["spec: Forbidden: Pod running on node without support for resize"]);
    let mut reporting = with(sized(), &running);
    reporting["status"]["containerStatuses"][0]["resources"] = resources("1");
    assert_eq!(resize_from(&reporting, change).1, Vec::<String>::new());
}

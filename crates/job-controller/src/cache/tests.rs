//! Tests of the cache: what it holds, what it forgets, and whom it wakes.

use serde_json::{Value, json};

use super::*;

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::from_value(value).expect("an object"))
}

fn job(name: &str, uid: &str, selector: Value) -> Arc<Object> {
    object(&json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": name, "namespace": "default", "uid": uid },
        "spec": { "completions": 2, "selector": { "matchLabels": selector } },
    }))
}

fn generated(uid: &str) -> Value {
    json!({ "batch.kubernetes.io/controller-uid": uid })
}

fn pod(uid: &str, owner: Option<&str>, labels: Value, phase: &str, tracked: bool) -> Arc<Object> {
    let reference =
        |owner| json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "pi", "uid": owner, "controller": true });
    object(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": uid, "namespace": "default", "uid": uid, "labels": labels,
            "ownerReferences": owner.map(reference).into_iter().collect::<Vec<_>>(),
            "finalizers": if tracked { json!(["batch.kubernetes.io/job-tracking"]) } else { json!([]) },
        },
        "status": { "phase": phase },
    }))
}

fn key(uid: &str) -> Key {
    Key::Job(Uid::from(uid))
}

fn pods(cache: &Cache, job: &str) -> usize {
    cache.entry(&Uid::from(job)).map_or(0, |entry| entry.pods.len())
}

#[test]
fn a_counted_pod_is_forgotten() {
    let mut cache = Cache::default();
    cache.apply_job(&job("pi", "u1", generated("u1")));
    for tracked in [true, false] {
        let woken = cache.apply_pod(&pod("p1", Some("u1"), generated("u1"), "Succeeded", tracked));
        assert_eq!(woken.keys, [key("u1")]);
        assert_eq!(pods(&cache, "u1"), usize::from(tracked));
    }
    assert!(cache.homes.is_empty());
    assert!(cache.apply_pod(&pod("p1", Some("u1"), generated("u1"), "Succeeded", false)).keys.is_empty());
}

#[test]
fn what_every_pod_goes_through_wakes_nobody() {
    let mut cache = Cache::default();
    cache.apply_job(&job("pi", "u1", generated("u1")));
    assert_eq!(cache.apply_pod(&pod("p1", Some("u1"), generated("u1"), "Pending", true)).keys, [key("u1")]);
    assert!(cache.apply_pod(&pod("p1", Some("u1"), generated("u1"), "Running", true)).keys.is_empty());
    let mut ready = pod("p1", Some("u1"), generated("u1"), "Running", true).to_value();
    ready["status"]["conditions"] = json!([{ "type": "Ready", "status": "True" }]);
    assert_eq!(cache.apply_pod(&object(&ready)), Woken { keys: vec![key("u1")], only_ready: true });
}

#[test]
fn pods_that_come_before_their_job_are_judged_by_its_selector() {
    let mut cache = Cache::default();
    cache.apply_pod(&pod("in", Some("u1"), generated("u1"), "Running", true));
    cache.apply_pod(&pod("out", Some("u1"), json!({}), "Running", true));
    cache.apply_job(&job("pi", "u1", generated("u1")));
    let matches =
        |uid: &str| cache.entry(&Uid::from("u1")).expect("known").pods.get(&Uid::from(uid)).expect("known").matches;
    assert!(matches("in") && !matches("out"));
}

#[test]
fn unowned_pods_come_into_view_of_the_jobs_that_select_them_in_either_order() {
    for job_first in [true, false] {
        let mut cache = Cache::default();
        let own = job("own", "u1", json!({ "app": "x" }));
        let orphan = pod("p1", None, json!({ "app": "x" }), "Running", false);
        if job_first {
            cache.apply_job(&own);
            assert_eq!(cache.apply_pod(&orphan).keys, [key("u1")]);
        } else {
            cache.apply_pod(&orphan);
            cache.apply_job(&own);
        }
        assert_eq!(pods(&cache, "u1"), 1);
        cache.apply_pod(&pod("p1", None, json!({ "app": "y" }), "Running", false));
        assert_eq!(pods(&cache, "u1"), 0, "its labels have changed");
    }
}

#[test]
fn tracked_pods_without_a_job_are_strays() {
    let mut cache = Cache::default();
    let stray = Uid::from("p1");
    let woken = cache.apply_pod(&pod("p1", None, generated("u1"), "Running", true));
    assert_eq!(woken.keys, [Key::Stray(stray.clone())]);
    assert!(cache.stray(&stray).is_some());
    cache.apply_job(&job("pi", "u1", generated("u1")));
    assert!(cache.stray(&stray).is_none(), "a Job that selects it adopts it");
    assert!(cache.remove_job(&Uid::from("u1")).contains(&Key::Stray(stray.clone())));
    assert!(cache.stray(&stray).is_some());
}

#[test]
fn a_job_and_its_namesake_share_nothing() {
    let mut cache = Cache::default();
    cache.apply_job(&job("pi", "u1", generated("u1")));
    cache.apply_pod(&pod("p1", Some("u1"), generated("u1"), "Running", true));
    cache.entry_mut(&Uid::from("u1")).expect("known").memory.failures = 6;
    cache.remove_job(&Uid::from("u1"));
    cache.apply_job(&job("pi", "u2", generated("u2")));
    assert_eq!(cache.apply_pod(&pod("p1", Some("u1"), generated("u1"), "Failed", true)).keys, [key("u1")]);
    let entry = cache.entry(&Uid::from("u2")).expect("known");
    assert!(entry.pods.is_empty() && entry.memory == Memory::default());
    cache.remove_pod(&Uid::from("p1"));
    assert!(cache.entry(&Uid::from("u1")).is_none(), "nothing is kept of what is gone");
}

#[test]
fn a_new_list_replaces_what_was_known_and_recovers_the_back_off() {
    let mut cache = Cache::default();
    cache.apply_job(&job("old", "u0", generated("u0")));
    cache.replace_jobs(&[job("pi", "u1", generated("u1"))]);
    cache.apply_pod(&pod("gone", Some("u1"), generated("u1"), "Running", true));
    cache.replace_pods(&[
        pod("f1", Some("u1"), generated("u1"), "Failed", false),
        pod("f2", Some("u1"), generated("u1"), "Failed", false),
        pod("p1", Some("u1"), generated("u1"), "Running", true),
    ]);
    assert!(cache.entry(&Uid::from("u0")).is_none());
    let entry = cache.entry(&Uid::from("u1")).expect("known");
    assert_eq!((entry.pods.len(), entry.memory.failures), (1, 2));
}

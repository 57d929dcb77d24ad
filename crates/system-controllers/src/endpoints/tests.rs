//! What Endpoints and slices say of a Service's pods.

use api::Object;
use serde_json::{Value, json};

use super::plan::{self, PodView, ServiceView};

fn service(spec: Value) -> ServiceView {
    let metadata = json!({ "name": "web", "namespace": "default", "uid": "s-1", "labels": { "app": "web" } });
    let value = json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec });
    ServiceView::read(&Object::from_value(&value).expect("an object")).expect("a service")
}

fn pod(name: &str, ready: bool, change: impl FnOnce(&mut Value)) -> PodView {
    let mut value = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "uid": name },
        "spec": { "nodeName": "n", "containers": [{ "name": "c", "ports": [{ "name": "http", "containerPort": 8080 }] }] },
        "status": {
            "phase": "Running", "podIP": "127.0.0.1", "podIPs": [{ "ip": "127.0.0.1" }],
            "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
        },
    });
    change(&mut value);
    PodView::read(&Object::from_value(&value).expect("an object")).expect("a pod")
}

fn deleting(pod: &mut Value) {
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
}

/// Names of the pods in a list of addresses.
fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|entry| entry["targetRef"]["name"].as_str()).collect()
}

#[test]
fn ready_pods_serve_and_others_are_told_apart() {
    let service = service(json!({ "ports": [{ "port": 80, "targetPort": "http" }] }));
    let over = |pod: &mut Value| pod["status"]["phase"] = "Succeeded".into();
    let pods =
        [pod("a", true, |_| {}), pod("b", false, |_| {}), pod("going", true, deleting), pod("over", false, over)];
    let endpoints = plan::endpoints(&service, &pods);
    let subset = &endpoints["subsets"][0];
    assert_eq!((names(&subset["addresses"]), names(&subset["notReadyAddresses"])), (vec!["a"], vec!["b"]));
    assert_eq!(subset["ports"], json!([{ "port": 8080, "protocol": "TCP" }]));
    assert_eq!(endpoints["metadata"]["labels"]["app"], "web");
    let slices = plan::slices(&service, &pods);
    assert_eq!(slices.len(), 1);
    assert_eq!(names(&slices[0]["endpoints"]), ["a", "b", "going"]);
    let conditions: Vec<&Value> =
        slices[0]["endpoints"].as_array().expect("a list").iter().map(|it| &it["conditions"]).collect();
    assert_eq!(conditions[0], &json!({ "ready": true, "serving": true, "terminating": false }));
    assert_eq!(conditions[1], &json!({ "ready": false, "serving": false, "terminating": false }));
    assert_eq!(conditions[2], &json!({ "ready": false, "serving": true, "terminating": true }));
    assert_eq!(slices[0]["ports"], json!([{ "name": "", "port": 8080, "protocol": "TCP" }]));
}

#[test]
fn a_service_that_publishes_all_takes_pods_that_are_not_ready() {
    let service = service(json!({ "publishNotReadyAddresses": true, "ports": [{ "port": 80 }] }));
    let pods = [pod("b", false, |_| {}), pod("going", false, deleting)];
    assert_eq!(names(&plan::endpoints(&service, &pods)["subsets"][0]["addresses"]), ["b", "going"]);
    assert_eq!(plan::slices(&service, &pods)[0]["endpoints"][0]["conditions"]["ready"], true);
}

#[test]
fn pods_without_the_named_port_do_not_serve_it() {
    let service =
        service(json!({ "ports": [{ "name": "a", "port": 80, "targetPort": "none" }, { "name": "b", "port": 81 }] }));
    let endpoints = plan::endpoints(&service, &[pod("a", true, |_| {})]);
    assert_eq!(endpoints["subsets"][0]["ports"], json!([{ "name": "b", "port": 81, "protocol": "TCP" }]));
}

#[test]
fn a_headless_service_names_hosts_and_needs_no_ports() {
    let service = service(json!({ "clusterIP": "None" }));
    let hosted =
        pod("a", true, |pod| (pod["spec"]["subdomain"], pod["spec"]["hostname"]) = ("web".into(), "a-0".into()));
    let endpoints = plan::endpoints(&service, &[hosted]);
    assert_eq!(endpoints["subsets"][0]["addresses"][0]["hostname"], "a-0");
    assert_eq!(endpoints["subsets"][0].get("ports"), None);
    assert_eq!(endpoints["metadata"]["labels"]["service.kubernetes.io/headless"], "");
}

#[test]
fn nobody_serving_is_one_empty_slice_and_many_are_several() {
    let service = service(json!({ "ports": [{ "port": 80 }] }));
    let none = plan::slices(&service, &[]);
    assert_eq!((none.len(), &none[0]["endpoints"], &none[0]["ports"]), (1, &Value::Null, &Value::Null));
    assert_eq!(plan::endpoints(&service, &[]).get("subsets"), None);
    let pods: Vec<PodView> = (0..201).map(|number| pod(&format!("p{number}"), true, |_| {})).collect();
    let sizes: Vec<usize> =
        plan::slices(&service, &pods).iter().map(|slice| names(&slice["endpoints"]).len()).collect();
    assert_eq!(sizes, [100, 100, 1]);
}

#[test]
fn what_is_up_to_date_is_not_written() {
    let service = service(json!({ "ports": [{ "port": 80 }] }));
    let wanted = plan::endpoints(&service, &[pod("a", true, |_| {})]);
    let mut stored = wanted.clone();
    stored["metadata"]["labels"]["mine"] = "kept".into();
    assert!(!plan::bring_up_to_date(&mut stored, &wanted, plan::ENDPOINTS_FIELDS));
    stored["subsets"] = json!([]);
    assert!(plan::bring_up_to_date(&mut stored, &wanted, plan::ENDPOINTS_FIELDS));
    assert_eq!((&stored["subsets"], &stored["metadata"]["labels"]["mine"]), (&wanted["subsets"], &"kept".into()));
}

//! What the cluster's own objects say of writes, through the verbs: bounds hold however many write at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{Body, Gvr, Request, Verb};
use apiserver::ApiServer;
use serde_json::{Value, json};

use super::common::{create, failure, get, object, pod, server};

const QUOTAS: Gvr = Gvr::known("", "v1", "resourcequotas");
const SERVICES: Gvr = Gvr::known("", "v1", "services");
const CLASSES: Gvr = Gvr::known("scheduling.k8s.io", "v1", "priorityclasses");
const PODS: Gvr = api::resource::PODS;

fn post(resource: &Gvr, namespace: &str, value: Value) -> Request {
    Request::new(Verb::Create, resource.clone(), Some(namespace), None).body(Body::Object(value))
}

/// A quota that a controller has set up.
fn quota(server: &ApiServer, hard: &Value, used: &Value) {
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}});
    let mut quota = create(server, QUOTAS, quota);
    quota["status"] = json!({"hard": hard, "used": used});
    let request = Request::new(Verb::Update, QUOTAS, Some("default"), Some("q")).subresource("status");
    object(super::common::call(server, request.body(Body::Object(quota))));
}

/// How many of `count` creates at once succeed.
fn create_at_once(server: &Arc<ApiServer>, count: usize) -> usize {
    std::thread::scope(|scope| {
        let create = |number: usize| {
            let request = post(&PODS, "default", pod(&format!("p{number}")));
            scope.spawn(move || server.call(request).is_ok())
        };
        let running: Vec<_> = (0..count).map(create).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).filter(|created| *created).count()
    })
}

#[test]
fn creates_at_once_never_exceed_a_quota() {
    let server = server();
    quota(&server, &json!({"pods": "7", "count/pods": "9"}), &json!({"pods": "0", "count/pods": "0"}));
    assert_eq!(create_at_once(&server, 24), 7);
    assert_eq!(get(&server, QUOTAS, "q")["status"]["used"], json!({"pods": "7", "count/pods": "7"}));
    let refused = failure(&server, post(&PODS, "default", pod("more")));
    let text = "pods \"more\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=7, limited: pods=7";
    assert_eq!((refused.code, refused.message.as_str()), (403, text));
}

#[test]
fn a_refused_or_dry_create_costs_nothing() {
    let server = server();
    quota(&server, &json!({"pods": "2"}), &json!({"pods": "0"}));
    create(&server, PODS, pod("a"));
    assert_eq!(failure(&server, post(&PODS, "default", pod("a"))).code, 409);
    let mut dry = post(&PODS, "default", pod("b"));
    dry.options.dry_run = true;
    super::common::call(&server, dry);
    assert_eq!(get(&server, QUOTAS, "q")["status"]["used"], json!({"pods": "1"}));
}

#[test]
fn services_at_once_get_different_addresses() {
    let server = server();
    let service = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "NodePort", "ports": [{"port": 80}]},
        })
    };
    let specs: Vec<Value> = std::thread::scope(|scope| {
        let create = |number: usize| {
            let (server, request) = (server.clone(), post(&SERVICES, "default", service(&format!("s{number}"))));
            scope.spawn(move || object(super::common::call(&server, request))["spec"].clone())
        };
        let running: Vec<_> = (0..16).map(create).collect();
        running.into_iter().map(|thread| thread.join().expect("created")).collect()
    });
    let distinct =
        |pointer: &str| specs.iter().map(|spec| spec.pointer(pointer).map(Value::to_string)).collect::<BTreeSet<_>>();
    assert_eq!((distinct("/clusterIP").len(), distinct("/ports/0/nodePort").len()), (16, 16));
}

#[test]
fn that_the_namespace_is_missing_is_said_before_anything_else() {
    let server = server();
    assert_eq!(failure(&server, post(&PODS, "nowhere", pod("a"))).message, "namespaces \"nowhere\" not found");
    let mut broken = pod("a");
    broken["spec"]["serviceAccountName"] = json!("robot");
    let refused = failure(&server, post(&PODS, "default", broken));
    assert_eq!(
        refused.message,
        "pods \"a\" is forbidden: error looking up service account default/robot: serviceaccount \"robot\" not found"
    );
}

#[test]
fn the_servers_own_objects_are_there_and_can_be_written_again() {
    let server = server();
    server.create_system_objects();
    let class = Request::new(Verb::Get, CLASSES, None, Some("system-node-critical"));
    assert_eq!(object(super::common::call(&server, class))["value"], 2_000_001_000);
    for port in [6443, 6444] {
        server.publish_address(([127, 0, 0, 1], port).into());
        let service = get(&server, SERVICES, "kubernetes");
        assert_eq!(
            (&service["spec"]["clusterIP"], &service["spec"]["ports"][0]["targetPort"]),
            (&json!("10.96.0.1"), &json!(port))
        );
        let endpoints = get(&server, Gvr::known("", "v1", "endpoints"), "kubernetes");
        assert_eq!(endpoints["subsets"][0]["ports"][0]["port"], port);
        let slice = get(&server, Gvr::known("discovery.k8s.io", "v1", "endpointslices"), "kubernetes");
        assert_eq!(slice["endpoints"][0]["addresses"], json!(["127.0.0.1"]));
    }
}

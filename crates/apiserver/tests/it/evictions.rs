//! `pods/eviction`, from the request to the answer.

use api::{Body, Gvr, Request, Response, Status, Verb};
use apiserver::ApiServer;
use serde_json::{Value, json};

use crate::common::{call, create, failure, get, pod, server};

const PODS: Gvr = api::resource::PODS;

fn eviction(name: &str, more: Value) -> Request {
    let mut body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    for (field, value) in more.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    Request::new(Verb::Create, PODS, Some("default"), Some("p")).subresource("eviction").body(Body::Object(body))
}

fn evict(server: &ApiServer, more: Value) -> Status {
    match call(server, eviction("p", more)).response {
        Response::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn is_gone(server: &ApiServer) -> bool {
    server.call(Request::new(Verb::Get, PODS, Some("default"), Some("p"))).is_err()
}

/// A pod that is bound, and of that phase; ready when it runs.
fn bound(server: &ApiServer, phase: &str) {
    let mut value = pod("p");
    value["metadata"]["labels"] = json!({"app": "a"});
    value["spec"]["nodeName"] = json!("n");
    let mut made = create(server, PODS, value);
    let ready = if phase == "Running" { "True" } else { "False" };
    made["status"] = json!({"phase": phase, "conditions": [{"type": "Ready", "status": ready}]});
    let request = Request::new(Verb::Update, PODS, Some("default"), Some("p")).subresource("status");
    call(server, request.body(Body::Object(made)));
}

#[test]
fn an_evicted_pod_is_marked_and_deleted_gracefully() {
    let server = server();
    bound(&server, "Running");
    let status = evict(&server, json!({}));
    assert_eq!((status.status.as_str(), status.code), ("Success", 201));
    let pod = get(&server, PODS, "p");
    assert_eq!(pod["metadata"]["deletionGracePeriodSeconds"], 30);
    let conditions = pod["status"]["conditions"].as_array().expect("conditions");
    assert!(conditions.iter().any(|it| it["type"] == "DisruptionTarget" && it["reason"] == "EvictionByEvictionAPI"));
}

#[test]
fn the_older_version_and_its_options_are_taken() {
    let server = server();
    bound(&server, "Running");
    evict(&server, json!({"apiVersion": "policy/v1beta1", "deleteOptions": {"gracePeriodSeconds": 0}}));
    assert!(is_gone(&server));
}

#[test]
fn a_dry_run_leaves_the_pod_as_it_is() {
    let server = server();
    bound(&server, "Running");
    let before = get(&server, PODS, "p");
    evict(&server, json!({"deleteOptions": {"dryRun": ["All"]}}));
    let mut request = eviction("p", json!({}));
    request.options.dry_run = true;
    call(&server, request);
    assert_eq!(get(&server, PODS, "p"), before);
}

#[test]
fn an_eviction_names_its_pod_and_may_name_its_uid() {
    let server = server();
    bound(&server, "Running");
    let refused = failure(&server, eviction("q", json!({})));
    assert_eq!(refused.message, "name in URL does not match name in Eviction object");
    let refused = failure(&server, eviction("p", json!({"deleteOptions": {"preconditions": {"uid": "u"}}})));
    assert_eq!(refused.code, 409);
    assert!(
        refused.message.starts_with(
            "Operation cannot be fulfilled on Pod \"p\": the UID in the precondition (u) does not match the UID in record ("
        ),
        "{refused}"
    );
}

const BUDGETS: Gvr = Gvr::known("policy", "v1", "poddisruptionbudgets");

/// A budget for the pod, with a status as the disruption controller writes it.
fn budget(server: &ApiServer, name: &str, status: Value) {
    let spec = json!({"selector": {"matchLabels": {"app": "a"}}, "minAvailable": 1});
    let value =
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec});
    let mut made = create(server, BUDGETS, value);
    made["status"] = status;
    made["status"]["observedGeneration"] = json!(1);
    let request = Request::new(Verb::Update, BUDGETS, Some("default"), Some(name)).subresource("status");
    call(server, request.body(Body::Object(made)));
}

#[test]
fn a_budget_without_disruptions_left_refuses_and_one_with_some_counts() {
    let server = server();
    bound(&server, "Running");
    budget(&server, "b", json!({"currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, "disruptionsAllowed": 0}));
    let refused = failure(&server, eviction("p", json!({})));
    assert_eq!(refused.code, 429);
    assert_eq!(refused.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    let cause = &refused.details.expect("details").causes[0];
    assert_eq!(cause.reason, "DisruptionBudget");
    assert_eq!(cause.message, "The disruption budget b needs 1 healthy pods and has 1 currently");
    assert_eq!(get(&server, PODS, "p")["metadata"].get("deletionTimestamp"), None);
    let mut open = get(&server, BUDGETS, "b");
    open["status"]["disruptionsAllowed"] = json!(1);
    let request = Request::new(Verb::Update, BUDGETS, Some("default"), Some("b")).subresource("status");
    call(&server, request.body(Body::Object(open)));
    evict(&server, json!({}));
    let status = get(&server, BUDGETS, "b")["status"].clone();
    assert_eq!(status["disruptionsAllowed"], 0);
    assert!(status["disruptedPods"]["p"].is_string());
}

#[test]
fn pods_that_do_not_run_need_no_budget_and_two_budgets_are_too_many() {
    for phase in ["Pending", "Succeeded", "Failed"] {
        let server = server();
        bound(&server, phase);
        budget(
            &server,
            "b",
            json!({"currentHealthy": 0, "desiredHealthy": 1, "expectedPods": 1, "disruptionsAllowed": 0}),
        );
        evict(&server, json!({"deleteOptions": {"gracePeriodSeconds": 0}}));
        assert!(is_gone(&server), "{phase}");
    }
    let server = server();
    bound(&server, "Running");
    for name in ["b", "c"] {
        budget(
            &server,
            name,
            json!({"currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2, "disruptionsAllowed": 1}),
        );
    }
    let refused = failure(&server, eviction("p", json!({})));
    assert_eq!(refused.code, 500);
    assert!(refused.message.starts_with("This pod has more than one PodDisruptionBudget"), "{refused}");
}

//! Reviews and tokens, from the request to the answer.

use std::sync::Arc;

use api::{Body, Gvr, Request, User, Verb};
use apiserver::ApiServer;
use serde_json::{Value, json};

use crate::common::{call, create, failure, object, pod, server};

const TOKEN_REVIEWS: Gvr = Gvr::known("authentication.k8s.io", "v1", "tokenreviews");
const SELF_REVIEWS: Gvr = Gvr::known("authentication.k8s.io", "v1", "selfsubjectreviews");
const ACCESS_REVIEWS: Gvr = Gvr::known("authorization.k8s.io", "v1", "selfsubjectaccessreviews");
const BINDINGS: Gvr = Gvr::known("", "v1", "bindings");

fn post(resource: Gvr, namespace: Option<&str>, value: Value) -> Request {
    Request::new(Verb::Create, resource, namespace, None).body(Body::Object(value))
}

fn account(server: &ApiServer, name: &str) {
    let value = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    create(server, api::resource::SERVICE_ACCOUNTS, value);
}

fn delete(server: &ApiServer, resource: Gvr, name: &str) {
    call(server, Request::new(Verb::Delete, resource, Some("default"), Some(name)));
}

fn token_request(name: &str, spec: Value) -> Request {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let request = Request::new(Verb::Create, api::resource::SERVICE_ACCOUNTS, Some("default"), Some(name));
    request.subresource("token").body(Body::Object(body))
}

fn token(server: &ApiServer, name: &str, spec: Value) -> String {
    let answer = object(call(server, token_request(name, spec)));
    answer["status"]["token"].as_str().expect("a token").to_owned()
}

fn review(server: &ApiServer, spec: Value) -> Value {
    object(call(server, post(TOKEN_REVIEWS, None, json!({ "spec": spec }))))["status"].clone()
}

#[test]
fn a_review_is_answered_for_the_user_who_asks_and_nothing_is_stored() {
    let server = server();
    let before = server.watch_revision();
    let mut request = post(SELF_REVIEWS, None, json!({}));
    request.user = Some(Arc::new(User::authenticated("jane", &["dev"])));
    let answer = object(call(&server, request));
    assert_eq!(answer["status"]["userInfo"], json!({"username": "jane", "groups": ["dev", "system:authenticated"]}));
    let spec = json!({"resourceAttributes": {"verb": "create", "resource": "jobs"}});
    let answer = object(call(&server, post(ACCESS_REVIEWS, None, json!({ "spec": spec }))));
    assert_eq!((&answer["kind"], &answer["status"]["allowed"]), (&json!("SelfSubjectAccessReview"), &json!(true)));
    assert_eq!(server.watch_revision(), before);
}

#[test]
fn a_review_takes_post_only_and_knows_its_fields() {
    let server = server();
    assert_eq!(failure(&server, Request::new(Verb::List, ACCESS_REVIEWS, None, None)).code, 405);
    assert_eq!(failure(&server, Request::new(Verb::Get, ACCESS_REVIEWS, None, Some("a"))).code, 404);
    let mut strict = post(ACCESS_REVIEWS, None, json!({"spec": {"resourceAttributes": {"verbs": "get"}}}));
    strict.options.field_validation = api::request::FieldValidation::Strict;
    assert!(failure(&server, strict).message.contains("unknown field \"spec.resourceAttributes.verbs\""));
}

#[test]
fn a_token_is_good_for_its_account_audience_and_time() {
    let server = server();
    account(&server, "builder");
    let good = token(&server, "builder", json!({}));
    let status = review(&server, json!({ "token": good }));
    assert_eq!(status["authenticated"], true);
    assert_eq!(status["user"]["username"], "system:serviceaccount:default:builder");
    assert_eq!(status["audiences"], json!(["https://kubernetes.default.svc.cluster.local"]));
    let vault = token(&server, "builder", json!({"audiences": ["vault"]}));
    assert!(review(&server, json!({ "token": vault })).get("authenticated").is_none());
    assert_eq!(review(&server, json!({"token": vault, "audiences": ["vault", "x"]}))["audiences"], json!(["vault"]));
    assert_eq!(review(&server, json!({"token": "strange"})), json!({"user": {}, "error": "invalid bearer token"}));
    for (seconds, detail) in [(599, "less than 10 minutes"), (1_i64 << 33, "larger than 2^32 seconds")] {
        let refused = failure(&server, token_request("builder", json!({ "expirationSeconds": seconds })));
        assert!(refused.code == 422 && refused.message.ends_with(detail), "{refused}");
    }
}

#[test]
fn a_token_ends_with_its_account() {
    let server = server();
    account(&server, "builder");
    let old = token(&server, "builder", json!({}));
    delete(&server, api::resource::SERVICE_ACCOUNTS, "builder");
    let error = |token: &str| review(&server, json!({ "token": token }))["error"].clone();
    assert_eq!(error(&old), "[invalid bearer token, serviceaccounts \"builder\" not found]");
    account(&server, "builder");
    let text = error(&old);
    assert!(text.as_str().is_some_and(|text| text.contains("does not match claim")), "{text}");
}

#[test]
fn a_token_bound_to_a_pod_ends_with_the_pod() {
    let server = server();
    let made = create(&server, api::resource::PODS, pod("p"));
    let reference = json!({"apiVersion": "v1", "kind": "Pod", "name": "p"});
    let bound = token(&server, "default", json!({ "boundObjectRef": reference }));
    let status = review(&server, json!({ "token": bound }));
    assert_eq!(status["user"]["extra"]["authentication.kubernetes.io/pod-uid"], json!([made["metadata"]["uid"]]));
    delete(&server, api::resource::PODS, "p");
    let error = review(&server, json!({ "token": bound }))["error"].clone();
    assert_eq!(error, "[invalid bearer token, service account token has been invalidated]");
}

#[test]
fn a_token_is_bound_to_what_exists_and_fits() {
    let server = server();
    account(&server, "builder");
    create(&server, api::resource::PODS, pod("p"));
    let refused = |reference: Value| failure(&server, token_request("builder", json!({ "boundObjectRef": reference })));
    let pod = refused(json!({"apiVersion": "v1", "kind": "Pod", "name": "p"}));
    assert_eq!(
        pod.message,
        "cannot bind token for serviceaccount \"builder\" to pod running with different serviceaccount name."
    );
    assert_eq!(refused(json!({"apiVersion": "v1", "kind": "Secret", "name": "s"})).message, "secrets \"s\" not found");
    assert_eq!(
        refused(json!({"apiVersion": "batch/v1", "kind": "Job", "name": "j"})).message,
        "cannot bind token to object of type batch/v1, Kind=Job"
    );
    assert_eq!(failure(&server, token_request("nobody", json!({}))).message, "serviceaccounts \"nobody\" not found");
}

#[test]
fn the_bindings_resource_binds_the_pod_that_the_body_names() {
    let server = server();
    create(&server, api::resource::PODS, pod("p"));
    let binding = json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    call(&server, post(BINDINGS, Some("default"), binding));
    let request = Request::new(Verb::Get, api::resource::PODS, Some("default"), Some("p"));
    assert_eq!(object(call(&server, request))["spec"]["nodeName"], "n");
}

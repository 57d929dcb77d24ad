//! A server of its own for every test, with the `default` namespace and its service account.

use std::sync::Arc;

use api::{Body, Gvr, Reply, Request, Status, Verb};
use apiserver::{ApiServer, Config};
use clock::{SystemClock, SystemEntropy};
use registry::Catalogue;
use serde_json::{Value, json};
use store::Bounds;

pub(crate) fn server() -> Arc<ApiServer> {
    server_with(Bounds::default())
}

pub(crate) fn server_with(bounds: Bounds) -> Arc<ApiServer> {
    let server = ApiServer::new(Config {
        catalogue: Catalogue::default(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
        bounds,
        advice: Arc::new(|_| Vec::new()),
        service_range: Default::default(),
        plain_api: false,
    });
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
    let request = Request::new(Verb::Create, api::resource::NAMESPACES, None, None).body(Body::Object(namespace));
    server.call(request).expect("the namespace is created");
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    create(&server, api::resource::SERVICE_ACCOUNTS, account);
    server
}

pub(crate) fn call(server: &ApiServer, request: Request) -> Reply {
    server.call(request).unwrap_or_else(|status| panic!("refused: {status:?}"))
}

pub(crate) fn failure(server: &ApiServer, request: Request) -> Status {
    server.call(request).expect_err("refused")
}

pub(crate) fn object(reply: Reply) -> Value {
    reply.into_object().expect("an object answers").to_value()
}

pub(crate) fn create(server: &ApiServer, resource: Gvr, value: Value) -> Value {
    let request = Request::new(Verb::Create, resource, Some("default"), None).body(Body::Object(value));
    object(call(server, request))
}

pub(crate) fn get(server: &ApiServer, resource: Gvr, name: &str) -> Value {
    object(call(server, Request::new(Verb::Get, resource, Some("default"), Some(name))))
}

pub(crate) fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}})
}

pub(crate) fn pod_spec() -> Value {
    json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox", "command": ["true"]}]})
}

pub(crate) fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod_spec()})
}

pub(crate) fn job(name: &str) -> Value {
    let spec = json!({"template": {"spec": pod_spec()}});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})
}

//! What keeping `managedFields` costs: the time of creates and status updates of Pods and Jobs, and the part of it that
//! goes into managers. Prints microseconds per write and the ratio.
//!
//! `cargo run -r -p apiserver --example managed_cost`, or with any other profile; the ratio differs little.

use std::sync::Arc;
use std::time::Instant;

use api::{Body, Gvr, Options, Request, Verb};
use apiserver::{ApiServer, Config};
use clock::{SystemClock, SystemEntropy};
use fields::Managers;
use machinery::apply::{Reset, Writer, created, updated};
use registry::Catalogue;
use serde_json::{Value, json};
use store::Bounds;

const ROUNDS: u32 = 2_000;

fn server() -> Arc<ApiServer> {
    let server = ApiServer::new(Config {
        catalogue: Catalogue::default(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy::default()),
        bounds: Bounds::default(),
        advice: Arc::new(|_| Vec::new()),
        service_range: Default::default(),
        plain_api: false,
    });
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}});
    let request = Request::new(Verb::Create, api::resource::NAMESPACES, None, None).body(Body::Object(namespace));
    server.call(request).expect("the namespace is created");
    server
}

fn template() -> Value {
    json!({
        "restartPolicy": "Never",
        "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", "true"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}],
    })
}

fn trusted(verb: Verb, resource: &Gvr, name: Option<&str>, value: Value) -> Request {
    let mut request = Request::new(verb, resource.clone(), Some("default"), name).body(Body::Object(value));
    request.options = Options { field_manager: Some("kube-controller-manager".to_owned()), ..Options::default() };
    request.trusted = true;
    request
}

/// Microseconds per round.
fn time(mut act: impl FnMut(u32)) -> f64 {
    let begin = Instant::now();
    (0..ROUNDS).for_each(&mut act);
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}

fn measure(what: &str, resource: &Gvr, object: impl Fn(&str) -> Value, status: &Value) {
    let server = server();
    let whole = time(|round| {
        let value = object(&format!("o{round}"));
        server.call(trusted(Verb::Create, resource, None, value)).expect("created");
    });
    let made = server
        .call(Request::new(Verb::Get, resource.clone(), Some("default"), Some("o1")))
        .expect("there")
        .into_object()
        .expect("an object");
    let before = made.to_value();
    let kind = api::Kind {
        group: resource.group.clone(),
        version: resource.version.clone(),
        kind: before["kind"].as_str().expect("a kind").to_owned().into(),
    };
    let st = machinery::schema::of_kind(&kind).expect("a schema");
    let name = "kube-controller-manager";
    let now = jiff::Timestamp::now();
    let part = time(|_| {
        let reset = Reset::new(&["status"]);
        let writer = Writer { st, kind: &kind, name, subresource: "", reset: &reset, now };
        std::hint::black_box(created(&writer, &before, &Managers::default()));
    });
    report(&format!("create {what}"), whole, part);

    let mut after = before.clone();
    after["status"] = status.clone();
    after["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    let whole = time(|round| {
        let mut value = after.clone();
        // A field that may change freely, in either kind.
        match value["kind"].as_str() {
            Some("Pod") => value["status"]["message"] = format!("round {round}").into(),
            _ => value["status"]["ready"] = (round % 2).into(),
        }
        server.call(trusted(Verb::Update, resource, Some("o1"), value).subresource("status")).expect("updated");
    });
    let managers = made.managers().expect("managers").clone();
    let part = time(|_| {
        let reset = Reset::new(&["spec"]);
        let writer = Writer { st, kind: &kind, name, subresource: "status", reset: &reset, now };
        std::hint::black_box(updated(&writer, &before, &after, &managers));
    });
    report(&format!("update {what}/status"), whole, part);
}

#[allow(clippy::print_stdout)]
fn report(what: &str, whole: f64, part: f64) {
    let ratio = whole / (whole - part);
    println!("{what:20} {whole:8.1} us, managers {part:6.1} us: {ratio:.2} of a write without them");
}

fn main() {
    let pod = |name: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"a": "b"}}, "spec": template()});
    let job = |name: &str| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": template()}}});
    let conditions = json!([{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]);
    let running = json!({"phase": "Running", "conditions": conditions, "podIP": "10.0.0.1", "containerStatuses": [{"name": "c", "ready": true, "restartCount": 0, "image": "busybox", "imageID": "", "state": {"running": {}}}]});
    measure("Pod", &api::resource::PODS, pod, &running);
    measure("Job", &api::resource::JOBS, job, &json!({"active": 1, "ready": 1}));
}

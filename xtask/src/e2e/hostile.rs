//! What well-behaved clients never send: requests without the token, from a web page, to another host's name, too large,
//! or not what they say. Each gets upstream's status code, and the server goes on as before.

mod drip;
mod memory;

use serde_json::{Value, json};

use super::Context;
use super::report::Report;
use crate::https::{Answer, Endpoint};
use crate::server::Server;

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// The most bytes a request's body may have, as upstream has it.
const MAX_BODY: usize = 3 * 1024 * 1024;

/// A request, and the status it must get.
struct Refused {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
}

/// Runs the suite.
///
/// # Errors
/// When the server does not start.
pub(super) fn run(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("hostile and broken requests");
    let server = Server::start(&context.binary, &[])?;
    let endpoint = server.endpoint()?;
    let drips = drip::start(&endpoint);
    for refused in from_strangers(&endpoint).into_iter().chain(broken()) {
        let headers: Vec<(&str, &str)> = refused.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer =
            endpoint.connect().and_then(|mut link| link.request(refused.method, refused.path, &headers, &refused.body));
        report.check(refused.name, judge(&answer, refused.status));
    }
    limits(&endpoint, report);
    let measured = memory::run(&server, &endpoint, report)?;
    drips.finish(report);
    measured.check("memory beside and after slow clients: within 64 MiB", report)?;
    report.check("afterwards the server is ready", judge(&endpoint.connect()?.get("/readyz"), 200));
    report.check("nothing was created", nothing_created(&endpoint)?);
    server.stop()
}

fn judge(answer: &anyhow::Result<Answer>, status: u16) -> Result<(), String> {
    match answer {
        Ok(answer) if answer.status == status => is_status(answer),
        Ok(answer) => Err(format!("wanted {status}, got {}: {}", answer.status, String::from_utf8_lossy(&answer.body))),
        Err(error) => Err(format!("no answer: {error:#}")),
    }
}

/// A refusal is an API `Status` whose code is that of the response.
fn is_status(answer: &Answer) -> Result<(), String> {
    let body = answer.json();
    if answer.status < 400 || (body["kind"] == "Status" && body["code"] == answer.status && body["message"] != "") {
        return Ok(());
    }
    Err(format!("{} without a Status: {}", answer.status, String::from_utf8_lossy(&answer.body)))
}

fn job(name: &str) -> Value {
    let container = json!({"name": "c", "image": "busybox", "command": ["true"]});
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    })
}

/// What a web page, or another user of the machine, could send.
fn from_strangers(endpoint: &Endpoint) -> Vec<Refused> {
    let body = || job("stranger").to_string().into_bytes();
    let json = || ("Content-Type", "application/json".to_owned());
    let post = |name, headers, status| Refused { name, method: "POST", path: JOBS, headers, body: body(), status };
    let port = endpoint.port;
    vec![
        post("without a token: 401", vec![json(), ("Authorization", String::new())], 401),
        post("with a wrong token: 401", vec![json(), ("Authorization", "Bearer wrong".to_owned())], 401),
        post("with a foreign Host: 403", vec![json(), ("Host", format!("rebound.example:{port}"))], 403),
        post("with an Origin: 403", vec![json(), ("Origin", "https://page.example".to_owned())], 403),
        post("with the Origin null: 403", vec![json(), ("Origin", "null".to_owned())], 403),
        post("as a form: 415", vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())], 415),
        post("as plain text: 415", vec![("Content-Type", "text/plain".to_owned())], 415),
    ]
}

fn broken() -> Vec<Refused> {
    let post = |name, content_type: &str, body: Vec<u8>, status| Refused {
        name,
        method: "POST",
        path: "/apis/batch/v1/namespaces/default/jobs?fieldValidation=Strict",
        headers: vec![("Content-Type", content_type.to_owned())],
        body,
        status,
    };
    let with = |pointer: &str, value: Value| {
        let mut job = job("broken");
        *job.pointer_mut(pointer).expect("the pointer names a part of the Job") = value;
        job.to_string().into_bytes()
    };
    let mut unknown = job("broken");
    unknown["spec"]["parallelizm"] = 2.into();
    let twice = job("broken").to_string().replacen('{', "{\"kind\":\"Job\",", 1);
    vec![
        post("JSON that ends early: 400", "application/json", b"{\"kind\":".to_vec(), 400),
        post("YAML that is none: 400", "application/yaml", b"metadata:\n  name: [open\nspec: {}\n".to_vec(), 400),
        post("protobuf that is none: 400", "application/vnd.kubernetes.protobuf", b"k8s\0\xff\xff\xff".to_vec(), 400),
        post("an unknown field: 400", "application/json", unknown.to_string().into_bytes(), 400),
        post("a field twice: 400", "application/json", twice.into_bytes(), 400),
        post("a wrong type: 400", "application/json", with("/spec", json!({"completions": "three"})), 400),
        post("another kind: 400", "application/json", with("/kind", "Pod".into()), 400),
        post(
            "restartPolicy Always: 422",
            "application/json",
            with("/spec/template/spec/restartPolicy", "Always".into()),
            422,
        ),
        post("an empty body: 400", "application/json", Vec::new(), 400),
        Refused {
            // Differs: upstream answers 404, since no route has such segments.
            name: "a path that leads out: 400",
            method: "GET",
            path: "/api/v1/../../etc/passwd",
            headers: Vec::new(),
            body: Vec::new(),
            status: 400,
        },
        Refused {
            name: "an unknown resource: 404",
            method: "GET",
            path: "/apis/batch/v1/namespaces/default/jbos",
            headers: Vec::new(),
            body: Vec::new(),
            status: 404,
        },
        Refused {
            name: "a method that nothing has: 405",
            method: "PUT",
            path: JOBS,
            headers: Vec::new(),
            body: b"{}".to_vec(),
            status: 405,
        },
    ]
}

/// The limit on bodies, from both sides, and nesting without an end.
fn limits(endpoint: &Endpoint, report: &mut Report) {
    let send = |body: Vec<u8>| endpoint.connect().and_then(|mut link| link.post(CONFIG_MAPS, &body));
    let shell =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"}, "data": {"x": ""}}).to_string();
    let sized = |size: usize| shell.replacen("\"x\":\"\"", &format!("\"x\":\"{}\"", "x".repeat(size - shell.len())), 1);
    report.check("a body of 3 MiB and one byte: 413", judge(&send(sized(MAX_BODY + 1).into_bytes()), 413));
    // Within the limit on bodies, but past what a ConfigMap may hold (1 MiB).
    report.check("a ConfigMap of 3 MiB: 422", judge(&send(sized(MAX_BODY).into_bytes()), 422));
    let nested = format!("{{\"data\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    report.check("a million nested lists: 400", judge(&send(nested.into_bytes()), 400));
}

fn nothing_created(endpoint: &Endpoint) -> anyhow::Result<Result<(), String>> {
    let jobs = endpoint.connect()?.get(JOBS)?.json();
    let count = jobs["items"].as_array().map_or(usize::MAX, Vec::len);
    Ok(if count == 0 { Ok(()) } else { Err(format!("{count} Jobs exist: {jobs}")) })
}

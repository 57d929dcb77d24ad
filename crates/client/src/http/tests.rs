//! The transport against small servers on the loopback interface: what it sends, what it makes of answers, and what it
//! says when there is no right one.

use std::convert::Infallible;
use std::net::SocketAddr;

use api::resource::{JOBS, PODS};
use api::{Body, Options, PatchType, Response, Verb, WatchEvent};
use http_body_util::{Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

type Answer = http::Response<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>;

/// What one request looked like.
#[derive(Clone, Debug, Default)]
struct Seen {
    line: String,
    headers: http::HeaderMap,
    body: String,
}

/// Serves until the test ends; `answer` sees each request.
async fn serve(answer: fn(&Seen) -> Answer) -> (SocketAddr, Arc<Mutex<Vec<Seen>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = log.clone();
            let service = service_fn(move |request: http::Request<Incoming>| {
                let log = log.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let bytes = body.collect().await.expect("a body").to_bytes();
                    let body = String::from_utf8(bytes.to_vec()).expect("text");
                    let request =
                        Seen { line: format!("{} {}", parts.method, parts.uri), headers: parts.headers, body };
                    log.lock().push(request.clone());
                    Ok::<_, Infallible>(answer(&request))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, seen)
}

fn json_answer(code: u16, text: &str) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed_unsync();
    http::Response::builder().status(code).header("content-type", "application/json").body(body).expect("an answer")
}

fn chunked(chunks: &'static [&'static str]) -> Answer {
    let frames = chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))));
    http::Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync())
}

async fn connect(address: SocketAddr) -> Client {
    let options = ConnectOptions { server: Some(format!("http://{address}")), ..ConnectOptions::default() };
    Client::connect(options).await.expect("options that name a server").0
}

fn text_of(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

const POD: &str = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","resourceVersion":"5"}}"#;

#[tokio::test]
async fn requests_go_out_as_the_api_expects_them() {
    let (address, seen) = serve(|_| json_answer(201, POD)).await;
    let options = ConnectOptions {
        server: Some(format!("http://{address}")),
        token: Some("secret".to_owned()),
        as_user: Some("jane".to_owned()),
        as_groups: vec!["ops".to_owned()],
        namespace: Some("mine".to_owned()),
        ..ConnectOptions::default()
    };
    let (client, namespace) = Client::connect(options).await.expect("a server");
    assert_eq!(namespace, "mine");
    client.create(&PODS, Some("a"), json!({ "kind": "Pod" })).await.expect("created");
    let patch = (PatchType::StrategicMerge, json!({ "x": 1 }));
    client.patch(&PODS, Some("a"), "p", Some("status"), patch).await.expect("patched");
    let seen = seen.lock();
    assert_eq!(seen[0].line, "POST /api/v1/namespaces/a/pods");
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!(seen[0].body, r#"{"kind":"Pod"}"#);
    assert_eq!(seen[0].headers["authorization"], "Bearer secret");
    assert_eq!(seen[0].headers["impersonate-user"], "jane");
    assert_eq!(seen[0].headers["impersonate-group"], "ops");
    assert!(seen[0].headers["user-agent"].to_str().is_ok_and(|agent| agent.starts_with("kubectl-job/")));
    assert_eq!(seen[1].line, "PATCH /api/v1/namespaces/a/pods/p/status");
    assert_eq!(seen[1].headers["content-type"], "application/strategic-merge-patch+json");
}

#[tokio::test]
async fn answers_come_back_with_their_warnings() {
    let (address, _) = serve(|_| {
        let mut answer = json_answer(201, POD);
        answer.headers_mut().append("warning", r#"299 - "unknown field \"x\"""#.parse().expect("a header"));
        answer
    })
    .await;
    let request = Request::new(Verb::Create, PODS, Some("a"), None).body(Body::Object(json!({})));
    let reply = connect(address).await.call(request).await.expect("created");
    assert_eq!(reply.warnings, ["unknown field \"x\""]);
    assert!(matches!(reply.response, Response::Object { created: true, .. }));
}

#[tokio::test]
async fn a_refusal_is_the_servers_status() {
    let (address, _) = serve(|_| {
        let status = api::Status::not_found(&JOBS, "x");
        json_answer(404, &status.to_value().to_string())
    })
    .await;
    let error = connect(address).await.get(&JOBS, Some("a"), "x").await.expect_err("not found");
    assert!(error.is_not_found());
    assert_eq!(error.to_string(), "jobs.batch \"x\" not found");
}

#[tokio::test]
async fn a_watch_is_read_across_chunks_and_ends_with_the_stream() {
    let (address, seen) = serve(|_| {
        chunked(&[
            "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"na",
            "me\":\"a\"}}}\n{\"type\":\"DELETED\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"name\":\"b\"}}}\n",
            "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"8\"}}}\n",
        ])
    })
    .await;
    let options = Options { resource_version: Some(api::Revision(3)), ..Options::default() };
    let request = Request::new(Verb::Watch, PODS, None, None).options(options);
    let stream = connect(address).await.watch(request).await.expect("a watch");
    let events: Vec<_> = stream.map(|event| event.expect("an event")).collect().await;
    assert!(matches!(&events[..], [WatchEvent::Added(a), WatchEvent::Deleted(b), WatchEvent::Bookmark { .. }]
        if a.meta().name == "a" && b.meta().name == "b"));
    assert_eq!(seen.lock()[0].line, "GET /api/v1/pods?resourceVersion=3&watch=true");
}

#[tokio::test]
async fn a_watch_over_which_nothing_comes_ends() {
    let mut silent = events(stream::pending().boxed(), Duration::from_millis(10));
    assert!(silent.next().await.is_none());
}

#[tokio::test]
async fn a_watch_of_an_old_revision_is_expired() {
    let (address, _) = serve(|_| json_answer(410, &api::Status::expired("too old").to_value().to_string())).await;
    let request = Request::new(Verb::Watch, PODS, None, None);
    let Err(error) = connect(address).await.watch(request).await else { panic!("refused") };
    assert!(error.is_expired());
}

#[tokio::test]
async fn a_log_is_passed_through_byte_for_byte() {
    let (address, _) = serve(|_| chunked(&["3.14", "15\n", "no end"])).await;
    let stream = connect(address).await.logs("a", "p", LogOptions::default()).await.expect("a log");
    let bytes: Vec<Bytes> = stream.map(|chunk| chunk.expect("a chunk")).collect().await;
    assert_eq!(bytes.concat(), b"3.1415\nno end");
}

#[tokio::test]
async fn a_refused_connection_names_the_address_and_what_to_do() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = connect(address).await.get(&PODS, Some("a"), "p").await.expect_err("nobody listens");
    let text = text_of(&error);
    assert!(text.contains(&format!("nothing listens at http://{address}: start the server")), "{text}");
}

#[tokio::test]
async fn a_call_takes_no_longer_than_it_may() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let options = ConnectOptions {
        server: Some(format!("http://{address}")),
        request_timeout: Some(Duration::from_millis(50)),
        ..ConnectOptions::default()
    };
    let client = Client::connect(options).await.expect("a server").0;
    let error = client.get(&PODS, Some("a"), "p").await.expect_err("nobody answers");
    assert!(text_of(&error).contains("did not answer within 0.05 s"), "{error:?}");
    drop(listener);
}

/// A kubeconfig with one context in a directory that goes with the test.
fn kubeconfig(server: &str, authority: Option<&str>) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config");
    let mut cluster = json!({ "server": server });
    if let Some(pem) = authority {
        std::fs::write(directory.path().join("ca.crt"), pem).expect("written");
        cluster["certificate-authority"] = "ca.crt".into();
    }
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "contexts": [{ "name": "here", "context": { "cluster": "c", "user": "u", "namespace": "team" } }],
        "clusters": [{ "name": "c", "cluster": cluster }],
        "users": [{ "name": "u", "user": { "token": "old" } }],
    });
    std::fs::write(&path, config.to_string()).expect("written");
    (directory, path)
}

#[tokio::test]
async fn credentials_that_a_server_does_not_know_name_the_file_they_came_from() {
    let (address, seen) = serve(|_| json_answer(401, &api::Status::unauthorized().to_value().to_string())).await;
    let (_directory, path) = kubeconfig(&format!("http://{address}"), None);
    let options = ConnectOptions { kubeconfig: Some(path.clone()), ..ConnectOptions::default() };
    let (client, namespace) = Client::connect(options).await.expect("a kubeconfig");
    assert_eq!(namespace, "team");
    let error = client.get(&PODS, Some("a"), "p").await.expect_err("unauthorized");
    assert!(
        error.to_string().contains(&format!("the credentials in {} are not this server's", path.display())),
        "{error}"
    );
    assert_eq!(seen.lock()[0].headers["authorization"], "Bearer old");
}

#[tokio::test]
async fn a_certificate_of_another_authority_names_the_stale_file() {
    let name = || vec!["127.0.0.1".to_owned()];
    let ours = rcgen::generate_simple_self_signed(name()).expect("a certificate");
    let stale = rcgen::generate_simple_self_signed(name()).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(ours.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![ours.cert.der().clone()], key)
        .expect("a certificate and its key");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _refused_by_the_client = acceptor.accept(stream).await;
        }
    });
    let (_directory, path) = kubeconfig(&format!("https://{address}"), Some(&stale.cert.pem()));
    let options = ConnectOptions { kubeconfig: Some(path.clone()), ..ConnectOptions::default() };
    let client = Client::connect(options).await.expect("a kubeconfig").0;
    let error = client.get(&PODS, Some("a"), "p").await.expect_err("not trusted");
    let text = text_of(&error);
    assert!(text.contains(&format!("is not signed by the authority in {}", path.display())), "{text}");
}

#[tokio::test]
async fn options_that_lead_nowhere_say_what_is_missing() {
    let (_directory, path) = kubeconfig("https://127.0.0.1:1", None);
    let with = |change: fn(&mut ConnectOptions)| {
        let mut options = ConnectOptions { kubeconfig: Some(path.clone()), ..ConnectOptions::default() };
        change(&mut options);
        options
    };
    let file = path.display();
    let cases = [
        (ConnectOptions::default(), "no server was named: give its URL, a kubeconfig or a context".to_owned()),
        (with(|options| options.context = Some("x".to_owned())), format!("{file} has no context \"x\"; it has: here")),
        (with(|options| options.cluster = Some("x".to_owned())), format!("{file} has no cluster \"x\"; it has: c")),
        (with(|options| options.user = Some("x".to_owned())), format!("{file} has no user \"x\"; it has: u")),
        (
            with(|options| options.server = Some("localhost:1".to_owned())),
            "the server \"localhost:1\" is no URL: it starts with https:// or http://".to_owned(),
        ),
        (
            with(|options| options.client_key = Some("k".into())),
            "a client certificate and its key go together: one of them is missing".to_owned(),
        ),
        (
            with(|options| options.kubeconfig = Some("/nonexistent/config".into())),
            "the kubeconfig /nonexistent/config does not exist".to_owned(),
        ),
    ];
    for (options, expected) in cases {
        let Err(error) = Client::connect(options).await else { panic!("{expected}") };
        assert_eq!(error.to_string(), expected);
    }
}

//! Probes of servers that speak TLS and gRPC.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::lifecycle::staying;
use crate::{node, wait_for};

/// A server with a certificate that nobody has signed.
async fn tls_server() -> u16 {
    let made = rcgen::generate_simple_self_signed(vec!["elsewhere".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    port
}

/// A plain server that says no more than that it speaks HTTP.
async fn plain_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
    });
    port
}

#[tokio::test]
async fn https_probe_asks_for_no_certificate() {
    let node = node();
    let get = |port: u16| json!({"httpGet": {"scheme": "HTTPS", "port": port}, "periodSeconds": 1});
    node.api.add_pod("tls", staying(&json!({"readinessProbe": get(tls_server().await)})));
    node.reaches("tls", "Running").await;
    wait_for("the pod to be ready", || node.is_ready("tls")).await;
    let port = plain_server().await;
    node.api.add_pod("plain", staying(&json!({"readinessProbe": get(port)})));
    let text = format!(
        "Readiness probe failed: Get \"https://127.0.0.1:{port}/\": http: server gave HTTP response to HTTPS client"
    );
    node.tells("Unhealthy", &text).await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn https_hook_falls_back_to_http() {
    let node = node();
    let port = plain_server().await;
    let hook = json!({"httpGet": {"scheme": "HTTPS", "port": port}});
    node.api.add_pod("plain", staying(&json!({"lifecycle": {"postStart": hook}})));
    node.reaches("plain", "Running").await;
    let text = format!("request to HTTPS lifecycle hook 127.0.0.1:{port} got HTTP response, retry with HTTP succeeded");
    node.tells("LifecycleHTTPFallback", &text).await;
    node.kubelet.shutdown().await;
}

/// What a health server says: the bytes of its message and the status of the call; and what it was asked.
#[derive(Default)]
struct Health {
    message: Mutex<&'static [u8]>,
    status: Mutex<&'static str>,
    asked: Mutex<Vec<u8>>,
}

async fn health_server(health: Arc<Health>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let health = health.clone();
            let serve = service_fn(move |request: Request<Incoming>| {
                let health = health.clone();
                async move {
                    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                    *health.asked.lock() = request.into_body().collect().await.unwrap().to_bytes().to_vec();
                    let trailers = [("grpc-status".parse().unwrap(), health.status.lock().parse().unwrap())];
                    let frames = [
                        Frame::data(Bytes::from_static(*health.message.lock())),
                        Frame::trailers(trailers.into_iter().collect()),
                    ];
                    let body = StreamBody::new(futures::stream::iter(frames.map(Ok::<_, Infallible>)));
                    Ok::<_, Infallible>(
                        Response::builder().header("content-type", "application/grpc").body(body).unwrap(),
                    )
                }
            });
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), serve));
        }
    });
    port
}

#[tokio::test]
async fn grpc_probe_calls_the_health_service() {
    let node = node();
    let health = Arc::new(Health::default());
    (*health.message.lock(), *health.status.lock()) = (b"\0\0\0\0\x02\x08\x01", "0");
    let port = health_server(health.clone()).await;
    let probe = json!({"grpc": {"port": port, "service": "pi"}, "periodSeconds": 1, "failureThreshold": 1});
    node.api.add_pod("rpc", staying(&json!({"readinessProbe": probe})));
    node.reaches("rpc", "Running").await;
    wait_for("the pod to be ready", || node.is_ready("rpc")).await;
    assert_eq!(*health.asked.lock(), b"\0\0\0\0\x04\x0a\x02pi");
    *health.message.lock() = b"\0\0\0\0\x02\x08\x02";
    node.tells("Unhealthy", "Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")").await;
    (*health.message.lock(), *health.status.lock()) = (b"", "12");
    let text = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ";
    node.tells("Unhealthy", &format!("Readiness probe failed: {text}")).await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn grpc_probe_waits_for_a_listener_as_long_as_it_may() {
    let node = node();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    node.api.add_pod("rpc", staying(&json!({"readinessProbe": {"grpc": {"port": port}, "periodSeconds": 1}})));
    let text = format!("timeout: failed to connect service \"127.0.0.1:{port}\" within 1s: context deadline exceeded");
    node.tells("Unhealthy", &format!("Readiness probe failed: {text}")).await;
    node.kubelet.shutdown().await;
}

//! A small HTTPS client: one connection, one protocol, nothing automatic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::TOKEN;

/// Nothing in these tests takes so long unless it is broken.
pub(in crate::http) const PATIENCE: Duration = Duration::from_secs(20);

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// One connection.
pub(in crate::http) struct Client {
    sender: Sender,
    address: SocketAddr,
}

/// A response that was read whole.
#[derive(Debug)]
pub(in crate::http) struct Answer {
    pub code: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub(in crate::http) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(in crate::http) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(in crate::http) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `message` of a `Status`.
    pub(in crate::http) fn message(&self) -> String {
        let value = self.json();
        assert_eq!(value["kind"], "Status", "{value}");
        assert_eq!(value["code"], self.code, "{value}");
        value["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// A TLS connection to the server.
pub(in crate::http) async fn tls(address: SocketAddr, ca_pem: &str, protocol: &[u8]) -> TlsStream<TcpStream> {
    let base64: String = ca_pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(der)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let socket = TcpStream::connect(address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
    stream
}

impl Client {
    pub(in crate::http) async fn connect(address: SocketAddr, ca_pem: &str, http2: bool) -> Self {
        let protocol: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        let io = TokioIo::new(tls(address, ca_pem, protocol).await);
        let sender = if http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        Self { sender, address }
    }

    /// A request with the token and the right host.
    pub(in crate::http) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        self.bare(method, path).header(AUTHORIZATION, format!("Bearer {TOKEN}"))
    }

    /// A request without the token.
    pub(in crate::http) fn bare(&self, method: Method, path: &str) -> http::request::Builder {
        match self.sender {
            Sender::Http1(_) => Request::builder().method(method).uri(path).header(HOST, self.address.to_string()),
            Sender::Http2(_) => Request::builder().method(method).uri(format!("https://{}{path}", self.address)),
        }
    }

    /// Sends a request; the body of the response is still to be read.
    pub(in crate::http) async fn open(
        &mut self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> hyper::Result<Response<Incoming>> {
        let request = request.body(Full::new(body.into())).unwrap();
        let sending = async {
            match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        timeout(PATIENCE, sending).await.expect("the server answers")
    }

    /// Sends a request and reads the response.
    pub(in crate::http) async fn send(&mut self, request: http::request::Builder, body: impl Into<Bytes>) -> Answer {
        let (parts, body) = self.open(request, body).await.unwrap().into_parts();
        let body = timeout(PATIENCE, body.collect()).await.expect("the response ends").unwrap().to_bytes();
        Answer { code: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(in crate::http) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path), "").await
    }

    pub(in crate::http) async fn get_as(&mut self, path: &str, accept: &str) -> Answer {
        self.send(self.request(Method::GET, path).header("accept", accept), "").await
    }

    pub(in crate::http) async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.send(request, body.to_string()).await
    }

    pub(in crate::http) async fn delete(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path), "").await
    }
}

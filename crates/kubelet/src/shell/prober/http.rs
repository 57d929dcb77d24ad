//! `httpGet` of probes and hooks, over HTTP/1.1 and TLS whose certificates nobody checks (upstream's `pkg/probe/http`).
//! One connection per request; of a body [`BODY_BYTES_MAX`] bytes are read.

use std::sync::{Arc, LazyLock};

use ::http::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use ::http::{Request, StatusCode, Uri};
use api::k8s::api::core::v1::{Container, HTTPGetAction};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, InvalidMessage, SignatureScheme};

use super::{VERSION, authority, dial, words_of};
use crate::plan::Answer;

/// `maxRespBodyLength`.
const BODY_BYTES_MAX: usize = 10 * 1024;
const REDIRECTS_MAX: usize = 10;
/// What is wrong when a server that is spoken to in TLS does not answer so.
pub(crate) const NOT_HTTPS: &str = "server gave HTTP response to HTTPS client";

/// What to get.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Whether over TLS.
    pub(crate) is_secure: bool,
    host: String,
    port: u16,
    path: String,
    headers: HeaderMap,
}

/// What was got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    location: Option<String>,
}

impl Target {
    /// Reads a spec. `purpose` says to servers who asks.
    pub(crate) fn of(get: &HTTPGetAction, container: &Container, address: &str, purpose: &str) -> Result<Self, String> {
        let host = get.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(address).to_owned();
        let port = super::port(&get.port, container)?;
        let mut headers = HeaderMap::new();
        for header in get.http_headers.iter().flatten() {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let name = name.map_err(|_| format!("net/http: invalid header field name {:?}", header.name))?;
            let value = HeaderValue::from_str(&header.value);
            let value = value.map_err(|_| format!("net/http: invalid header field value for {:?}", header.name))?;
            headers.append(name, value);
        }
        let agent = HeaderValue::from_str(&format!("kube-{purpose}/{VERSION}")).map_err(|error| error.to_string())?;
        headers.entry(USER_AGENT).or_insert(agent);
        // One that is set to nothing is not sent.
        if headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*")).is_empty() {
            headers.remove(ACCEPT);
        }
        let path = rooted(get.path.as_deref().unwrap_or_default());
        let is_secure = get.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Ok(Self { is_secure, host, port, path, headers })
    }

    /// `HOST:PORT`.
    pub(crate) fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    /// The whole address.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", if self.is_secure { "https" } else { "http" }, self.authority(), self.path)
    }

    /// Where a redirect leads; nothing when that is another host, which is not followed.
    fn redirected(&self, location: &str) -> Option<Self> {
        let uri: Uri = location.parse().ok()?;
        let mut next = Self { path: rooted(uri.path_and_query().map_or("", |path| path.as_str())), ..self.clone() };
        if let Some(host) = uri.host() {
            if host.trim_matches(['[', ']']) != self.host {
                return None;
            }
            next.is_secure = uri.scheme_str() == Some("https");
            next.port = uri.port_u16().unwrap_or(if next.is_secure { 443 } else { 80 });
        }
        Some(next)
    }
}

/// A path as it is asked for: with a slash in front, without a fragment, and with no character that ends a request line.
fn rooted(path: &str) -> String {
    let path = path.split('#').next().unwrap_or_default();
    let mut rooted = if path.starts_with('/') { String::new() } else { "/".to_owned() };
    for byte in path.bytes() {
        if byte.is_ascii_graphic() { rooted.push(byte.into()) } else { rooted.push_str(&format!("%{byte:02X}")) }
    }
    rooted
}

/// Asks; 200 to 399 is success, other than a redirect to another host.
pub(crate) async fn probe(mut target: Target) -> Answer {
    for _ in 0..=REDIRECTS_MAX {
        let got = match get(&target).await {
            Ok(got) => got,
            Err(text) => return Answer::Failure(text),
        };
        match got.status.as_u16() {
            200..300 => return Answer::Success,
            300..400 => match got.location.as_deref().map(|location| target.redirected(location)) {
                Some(Some(next)) => target = next,
                _ => return Answer::Warning(format!("Probe terminated redirects, Response body: {}", got.body)),
            },
            status => return Answer::Failure(format!("HTTP probe failed with statuscode: {status}")),
        }
    }
    Answer::Failure(format!("Get {:?}: stopped after {REDIRECTS_MAX} redirects", target.url()))
}

/// One request, with Go's words for what goes wrong.
pub(crate) async fn get(target: &Target) -> Result<Got, String> {
    let failed = |why: String| format!("Get {:?}: {why}", target.url());
    let stream = dial(&target.host, target.port).await.map_err(failed)?;
    if !target.is_secure {
        return exchange(target, stream).await.map_err(failed);
    }
    let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(error.to_string()))?;
    match TlsConnector::from(Arc::clone(&TRUSTING)).connect(name, stream).await {
        Ok(stream) => exchange(target, stream).await.map_err(failed),
        Err(error) => Err(failed(tls_words(&error))),
    }
}

fn tls_words(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => format!("http: {NOT_HTTPS}"),
        Some(error) => format!("remote error: tls: {error}"),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        None => words_of(error),
    }
}

async fn exchange(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Got, String> {
    let handshake = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|error| words(&error))?;
    let mut request = Request::get(&target.path).body(Empty::new()).map_err(|error| error.to_string())?;
    *request.headers_mut() = target.headers.clone();
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(&target.authority()).map_err(|error| error.to_string())?;
        request.headers_mut().insert(HOST, host);
    }
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| words(&error))?;
        Ok(read(response).await)
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        got = &mut answer => got,
        // The connection moves the bytes; its end is told to the answer.
        _ = connection => answer.await,
    }
}

async fn read(response: ::http::Response<Incoming>) -> Got {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).map(str::to_owned);
    let status = response.status();
    // A body that is too long is cut by upstream; all that is shown of it is that of a redirect.
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
    Got { status, body, location }
}

fn words(error: &hyper::Error) -> String {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return "EOF".to_owned();
    }
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.map_or_else(|| error.to_string(), words_of)
}

/// Whoever answers at a pod's address is the pod.
static TRUSTING: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(ring::default_provider());
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = versions.expect("ring knows the default versions").dangerous();
    Arc::new(builder.with_custom_certificate_verifier(Arc::new(Trusting(provider))).with_no_client_auth())
});

/// Takes any certificate, as upstream's probes do.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! Which protocol client and server go on in, and the 101 that says so. Pure.
//!
//! The rules are those of `httpstream.Handshake` for SPDY and of `golang.org/x/net/websocket` for WebSockets.

use api::Status;
use api::session::Refused;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use http::{Response, StatusCode};
use streams::channel::{self, Protocol};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::http::payload::Payload;

const SPDY: &str = "SPDY/3.1";
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const SOCKET_PROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");
const SOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const SOCKET_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");
const SOCKET_VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");

/// Port-forward over SPDY, and the same within a WebSocket.
const PORT_FORWARD: &str = "portforward.k8s.io";
const PORT_FORWARD_TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// Exec and attach over SPDY, the best first.
const REMOTE_COMMAND: [Version; 4] = [Version::V4, Version::V3, Version::V2, Version::V1];

/// What a client wants to go on in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// A WebSocket, with the answer to its key, in one of these subprotocols.
    WebSocket { accept: String, protocols: Vec<String> },
    /// SPDY, in one of these protocols; `None` when the client names none at all.
    Spdy { protocols: Option<Vec<String>> },
}

/// A version of exec and attach over SPDY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
    /// Terminals have sizes from here on.
    V3,
    /// The error stream carries a `Status` from here on.
    V4,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::V1 => "channel.k8s.io",
            Self::V2 => "v2.channel.k8s.io",
            Self::V3 => "v3.channel.k8s.io",
            Self::V4 => "v4.channel.k8s.io",
        }
    }

    /// Whether a client opens a stream for sizes.
    pub(super) fn resizes(self) -> bool {
        matches!(self, Self::V3 | Self::V4)
    }
}

/// What exec and attach go on in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    WebSocket(Protocol),
    Spdy(Version),
}

impl Chosen {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::WebSocket(protocol) => protocol.name,
            Self::Spdy(version) => version.name(),
        }
    }
}

/// What port-forward goes on in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    Spdy,
    Tunnel,
    Channels(Protocol, Vec<u16>),
}

impl Forward {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Spdy => PORT_FORWARD,
            Self::Tunnel => PORT_FORWARD_TUNNEL,
            Self::Channels(protocol, _) => protocol.name,
        }
    }
}

/// A request that does not ask for another protocol.
pub(super) fn upgrade_required() -> Status {
    Status::bad_request("Upgrade request required")
}

/// What a request asks for.
///
/// # Errors
/// 400 when it asks for nothing that is known.
pub(super) fn upgrade(headers: &HeaderMap) -> Result<Upgrade, Status> {
    let names_upgrade = words(headers, &CONNECTION).iter().any(|word| word.eq_ignore_ascii_case("upgrade"));
    let wanted = headers.get(UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !names_upgrade || wanted.is_empty() {
        return Err(upgrade_required());
    }
    if wanted.eq_ignore_ascii_case(SPDY) {
        let protocols = headers.contains_key(&STREAM_PROTOCOL).then(|| words(headers, &STREAM_PROTOCOL));
        return Ok(Upgrade::Spdy { protocols });
    }
    if !wanted.eq_ignore_ascii_case("websocket") {
        return Err(Status::bad_request("unable to upgrade: missing upgrade headers in request"));
    }
    let key = headers.get(&SOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if key.is_empty() || headers.get(&SOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Status::bad_request("missing or bad WebSocket version or key"));
    }
    Ok(Upgrade::WebSocket { accept: derive_accept_key(key), protocols: words(headers, &SOCKET_PROTOCOL) })
}

/// The words of a header, which may come in several lines.
fn words(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    let words = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Chooses for exec and attach.
pub(super) fn remote_command(upgrade: &Upgrade) -> Result<Chosen, Refused> {
    match upgrade {
        Upgrade::WebSocket { protocols, .. } => socket(protocols, &channel::REMOTE_COMMAND).map(Chosen::WebSocket),
        Upgrade::Spdy { protocols } => {
            let names = REMOTE_COMMAND.map(Version::name);
            let name = stream(protocols.as_deref(), &names)?;
            let version = REMOTE_COMMAND.into_iter().find(|version| version.name() == name);
            Ok(Chosen::Spdy(version.unwrap_or(Version::V1)))
        }
    }
}

/// Chooses for port-forward; `ports` are asked for when the client can open no streams.
pub(super) fn port_forward(
    upgrade: &Upgrade,
    ports: impl FnOnce() -> Result<Vec<u16>, Refused>,
) -> Result<Forward, Refused> {
    match upgrade {
        Upgrade::Spdy { protocols } => stream(protocols.as_deref(), &[PORT_FORWARD]).map(|_| Forward::Spdy),
        Upgrade::WebSocket { protocols, .. } if protocols.iter().any(|name| name == PORT_FORWARD_TUNNEL) => {
            Ok(Forward::Tunnel)
        }
        Upgrade::WebSocket { protocols, .. } => {
            let ports = ports()?;
            Ok(Forward::Channels(socket(protocols, &channel::PORT_FORWARD)?, ports))
        }
    }
}

/// The first of the client's subprotocols that is known; none is one too.
fn socket(wanted: &[String], known: &[Protocol]) -> Result<Protocol, Refused> {
    let find = |name: &str| known.iter().find(|protocol| protocol.name == name).copied();
    let found = if wanted.is_empty() { find("") } else { wanted.iter().find_map(|name| find(name)) };
    let names: Vec<&str> = known.iter().map(|protocol| protocol.name).collect();
    let text = || format!("requested protocol(s) are not supported: [{}]; supports {names:?}", wanted.join(" "));
    found.ok_or_else(|| Refused { code: 403, text: text() })
}

/// The first of the client's protocols that is known.
fn stream(wanted: Option<&[String]>, known: &[&'static str]) -> Result<&'static str, Refused> {
    let bad = |text: String| Refused { code: 400, text };
    let missing = || bad("unable to upgrade: header X-Stream-Protocol-Version does not exist in request".to_owned());
    let wanted = wanted.ok_or_else(missing)?;
    if wanted.is_empty() {
        return Err(bad("unable to upgrade: header X-Stream-Protocol-Version is empty".to_owned()));
    }
    let found = wanted.iter().find_map(|name| known.iter().find(|known| *known == name));
    let text = || {
        let (wanted, known) = (wanted.join(" "), known.join(" "));
        format!("unable to upgrade: unable to negotiate protocol: client supports [{wanted}], server accepts [{known}]")
    };
    found.copied().ok_or_else(|| Refused { code: 403, text: text() })
}

/// The 101.
pub(super) fn switch(upgrade: &Upgrade, protocol: &'static str) -> Response<Payload> {
    let mut response = Response::new(Payload::from(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let (name, protocol_header) = match upgrade {
        Upgrade::WebSocket { accept, .. } => {
            if let Ok(accept) = HeaderValue::from_str(accept) {
                headers.insert(SOCKET_ACCEPT, accept);
            }
            ("websocket", SOCKET_PROTOCOL)
        }
        Upgrade::Spdy { .. } => (SPDY, STREAM_PROTOCOL),
    };
    headers.insert(UPGRADE, HeaderValue::from_static(name));
    if !protocol.is_empty() {
        headers.insert(protocol_header, HeaderValue::from_static(protocol));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn spdy(lines: &[&str]) -> Upgrade {
        let mut all = vec![("connection", "Upgrade"), ("upgrade", "SPDY/3.1")];
        all.extend(lines.iter().map(|line| ("x-stream-protocol-version", *line)));
        upgrade(&headers(&all)).unwrap()
    }

    fn socket(protocols: &str) -> Upgrade {
        let mut all = vec![("connection", "keep-alive, upgrade"), ("upgrade", "WebSocket")];
        all.extend([("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("sec-websocket-version", "13")]);
        all.extend(Some(("sec-websocket-protocol", protocols)).filter(|_| !protocols.is_empty()));
        upgrade(&headers(&all)).unwrap()
    }

    fn name(chosen: Result<Chosen, Refused>) -> String {
        chosen.map_or_else(|refused| format!("{} {}", refused.code, refused.text), |chosen| chosen.name().to_owned())
    }

    #[test]
    fn the_first_known_protocol_of_the_client_is_taken() {
        assert_eq!(name(remote_command(&spdy(&["v5.channel.k8s.io", "v4.channel.k8s.io"]))), "v4.channel.k8s.io");
        assert_eq!(name(remote_command(&spdy(&["channel.k8s.io"]))), "channel.k8s.io");
        assert_eq!(name(remote_command(&socket("v5.channel.k8s.io"))), "v5.channel.k8s.io");
        assert_eq!(name(remote_command(&socket("x, v4.channel.k8s.io"))), "v4.channel.k8s.io");
        assert_eq!(name(remote_command(&socket(""))), "");
        let refused = "403 unable to upgrade: unable to negotiate protocol: client supports [x y], server accepts \
            [v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io channel.k8s.io]";
        assert_eq!(name(remote_command(&spdy(&["x, y"]))), refused);
        assert!(name(remote_command(&spdy(&[]))).starts_with("400 "));
        assert!(name(remote_command(&socket("x"))).starts_with("403 "));
    }

    #[test]
    fn port_forward_is_tunnelled_or_names_its_ports() {
        let forward = |upgrade: &Upgrade| port_forward(upgrade, || Ok(vec![80])).unwrap();
        assert_eq!(forward(&spdy(&["portforward.k8s.io"])), Forward::Spdy);
        assert_eq!(forward(&socket("SPDY/3.1+portforward.k8s.io")), Forward::Tunnel);
        let Forward::Channels(protocol, ports) = forward(&socket("v4.channel.k8s.io")) else { panic!("channels") };
        assert_eq!((protocol.name, ports), ("v4.channel.k8s.io", vec![80]));
    }

    #[test]
    fn a_request_that_stays_http_is_refused() {
        for lines in [&[][..], &[("connection", "upgrade")], &[("upgrade", "SPDY/3.1")]] {
            assert_eq!(upgrade(&headers(lines)).unwrap_err().message, "Upgrade request required");
        }
        assert_eq!(upgrade(&headers(&[("connection", "upgrade"), ("upgrade", "h2c")])).unwrap_err().code, 400);
        assert_eq!(upgrade(&headers(&[("connection", "upgrade"), ("upgrade", "websocket")])).unwrap_err().code, 400);
    }

    #[test]
    fn the_answer_names_the_protocol_and_proves_the_key() {
        let response = switch(&socket("v5.channel.k8s.io"), "v5.channel.k8s.io");
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()[SOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.headers()[SOCKET_PROTOCOL], "v5.channel.k8s.io");
        let response = switch(&spdy(&["portforward.k8s.io"]), PORT_FORWARD);
        assert_eq!(response.headers()[UPGRADE], "SPDY/3.1");
        assert_eq!(response.headers()[STREAM_PROTOCOL], PORT_FORWARD);
    }
}

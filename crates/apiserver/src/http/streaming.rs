//! `pods/NAME/exec`, `attach` and `portforward`: requests that leave HTTP behind.
//!
//! The checks come first, in upstream's order (`pkg/registry/core/pod/rest/subresources.go`, then what its kubelet
//! checks), then the 101, and then the connection's own task goes on with a [`Takeover`] instead of HTTP: it keeps its
//! place among the connections, and ends with the server.

#[cfg(test)]
mod client;
mod connection;
mod handshake;
mod mux;
mod options;
mod port_forward;
mod ports;
mod spdy;
mod status;
mod takeover;
#[cfg(test)]
mod tests;
mod tunnel;
mod websocket;

use api::Status;
use api::session::{Refused, SessionOptions};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::upgrade::OnUpgrade;

use super::payload::Payload;
use super::query::Query;
use super::reply::{self, TEXT};
use super::service::Service;
use super::target::ResourcePath;
use crate::connector::Session;
use crate::server::sessions;
use handshake::Chosen;
pub(super) use takeover::Takeover;

type HttpResponse = http::Response<Payload>;

/// Whether a subresource is one of these.
pub(super) fn serves(path: &ResourcePath<'_>) -> bool {
    path.resource == "pods" && matches!(path.subresource, Some("exec" | "attach" | "portforward"))
}

/// Answers a request for a stream: with a refusal, or with 101 and what comes after.
///
/// # Errors
/// The `Status` that refuses it.
pub(super) async fn respond(
    service: &Service,
    path: &ResourcePath<'_>,
    query: &Query<'_>,
    parts: &Parts,
) -> Result<HttpResponse, Status> {
    let (Some(namespace), Some(name)) = (path.namespace, path.name) else { return Err(Status::no_such_resource()) };
    let pod = service.server().session_pod(namespace, name)?;
    let target = Target { service, namespace, name };
    if path.subresource == Some("portforward") {
        sessions::check_host(&pod)?;
        return target.port_forward(query, parts).await;
    }
    let is_exec = path.subresource == Some("exec");
    let mut options = options::session(query, is_exec);
    options.container = Some(sessions::container(&pod, options.container.as_deref())?);
    sessions::check_host(&pod)?;
    target.session(options, is_exec, parts).await
}

/// A pod that a session is for.
struct Target<'a> {
    service: &'a Service,
    namespace: &'a str,
    name: &'a str,
}

impl Target<'_> {
    async fn session(&self, options: SessionOptions, is_exec: bool, parts: &Parts) -> Result<HttpResponse, Status> {
        let upgrade = handshake::upgrade(&parts.headers)?;
        let on_upgrade = on_upgrade(parts)?;
        let streams = options.streams;
        // Who speaks the newest protocol has every refusal of the kubelet in its error channel.
        let chosen = handshake::remote_command(&upgrade);
        let opened = self.open(options, is_exec).await?;
        let session = match (opened, &chosen) {
            (Ok(session), _) => Ok(session),
            (Err(refused), Ok(Chosen::WebSocket(protocol))) if protocol.closes_channels() => Err(refused),
            (Err(refused), _) => return Ok(plain(&refused)),
        };
        let chosen = match chosen {
            Ok(chosen) => chosen,
            Err(refused) => return Ok(plain(&refused)),
        };
        let mut response = handshake::switch(&upgrade, chosen.name());
        let takeover = Takeover::new(on_upgrade, self.service.closing(), move |connection| async move {
            match chosen {
                Chosen::WebSocket(protocol) => {
                    let socket = connection.websocket().await;
                    websocket::serve(socket, protocol, session, streams).await;
                }
                Chosen::Spdy(version) => {
                    if let Ok(session) = session {
                        spdy::serve(connection, version, session, streams).await;
                    }
                }
            }
        });
        response.extensions_mut().insert(takeover);
        Ok(response)
    }

    async fn open(&self, options: SessionOptions, is_exec: bool) -> Result<Result<Session, Refused>, Status> {
        let connector = self.service.server().connector()?;
        if let Err(refused) = options::check(&options) {
            return Ok(Err(refused));
        }
        let opening = if is_exec {
            connector.exec(self.namespace, self.name, options)
        } else {
            connector.attach(self.namespace, self.name, options)
        };
        Ok(opening.await)
    }

    async fn port_forward(&self, query: &Query<'_>, parts: &Parts) -> Result<HttpResponse, Status> {
        let upgrade = handshake::upgrade(&parts.headers)?;
        let on_upgrade = on_upgrade(parts)?;
        let chosen = match handshake::port_forward(&upgrade, || options::ports(query)) {
            Ok(chosen) => chosen,
            Err(refused) => return Ok(plain(&refused)),
        };
        let ports = match self.service.server().connector()?.port_forward(self.namespace, self.name).await {
            Ok(ports) => ports,
            Err(refused) => return Ok(plain(&refused)),
        };
        let mut response = handshake::switch(&upgrade, chosen.name());
        let takeover = Takeover::new(on_upgrade, self.service.closing(), move |connection| async move {
            match chosen {
                handshake::Forward::Spdy => port_forward::serve(connection, ports).await,
                handshake::Forward::Tunnel => {
                    port_forward::serve(tunnel::Tunnel::over(connection.websocket().await), ports).await;
                }
                handshake::Forward::Channels(protocol, wanted) => {
                    ports::serve(connection.websocket().await, protocol, &wanted, ports).await;
                }
            }
        });
        response.extensions_mut().insert(takeover);
        Ok(response)
    }
}

/// What a kubelet answers is passed on as it is: text, not a `Status`.
fn plain(refused: &Refused) -> HttpResponse {
    let code = StatusCode::from_u16(refused.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply::respond(code, TEXT, Bytes::from(refused.text.clone()))
}

/// The connection, for whoever takes it over. HTTP/2 connections cannot be.
fn on_upgrade(parts: &Parts) -> Result<OnUpgrade, Status> {
    parts.extensions.get::<OnUpgrade>().cloned().ok_or_else(handshake::upgrade_required)
}

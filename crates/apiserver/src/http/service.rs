//! One request, from head to response: checks first, then the resource, discovery and health handlers.
//!
//! Invariant: nothing is read from a body, and nothing is looked up, before the request's origin and token are known
//! to be good.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use ::clock::{Clock, SystemClock};
use api::{Status, User};
use bytes::Bytes;
use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::closing::Closing;
use super::discovery::Documents;
use super::guard::Guard;
use super::limits::{InFlight, MAX_CONNECTIONS, MAX_READS, MAX_WRITES, Permit};
use super::memory::Memory;
use super::negotiate::{self, DiscoveryForm};
use super::openapi::{Schemas, Wanted};
use super::payload::Payload;
use super::query::Query;
use super::reply::{self, AuditIds, JSON, TEXT};
use super::{clock, custom_resources, decisions, health, impersonation, oidc, resource, target};
use crate::ApiServer;

/// What all connections of a server share.
pub(super) struct Service {
    server: Arc<ApiServer>,
    guard: Guard,
    address: String,
    documents: OnceLock<Documents>,
    schemas: Schemas,
    version: Bytes,
    reads: InFlight,
    writes: InFlight,
    memory: Memory,
    audit: AuditIds,
    closing: Closing,
    /// One permit per open connection.
    places: Arc<Semaphore>,
    /// When the last request came in, in seconds since 1970 by the machine's clock, whatever the cluster's says.
    last_request_seconds: AtomicI64,
}

/// What to do with the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// Serve on.
    Keep,
    /// Close it: the client is not one of ours.
    Close,
}

impl Service {
    pub(super) fn new(server: Arc<ApiServer>, guard: Guard, address: String, closing: Closing) -> Self {
        let now = SystemClock.now().as_second();
        Self {
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            last_request_seconds: AtomicI64::new(now),
            server,
            guard,
            address,
            documents: OnceLock::new(),
            schemas: Schemas::default(),
            version: health::version(),
            reads: InFlight::new(MAX_READS),
            writes: InFlight::new(MAX_WRITES),
            memory: Memory::default(),
            audit: AuditIds::default(),
            closing,
        }
    }

    pub(super) fn server(&self) -> &Arc<ApiServer> {
        &self.server
    }

    /// The permits of connections.
    pub(super) fn places(&self) -> &Arc<Semaphore> {
        &self.places
    }

    /// When the last request with a good token came in, or when serving began.
    pub(super) fn last_request_at(&self) -> Timestamp {
        Timestamp::from_second(self.last_request_seconds.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Hears when the server shuts down.
    pub(super) fn closing(&self) -> Closing {
        self.closing.clone()
    }

    /// Counts a request that reads or writes.
    pub(super) fn enter(&self, reads: bool) -> Result<Permit<'_>, Status> {
        if reads { self.reads.enter() } else { self.writes.enter() }
    }

    /// The bounds of bodies and their trees.
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Answers one request, whatever it is.
    pub(super) async fn handle(&self, request: Request<Incoming>) -> (Response<Payload>, Connection) {
        let (mut parts, incoming) = request.into_parts();
        let (mut response, connection) = match self.admit(&parts.uri, &parts.headers) {
            Err(status) => {
                let stranger = matches!(status.code, 401 | 403);
                let connection = if stranger { Connection::Close } else { Connection::Keep };
                (reply::status(&status, StatusCode::OK), connection)
            }
            Ok((path, user)) => {
                if let Some(user) = user {
                    parts.extensions.insert(user);
                }
                self.last_request_seconds.store(SystemClock.now().as_second(), Ordering::Relaxed);
                let response = self.respond(&path, &parts, incoming).await;
                (response.unwrap_or_else(|status| reply::status(&status, StatusCode::OK)), Connection::Keep)
            }
        };
        self.audit.mark(&mut response);
        // The query is left out: it may be long, and selectors are nobody's business.
        tracing::debug!(method = %parts.method, path = parts.uri.path(), code = response.status().as_u16(), "request");
        (response, connection)
    }

    /// The checks before anything else; returns the decoded path and who asks.
    fn admit<'a>(&self, uri: &'a Uri, headers: &HeaderMap) -> Result<(Cow<'a, str>, Option<Arc<User>>), Status> {
        self.guard.check_origin(uri, headers)?;
        let path = target::decode(uri.path()).map_err(|error| Status::bad_request(error.to_string()));
        let user_of = |token: &[u8]| self.server.bearer(token);
        let user = self.guard.identify(path.as_deref().unwrap_or_default(), headers, user_of)?;
        let user = user.map(|user| impersonation::acting_user(headers, user)).transpose()?;
        Ok((path?, user))
    }

    async fn respond(&self, path: &str, parts: &Parts, incoming: Incoming) -> Result<Response<Payload>, Status> {
        let query = Query::parse(parts.uri.query());
        if let Some(response) = custom_resources::list(path, &query, parts) {
            return Ok(response);
        }
        match target::resource(path) {
            Some(resource_path) => resource::respond(self, resource_path, &query, parts, incoming).await,
            None => self.document(path, &query, parts).await,
        }
    }

    /// Everything that is not a resource: health, version, discovery, schemas.
    async fn document(&self, path: &str, query: &Query<'_>, parts: &Parts) -> Result<Response<Payload>, Status> {
        if !self.server.is_plain()
            && let Some(uid) = decisions::object(path)
        {
            return decisions::answer(&self.server, uid, &parts.method);
        }
        if clock::has(path) && !self.server.is_plain() {
            // Before the count of requests in flight: an advance may take long, and is not work of this server.
            return clock::answer(&self.server, path, &parts.method, query).await;
        }
        let _permit = self.enter(true)?;
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Status::method_not_allowed());
        }
        let path = if path == "/" { path } else { path.trim_end_matches('/') };
        if let Some(response) = health::check(path, query, self.closing.is_closed()) {
            return Ok(response);
        }
        if path == "/version" {
            return Ok(reply::respond(StatusCode::OK, JSON, self.version.clone()));
        }
        if let Some(response) = oidc::document(&self.server, path)? {
            return Ok(response);
        }
        if Schemas::has(path) {
            let (accept, if_none_match) = (header(parts, ACCEPT), header(parts, IF_NONE_MATCH));
            return self.schemas.respond(self.server.catalogue(), Wanted { path, accept, if_none_match }).await;
        }
        let documents = self.documents.get_or_init(|| Documents::new(self.server.catalogue(), &self.address));
        if matches!(path, "/api" | "/apis") {
            return index(documents, path, parts);
        }
        match documents.get(path) {
            Some(bytes) => Ok(reply::respond(StatusCode::OK, JSON, bytes.clone())),
            None if path.starts_with("/api/") || path.starts_with("/apis/") => Err(Status::no_such_resource()),
            None => Ok(reply::respond(StatusCode::NOT_FOUND, TEXT, Bytes::from_static(b"404 page not found\n"))),
        }
    }
}

/// `/api` and `/apis`, in the form that the client accepts.
fn index(documents: &Documents, path: &str, parts: &Parts) -> Result<Response<Payload>, Status> {
    let form = negotiate::discovery(header(parts, ACCEPT))?;
    let document = documents.index(path, form).ok_or_else(Status::no_such_resource)?;
    let content_type = match form {
        DiscoveryForm::Legacy => return Ok(reply::respond(StatusCode::OK, JSON, document.bytes.clone())),
        DiscoveryForm::V2 => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        DiscoveryForm::V2Beta1 => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    Ok(reply::cacheable(
        &document.bytes,
        &document.etag,
        HeaderValue::from_static(content_type),
        header(parts, IF_NONE_MATCH),
    ))
}

fn header(parts: &Parts, name: HeaderName) -> Option<&str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

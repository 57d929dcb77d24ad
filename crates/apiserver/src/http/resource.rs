//! Resource requests: from path, query and body to an [`api::Request`], and from its reply to bytes.
//!
//! No kind is named here but the subresources that are streams: `log`, and those of [`streaming`]. What a verb does is
//! decided behind the door; this part only knows which requests upstream routes at all.

use std::sync::Arc;

use api::{Body, PatchType, Reply, Request, Response, Status, User, Verb};
use futures::StreamExt;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use registry::Strategy;
use registry::catalogue::Served;
use serde_json::Value;

use super::discovery::subresource;
use super::memory::Room;
use super::negotiate::{self, Accepted, Encoding};
use super::payload::Payload;
use super::query::Query;
use super::render::{IncludeObject, Renderer};
use super::reply::{self, JSON, LOG, YAML};
use super::service::Service;
use super::stream::{Lines, WatchLines};
use super::target::ResourcePath;
use super::{body, review, streaming, yaml};

type HttpResponse = http::Response<Payload>;

/// A resource request that is routed: its kind, its verb, and what was read from it so far.
struct Routed<'a> {
    /// The position in the catalogue.
    position: usize,
    strategy: &'a dyn Strategy,
    path: ResourcePath<'a>,
    verb: Verb,
    query: &'a Query<'a>,
    parts: &'a Parts,
}

/// Answers a resource request.
///
/// # Errors
/// The `Status` that refuses it.
pub(super) async fn respond(
    service: &Service,
    path: ResourcePath<'_>,
    query: &Query<'_>,
    parts: &Parts,
    incoming: Incoming,
) -> Result<HttpResponse, Status> {
    if let Some(review) = service.server().catalogue().review(path.group, path.version, path.resource) {
        return review::respond(service, review, &path, query, parts, incoming).await;
    }
    let routed = route(service, path, query, parts)?;
    match (routed.verb, path.subresource) {
        (Verb::Get | Verb::Create, Some(_)) if streaming::serves(&path) => {
            streaming::respond(service, &path, query, parts).await
        }
        (_, Some(_)) if streaming::serves(&path) => Err(Status::method_not_allowed()),
        (Verb::Watch, _) => watch(service, &routed).await,
        (Verb::Get, Some("log")) => logs(service, &routed).await,
        _ => call(service, &routed, incoming).await,
    }
}

fn route<'a>(
    service: &'a Service,
    path: ResourcePath<'a>,
    query: &'a Query<'a>,
    parts: &'a Parts,
) -> Result<Routed<'a>, Status> {
    let served = service.server().catalogue().find_by_name(path.group, path.version, path.resource);
    let Served { position, strategy, .. } = served.ok_or_else(Status::no_such_resource)?;
    let descriptor = strategy.descriptor();
    let unknown = |name: &str| !descriptor.subresources.contains(&name);
    // A namespace's own path has the namespace in it, and yet is cluster-scoped.
    let misplaced = !descriptor.namespaced && path.namespace.is_some() && path.resource != "namespaces"
        || descriptor.namespaced && path.namespace.is_none() && path.name.is_some();
    if path.has_rest || misplaced || path.subresource.is_some_and(unknown) {
        return Err(Status::no_such_resource());
    }
    let verb = verb(&parts.method, &path, query).ok_or_else(Status::method_not_allowed)?;
    let across_namespaces = descriptor.namespaced && path.namespace.is_none();
    let served = match path.subresource {
        // What is not listed is not routed: a binding is posted, and nobody can read it.
        Some(name) => subresource(descriptor, name).1.contains(&verb.name()),
        None => strategy.verbs().contains(&verb.name()),
    };
    if !served || across_namespaces && !matches!(verb, Verb::List | Verb::Watch) {
        return Err(Status::method_not_allowed());
    }
    Ok(Routed { position, strategy, path, verb, query, parts })
}

/// The verb of a request, or `None` where upstream routes no such method.
fn verb(method: &Method, path: &ResourcePath<'_>, query: &Query<'_>) -> Option<Verb> {
    let read = matches!(*method, Method::GET | Method::HEAD);
    match (path.name, path.subresource) {
        (_, None) if path.watch && read => Some(Verb::Watch),
        _ if path.watch => None,
        (None, _) if read && query.flag("watch").unwrap_or_default() => Some(Verb::Watch),
        (None, _) if read => Some(Verb::List),
        (None, _) if *method == Method::POST => Some(Verb::Create),
        (None, _) if *method == Method::DELETE => Some(Verb::DeleteCollection),
        (None, _) => None,
        (Some(_), _) if read => Some(Verb::Get),
        (Some(_), Some(_)) if *method == Method::POST => Some(Verb::Create),
        (Some(_), _) if *method == Method::PUT => Some(Verb::Update),
        (Some(_), _) if *method == Method::PATCH => Some(Verb::Patch),
        (Some(_), None) if *method == Method::DELETE => Some(Verb::Delete),
        (Some(_), _) => None,
    }
}

impl Routed<'_> {
    fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn accepted(&self) -> Result<Accepted, Status> {
        negotiate::resource(self.header(ACCEPT), self.verb == Verb::Watch)
    }

    /// The request without its body.
    fn request(&self, patch: Option<PatchType>) -> Result<Request, Status> {
        let descriptor = self.strategy.descriptor();
        let namespace = self.path.namespace.filter(|_| descriptor.namespaced);
        let mut request = Request::new(self.verb, descriptor.resource(), namespace, self.path.name);
        request.subresource = self.path.subresource.map(str::to_owned);
        request.user = self.parts.extensions.get::<Arc<User>>().cloned();
        request.options = self.query.options(self.verb, patch)?;
        if request.options.field_manager.is_none() && matches!(self.verb, Verb::Create | Verb::Update | Verb::Patch) {
            request.options.field_manager = self.header(USER_AGENT).map(manager_of);
        }
        Ok(request)
    }
}

async fn call(service: &Service, routed: &Routed<'_>, incoming: Incoming) -> Result<HttpResponse, Status> {
    let _permit = service.enter(matches!(routed.verb, Verb::Get | Verb::List))?;
    let accepted = routed.accepted()?;
    let include = IncludeObject::parse(routed.query)?;
    // Room for the decoded body is held until the call is over.
    let (request, _room) = match routed.verb {
        Verb::Get | Verb::List | Verb::Watch => (routed.request(None)?, None),
        Verb::Create | Verb::Update | Verb::Patch | Verb::Delete | Verb::DeleteCollection => {
            with_body(service, routed, incoming).await?
        }
    };
    if let Some(revision) = request.options.resource_version {
        service.server().reached(revision).await;
    }
    let created = routed.verb == Verb::Create;
    if let Some(wait) = service.server().awaited(&request) {
        wait.await;
    }
    let reply = service.server().call(request)?;
    let renderer = Renderer { strategy: routed.strategy, shape: accepted.shape, include, now: service.server().now() };
    Ok(render(reply, &renderer, accepted.encoding, created))
}

async fn with_body<'s>(
    service: &'s Service,
    routed: &Routed<'_>,
    incoming: Incoming,
) -> Result<(Request, Room<'s>), Status> {
    let content_type = routed.header(CONTENT_TYPE);
    let patch = if routed.verb == Verb::Patch { Some(body::patch_type(content_type)?) } else { None };
    let mut request = routed.request(patch)?;
    let media_type = match patch {
        Some(patch) => body::patch_media_type(patch),
        None => machinery::decode::MediaType::parse(content_type)?,
    };
    let whole = body::read(incoming, service.memory()).await?;
    let bytes = &*whole.bytes;
    let room = service.memory().tree(bytes, media_type).await?;
    let kind = &routed.strategy.descriptor().kind;
    (request.body, request.strict_errors) = match (patch, routed.verb) {
        (Some(patch), _) => body::patch(patch, bytes)?,
        (None, Verb::Delete | Verb::DeleteCollection) if bytes.is_empty() => (Body::Empty, Vec::new()),
        (None, Verb::Delete | Verb::DeleteCollection) => body::object(&DELETE_OPTIONS, bytes, content_type)?,
        (None, _) => body::object(kind, bytes, content_type)?,
    };
    Ok((request, room))
}

/// The manager that a user agent stands for: what precedes the first slash, printable, of bounded length (upstream's
/// `prefixFromUserAgent`).
fn manager_of(user_agent: &str) -> String {
    const MAX_BYTES: usize = 128;
    let mut name = String::new();
    let letters = user_agent.split('/').next().unwrap_or_default().chars().filter(|letter| !letter.is_control());
    for letter in letters {
        if name.len() + letter.len_utf8() > MAX_BYTES {
            break;
        }
        name.push(letter);
    }
    name
}

const DELETE_OPTIONS: api::Kind = api::Kind::known("meta.k8s.io", "v1", "DeleteOptions");

/// Turns a reply into a response. A `Status` that answers a POST is 201, as upstream's binding and eviction are.
fn render(reply: Reply, renderer: &Renderer<'_>, encoding: Encoding, post: bool) -> HttpResponse {
    let code = |created: bool| if created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = match (reply.response, encoding) {
        (Response::Status(status), Encoding::Json) => reply::status(&status, code(post)),
        (Response::Status(status), Encoding::Yaml) => as_yaml(code(post), &status.to_value()),
        (Response::Object { object, created }, Encoding::Json) => {
            reply::respond(code(created), JSON, renderer.object(&object))
        }
        (Response::Object { object, created }, Encoding::Yaml) => {
            as_yaml(code(created), &parse(&renderer.object(&object)))
        }
        (Response::List(list), Encoding::Json) => reply::respond(StatusCode::OK, JSON, renderer.list(list)),
        (Response::List(list), Encoding::Yaml) => as_yaml(StatusCode::OK, &parse(&renderer.list(list).into_bytes())),
    };
    reply::warn(&mut response, &reply.warnings);
    response
}

fn as_yaml(code: StatusCode, value: &Value) -> HttpResponse {
    reply::respond(code, YAML, bytes::Bytes::from(yaml::encode(value)))
}

fn parse(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("the renderer writes JSON")
}

async fn watch(service: &Service, routed: &Routed<'_>) -> Result<HttpResponse, Status> {
    let accepted = routed.accepted()?;
    let include = IncludeObject::parse(routed.query)?;
    let mut request = routed.request(None)?;
    if let Some(name) = request.name.take() {
        // The legacy path names one object; upstream reads that as a selector of its name.
        let selector = format!("metadata.name={name}");
        if request.options.field_selector.as_ref().is_some_and(|given| *given != selector) {
            return Err(Status::bad_request("fieldSelector metadata.name doesn't match requested name"));
        }
        request.options.field_selector = Some(selector);
    }
    if let Some(revision) = request.options.resource_version {
        service.server().reached(revision).await;
    }
    let watch = service.server().watch(&request)?;
    let lines = Lines::new(service.server().clone(), routed.position, accepted.shape, include);
    let stream = WatchLines::new(watch, lines, service.closing()).into_stream();
    Ok(reply::respond(StatusCode::OK, JSON, Payload::Stream(stream)))
}

async fn logs(service: &Service, routed: &Routed<'_>) -> Result<HttpResponse, Status> {
    let (Some(namespace), Some(pod)) = (routed.path.namespace, routed.path.name) else {
        return Err(Status::no_such_resource());
    };
    let options = routed.query.log_options(pod)?;
    let Some(stream) = service.server().logs(namespace, pod, options).await? else {
        // What upstream makes of a stream from nowhere.
        let mut response = http::Response::new(Payload::from(bytes::Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    };
    let mut closing = service.closing();
    let closed = async move { closing.closed().await };
    Ok(reply::respond(StatusCode::OK, LOG, Payload::Stream(stream.take_until(Box::pin(closed)).boxed())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::target;

    #[test]
    fn methods_mean_what_upstream_routes_them_to() {
        let cases = [
            ("GET", "/api/v1/namespaces/a/pods", "", Some(Verb::List)),
            ("HEAD", "/api/v1/namespaces/a/pods", "", Some(Verb::List)),
            ("GET", "/api/v1/namespaces/a/pods", "watch=true", Some(Verb::Watch)),
            ("GET", "/api/v1/namespaces/a/pods", "watch=0", Some(Verb::List)),
            ("GET", "/api/v1/watch/namespaces/a/pods", "", Some(Verb::Watch)),
            ("GET", "/api/v1/watch/namespaces/a/pods/p", "", Some(Verb::Watch)),
            ("POST", "/api/v1/watch/namespaces/a/pods", "", None),
            ("GET", "/api/v1/namespaces/a/pods/p", "watch=true", Some(Verb::Get)),
            ("POST", "/api/v1/namespaces/a/pods", "", Some(Verb::Create)),
            ("POST", "/api/v1/namespaces/a/pods/p", "", None),
            ("POST", "/api/v1/namespaces/a/pods/p/binding", "", Some(Verb::Create)),
            ("PUT", "/api/v1/namespaces/a/pods/p/status", "", Some(Verb::Update)),
            ("PUT", "/api/v1/namespaces/a/pods", "", None),
            ("PATCH", "/api/v1/namespaces/a/pods/p", "", Some(Verb::Patch)),
            ("DELETE", "/api/v1/namespaces/a/pods/p", "", Some(Verb::Delete)),
            ("DELETE", "/api/v1/namespaces/a/pods/p/status", "", None),
            ("DELETE", "/api/v1/namespaces/a/pods", "", Some(Verb::DeleteCollection)),
            ("OPTIONS", "/api/v1/namespaces/a/pods", "", None),
        ];
        for (method, path, query, expected) in cases {
            let path = target::resource(path).unwrap();
            let found = verb(&method.parse().unwrap(), &path, &Query::parse(Some(query)));
            assert_eq!(found, expected, "{method} {path:?} {query}");
        }
    }
}

//! Requests to resources that are answered and not stored: a POST in, an object out.
//!
//! Differs: asked for a table, upstream makes one of such an answer; here it stays an object.

use std::sync::Arc;

use api::{Request, Response, Status, User, Verb};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use machinery::decode::MediaType;
use registry::review::Review;

use super::negotiate::{self, Encoding};
use super::payload::Payload;
use super::query::Query;
use super::reply::{self, JSON, YAML};
use super::service::Service;
use super::target::ResourcePath;
use super::{body, yaml};

/// Answers a review.
///
/// # Errors
/// The `Status` that refuses it.
pub(super) async fn respond(
    service: &Service,
    review: &dyn Review,
    path: &ResourcePath<'_>,
    query: &Query<'_>,
    parts: &Parts,
    incoming: Incoming,
) -> Result<http::Response<Payload>, Status> {
    let descriptor = review.descriptor();
    if path.name.is_some() || path.watch || descriptor.namespaced != path.namespace.is_some() {
        return Err(Status::no_such_resource());
    }
    if parts.method != Method::POST {
        return Err(Status::method_not_allowed());
    }
    let _permit = service.enter(false)?;
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let encoding = negotiate::resource(header(ACCEPT), false)?.encoding;
    let content_type = header(CONTENT_TYPE);
    let media_type = MediaType::parse(content_type)?;
    let mut request = Request::new(Verb::Create, descriptor.resource(), path.namespace, None);
    request.options = query.options(Verb::Create, None)?;
    request.user = parts.extensions.get::<Arc<User>>().cloned();
    let whole = body::read(incoming, service.memory()).await?;
    let _room = service.memory().tree(&whole.bytes, media_type).await?;
    (request.body, request.strict_errors) = body::object(&descriptor.kind, &whole.bytes, content_type)?;
    let reply = service.server().call(request)?;
    let mut response = match (reply.response, encoding) {
        (Response::Object { object, .. }, Encoding::Yaml) => {
            let text = yaml::encode(&object.to_value());
            reply::respond(StatusCode::CREATED, YAML, bytes::Bytes::from(text))
        }
        (Response::Object { object, .. }, _) => reply::respond(StatusCode::CREATED, JSON, object.bytes().clone()),
        (Response::Status(status), _) => reply::status(&status, StatusCode::CREATED),
        (Response::List(_), _) => return Err(Status::internal("a review answers with an object")),
    };
    reply::warn(&mut response, &reply.warnings);
    Ok(response)
}

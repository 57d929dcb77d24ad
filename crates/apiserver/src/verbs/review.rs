//! Resources that are answered and not stored (`registry::review`).

use std::sync::Arc;

use api::{Body, Reply, Request, Response, Status, User, Verb};
use registry::review::{Asked, Review};

use super::{body, uncommitted};
use crate::ApiServer;

pub(crate) fn create(server: &ApiServer, review: &dyn Review, mut request: Request) -> Result<Reply, Status> {
    let descriptor = review.descriptor();
    if request.name.is_some() || request.subresource.is_some() || descriptor.namespaced != request.namespace.is_some() {
        return Err(Status::no_such_resource());
    }
    if request.verb != Verb::Create {
        return Err(Status::method_not_allowed());
    }
    let mut object = body::object(&mut request)?;
    body::check_kind(&descriptor.kind, &mut object)?;
    let warnings = body::check(&request, &descriptor.kind, &mut object)?;
    if let Some((resource, subresource)) = review.stands_for() {
        request.name = object["metadata"]["name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        request.resource = resource;
        request.subresource = Some(subresource.to_owned());
        return server.call(request.body(Body::Object(object)));
    }
    let user = request.user.take().unwrap_or_else(|| Arc::new(User::server()));
    let asked =
        Asked { namespace: request.namespace.as_deref(), user: &user, now: server.now(), authenticator: server };
    let answer = uncommitted(&review.answer(object, &asked)?)?;
    Ok(Reply { response: Response::Object { object: answer, created: true }, warnings })
}

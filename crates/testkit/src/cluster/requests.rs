//! The test's own client: kube's, whose requests are made in the cluster's runtime, with faults of their own.

use std::sync::Arc;

use api::{Gvr, Status, Verb};
use client::kube;
use client::kube::client::Body;
use http::{Method, Request, Response, StatusCode, Uri};
use parking_lot::Mutex;

use super::builder::ClockMode;
use super::inside::Core;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Requests of the test's own client that are refused.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Vec<Refused>>);

struct Refused {
    verb: Verb,
    resource: Gvr,
    times: u64,
    status: Status,
}

impl Refusals {
    pub(super) fn add(&self, verb: Verb, resource: &Gvr, times: u64, status: Status) {
        self.0.lock().push(Refused { verb, resource: resource.clone(), times, status });
    }

    /// The refusal that a request meets, if any; it is used up a little.
    fn meet(&self, method: &Method, uri: &Uri) -> Option<Status> {
        let (verb, resource) = about(method, uri)?;
        let mut all = self.0.lock();
        let met = all.iter_mut().find(|one| one.verb == verb && one.resource == resource && one.times > 0)?;
        met.times -= 1;
        Some(met.status.clone())
    }
}

/// A client for the test. It may outlive the cluster; its requests fail then.
pub(super) fn client(core: &Arc<Core>) -> kube::Client {
    // kube's client has a task, which belongs to the cluster: the test may have no runtime yet, or another one later.
    let _inside = core.handle.enter();
    let core = core.clone();
    kube::Client::new(tower::service_fn(move |request| send(core.clone(), request)), "default")
}

/// Makes one request. In virtual time it comes in when nothing else is left to do, so that the order of a test's requests
/// and of what they cause is always the same.
async fn send(core: Arc<Core>, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let inside = core.clone();
    let answer = core.call(move |cluster| async move {
        if let (ClockMode::Virtual, Some(stepper)) = (inside.time.mode, &inside.time.stepper) {
            stepper.settled().await;
        }
        if let Some(status) = inside.refusals.meet(request.method(), request.uri()) {
            return refusal(&status);
        }
        let client = match inside.kube.get() {
            Some(client) => client.clone(),
            None => {
                let client = cluster.kube_client()?;
                inside.kube.get_or_init(|| client).clone()
            }
        };
        // Not held while the request is under way: it would keep the cluster.
        drop(cluster);
        Ok(client.send(request).await?)
    });
    answer.await.map_err(|_| "the cluster has ended: its value was dropped".to_owned())?
}

fn refusal(status: &Status) -> Result<Response<Body>, BoxError> {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = Body::from(status.to_value().to_string().into_bytes());
    Ok(Response::builder().status(code).header(http::header::CONTENT_TYPE, "application/json").body(body)?)
}

/// What a request is about, as authorization sees it.
fn about(method: &Method, uri: &Uri) -> Option<(Verb, Gvr)> {
    let segments: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    let (group, version, mut rest) = match segments.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    if let ["namespaces", _, inner @ ..] = rest
        && !inner.is_empty()
        && !matches!(inner, ["status" | "finalize"])
    {
        rest = inner;
    }
    let (plural, name) = (*rest.first()?, rest.get(1));
    let is_watch = uri.query().is_some_and(|query| query.split('&').any(|one| matches!(one, "watch=true" | "watch=1")));
    let verb = match (method, name) {
        (&Method::GET, None) if is_watch => Verb::Watch,
        (&Method::GET, None) => Verb::List,
        (&Method::GET, Some(_)) => Verb::Get,
        (&Method::POST, _) => Verb::Create,
        (&Method::PUT, _) => Verb::Update,
        (&Method::PATCH, _) => Verb::Patch,
        (&Method::DELETE, None) => Verb::DeleteCollection,
        (&Method::DELETE, Some(_)) => Verb::Delete,
        _ => return None,
    };
    Some((verb, Gvr::new(group, version, plural)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, uri: &str) -> Option<(Verb, String)> {
        about(&method, &uri.parse().unwrap()).map(|(verb, resource)| (verb, resource.to_string()))
    }

    #[test]
    fn requests_are_told_apart_by_verb_and_resource() {
        let jobs = api::resource::JOBS.to_string();
        let path = "/apis/batch/v1/namespaces/default/jobs";
        assert_eq!(read(Method::POST, path), Some((Verb::Create, jobs.clone())));
        assert_eq!(read(Method::GET, &format!("{path}?limit=5")), Some((Verb::List, jobs.clone())));
        assert_eq!(read(Method::GET, &format!("{path}?limit=5&watch=true")), Some((Verb::Watch, jobs.clone())));
        assert_eq!(read(Method::PATCH, &format!("{path}/pi/status")), Some((Verb::Patch, jobs.clone())));
        assert_eq!(
            read(Method::DELETE, "/apis/batch/v1/namespaces/default/jobs"),
            Some((Verb::DeleteCollection, jobs))
        );
        let namespaces = api::resource::NAMESPACES.to_string();
        assert_eq!(read(Method::GET, "/api/v1/namespaces/default"), Some((Verb::Get, namespaces.clone())));
        assert_eq!(read(Method::PUT, "/api/v1/namespaces/default/finalize"), Some((Verb::Update, namespaces)));
        assert_eq!(read(Method::GET, "/version"), None);
    }
}

//! The list of custom resource definitions, which is always empty here: the kind is neither discovered nor served
//! otherwise. kubectl since 1.27 reads this list before it says that a kind is unknown; a 404 would make it blame the
//! list instead of the mistyped kind.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::payload::Payload;
use super::query::Query;
use super::reply::{self, JSON};

const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const EMPTY: &[u8] = br#"{"kind":"CustomResourceDefinitionList","apiVersion":"apiextensions.k8s.io/v1","metadata":{"resourceVersion":"1"},"items":[]}"#;

/// Answers a request for the list; `None` for every other request.
pub(super) fn list(path: &str, query: &Query<'_>, parts: &Parts) -> Option<Response<Payload>> {
    let listed = path == PATH && parts.method == Method::GET && !query.flag("watch").unwrap_or_default();
    listed.then(|| reply::respond(StatusCode::OK, JSON, Bytes::from_static(EMPTY)))
}

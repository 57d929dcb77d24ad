//! `/openapi/v2` and `/openapi/v3`: made on the first request, off the runtime's threads, and kept.

use std::sync::{Arc, OnceLock};

use api::{Reason, Status};
use bytes::Bytes;
use http::Response;
use http::header::HeaderValue;
use machinery::openapi::{OpenApi, Resource, Subresource, V2_MEDIA_TYPE};
use registry::{Catalogue, Descriptor, review};
use sha2::{Digest, Sha512};

use super::discovery::subresource;
use super::health::GIT_VERSION;
use super::payload::Payload;
use super::reply::{self, JSON};

/// The schema documents of a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Schemas(Arc<OnceLock<OpenApi>>);

/// What of a request the answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The path, without a slash at the end.
    pub path: &'a str,
    /// `Accept`.
    pub accept: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
}

impl Schemas {
    /// Whether a path is that of such a document.
    pub(super) fn has(path: &str) -> bool {
        path == "/openapi/v2" || path == "/openapi/v3" || path.starts_with("/openapi/v3/")
    }

    /// Answers a request for a schema document.
    ///
    /// # Errors
    /// 404 for a group and version that are not served, 406 for OpenAPI v2 in anything but protobuf and JSON.
    pub(super) async fn respond(&self, catalogue: &Catalogue, wanted: Wanted<'_>) -> Result<Response<Payload>, Status> {
        let openapi = self.openapi(catalogue).await?;
        let (bytes, content_type) = match wanted.path.strip_prefix("/openapi/v3") {
            Some("") => (openapi.v3_index(), JSON),
            Some(path) => (openapi.v3(path).ok_or_else(Status::no_such_resource)?, JSON),
            None => v2(openapi, wanted.accept)?,
        };
        let etag = format!("\"{:X}\"", Sha512::digest(bytes));
        Ok(reply::cacheable(bytes, &etag, content_type, wanted.if_none_match))
    }

    async fn openapi(&self, catalogue: &Catalogue) -> Result<&OpenApi, Status> {
        if self.0.get().is_none() {
            let stored = catalogue.iter().map(|strategy| resource(strategy.descriptor(), strategy.verbs()));
            let reviews = catalogue.reviews().map(|review| resource(review.descriptor(), review::VERBS));
            let resources: Vec<Resource> = stored.chain(reviews).collect();
            let cell = self.0.clone();
            let made = tokio::task::spawn_blocking(move || {
                cell.get_or_init(|| OpenApi::new(&resources, GIT_VERSION));
            });
            made.await.map_err(Status::internal)?;
        }
        self.0.get().ok_or_else(|| Status::internal("the OpenAPI documents could not be made"))
    }
}

/// The protobuf for whoever asks for it, as kubectl does; JSON for everyone else.
fn v2<'a>(openapi: &'a OpenApi, accept: Option<&str>) -> Result<(&'a Bytes, HeaderValue), Status> {
    let accept = accept.unwrap_or_default();
    if accept.contains("proto-openapi.spec.v2") {
        return Ok((openapi.v2(), HeaderValue::from_static(V2_MEDIA_TYPE)));
    }
    if accept.is_empty() || accept.contains("application/json") || accept.contains("*/*") {
        return Ok((openapi.v2_json(), JSON));
    }
    let message = format!("only the following media types are accepted: application/json, {V2_MEDIA_TYPE}");
    Err(Status::failure(406, Reason::NOT_ACCEPTABLE, message))
}

fn resource(descriptor: &'static Descriptor, verbs: &[&str]) -> Resource {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let one = |name: &&'static str| {
        let (kind, verbs) = subresource(descriptor, name);
        Subresource { name: (*name).to_owned(), kind, verbs: texts(verbs) }
    };
    Resource {
        kind: descriptor.kind.clone(),
        plural: descriptor.plural.to_owned(),
        namespaced: descriptor.namespaced,
        verbs: texts(verbs),
        subresources: descriptor.subresources.iter().map(one).collect(),
    }
}

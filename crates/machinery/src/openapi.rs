//! What the API says of itself: OpenAPI v3, an index and one document per group and version, and the OpenAPI v2
//! protobuf that kubectl up to 1.28 asks for. All of it is made from the schema and the list of served resources.
//!
//! kubectl needs this for `explain`, for the merge keys of `apply` and `edit`, to learn that a server validates fields
//! (`fieldValidation` on a PATCH) and, up to 1.28, that it has dry runs and which fields exist.
//!
//! Upstream: `k8s.io/kube-openapi`, `pkg/handler3` and `pkg/builder3`.
//! Differs: no security definitions, no deprecated watch paths; operations name the parameters that clients look for.

mod facts;
mod paths;
mod schemas;
#[cfg(test)]
mod tests;
mod v2;
mod v2_json;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use api::Kind;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// A served resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The kind of its objects.
    pub kind: Kind,
    /// The name in URLs.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The verbs, as discovery lists them: `create`, `get`, `list`, `watch`, `update`, `patch`, `delete`,
    /// `deletecollection`.
    pub verbs: Vec<String>,
    /// The subresources.
    pub subresources: Vec<Subresource>,
}

impl Resource {
    /// Whether it has a list kind.
    fn lists(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "list")
    }
}

/// A subresource of a [`Resource`].
#[derive(Clone, Debug)]
pub struct Subresource {
    /// The name in URLs, such as `status`.
    pub name: String,
    /// The kind of what is sent or received.
    pub kind: Kind,
    /// The verbs.
    pub verbs: Vec<String>,
}

/// The documents, ready to be sent.
#[derive(Clone, Debug)]
pub struct OpenApi {
    index: Bytes,
    documents: BTreeMap<String, Bytes>,
    v2: Bytes,
    version: String,
    v2_json: OnceLock<Bytes>,
}

impl OpenApi {
    /// Makes all documents: some ten milliseconds and a megabyte, so make them on the first request.
    /// `version` is the server's, such as `v1.36.2`.
    pub fn new(resources: &[Resource], version: &str) -> Self {
        let mut definitions = schemas::definitions();
        schemas::add_lists(&mut definitions, resources);
        let mut groups: BTreeMap<String, Vec<&Resource>> = BTreeMap::new();
        for resource in resources {
            groups.entry(group_path(&resource.kind)).or_default().push(resource);
        }
        let documents: BTreeMap<String, Bytes> = groups
            .into_iter()
            .map(|(path, resources)| (path, encode(&document(&definitions, &resources, version))))
            .collect();
        let v2 = Bytes::from(v2::document(&definitions, resources, version));
        let (index, version) = (encode(&index(&documents)), version.to_owned());
        Self { index, documents, v2, version, v2_json: OnceLock::new() }
    }

    /// `/openapi/v3`: JSON.
    pub fn v3_index(&self) -> &Bytes {
        &self.index
    }

    /// `/openapi/v3/PATH`, such as `api/v1` or `apis/batch/v1`: JSON.
    pub fn v3(&self, path: &str) -> Option<&Bytes> {
        self.documents.get(path.trim_matches('/'))
    }

    /// `/openapi/v2`: protobuf, of media type [`V2_MEDIA_TYPE`].
    pub fn v2(&self) -> &Bytes {
        &self.v2
    }

    /// `/openapi/v2` as JSON, made when it is first asked for.
    pub fn v2_json(&self) -> &Bytes {
        let documents = || self.documents.values().map(|document| &**document);
        self.v2_json.get_or_init(|| encode(&v2_json::document(documents(), &self.version)))
    }
}

/// The media type of [`OpenApi::v2`].
pub const V2_MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `api/v1` or `apis/batch/v1`.
fn group_path(kind: &Kind) -> String {
    if kind.group.is_empty() {
        format!("api/{}", kind.version)
    } else {
        format!("apis/{}/{}", kind.group, kind.version)
    }
}

fn document(definitions: &Map<String, Value>, resources: &[&Resource], version: &str) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths::paths(resources),
        "components": {"schemas": schemas::reachable(definitions, resources)},
    })
}

fn index(documents: &BTreeMap<String, Bytes>) -> Value {
    let entry = |(path, document): (&String, &Bytes)| {
        let url = format!("/openapi/v3/{path}?hash={:016X}", fnv1a(document));
        (path.clone(), json!({"serverRelativeURL": url}))
    };
    json!({"paths": documents.iter().map(entry).collect::<Map<String, Value>>()})
}

/// FNV-1a: tells documents apart for caches; nothing depends on more.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn encode(value: &Value) -> Bytes {
    serde_json::to_vec(value).expect("a value is JSON").into()
}

/// `x-kubernetes-group-version-kind` of an operation.
fn group_version_kind(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

//! Discovery documents, made once from the catalogue: the legacy forms, and the aggregated ones of
//! `apidiscovery.k8s.io` v2 and v2beta1.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use registry::{Catalogue, Descriptor, review};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use super::negotiate::DiscoveryForm;

/// A document and what a client may compare its copy with.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// The JSON.
    pub bytes: Bytes,
    /// The quoted `ETag`.
    pub etag: String,
}

impl Document {
    fn new(value: &Value) -> Self {
        let bytes = Bytes::from(value.to_string());
        let etag = format!("\"{:X}\"", Sha512::digest(&bytes));
        Self { bytes, etag }
    }
}

/// All discovery documents of a server.
#[derive(Debug)]
pub(super) struct Documents {
    core: Forms,
    groups: Forms,
    /// `/api/v1`, `/apis/GROUP` and `/apis/GROUP/VERSION`, by path.
    by_path: HashMap<String, Bytes>,
    root: Bytes,
}

#[derive(Debug)]
struct Forms {
    legacy: Document,
    v2: Document,
    v2beta1: Document,
}

impl Forms {
    fn new(legacy: &Value, items: &[Value]) -> Self {
        let aggregated = |version: &str| {
            Document::new(&json!({
                "kind": "APIGroupDiscoveryList",
                "apiVersion": format!("apidiscovery.k8s.io/{version}"),
                "metadata": {},
                "items": items,
            }))
        };
        Self { legacy: Document::new(legacy), v2: aggregated("v2"), v2beta1: aggregated("v2beta1") }
    }

    fn get(&self, form: DiscoveryForm) -> &Document {
        match form {
            DiscoveryForm::Legacy => &self.legacy,
            DiscoveryForm::V2 => &self.v2,
            DiscoveryForm::V2Beta1 => &self.v2beta1,
        }
    }
}

impl Documents {
    /// Makes the documents of a catalogue; `address` is what `/api` names as the server's own.
    pub(super) fn new(catalogue: &Catalogue, address: &str) -> Self {
        let groups = groups(catalogue);
        let (core, named): (Vec<&Group>, Vec<&Group>) = groups.iter().partition(|group| group.name.is_empty());
        let versions: Vec<&str> = core.iter().flat_map(|group| group.version_names()).collect();
        let api = json!({
            "kind": "APIVersions",
            "versions": versions,
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
        });
        let list: Vec<Value> = named.iter().map(|group| group.legacy()).collect();
        let apis = json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list});
        let aggregated = |groups: &[&Group]| groups.iter().map(|group| group.aggregated()).collect::<Vec<_>>();
        let by_path = by_path(&groups);
        Self {
            core: Forms::new(&api, &aggregated(&core)),
            groups: Forms::new(&apis, &aggregated(&named)),
            root: root(by_path.keys()),
            by_path,
        }
    }

    /// `/api` or `/apis`.
    pub(super) fn index(&self, path: &str, form: DiscoveryForm) -> Option<&Document> {
        match path {
            "/api" => Some(self.core.get(form)),
            "/apis" => Some(self.groups.get(form)),
            _ => None,
        }
    }

    /// The document at a path below those, or the list of paths at the root.
    pub(super) fn get(&self, path: &str) -> Option<&Bytes> {
        if path == "/" { Some(&self.root) } else { self.by_path.get(path) }
    }
}

/// A resource in discovery.
struct Listed {
    descriptor: &'static Descriptor,
    verbs: &'static [&'static str],
    /// The kind that its objects are stored as; none when they are only answered.
    stored: Option<&'static api::Kind>,
}

/// A group with its versions, in the catalogue's order.
struct Group {
    name: String,
    versions: Vec<(String, Vec<Listed>)>,
}

fn groups(catalogue: &Catalogue) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let stored = catalogue.iter().map(|strategy| {
        let descriptor = strategy.descriptor();
        let storage = strategy.view().and_then(|view| catalogue.find(&view.stored));
        let kind = storage.map_or(&descriptor.kind, |served| &served.strategy.descriptor().kind);
        (descriptor, strategy.verbs(), Some(kind))
    });
    let reviews = catalogue.reviews().map(|review| (review.descriptor(), review::VERBS, None));
    for (descriptor, verbs, stored) in stored.chain(reviews) {
        let (name, version) = (&descriptor.kind.group, &descriptor.kind.version);
        let listed = Listed { descriptor, verbs, stored };
        let position = groups.iter().position(|group| group.name == *name).unwrap_or_else(|| {
            groups.push(Group { name: name.to_string(), versions: Vec::new() });
            groups.len() - 1
        });
        let versions = &mut groups[position].versions;
        match versions.iter_mut().find(|(known, _)| known == version) {
            Some((_, resources)) => resources.push(listed),
            None => versions.push((version.to_string(), vec![listed])),
        }
    }
    groups.sort_by_key(|group| GROUPS.iter().position(|known| *known == group.name).unwrap_or(GROUPS.len()));
    groups
}

/// Upstream's order of groups; the core group is listed by itself. Clients that find a resource in several groups take
/// the first.
const GROUPS: [&str; 12] = [
    "",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
];

impl Group {
    fn version_names(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().map(|(version, _)| version.as_str())
    }

    /// `APIGroup` without its kind, as it stands in an `APIGroupList`.
    fn legacy(&self) -> Value {
        let version =
            |version: &str| json!({"groupVersion": api::key::api_version(&self.name, version), "version": version});
        let versions: Vec<Value> = self.version_names().map(version).collect();
        json!({"name": self.name, "versions": versions, "preferredVersion": versions.first()})
    }

    fn aggregated(&self) -> Value {
        let version = |(version, resources): &(String, Vec<Listed>)| {
            let mut resources: Vec<Value> = resources.iter().map(aggregated_resource).collect();
            resources.sort_by(|a, b| a["resource"].as_str().cmp(&b["resource"].as_str()));
            json!({"version": version, "resources": resources, "freshness": "Current"})
        };
        let versions: Vec<Value> = self.versions.iter().map(version).collect();
        let metadata = if self.name.is_empty() { json!({}) } else { json!({"name": self.name}) };
        json!({"metadata": metadata, "versions": versions})
    }
}

fn by_path(groups: &[Group]) -> HashMap<String, Bytes> {
    let mut documents = HashMap::new();
    for group in groups {
        let base = if group.name.is_empty() { "/api".to_owned() } else { format!("/apis/{}", group.name) };
        for (version, resources) in &group.versions {
            let mut resources: Vec<Value> = resources.iter().flat_map(legacy_resources).collect();
            resources.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
            let list = json!({
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": api::key::api_version(&group.name, version),
                "resources": resources,
            });
            documents.insert(format!("{base}/{version}"), list.to_string().into());
        }
        if !group.name.is_empty() {
            let mut document = group.legacy();
            document["kind"] = "APIGroup".into();
            document["apiVersion"] = "v1".into();
            documents.insert(base, document.to_string().into());
        }
    }
    documents
}

fn root<'a>(paths: impl Iterator<Item = &'a String>) -> Bytes {
    let others = ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"];
    let mut all: Vec<&str> = paths.map(String::as_str).chain(others).collect();
    all.sort_unstable();
    json!({"paths": all}).to_string().into()
}

fn legacy_resources(listed: &Listed) -> Vec<Value> {
    let descriptor = listed.descriptor;
    let kind = &descriptor.kind;
    let mut resource = json!({
        "name": descriptor.plural,
        "singularName": descriptor.singular,
        "namespaced": descriptor.namespaced,
        "kind": kind.kind,
        "verbs": listed.verbs,
    });
    if let Some(stored) = listed.stored {
        let hashed = format!("{}/{}/{}", stored.group, stored.version, stored.kind);
        resource["storageVersionHash"] = STANDARD.encode(&Sha256::digest(hashed)[..8]).into();
    }
    add_names(&mut resource, descriptor);
    let subresource = |name: &&str| {
        let (kind, verbs) = subresource(descriptor, name);
        let mut value = json!({
            "name": format!("{}/{name}", descriptor.plural),
            "singularName": "",
            "namespaced": descriptor.namespaced,
            "kind": kind.kind,
            "verbs": verbs,
        });
        if (&kind.group, &kind.version) != (&descriptor.kind.group, &descriptor.kind.version) {
            value["group"] = kind.group.as_ref().into();
            value["version"] = kind.version.as_ref().into();
        }
        value
    };
    std::iter::once(resource).chain(descriptor.subresources.iter().map(subresource)).collect()
}

fn aggregated_resource(listed: &Listed) -> Value {
    let descriptor = listed.descriptor;
    let mut resource = json!({
        "resource": descriptor.plural,
        "responseKind": response_kind(&descriptor.kind, descriptor),
        "scope": if descriptor.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": descriptor.singular,
        "verbs": listed.verbs,
    });
    add_names(&mut resource, descriptor);
    if !descriptor.subresources.is_empty() {
        let subresource = |name: &&str| {
            let (kind, verbs) = subresource(descriptor, name);
            json!({"subresource": name, "responseKind": response_kind(&kind, descriptor), "verbs": verbs})
        };
        resource["subresources"] = descriptor.subresources.iter().map(subresource).collect();
    }
    resource
}

fn add_names(resource: &mut Value, descriptor: &Descriptor) {
    for (name, values) in [("shortNames", descriptor.short_names), ("categories", descriptor.categories)] {
        if !values.is_empty() {
            resource[name] = values.into();
        }
    }
}

/// The kind of a response; group and version are told only where they are not those of the resource
/// (`ConvertGroupVersionIntoToDiscovery` of the apiserver's installer).
fn response_kind(kind: &api::Kind, of: &Descriptor) -> Value {
    if (&kind.group, &kind.version) == (&of.kind.group, &of.kind.version) {
        return json!({"group": "", "version": "", "kind": kind.kind});
    }
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// What a subresource answers with, and its verbs, as upstream's discovery says.
pub(super) fn subresource(descriptor: &Descriptor, name: &str) -> (api::Kind, &'static [&'static str]) {
    const CHANGE: &[&str] = &["get", "patch", "update"];
    const CONNECT: &[&str] = &["create", "get"];
    let core = |kind: &'static str| api::Kind::known("", "v1", kind);
    match name {
        "log" => (descriptor.kind.clone(), &["get"]),
        "binding" => (core("Binding"), &["create"]),
        "eviction" => (api::Kind::known("policy", "v1", "Eviction"), &["create"]),
        "exec" => (core("PodExecOptions"), CONNECT),
        "attach" => (core("PodAttachOptions"), CONNECT),
        "portforward" => (core("PodPortForwardOptions"), CONNECT),
        "token" => (api::Kind::known("authentication.k8s.io", "v1", "TokenRequest"), &["create"]),
        "scale" => (api::Kind::known("autoscaling", "v1", "Scale"), CHANGE),
        "finalize" => (descriptor.kind.clone(), &["update"]),
        _ => (descriptor.kind.clone(), CHANGE),
    }
}

//! The paths of a group and version, with one operation per verb.

use api::Kind;
use serde_json::{Map, Value, json};

use super::{Resource, group_path, group_version_kind, schemas};

/// The query parameters of each verb that changes or reads.
const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation"];
const PATCH: &[&str] = &["dryRun", "fieldManager", "fieldValidation", "force"];
const DELETE: &[&str] = &["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"];
const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];

/// The media types of patches.
const PATCHES: &[&str] = &[
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// All paths of some resources.
pub(super) fn paths(resources: &[&Resource]) -> Map<String, Value> {
    let mut paths = Map::new();
    for resource in resources {
        let at = collection_path(resource);
        add(&mut paths, &at, resource, &resource.kind, &resource.verbs, COLLECTION);
        let item = format!("{at}/{{name}}");
        add(&mut paths, &item, resource, &resource.kind, &resource.verbs, ITEM);
        if resource.namespaced && resource.verbs.iter().any(|verb| verb == "list") {
            let everywhere = format!("/{}/{}", group_path(&resource.kind), resource.plural);
            let verbs = ["list".to_owned()];
            add(&mut paths, &everywhere, resource, &resource.kind, &verbs, COLLECTION);
        }
        for sub in &resource.subresources {
            let path = format!("{item}/{}", sub.name);
            add(&mut paths, &path, resource, &sub.kind, &sub.verbs, SUBRESOURCE);
        }
    }
    paths
}

/// The path of a resource's collection, with a placeholder for the namespace.
pub(super) fn collection_path(resource: &Resource) -> String {
    let group = group_path(&resource.kind);
    let namespace = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
    format!("/{group}/{namespace}{}", resource.plural)
}

/// A verb, the HTTP method for it, its action in OpenAPI, and its query parameters.
type Operation = (&'static str, &'static str, &'static str, &'static [&'static str]);

const COLLECTION: &[Operation] = &[
    ("list", "get", "list", LIST),
    ("create", "post", "post", WRITE),
    ("deletecollection", "delete", "deletecollection", DELETE),
];
const ITEM: &[Operation] = &[
    ("get", "get", "get", &[]),
    ("update", "put", "put", WRITE),
    ("patch", "patch", "patch", PATCH),
    ("delete", "delete", "delete", DELETE),
];
const SUBRESOURCE: &[Operation] = &[
    ("get", "get", "get", &[]),
    ("create", "post", "post", WRITE),
    ("update", "put", "put", WRITE),
    ("patch", "patch", "patch", PATCH),
];

fn add(
    paths: &mut Map<String, Value>,
    path: &str,
    resource: &Resource,
    kind: &Kind,
    verbs: &[String],
    operations: &[Operation],
) {
    let mut item = Map::new();
    for (verb, method, action, query) in operations {
        if verbs.iter().any(|served| served == verb) {
            item.insert((*method).to_owned(), operation(path, resource, kind, action, query));
        }
    }
    if !item.is_empty() {
        item.insert("parameters".to_owned(), path_parameters(path));
        paths.insert(path.to_owned(), Value::Object(item));
    }
}

fn operation(path: &str, resource: &Resource, kind: &Kind, action: &str, query: &[&str]) -> Value {
    let schema = schemas::reference(kind);
    let parameters: Vec<Value> = query.iter().map(|name| query_parameter(name)).collect();
    let mut operation = json!({
        "operationId": operation_id(path, action),
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
        "tags": [tag(&resource.kind)],
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": group_version_kind(kind),
    });
    let body = match action {
        "post" | "put" => json!({"content": {"application/json": {"schema": schema}}, "required": true}),
        "patch" => {
            let content = PATCHES.iter().map(|media| ((*media).to_owned(), json!({"schema": {"type": "object"}})));
            json!({"content": content.collect::<Map<_, _>>(), "required": true})
        }
        _ => return operation,
    };
    operation["requestBody"] = body;
    operation
}

/// One id per path and action, such as `patch_apis_batch_v1_namespaces_namespace_jobs_name`.
fn operation_id(path: &str, action: &str) -> String {
    let words: String = path.chars().filter(|c| !matches!(c, '{' | '}')).collect();
    format!("{action}{}", words.replace(['/', '.'], "_"))
}

/// `batch_v1`, or `core_v1`.
fn tag(kind: &Kind) -> String {
    let group = kind.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    format!("{group}_{}", kind.version)
}

/// The type of a query parameter, in OpenAPI's words.
pub(super) fn query_type(name: &str) -> &'static str {
    match name {
        "allowWatchBookmarks" | "force" | "orphanDependents" | "sendInitialEvents" | "watch" => "boolean",
        "gracePeriodSeconds" | "limit" | "timeoutSeconds" => "integer",
        _ => "string",
    }
}

/// The query parameters of a patch, for OpenAPI v2.
pub(super) fn patch_parameters() -> &'static [&'static str] {
    PATCH
}

fn query_parameter(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": query_type(name), "uniqueItems": true}})
}

fn path_parameters(path: &str) -> Value {
    let names = path.split('/').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect()
}

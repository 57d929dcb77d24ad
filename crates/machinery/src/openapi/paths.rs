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
    let parameters: Vec<Value> = query.iter().map(|name| query_parameter(name)).collect();
    let mut operation = json!({
        "description": description(path, resource, action),
        "operationId": operation_id(path, resource, action),
        "parameters": parameters,
        "responses": responses(kind, action),
        "tags": [format!("{}_{}", group_words(kind_group(&resource.kind), false), resource.kind.version)],
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": group_version_kind(kind),
    });
    let body = match action {
        "post" | "put" => {
            json!({"content": {"application/json": {"schema": schemas::reference(kind)}}, "required": true})
        }
        "patch" => {
            let content =
                PATCHES.iter().map(|media| ((*media).to_owned(), json!({"schema": schemas::patch_reference()})));
            json!({"content": content.collect::<Map<_, _>>(), "required": true})
        }
        "delete" | "deletecollection" => {
            json!({"content": {"application/json": {"schema": schemas::reference_to("DeleteOptions")}}})
        }
        _ => return operation,
    };
    operation["requestBody"] = body;
    operation
}

/// What an operation may answer with.
fn responses(kind: &Kind, action: &str) -> Value {
    let schema = match action {
        "list" => schemas::list_reference(kind),
        "delete" | "deletecollection" => schemas::reference_to("Status"),
        _ => schemas::reference(kind),
    };
    let content = |description: &str| {
        let media = json!({"schema": schema});
        json!({"description": description, "content": {"application/json": media, "application/yaml": media}})
    };
    let mut responses = json!({"200": content("OK"), "401": {"description": "Unauthorized"}});
    if matches!(action, "post" | "put" | "patch") {
        responses["201"] = content("Created");
    }
    if matches!(action, "post" | "delete") {
        responses["202"] = content("Accepted");
    }
    responses
}

/// The subresource that a path names.
fn subresource(path: &str) -> Option<&str> {
    path.split_once("/{name}/").map(|(_, name)| name)
}

fn description(path: &str, resource: &Resource, action: &str) -> String {
    let kind = &resource.kind.kind;
    let of = subresource(path).map(|name| format!("{name} of ")).unwrap_or_default();
    match action {
        "list" => format!("list or watch objects of kind {kind}"),
        "post" => format!("create {of}a {kind}"),
        "deletecollection" => format!("delete collection of {kind}"),
        "get" => format!("read {of}the specified {kind}"),
        "put" => format!("replace {of}the specified {kind}"),
        "patch" => format!("partially update {of}the specified {kind}"),
        _ => format!("delete a {kind}"),
    }
}

/// One id per path and action, such as `patchBatchV1NamespacedJobStatus`.
fn operation_id(path: &str, resource: &Resource, action: &str) -> String {
    let verb = match action {
        "get" => "read",
        "post" => "create",
        "put" => "replace",
        "deletecollection" => "delete",
        other => other,
    };
    let of_many = if action == "deletecollection" { "Collection" } else { "" };
    let namespaced = if path.contains("{namespace}") { "Namespaced" } else { "" };
    let everywhere = if resource.namespaced && namespaced.is_empty() { "ForAllNamespaces" } else { "" };
    let group = group_words(kind_group(&resource.kind), true);
    let version = capitalized(&resource.kind.version);
    let sub = subresource(path).map(capitalized).unwrap_or_default();
    format!("{verb}{group}{version}{of_many}{namespaced}{}{sub}{everywhere}", resource.kind.kind)
}

/// The group as ids and tags name it.
fn kind_group(kind: &Kind) -> &str {
    if kind.group.is_empty() { "core" } else { kind.group.trim_end_matches(".k8s.io") }
}

/// `rbac.authorization` is `rbacAuthorization` in tags and `RbacAuthorization` in ids.
fn group_words(group: &str, first: bool) -> String {
    let words = group.split('.').enumerate();
    words.map(|(at, word)| if at > 0 || first { capitalized(word) } else { word.to_owned() }).collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
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

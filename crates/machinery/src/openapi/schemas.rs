//! The component schemas: those of `k8s-openapi` with what Kubernetes adds to them.

use serde_json::{Map, Value, json};

use api::Kind;

use super::facts::Facts;
use super::{Resource, group_version_kind};
use crate::schema::{self, Field, ListType, MergeKey};

const PREFIX: &str = "#/components/schemas/";

/// Every definition, with the `x-kubernetes-*` extensions, in the shape that upstream serves.
pub(super) fn definitions() -> Map<String, Value> {
    let mut definitions = schema::definitions();
    let facts = Facts::new();
    for (name, definition) in &mut definitions {
        match name.rsplit('.').next() {
            Some("Quantity") => set_one_of(definition, None, ["string", "number"]),
            Some("IntOrString") => set_one_of(definition, Some("int-or-string"), ["integer", "string"]),
            _ => {
                extend(name, definition);
                facts.add(name, definition);
            }
        }
    }
    for served in schema::served() {
        definitions[&served.definition]["x-kubernetes-group-version-kind"] = json!([group_version_kind(&served.kind)]);
    }
    definitions.insert(PATCH.to_owned(), json!({"description": "The body of a PATCH request.", "type": "object"}));
    definitions
}

/// The body of every patch.
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
const LIST_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// A reference to the body of every patch.
pub(super) fn patch_reference() -> Value {
    json!({"$ref": format!("{PREFIX}{PATCH}")})
}

/// Adds the list kinds of the resources that can be listed.
pub(super) fn add_lists(definitions: &mut Map<String, Value>, resources: &[Resource]) {
    for resource in resources.iter().filter(|resource| resource.lists()) {
        let Some(name) = schema::of_kind(&resource.kind).map(|st| st.name.to_string()) else { continue };
        let own = |field: &str| definitions.get(&name).map(|of| of["properties"][field].clone()).unwrap_or_default();
        let reference = |name: &str| json!({"$ref": format!("{PREFIX}{name}")});
        let list_kind = Kind { kind: format!("{}List", resource.kind.kind).into(), ..resource.kind.clone() };
        let list = json!({
            "description": format!("{} is a list of {} objects.", list_kind.kind, resource.kind.kind),
            "properties": {
                "apiVersion": own("apiVersion"),
                "items": {"description": "The objects.", "items": reference(&name), "type": "array"},
                "kind": own("kind"),
                "metadata": {
                    "allOf": [reference(LIST_META)], "default": {}, "description": "Standard list metadata.",
                },
            },
            "required": ["items"],
            "type": "object",
            "x-kubernetes-group-version-kind": [group_version_kind(&list_kind)],
        });
        definitions.insert(format!("{name}List"), list);
    }
}

/// A reference to the list kind of a resource.
pub(super) fn list_reference(kind: &Kind) -> Value {
    let mut reference = reference(kind);
    if let Some(Value::String(text)) = reference.get_mut("$ref") {
        text.push_str("List");
    }
    reference
}

fn set_one_of(definition: &mut Value, format: Option<&str>, types: [&str; 2]) {
    let description = definition["description"].take();
    *definition = json!({"description": description, "oneOf": types.map(|ty| json!({"type": ty}))});
    if let Some(format) = format {
        definition["format"] = format.into();
    }
}

fn extend(name: &str, definition: &mut Value) {
    let Some(st) = schema::named(name) else { return };
    if st.atomic {
        definition["x-kubernetes-map-type"] = "atomic".into();
    }
    if let Some(unions) = unions(name) {
        definition["x-kubernetes-unions"] = unions;
    }
    if st.field("kind").is_some() && st.field("apiVersion").is_some() {
        forget_required_metadata(definition);
    }
    let Some(properties) = definition["properties"].as_object_mut() else { return };
    for (name, property) in properties {
        wrap_reference(property);
        if let Some(field) = st.field(name) {
            mark(property, field);
        }
    }
}

/// Upstream requires `metadata` of no kind.
fn forget_required_metadata(definition: &mut Value) {
    let Some(Value::Array(required)) = definition.get_mut("required") else { return };
    required.retain(|name| name != "metadata");
    if required.is_empty() {
        definition.as_object_mut().expect("a definition is an object").remove("required");
    }
}

/// OpenAPI 3.0 ignores what stands beside a `$ref`, so a described reference becomes an `allOf` of one.
fn wrap_reference(property: &mut Value) {
    let Value::Object(map) = property else { return };
    if map.len() > 1
        && let Some(reference) = map.remove("$ref")
    {
        map.insert("allOf".to_owned(), json!([{"$ref": reference}]));
    }
}

/// `x-kubernetes-unions`: which field's value says which other field is set.
fn unions(name: &str) -> Option<Value> {
    let of = |field: &str, value: &str| json!({"fields-to-discriminateBy": {field: value}});
    let mut union = match name {
        "io.k8s.api.core.v1.AppArmorProfile" | "io.k8s.api.core.v1.SeccompProfile" => {
            of("localhostProfile", "LocalhostProfile")
        }
        "io.k8s.api.core.v1.PodSchedulingGroup" => return Some(json!([of("podGroupName", "PodGroupName")])),
        _ => return None,
    };
    union["discriminator"] = "type".into();
    Some(json!([union]))
}

fn mark(property: &mut Value, field: &Field) {
    match &field.list {
        Some(ListType::Atomic) => property["x-kubernetes-list-type"] = "atomic".into(),
        Some(ListType::Set) => property["x-kubernetes-list-type"] = "set".into(),
        Some(ListType::Map(keys)) => {
            property["x-kubernetes-list-type"] = "map".into();
            property["x-kubernetes-list-map-keys"] = keys.iter().map(|key| Value::from(&**key)).collect();
        }
        None => {}
    }
    if field.atomic {
        property["x-kubernetes-map-type"] = "atomic".into();
    }
    if let Some(strategy) = &field.patch_strategy {
        property["x-kubernetes-patch-strategy"] = Value::from(&**strategy);
    }
    if let Some(MergeKey::Field(key)) = &field.merge {
        property["x-kubernetes-patch-merge-key"] = Value::from(&**key);
    }
}

/// The definitions that the kinds of some resources lead to.
pub(super) fn reachable(definitions: &Map<String, Value>, resources: &[&Resource]) -> Map<String, Value> {
    let mut found = Map::new();
    let mut queue: Vec<&str> = Vec::new();
    for resource in resources {
        let kinds = std::iter::once(&resource.kind).chain(resource.subresources.iter().map(|sub| &sub.kind));
        queue.extend(kinds.filter_map(schema::of_kind).map(|st| &*st.name));
    }
    queue.extend(["DeleteOptions", "Status"].iter().filter_map(|kind| named(kind)));
    queue.push(PATCH);
    let lists: Vec<String> = resources
        .iter()
        .filter(|resource| resource.lists())
        .filter_map(|resource| schema::of_kind(&resource.kind))
        .map(|st| format!("{}List", st.name))
        .collect();
    queue.extend(lists.iter().map(String::as_str));
    while let Some(name) = queue.pop() {
        let Some((name, definition)) = definitions.get_key_value(name).filter(|_| !found.contains_key(name)) else {
            continue;
        };
        found.insert(name.clone(), definition.clone());
        references(definition, &mut queue);
    }
    if let (Some(resource), Some(name)) = (resources.first(), named("DeleteOptions")) {
        found[name]["x-kubernetes-group-version-kind"] = everywhere(&resource.kind);
    }
    found
}

/// Options are a kind of every group: of the core group and, in a document of another, of that one.
fn everywhere(kind: &Kind) -> Value {
    let of = |group: &str, version: &str| json!({"group": group, "kind": "DeleteOptions", "version": version});
    let mut kinds = vec![of("", "v1")];
    if !kind.group.is_empty() {
        kinds.push(of(&kind.group, &kind.version));
    }
    kinds.into()
}

/// The definition of a kind that every group has.
fn named(kind: &str) -> Option<&'static str> {
    schema::served().iter().find(|served| served.kind.kind == kind).map(|served| served.definition.as_str())
}

fn references<'a>(schema: &'a Value, into: &mut Vec<&'a str>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                into.extend(reference.strip_prefix(PREFIX));
            }
            map.values().for_each(|value| references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

/// A reference to the definition of a kind; any object, when the kind has none.
pub(super) fn reference(kind: &api::Kind) -> Value {
    match schema::of_kind(kind) {
        Some(st) => json!({"$ref": format!("{PREFIX}{}", st.name)}),
        None => json!({"type": "object"}),
    }
}

/// A reference to a kind that every group has.
pub(super) fn reference_to(kind: &str) -> Value {
    named(kind).map_or_else(|| json!({"type": "object"}), |name| json!({"$ref": format!("{PREFIX}{name}")}))
}

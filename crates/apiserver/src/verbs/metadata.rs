//! System fields of `metadata` on create and update (`k8s.io/apiserver/pkg/registry/rest/{create,update,meta}.go`).

use api::time::{rfc3339, whole_seconds};
use api::{Request, Status, names};
use serde_json::{Map, Value};

use crate::server::{ApiServer, Target};

/// The `metadata` of an object, made when it is missing.
pub(super) fn of(object: &mut Value) -> &mut Map<String, Value> {
    if !object.get("metadata").is_some_and(Value::is_object) {
        object["metadata"] = Value::Object(Map::new());
    }
    object["metadata"].as_object_mut().expect("made just now")
}

pub(super) fn text<'a>(metadata: &'a Map<String, Value>, name: &str) -> &'a str {
    metadata.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Sets what the server decides on a new object. Returns whether the name was generated.
pub(super) fn for_create(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    object: &mut Value,
) -> Result<bool, Status> {
    let metadata = of(object);
    if !text(metadata, "resourceVersion").is_empty() {
        return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
    }
    place(target, request.namespace.as_deref(), metadata)?;
    for name in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation", "resourceVersion"] {
        metadata.remove(name);
    }
    let now = whole_seconds(server.clock.now());
    metadata.insert("uid".to_owned(), server.entropy.uid().into());
    metadata.insert("creationTimestamp".to_owned(), rfc3339(now).into());
    let generated = text(metadata, "name").is_empty() && !text(metadata, "generateName").is_empty();
    if generated {
        generate_name(server, metadata);
    }
    Ok(generated)
}

pub(super) fn generate_name(server: &ApiServer, metadata: &mut Map<String, Value>) {
    let name = names::generated(text(metadata, "generateName"), server.entropy.draws());
    metadata.insert("name".to_owned(), name.into());
}

/// Makes the object's namespace that of the request.
fn place(target: &Target<'_>, namespace: Option<&str>, metadata: &mut Map<String, Value>) -> Result<(), Status> {
    if !target.strategy.descriptor().namespaced {
        metadata.remove("namespace");
        return Ok(());
    }
    let wanted = namespace.unwrap_or_default();
    let given = text(metadata, "namespace");
    if given.is_empty() {
        metadata.insert("namespace".to_owned(), wanted.into());
    } else if given != wanted {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// Carries over from the old object what a client need not, or must not, say.
pub(super) fn for_update(new: &mut Value, old: &Value) {
    let none = Map::new();
    let old = old.get("metadata").and_then(Value::as_object).unwrap_or(&none);
    let metadata = of(new);
    metadata.remove("selfLink");
    let keep = |metadata: &mut Map<String, Value>, name: &str| match old.get(name) {
        Some(value) => drop(metadata.insert(name.to_owned(), value.clone())),
        None => drop(metadata.remove(name)),
    };
    for name in ["generation", "resourceVersion"] {
        keep(metadata, name);
    }
    for name in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "name",
        "namespace",
        "generateName",
    ] {
        if metadata.get(name).is_none_or(Value::is_null) {
            keep(metadata, name);
        }
    }
    for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let empty =
            |value: &Value| value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
        if metadata.get(name).is_some_and(|value| value.is_null() || empty(value)) {
            metadata.remove(name);
        }
    }
}

/// Whether nothing keeps an object that is being deleted: its grace is over and no finalizer is left.
pub(super) fn is_gone(object: &Value) -> bool {
    let metadata = &object["metadata"];
    let finalizers = metadata["finalizers"].as_array().map_or(0, Vec::len);
    !metadata["deletionTimestamp"].is_null()
        && finalizers == 0
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
}

/// Refuses new content in a namespace that does not exist or is on its way out
/// (`k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle`).
pub(super) fn admit_namespace(
    server: &ApiServer,
    target: &Target<'_>,
    namespace: Option<&str>,
    name: &str,
) -> Result<(), Status> {
    let Some(namespace) = namespace.filter(|_| target.strategy.descriptor().namespaced) else { return Ok(()) };
    let Some(object) = server.namespace(namespace) else {
        return Err(Status::not_found(&api::resource::NAMESPACES, namespace));
    };
    if !object.meta().is_deleting() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let message = format!("namespace {namespace} is being terminated");
    let status = Status::forbidden(&target.resource, name, &why);
    Err(status.with_cause("NamespaceTerminating", &message, "metadata.namespace"))
}

//! Manifests, applied as kubectl does on the server's side.

use api::request::FieldValidation;
use api::{Body, Kind, Options, PatchType, Request, Verb};
use explain::Manifest;
use serde_json::Value;

use super::{ApplyError, Cluster};

/// The name under which fields are managed.
const MANAGER: &str = "testkit";

/// Applies all objects of a text.
///
/// # Errors
/// What is no manifest, and what the API refuses.
pub(super) async fn apply(cluster: &Cluster, file: &str, text: &str) -> Result<Vec<Value>, ApplyError> {
    let documents = explain::manifest::parse(file, text).map_err(|error| ApplyError(error.to_string()))?;
    let objects: Vec<Value> = documents.into_iter().map(|document| document.value).collect();
    cluster.core.manifests.lock().push(Manifest { file: file.to_owned(), text: text.to_owned() });
    let mut applied = Vec::new();
    for object in objects {
        applied.push(one(cluster, file, object).await?);
    }
    Ok(applied)
}

async fn one(cluster: &Cluster, file: &str, object: Value) -> Result<Value, ApplyError> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let (group, version) = api::key::split_api_version(&api_version);
    let kind = Kind { group: group.to_owned().into(), version: version.to_owned().into(), kind: kind.into() };
    let what = format!("{file}: {} {name}", kind.kind);
    let namespace = text("/metadata/namespace");
    cluster.quiet().await;
    let answer = cluster.call(move |cluster| async move {
        let Some((resource, namespaced)) = cluster.resource_of(&kind) else {
            return Err(format!("no matches for kind \"{}\" in version \"{api_version}\"", kind.kind));
        };
        let namespace = namespaced.then_some(if namespace.is_empty() { "default" } else { namespace.as_str() });
        let options = Options {
            field_manager: Some(MANAGER.to_owned()),
            field_validation: FieldValidation::Strict,
            force: true,
            ..Options::default()
        };
        let request = if name.is_empty() {
            // Only `generateName`: such an object cannot be applied, and is created.
            let options = Options { force: false, ..options };
            Request::new(Verb::Create, resource, namespace, None).options(options).body(Body::Object(object))
        } else {
            let patch = Body::Patch(PatchType::Apply, object);
            Request::new(Verb::Patch, resource, namespace, Some(&name)).options(options).body(patch)
        };
        let reply = cluster.client().call(request).await.map_err(|error| error.to_string())?;
        reply.into_object().map(|object| object.to_value()).ok_or_else(|| "the answer is no object".to_owned())
    });
    answer.await.map_err(|error| ApplyError(format!("{what}: {error}")))
}

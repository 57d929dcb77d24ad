//! `pods/binding`: assigns a pod to a node (`pkg/registry/core/pod/storage/storage.go`).

use api::time::{rfc3339, whole_seconds};
use api::{Reply, Request, Response, Status};
use serde_json::{Value, json};
use store::{Change, CommitError, Expected};

use super::read::{current, key};
use super::{body, metadata};
use crate::server::{ApiServer, Target};

pub(crate) fn create(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let binding = body::object(&mut request)?;
    let node = binding["target"]["name"].as_str().unwrap_or_default();
    if node.is_empty() {
        let mut errors = api::field::FieldErrors::new();
        errors.push(api::field::Path::new("target").child("name").required(""));
        let name = request.name.as_deref().unwrap_or_default();
        return Err(Status::invalid(&api::Kind::known("", "v1", "Binding"), name, &errors));
    }
    let key = key(target, &request)?;
    loop {
        let before = current(server, target, &key)?;
        let mut pod = before.to_value();
        check(target, &pod, node)?;
        assign(server, &mut pod, node, &binding);
        if request.options.dry_run {
            break;
        }
        let expected = Expected::At(before.meta().revision);
        match server.store.commit(target.index, &key, expected, Change::Put(pod)) {
            Ok(_) => break,
            Err(CommitError::Conflict(_) | CommitError::Missing) => {}
            Err(error) => return Err(Status::internal(error)),
        }
    }
    let success = Status { status: "Success".to_owned(), code: 201, details: None, ..Status::bad_request("") };
    Ok(Response::Status(Status { reason: None, ..success }).into())
}

fn check(target: &Target<'_>, pod: &Value, node: &str) -> Result<(), Status> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        let why = format!("pod {name} is being deleted, cannot be assigned to a host");
        return Err(Status::conflict(&target.resource, name, &why));
    }
    if let Some(taken) = pod["spec"]["nodeName"].as_str().filter(|taken| !taken.is_empty()) {
        let why = format!("pod {name} is already assigned to node \"{taken}\"");
        tracing::trace!(node, "binding refused");
        return Err(Status::conflict(&target.resource, name, &why));
    }
    if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
        let why = format!("pod {name} has non-empty .spec.schedulingGates");
        return Err(Status::conflict(&target.resource, name, &why));
    }
    Ok(())
}

fn assign(server: &ApiServer, pod: &mut Value, node: &str, binding: &Value) {
    pod["spec"]["nodeName"] = node.into();
    for map in ["annotations", "labels"] {
        for (name, value) in binding["metadata"][map].as_object().into_iter().flatten() {
            let entries = metadata::of(pod).entry(map).or_insert_with(|| json!({}));
            entries[name] = value.clone();
        }
    }
    let scheduled = json!({
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": rfc3339(whole_seconds(server.clock.now())),
    });
    let conditions = &mut pod["status"]["conditions"];
    match conditions.as_array_mut() {
        None => *conditions = json!([scheduled]),
        Some(list) => {
            list.retain(|condition| condition["type"] != "PodScheduled");
            list.push(scheduled);
        }
    }
}

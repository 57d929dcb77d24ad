//! Patches: JSON Patch (RFC 6902), JSON merge patch (RFC 7386) and Kubernetes' strategic merge patch.
//!
//! Errors and limits are those of `k8s.io/apiserver/pkg/endpoints/handlers/patch.go`. Server-side apply is not here.

mod strategic;
#[cfg(test)]
mod tests;

use api::{PatchType, Reason, Status};
use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use crate::schema::Struct;

/// Operations at the most in one JSON patch (upstream's `maxJSONPatchOperations`).
pub const MAX_JSON_PATCH_OPERATIONS: usize = 10_000;
/// Bytes at the most that `copy` operations may add to an object, as upstream bounds a patch's growth.
pub const MAX_COPY_GROWTH_BYTES: usize = 3 << 20;

/// Applies a patch to an object in place. `schema` is the object's, for the merge keys of strategic merges.
///
/// # Errors
/// 400 when the patch is no patch, 413 when it has too many operations, 422 when it does not apply. The object may
/// be half changed then, so work on a copy that an error discards.
pub fn apply(
    object: &mut Value,
    patch_type: PatchType,
    patch: Value,
    schema: Option<&'static Struct>,
) -> Result<(), Status> {
    match patch_type {
        PatchType::Json => json(object, patch),
        PatchType::Merge => merge(object, &patch),
        PatchType::StrategicMerge => strategic::merge(object, patch, schema),
        PatchType::Apply => check_served(patch_type),
    }
}

/// Refuses a kind of patch that is not served, whatever is in it. Ask before the object is looked up: kubectl says
/// "Server-side apply not available on the server" of a 415, but takes a 404 for its object's.
///
/// # Errors
/// 415 for server-side apply.
pub fn check_served(patch_type: PatchType) -> Result<(), Status> {
    if patch_type != PatchType::Apply {
        return Ok(());
    }
    Err(Status::failure(
        415,
        Reason::UNSUPPORTED_MEDIA_TYPE,
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json",
    ))
}

/// What upstream answers when a patch is well-formed but does not apply: `NewGenericServerResponse` keeps the reason to
/// itself. A cause would make kubectl leave out the message.
fn unprocessable() -> Status {
    let message = "the server rejected our request due to an error in our request";
    Status { details: Some(Box::default()), ..Status::failure(422, Reason::INVALID, message) }
}

fn json(object: &mut Value, patch: Value) -> Result<(), Status> {
    let count = patch.as_array().map_or(0, Vec::len);
    if count > MAX_JSON_PATCH_OPERATIONS {
        let message =
            format!("The allowed maximum operations in a JSON patch is {MAX_JSON_PATCH_OPERATIONS}, got {count}");
        return Err(Status::failure(413, Reason::TOO_LARGE, message));
    }
    let Patch(operations) =
        serde_json::from_value(patch).map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    let mut growth_bytes = 0;
    for operation in &operations {
        if let PatchOperation::Copy(copy) = operation {
            let source = object.pointer(copy.from.as_str());
            growth_bytes += source.map_or(0, |source| source.to_string().len());
            if growth_bytes > MAX_COPY_GROWTH_BYTES {
                return Err(unprocessable());
            }
        }
        json_patch::patch_unsafe(object, std::slice::from_ref(operation)).map_err(|_| unprocessable())?;
    }
    Ok(())
}

fn merge(object: &mut Value, patch: &Value) -> Result<(), Status> {
    if !patch.is_object() {
        return Err(Status::bad_request("error decoding patch: a merge patch must be a JSON object"));
    }
    json_patch::merge(object, patch);
    Ok(())
}

//! Patches: JSON Patch (RFC 6902), JSON merge patch (RFC 7386) and Kubernetes' strategic merge patch.
//!
//! Errors and limits are those of `k8s.io/apiserver/pkg/endpoints/handlers/patch.go`. Server-side apply is
//! in [`crate::apply`].

mod convert;
pub mod gotext;
mod json;
mod merge;
mod strategic;
#[cfg(test)]
mod tests;

use api::field::{FieldErrors, Path};
use api::{Kind, PatchType, Reason, Status};
use serde_json::Value;

use crate::schema::Struct;

/// Operations at the most in one JSON patch (upstream's `maxJSONPatchOperations`).
pub const MAX_JSON_PATCH_OPERATIONS: usize = 10_000;
/// Bytes at the most that `copy` operations may add to an object, as upstream bounds a patch's growth.
pub const MAX_COPY_GROWTH_BYTES: usize = 3 << 20;

/// Applies a patch to an object in place. `schema` is the object's, for the merge keys of strategic merges. Returns what
/// strict decoding holds against the patch itself.
///
/// # Errors
/// 400 when the patch is no patch, 413 when it has too many operations, 422 when it does not apply, 500 where upstream
/// has no better word. The object may be half changed then, so work on a copy that an error discards.
pub fn apply(
    object: &mut Value,
    patch_type: PatchType,
    patch: Value,
    schema: Option<&'static Struct>,
) -> Result<Vec<String>, Status> {
    match patch_type {
        PatchType::Json => return json::patch(object, &patch),
        PatchType::Merge => merge::merge(object, patch)?,
        PatchType::StrategicMerge => strategic::merge(object, patch, schema)?,
        PatchType::Apply => return Err(Status::internal("an apply is no patch: see machinery::apply")),
    }
    Ok(Vec::new())
}

/// What upstream answers when the patched object has a value of a wrong type; `why` is the JSON decoder's word on it.
pub fn refuse_types(patch_type: PatchType, kind: &Kind, patched: &Value, patch: &Value, why: &str) -> Status {
    let converted = match patch_type {
        PatchType::StrategicMerge => crate::schema::of_kind(kind).and_then(|st| convert::first_error(st, patched)),
        _ => None,
    };
    refuse_result(patch_type, patched, patch, converted.as_deref().unwrap_or(why))
}

/// What upstream answers when the patched object cannot be decoded, or strict decoding refuses it: 422 for an object
/// without kind and name, that shows the patched object, or the patch when it was a strategic merge.
pub fn refuse_result(patch_type: PatchType, patched: &Value, patch: &Value, why: &str) -> Status {
    let shown = match patch_type {
        PatchType::StrategicMerge => gotext::print(patch),
        _ => patched.to_string(),
    };
    let mut errors = FieldErrors::new();
    errors.push(Path::new("patch").invalid(shown.as_str(), why));
    Status::invalid(&Kind::known("", "", ""), "", &errors)
}

/// What upstream answers when a patch is well-formed but does not apply: `NewGenericServerResponse` keeps the reason to
/// itself. A cause would make kubectl leave out the message.
fn unprocessable() -> Status {
    let message = "the server rejected our request due to an error in our request";
    Status { details: Some(Box::default()), ..Status::failure(422, Reason::INVALID, message) }
}

//! Request bodies: the schema check, and the texts of `fieldValidation`.

use api::request::FieldValidation;
use api::{Body, Kind, PatchType, Request, Status};
use serde_json::Value;

/// Takes the object out of a request's body.
pub(super) fn object(request: &mut Request) -> Result<Value, Status> {
    match std::mem::take(&mut request.body) {
        Body::Object(value) => Ok(value),
        Body::Empty => Err(Status::bad_request("the request has no body")),
        Body::Patch(..) => Err(Status::bad_request("the body is a patch where an object is needed")),
    }
}

/// Checks a value against the schema of its kind, drops what the schema does not have, and refuses or warns of it as
/// the client asked. Values built by this process pass unchecked. Returns the warnings.
pub(super) fn check(request: &Request, kind: &Kind, value: &mut Value) -> Result<Vec<String>, Status> {
    if request.trusted {
        return Ok(Vec::new());
    }
    let unknown = machinery::strict::check(kind, value)?;
    let errors = machinery::strict::merge_errors(unknown, request.strict_errors.clone());
    match request.options.field_validation {
        _ if errors.is_empty() => Ok(Vec::new()),
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(errors),
        FieldValidation::Strict => Err(machinery::strict::refuse(kind, &errors)),
    }
}

/// Checks what a patch made of an object, like [`check`]; upstream refuses it in words of its own. `held` is what strict
/// decoding has against the patch itself.
pub(super) fn check_patched(
    request: &Request,
    kind: &Kind,
    value: &mut Value,
    patch: (PatchType, &Value),
    held: Vec<String>,
) -> Result<Vec<String>, Status> {
    if request.trusted {
        return Ok(Vec::new());
    }
    let is_strict = request.options.field_validation == FieldValidation::Strict;
    // The error shows the object with its unknown fields, which the check takes out.
    let shown = is_strict.then(|| value.clone());
    let (patch_type, patch) = patch;
    let unknown = match machinery::strict::check_kind(kind, value) {
        Ok(unknown) => unknown,
        Err(why) => return Err(machinery::patch::refuse_types(patch_type, kind, value, patch, &why)),
    };
    let mut errors = machinery::strict::merge_errors(unknown, request.strict_errors.clone());
    errors.splice(0..0, held);
    match request.options.field_validation {
        _ if errors.is_empty() => Ok(Vec::new()),
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(errors),
        FieldValidation::Strict => {
            let why = format!("strict decoding error: {}", errors.join(", "));
            Err(machinery::patch::refuse_result(patch_type, shown.as_ref().unwrap_or(value), patch, &why))
        }
    }
}

/// Makes sure that the body is of the kind that the URL names; an absent kind or version is filled in, as upstream's
/// decoder does from its defaults.
pub(super) fn check_kind(kind: &Kind, value: &mut Value) -> Result<(), Status> {
    let Some(map) = value.as_object_mut() else {
        return Err(Status::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: json: cannot unmarshal into Go value of type v1.{}",
            kind.kind, kind.version, kind.kind, kind.kind
        )));
    };
    let api_version = kind.api_version();
    let given = |map: &serde_json::Map<String, Value>, name: &str| {
        map.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    match given(map, "apiVersion") {
        None => drop(map.insert("apiVersion".to_owned(), api_version.clone().into())),
        Some(other) if other != api_version => {
            return Err(Status::bad_request(format!(
                "the API version in the data ({other}) does not match the expected API version ({api_version})"
            )));
        }
        Some(_) => {}
    }
    match given(map, "kind") {
        None => drop(map.insert("kind".to_owned(), kind.kind.as_ref().into())),
        Some(other) if other != kind.kind => {
            return Err(Status::bad_request(format!(
                "{other} in version \"{}\" cannot be handled as a {}: converting ({other}) to ({}): unknown conversion",
                kind.version, kind.kind, kind.kind
            )));
        }
        Some(_) => {}
    }
    Ok(())
}

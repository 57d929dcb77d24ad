//! Validation of seccomp and AppArmor profiles.

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::errors::invalid_as;
use crate::fields::{get, text};
use crate::pod_spec::volumes::paths::validate_relative;

const TYPES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];
const MAX_PROFILE_BYTES: usize = 4095;

/// `validateSeccompProfileField`.
pub(super) fn validate_seccomp(errors: &mut FieldErrors, path: &Path, profile: Option<&Value>) {
    let Some(profile) = profile else { return };
    match text(profile, "type") {
        "" => errors.push(path.child("type").required("type is required when seccompProfile is set")),
        kind if !TYPES.contains(&kind) => errors.push(path.child("type").not_supported(kind, TYPES)),
        _ => {}
    }
    let path = path.child("localhostProfile");
    let local = get(profile, "localhostProfile").and_then(Value::as_str);
    match (text(profile, "type") == "Localhost", local) {
        (true, None) => errors.push(path.required("must be set when seccomp type is Localhost")),
        (true, Some(local)) => validate_relative(errors, &path, local),
        (false, Some(_)) => {
            let detail = "can only be set when seccomp type is Localhost";
            errors.push(invalid_as(&path, "SeccompProfile", Some(profile), detail));
        }
        (false, None) => {}
    }
}

/// `ValidateAppArmorProfileField`.
pub(super) fn validate_app_armor(errors: &mut FieldErrors, path: &Path, profile: Option<&Value>) {
    let Some(profile) = profile else { return };
    let local = get(profile, "localhostProfile").and_then(Value::as_str);
    let path_of_local = path.child("localhostProfile");
    const MISSING: &str = "must be set when AppArmor type is Localhost";
    match text(profile, "type") {
        "Localhost" => {
            match local {
                None | Some("") => errors.push(path_of_local.required(MISSING)),
                Some(local) if local.trim() != local => {
                    errors.push(path_of_local.invalid(local, "must not be padded with whitespace"));
                }
                Some(_) => {}
            }
            if local.is_some_and(|local| local.len() > MAX_PROFILE_BYTES) {
                errors.push(path_of_local.too_long(MAX_PROFILE_BYTES));
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if let Some(local) = local {
                errors.push(path_of_local.invalid(local, "can only be set when AppArmor type is Localhost"));
            }
        }
        "" => errors.push(path.child("type").required("type is required when appArmorProfile is set")),
        other => errors.push(path.child("type").not_supported(other, TYPES)),
    }
}

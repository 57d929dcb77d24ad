//! Rules for paths and file modes within volumes.

use api::field::{FieldErrors, Path};

const FILE_MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

pub(super) fn validate_mode(errors: &mut FieldErrors, path: &Path, mode: Option<i64>) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.push(path.invalid(mode, FILE_MODE));
    }
}

/// `ValidateLocalNonReservedPath`.
pub(super) fn validate_local_path(errors: &mut FieldErrors, path: &Path, target: &str) {
    validate_relative(errors, path, target);
    // Names that begin with two dots are the kubelet's own in these volumes.
    if target.starts_with("..") && !target.starts_with("../") {
        errors.push(path.invalid(target, "must not start with '..'"));
    }
}

/// `validateLocalDescendingPath`.
pub(crate) fn validate_relative(errors: &mut FieldErrors, path: &Path, target: &str) {
    if target.starts_with('/') {
        errors.push(path.invalid(target, "must be a relative path"));
    }
    forbid_backsteps(errors, path, target);
}

/// `validatePathNoBacksteps`.
pub(crate) fn forbid_backsteps(errors: &mut FieldErrors, path: &Path, target: &str) {
    if has_backsteps(target) {
        errors.push(path.invalid(target, "must not contain '..'"));
    }
}

pub(super) fn has_backsteps(target: &str) -> bool {
    target.split('/').any(|part| part == "..")
}

//! Wordings that several kinds share (`pkg/apis/core/validation/validation.go`), on top of [`api::field`].

use api::field::{ErrorType, FieldError, FieldErrors, Path};
use serde_json::Value;

/// Upstream's `IsNegativeErrorMsg`.
pub(crate) const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
/// Upstream's `FieldImmutableErrorMsg`.
pub(crate) const IMMUTABLE: &str = "field is immutable";

/// `FIELD: Invalid value: DETAIL`, for values that upstream leaves out of the message (`field.OmitValueType`).
pub(crate) fn invalid_without_value(path: &Path, detail: &str) -> FieldError {
    let body = format!("Invalid value: {detail}");
    FieldError { error_type: ErrorType::Invalid, field: path.to_string(), body }
}

/// Adds an error when the value is negative.
pub(crate) fn require_not_negative(errors: &mut FieldErrors, path: &Path, value: Option<i64>) {
    if let Some(value) = value.filter(|value| *value < 0) {
        errors.push(path.invalid(value, NOT_NEGATIVE));
    }
}

/// Adds an error unless the value is above zero.
pub(crate) fn require_positive(errors: &mut FieldErrors, path: &Path, value: i64) {
    if value <= 0 {
        errors.push(path.invalid(value, "must be greater than zero"));
    }
}

/// Adds one error per text of a name rule.
pub(crate) fn extend_invalid(errors: &mut FieldErrors, path: &Path, value: &str, texts: Vec<String>) {
    errors.extend(texts.into_iter().map(|text| path.invalid(value, text)));
}

/// Adds an error when the field of a spec changed.
pub(crate) fn require_unchanged(errors: &mut FieldErrors, path: &Path, new: Option<&Value>, old: Option<&Value>) {
    if new != old {
        errors.push(path.invalid(new.cloned().unwrap_or(Value::Null), IMMUTABLE));
    }
}

/// `FIELD: Invalid value: VALUE: DETAIL`, for a value of a type that upstream shows by its Go names.
pub(crate) fn invalid_as(path: &Path, ty: &'static str, value: Option<&Value>, detail: &str) -> FieldError {
    let body = format!("Invalid value: {}: {detail}", crate::internal::show(ty, value));
    FieldError { error_type: ErrorType::Invalid, field: path.to_string(), body }
}

/// `FIELD: Duplicate value: VALUE`, for a value of a type that upstream shows by its Go names.
pub(crate) fn duplicate_as(path: &Path, ty: &'static str, value: &Value) -> FieldError {
    let body = format!("Duplicate value: {}", crate::internal::show(ty, Some(value)));
    FieldError { error_type: ErrorType::Duplicate, field: path.to_string(), body }
}

/// Adds an error when the field changed; its type is one that upstream shows by its Go names.
pub(crate) fn require_unchanged_as(
    errors: &mut FieldErrors,
    path: &Path,
    ty: &'static str,
    new: Option<&Value>,
    old: Option<&Value>,
) {
    if new != old {
        errors.push(invalid_as(path, ty, new, IMMUTABLE));
    }
}

/// Go's `%q` of a list of texts: `["a" "b"]`.
pub(crate) fn quoted_list(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| api::field::go_quoted(text)).collect();
    format!("[{}]", quoted.join(" "))
}

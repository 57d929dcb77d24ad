//! Why a strategic merge fails, in the words of `k8s.io/apimachinery/pkg/util/mergepatch/errors.go`, and which
//! response upstream makes of it (`interpretStrategicMergePatchError`).

use api::Status;
use serde_json::{Map, Value};

use crate::patch::{gotext, unprocessable};

/// Why a strategic merge fails.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Failure {
    /// 400: a directive has the wrong form.
    Malformed(&'static str),
    /// 422: lists of lists.
    ListOfLists,
    /// 500: whatever upstream has no response for.
    Other(String),
}

impl Failure {
    pub(super) const PRIMITIVE_LIST: Self = Self::Malformed("invalid patch format of primitive list");
    pub(super) const RETAIN_KEYS: Self = Self::Malformed("invalid patch format of retainKeys");
    pub(super) const ELEMENT_ORDER: Self = Self::Malformed("invalid patch format of setElementOrder list");

    pub(super) fn bad_directive(directive: &Value, map: &Map<String, Value>) -> Self {
        let (directive, map) = (gotext::print(directive), gotext::print_map(map));
        Self::Other(format!("unknown patch type: {directive} in map: {map}"))
    }

    pub(super) fn no_merge_key(item: &Map<String, Value>, key: &str) -> Self {
        Self::Other(format!("map: {} does not contain declared merge key: {key}", gotext::print_map(item)))
    }

    pub(super) fn bad_type(expected: &str, actual: &Value) -> Self {
        Self::Other(format!("expected a {expected}, but received a {}", gotext::type_name(actual)))
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Malformed(why) => Self::bad_request(why),
            Failure::ListOfLists => unprocessable(),
            // Upstream has no reason for errors that are none of its own.
            Failure::Other(message) => Self { reason: None, ..Self::failure(500, api::Reason::INTERNAL, message) },
        }
    }
}

/// The value as a list.
pub(super) fn list(value: Value) -> Result<Vec<Value>, Failure> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(Failure::bad_type("[]interface {}", &other)),
    }
}

/// The value as a map.
pub(super) fn map(value: &Value) -> Result<&Map<String, Value>, Failure> {
    value.as_object().ok_or_else(|| Failure::bad_type("map[string]interface {}", value))
}

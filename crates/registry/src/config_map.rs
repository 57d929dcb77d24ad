//! `v1 ConfigMap` (`pkg/registry/core/configmap/strategy.go`).

use api::field::{ErrorType, FieldError, FieldErrors, Path};
use api::{Kind, names};
use jiff::Timestamp;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{drop_empty, entries, flag, get};
use crate::secret::{decoded_bytes, validate_immutable};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

/// Values together may have this many bytes (`MaxSecretSize`).
const MAX_BYTES: usize = 1024 * 1024;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "ConfigMap"),
    plural: "configmaps",
    singular: "configmap",
    short_names: &["cm"],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column(
        "Data",
        "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process.",
    ),
    AGE,
];

/// The strategy of ConfigMaps.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConfigMapStrategy;

impl Strategy for ConfigMapStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        drop_empty(object, &["data", "binaryData"]);
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        validate(&mut errors, object);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value, _subresource: Option<&str>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if flag(old, "immutable") {
            validate_immutable(&mut errors, new, old, &["data", "binaryData"]);
        }
        validate(&mut errors, new);
        errors
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let keys = entries(object, "data").count() + entries(object, "binaryData").count();
        Row { cells: vec![name(object), keys.into(), age(object, now)], conditions: Vec::new() }
    }
}

fn validate(errors: &mut FieldErrors, object: &Value) {
    let mut bytes = 0;
    for (key, value) in entries(object, "data") {
        let path = Path::new("data").key(key);
        extend_invalid(errors, &path, key, names::config_key_errors(key));
        if get(object, "binaryData").is_some_and(|binary| binary.get(key).is_some()) {
            errors.push(path.invalid(key.as_str(), "duplicate of key present in binaryData"));
        }
        bytes += value.as_str().map_or(0, str::len);
    }
    for (key, value) in entries(object, "binaryData") {
        extend_invalid(errors, &Path::new("binaryData").key(key), key, names::config_key_errors(key));
        bytes += decoded_bytes(value.as_str().unwrap_or_default());
    }
    if bytes > MAX_BYTES {
        // Upstream's path is empty here, to say that the whole object is meant; it prints an empty path as `[]`.
        let body = format!("Too long: may not be more than {MAX_BYTES} bytes");
        errors.push(FieldError { error_type: ErrorType::TooLong, field: "[]".to_owned(), body });
    }
}

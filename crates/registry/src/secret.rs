//! `v1 Secret` (`pkg/registry/core/secret/strategy.go`). Values never reach an error text.

use api::field::{FieldErrors, Path};
use api::{Kind, names};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use crate::errors::{IMMUTABLE, extend_invalid};
use crate::fields::{child_map, default_text, drop_empty, entries, flag, get, map_of, take_from, text};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

/// Values together may have this many bytes (`MaxSecretSize`).
const MAX_BYTES: usize = 1024 * 1024;
const ACCOUNT_ANNOTATION: &str = "kubernetes.io/service-account.name";

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Secret"),
    plural: "secrets",
    singular: "secret",
    short_names: &[],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column(
        "Type",
        "Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
    ),
    text_column(
        "Data",
        "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4",
    ),
    AGE,
];

/// The strategy of Secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecretStrategy;

impl Strategy for SecretStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    /// Moves `stringData` into `data`, as upstream's conversion does, and names the default type.
    fn default(&self, object: &mut Value) {
        if let Some(Value::Object(texts)) = map_of(object).remove("stringData") {
            let data = child_map(object, "data");
            for (key, value) in texts {
                data.insert(key, STANDARD.encode(value.as_str().unwrap_or_default()).into());
            }
        }
        drop_empty(object, &["data"]);
        default_text(object, "type", "Opaque");
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, new: &mut Value, old: &Value, _subresource: Option<&str>) {
        if text(new, "type").is_empty() {
            take_from(new, old, "type");
        }
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        validate(&mut errors, object);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value, _subresource: Option<&str>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if text(new, "type") != text(old, "type") {
            errors.push(Path::new("type").invalid(text(new, "type"), IMMUTABLE));
        }
        if flag(old, "immutable") {
            validate_immutable(&mut errors, new, old, &["data"]);
        }
        validate(&mut errors, new);
        errors
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[("type", "/type")]
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let keys = entries(object, "data").count();
        let cells = vec![name(object), text(object, "type").into(), keys.into(), age(object, now)];
        Row { cells, conditions: Vec::new() }
    }
}

/// What `immutable: true` of a ConfigMap or Secret forbids.
pub(crate) fn validate_immutable(errors: &mut FieldErrors, new: &Value, old: &Value, data: &[&str]) {
    const DETAIL: &str = "field is immutable when `immutable` is set";
    if !flag(new, "immutable") {
        errors.push(Path::new("immutable").forbidden(DETAIL));
    }
    for name in data {
        if get(new, name) != get(old, name) {
            errors.push(Path::new(name).forbidden(DETAIL));
        }
    }
}

/// How many bytes a base64 text stands for.
pub(crate) fn decoded_bytes(text: &str) -> usize {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding)
}

fn validate(errors: &mut FieldErrors, secret: &Value) {
    let path = Path::new("data");
    let mut bytes = 0;
    for (key, value) in entries(secret, "data") {
        extend_invalid(errors, &path.key(key), key, names::config_key_errors(key));
        bytes += decoded_bytes(value.as_str().unwrap_or_default());
    }
    if bytes > MAX_BYTES {
        errors.push(path.too_long(MAX_BYTES));
    }
    validate_type(errors, &path, secret);
}

/// The keys that a type asks for.
fn validate_type(errors: &mut FieldErrors, path: &Path, secret: &Value) {
    let has = |key: &str| get(secret, "data").is_some_and(|data| get(data, key).is_some());
    let mut require = |keys: &[&str]| errors.extend(keys.iter().map(|key| path.key(key).required("")));
    match text(secret, "type") {
        "kubernetes.io/service-account-token" => {
            let annotations = get(secret, "metadata").and_then(|metadata| get(metadata, "annotations"));
            if annotations.is_none_or(|annotations| text(annotations, ACCOUNT_ANNOTATION).is_empty()) {
                errors.push(Path::new("metadata").child("annotations").key(ACCOUNT_ANNOTATION).required(""));
            }
        }
        "kubernetes.io/dockercfg" => validate_json(errors, path, secret, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => validate_json(errors, path, secret, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => require(&["username", "password"]),
        "kubernetes.io/ssh-auth" if get(secret, "data").is_none_or(|data| text(data, "ssh-privatekey").is_empty()) => {
            require(&["ssh-privatekey"]);
        }
        "kubernetes.io/tls" => {
            let missing: Vec<&str> = ["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)).collect();
            require(&missing);
        }
        _ => {}
    }
}

fn validate_json(errors: &mut FieldErrors, path: &Path, secret: &Value, key: &str) {
    let Some(value) = get(secret, "data").and_then(|data| get(data, key)) else {
        errors.push(path.key(key).required(""));
        return;
    };
    let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
    if let Err(why) = serde_json::from_slice::<serde_json::Map<String, Value>>(&bytes) {
        // Differs: the parser's words are not Go's.
        errors.push(path.key(key).invalid("<secret contents redacted>", why));
    }
}

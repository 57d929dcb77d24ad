//! `v1 ServiceAccount` (`pkg/registry/core/serviceaccount/strategy.go`).

use api::Kind;
use api::field::FieldErrors;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{at, drop_empty, items_mut, text};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name};

const MOUNTABLE_ANNOTATION: &str = "kubernetes.io/enforce-mountable-secrets";

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "ServiceAccount"),
    plural: "serviceaccounts",
    singular: "serviceaccount",
    short_names: &["sa"],
    categories: &[],
    namespaced: true,
    subresources: &["token"],
};

const COLUMNS: &[Column] = &[NAME, AGE];

/// The strategy of ServiceAccounts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServiceAccountStrategy;

impl Strategy for ServiceAccountStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        drop_empty(object, &["secrets", "imagePullSecrets"]);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        keep_names_of_secrets(object);
    }

    fn prepare_for_update(&self, new: &mut Value, _old: &Value, _subresource: Option<&str>) {
        keep_names_of_secrets(new);
    }

    fn validate_create(&self, _object: &Value) -> FieldErrors {
        FieldErrors::new()
    }

    fn validate_update(&self, _new: &Value, _old: &Value, _subresource: Option<&str>) -> FieldErrors {
        FieldErrors::new()
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let annotated = |object| at(object, &["metadata", "annotations", MOUNTABLE_ANNOTATION]).is_some();
        if !annotated(new) || old.is_some_and(annotated) {
            return Vec::new();
        }
        vec![format!(
            "metadata.annotations[{MOUNTABLE_ANNOTATION}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
        )]
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        Row { cells: vec![name(object), age(object, now)], conditions: Vec::new() }
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }
}

/// Only the names of secrets are kept (`cleanSecretReferences`).
fn keep_names_of_secrets(account: &mut Value) {
    for secret in items_mut(account, "secrets") {
        *secret = match text(secret, "name") {
            "" => json!({}),
            name => json!({ "name": name }),
        };
    }
}

//! `v1 Namespace` (`pkg/registry/core/namespace/strategy.go`). What a deletion does to the contents is the namespace
//! controller's; here stands only who may write which field.

use api::field::{FieldErrors, Path};
use api::{Kind, names};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::errors::extend_invalid;
use crate::fields::{at, child, child_map, default_text, drop_empty, drop_nulls, get, items, map_of, take_from, text};
use crate::metadata::validate_standard_finalizer;
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

/// The finalizer that every namespace gets, and the label that repeats its name.
const KUBERNETES_FINALIZER: &str = "kubernetes";
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The namespaces that are never deleted (`plugin/pkg/admission/namespace/lifecycle`).
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Namespace"),
    plural: "namespaces",
    singular: "namespace",
    short_names: &["ns"],
    categories: &[],
    namespaced: false,
    subresources: &["finalize", "status"],
};

const COLUMNS: &[Column] = &[NAME, text_column("Status", "The status of the namespace"), AGE];

/// The strategy of Namespaces.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamespaceStrategy;

impl Strategy for NamespaceStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        for part in ["spec", "status"] {
            let part = child(object, part);
            map_of(part);
            drop_nulls(part);
        }
        default_text(child(object, "status"), "phase", "Active");
        set_name_label(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({"phase": "Active"});
        let spec = child(object, "spec");
        if !items(spec, "finalizers").iter().any(|finalizer| finalizer == KUBERNETES_FINALIZER) {
            let finalizers = child(spec, "finalizers");
            if !finalizers.is_array() {
                *finalizers = json!([]);
            }
            finalizers.as_array_mut().expect("just made a list").push(KUBERNETES_FINALIZER.into());
        }
        // The name may have been generated after defaulting.
        set_name_label(object);
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        match subresource {
            Some("status") => take_from(new, old, "spec"),
            Some("finalize") => take_from(new, old, "status"),
            _ => {
                let old_spec = old.get("spec").unwrap_or(&Value::Null);
                take_from(child(new, "spec"), old_spec, "finalizers");
                take_from(new, old, "status");
            }
        }
        set_name_label(new);
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validate_finalizers(object, |path, _| path.clone())
    }

    fn validate_update(&self, new: &Value, _old: &Value, subresource: Option<&str>) -> FieldErrors {
        match subresource {
            Some("status") => validate_phase(new),
            Some("finalize") => validate_finalizers(new, Path::index),
            _ => validate_finalizers(new, |path, _| path.clone()),
        }
    }

    /// Namespaces are not deleted as a collection.
    fn verbs(&self) -> &'static [&'static str] {
        &["create", "delete", "get", "list", "patch", "update", "watch"]
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        names::dns_label_errors(name)
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[("status.phase", "/status/phase"), ("name", "/metadata/name")]
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let phase = get(object, "status").map_or("", |status| text(status, "phase"));
        Row { cells: vec![name(object), phase.into(), age(object, now)], conditions: Vec::new() }
    }

    fn deletion_refusal(&self, name: &str) -> Option<&'static str> {
        IMMORTAL.contains(&name).then_some("this namespace may not be deleted")
    }

    /// A namespace that is being deleted says so, and stays until its own finalizers are gone
    /// (`pkg/registry/core/namespace/storage/storage.go`).
    fn prepare_for_delete(&self, object: &mut Value) {
        child(object, "status")["phase"] = "Terminating".into();
    }

    fn is_held(&self, object: &Value) -> bool {
        get(object, "spec").is_some_and(|spec| !items(spec, "finalizers").is_empty())
    }
}

fn set_name_label(object: &mut Value) {
    let metadata = child(object, "metadata");
    let name = text(metadata, "name").to_owned();
    if !name.is_empty() {
        child_map(metadata, "labels").insert(NAME_LABEL.to_owned(), name.into());
    }
    drop_empty(metadata, &["labels"]);
}

fn validate_finalizers(object: &Value, path_of: impl Fn(&Path, usize) -> Path) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec").child("finalizers");
    let finalizers = get(object, "spec").map_or(&[][..], |spec| items(spec, "finalizers"));
    for (index, finalizer) in finalizers.iter().enumerate() {
        let finalizer = finalizer.as_str().unwrap_or_default();
        let path = path_of(&path, index);
        extend_invalid(&mut errors, &path, finalizer, names::qualified_name_errors(finalizer));
        validate_standard_finalizer(&mut errors, &path, finalizer);
    }
    errors
}

fn validate_phase(namespace: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let phase = at(namespace, &["status"]).map_or("", |status| text(status, "phase"));
    let deleting = at(namespace, &["metadata", "deletionTimestamp"]).is_some();
    let (expected, detail) = if deleting {
        ("Terminating", "may only be 'Terminating' if `deletionTimestamp` is not empty")
    } else {
        ("Active", "may only be 'Active' if `deletionTimestamp` is empty")
    };
    if phase != expected {
        errors.push(Path::new("status").child("Phase").invalid(phase, detail));
    }
    errors
}

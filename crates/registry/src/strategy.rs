//! What the generic verbs ask of a kind (`k8s.io/apiserver/pkg/registry/rest`: the create, update and delete
//! strategies and the table convertor, in one trait).
//!
//! Objects are JSON values: they are stored as received, so nothing is lost to a type that lacks a field. The generic
//! verbs have checked names and types of all fields against the schema before a strategy sees an object, so a strategy
//! may read a field with a plain index.

use api::field::FieldErrors;
use api::{Gvr, Kind, Status};
use jiff::Timestamp;
use serde_json::Value;

use crate::surroundings::Surroundings;

/// The fixed facts of a kind, as discovery publishes them.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// Group, version and kind.
    pub kind: Kind,
    /// Plural name, as in URLs.
    pub plural: &'static str,
    /// Singular name.
    pub singular: &'static str,
    /// Short names that kubectl accepts.
    pub short_names: &'static [&'static str],
    /// Categories such as `all`.
    pub categories: &'static [&'static str],
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Subresources that are served, such as `status` or `log`.
    pub subresources: &'static [&'static str],
}

impl Descriptor {
    /// Group, version and plural.
    pub fn resource(&self) -> Gvr {
        Gvr { group: self.kind.group.clone(), version: self.kind.version.clone(), plural: self.plural.into() }
    }
}

/// One column of `kubectl get`.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Header, such as `Completions`.
    pub name: &'static str,
    /// OpenAPI type of the cells: `string`, `integer`, `boolean`.
    pub column_type: &'static str,
    /// OpenAPI format; `name` marks the column that identifies the row.
    pub format: &'static str,
    /// For people.
    pub description: &'static str,
    /// 0 is shown always, 1 with `-o wide`.
    pub priority: u8,
}

/// One row of `kubectl get`.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// One cell per column.
    pub cells: Vec<Value>,
    /// `conditions` of the row, such as `Completed` of finished pods.
    pub conditions: Vec<Value>,
}

/// What makes a kind another version of one that is stored: `batch/v1beta1 CronJob` and `events.k8s.io/v1 Event` have
/// no objects of their own. Objects are stored once, in the version of `stored`; the generic verbs translate at their
/// border, so a strategy sees stored objects only, whichever version was asked for.
#[derive(Clone, Debug)]
pub struct View {
    /// The resource whose storage is shared.
    pub stored: Gvr,
    /// Turns a stored object into one of this version; `apiVersion` and `kind` are set already.
    pub from_stored: fn(&mut Value),
    /// Turns an object of this version into a stored one; `apiVersion` and `kind` are set already.
    pub to_stored: fn(&mut Value),
}

/// Where the `scale` subresource of a kind finds its numbers, as JSON pointers.
#[derive(Clone, Debug)]
pub struct Scale {
    /// How many replicas are wanted.
    pub spec_replicas: &'static str,
    /// How many there are.
    pub status_replicas: &'static str,
    /// The selector of the replicas as text.
    pub selector: fn(&Value) -> String,
}

/// What a delete does to dependents when the client says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultPropagation {
    /// The object goes at once, the garbage collector removes dependents.
    Background,
    /// The object goes at once, whatever the client says: it never has dependents (`rest.Unsupported`).
    Unsupported,
    /// Dependents stay, and a warning may say so.
    Orphan {
        /// The text of the `Warning` header, if there is one.
        warning: Option<&'static str>,
    },
}

/// What the generic verbs ask of a kind.
pub trait Strategy: Send + Sync + 'static {
    /// The fixed facts.
    fn descriptor(&self) -> &'static Descriptor;

    /// Set when this is another version of a kind that is stored. Everything below takes and returns stored objects.
    fn view(&self) -> Option<&'static View> {
        None
    }

    /// Fills in defaults. Runs on every create and update, after decoding and before preparation, which compares and
    /// counts what is there. Running it again changes nothing. Writes to a subresource may leave it out.
    fn default(&self, object: &mut Value);

    /// Prepares an object for its first commit: clears the status, sets the generation and generated fields.
    /// `metadata` (name, uid, creationTimestamp) is set already.
    fn prepare_for_create(&self, object: &mut Value);

    /// Prepares an update of the object (`subresource` is `None`) or of one subresource: takes what must not change
    /// from the old object, and raises the generation when the spec changed.
    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>);

    /// The fields, as dotted paths, that a write of the object or of a subresource never changes, so that nobody comes
    /// to manage them through it (upstream's `GetResetFields`).
    fn reset_fields(&self, subresource: Option<&str>) -> &'static [&'static str] {
        match subresource {
            None if self.descriptor().subresources.contains(&"status") => &["status"],
            Some("status") => &["spec"],
            Some("finalize") => &["status"],
            _ => &[],
        }
    }

    /// The only fields that a write of a subresource may change, when they are easier to name than the others
    /// (upstream's `GetResetFieldsFilter`); `*` stands for any item.
    fn writable_fields(&self, subresource: Option<&str>) -> &'static [&'static str] {
        let _ = subresource;
        &[]
    }

    /// What is wrong with a new object, besides its metadata.
    fn validate_create(&self, object: &Value) -> FieldErrors;

    /// What is wrong with an update, besides the metadata.
    fn validate_update(&self, new: &Value, old: &Value, subresource: Option<&str>) -> FieldErrors;

    /// Whether [`Strategy::allocate`] does anything. Writes of such a kind are let through one at a time, so that two
    /// of them never take the same.
    fn allocates(&self) -> bool {
        false
    }

    /// Takes for the object what no other one may have, such as an address. Runs on create and on updates of the object
    /// itself, after defaulting and before preparation (upstream's `BeginCreate` and `BeginUpdate`).
    ///
    /// # Errors
    /// What the client gets to hear when it asks for what cannot be had.
    fn allocate(&self, new: &mut Value, old: Option<&Value>, around: &dyn Surroundings) -> Result<(), Status> {
        let _ = (new, old, around);
        Ok(())
    }

    /// The name rule's errors for this kind; a DNS subdomain unless said otherwise.
    fn name_errors(&self, name: &str) -> Vec<String> {
        api::names::dns_subdomain_errors(name)
    }

    /// Texts for `Warning` headers; `old` is `None` on create. Fields that are stored but not honoured belong here.
    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let _ = (new, old);
        Vec::new()
    }

    /// The text that every request for this kind is warned with, when upstream has deprecated it.
    fn deprecation(&self) -> Option<&'static str> {
        None
    }

    /// Fields that a field selector may name, besides `metadata.name` and `metadata.namespace`: the selector's name
    /// and the JSON pointer of the value (`("status.successful", "/status/succeeded")`).
    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// What an absent field that a selector names reads as: upstream holds some by value, so an absent
    /// `status.successful` is `0` and an absent `spec.hostNetwork` is `false`.
    fn selectable_default(&self, field: &str) -> &'static str {
        let _ = field;
        ""
    }

    /// Where a selectable field is read when it is absent at its own place.
    fn selectable_fallback(&self, field: &str) -> Option<&'static str> {
        let _ = field;
        None
    }

    /// The verbs of the resource itself, in discovery's order.
    fn verbs(&self) -> &'static [&'static str] {
        &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    }

    /// Whether a PUT without a `resourceVersion` is taken, whatever the object's revision.
    fn allows_unconditional_update(&self) -> bool {
        true
    }

    /// Whether a PUT of an object that does not exist creates it.
    fn allows_create_on_update(&self) -> bool {
        false
    }

    /// The columns of `kubectl get`.
    fn columns(&self) -> &'static [Column];

    /// The cells of one object.
    fn row(&self, object: &Value, now: Timestamp) -> Row;

    /// What the subresource `scale` shows, when the descriptor has one.
    fn scale(&self) -> Option<&'static Scale> {
        None
    }

    /// What a delete without options does to dependents.
    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Background
    }

    /// Whether deletes of this kind give grace (`RESTGracefulDeleteStrategy`); [`Strategy::grace_period_seconds`] says
    /// how much.
    fn deletes_gracefully(&self) -> bool {
        false
    }

    /// Seconds of grace that a delete of this object gives, from what the client asked for; zero deletes at once.
    fn grace_period_seconds(&self, object: &Value, requested: Option<i64>) -> i64 {
        let _ = (object, requested);
        0
    }

    /// Why the object of this name may not be deleted at all, whoever asks; upstream's admission decides this.
    fn deletion_refusal(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }

    /// Changes an object that stays while it is being deleted, such as a namespace's phase.
    fn prepare_for_delete(&self, object: &mut Value) {
        let _ = object;
    }

    /// Whether the object must stay although its grace is over and it has no finalizers in its metadata: a namespace
    /// whose `spec.finalizers` are not empty.
    fn is_held(&self, object: &Value) -> bool {
        let _ = object;
        false
    }

    /// Whether a delete that removes the object at once answers with the object instead of a `Status`, as pods do.
    fn returns_deleted_object(&self) -> bool {
        false
    }
}

impl dyn Strategy + '_ {
    /// Turns an object of this version into the stored one.
    pub fn to_stored(&self, object: &mut Value) {
        if let Some(view) = self.view() {
            object["apiVersion"] = view.stored.api_version().into();
            (view.to_stored)(object);
        }
    }

    /// Turns a stored object into one of this version.
    pub fn from_stored(&self, object: &mut Value) {
        if let Some(view) = self.view() {
            object["apiVersion"] = self.descriptor().kind.api_version().into();
            (view.from_stored)(object);
        }
    }
}

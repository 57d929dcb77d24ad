//! A stored object: its JSON, encoded once, and the metadata that every component asks for.
//!
//! An object is immutable. Whoever needs a field beyond [`Meta`] decodes the JSON into the type, or the small view,
//! that it wants; whoever needs to change it takes [`Object::to_value`], edits, and sends the result to the door.
//!
//! `metadata.managedFields` is kept beside the JSON and joins it on its way out of the process ([`Object::wire`]): the
//! components of this process never read it, and would pay for it with every object that they decode.

mod draft;
mod pointer;
mod wire;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use fields::Managers;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

pub use draft::Draft;

use crate::key::{ObjectKey, Revision, Uid};
use crate::shared::Recent;
use crate::status::Status;

/// Where a pod names its node.
const NODE_NAME: &str = "/spec/nodeName";

/// One revision of one object.
#[derive(Clone)]
pub struct Object {
    meta: Meta,
    bytes: Bytes,
    managers: Option<Arc<Managers>>,
    /// Of a pod that this process committed: `spec.nodeName`, empty when there is none. Every watch of a node's pods, and
    /// of pods without a node, asks for it with every event.
    node: Option<Arc<str>>,
}

/// What objects have in common.
#[derive(Debug, Default)]
pub struct SharedParts {
    labels: Recent<BTreeMap<String, String>>,
    owners: Recent<[OwnerRef]>,
    nodes: Recent<str>,
}

/// Why bytes or a value are no API object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The text is not JSON, or its metadata has a wrong type.
    #[error("decode object metadata")]
    Decode(#[from] serde_json::Error),
}

impl Object {
    /// Encodes a value as an object.
    ///
    /// # Errors
    /// When `metadata` has a field of the wrong type.
    pub fn from_value(value: &Value) -> Result<Self, ObjectError> {
        Ok(Self { meta: Meta::of(value)?, bytes: Bytes::from(serde_json::to_vec(value)?), managers: None, node: None })
    }

    /// Takes JSON bytes as an object.
    ///
    /// # Errors
    /// When the bytes are not JSON or `metadata` has a field of the wrong type.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, ObjectError> {
        let envelope: OwnedEnvelope = serde_json::from_slice(&bytes)?;
        let mut meta = envelope.metadata;
        meta.api_version = envelope.api_version;
        meta.kind = envelope.kind;
        Ok(Self { meta, bytes, managers: None, node: None })
    }

    /// The metadata.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The same object with other managers of its fields.
    #[must_use]
    pub fn with_managers(self, managers: Option<Arc<Managers>>) -> Self {
        Self { managers: managers.filter(|managers| !managers.is_empty()), ..self }
    }

    /// The same object, with the parts that it has in common with its previous revision, or with others, held once.
    #[must_use]
    pub fn sharing(mut self, previous: Option<&Self>, parts: &mut SharedParts) -> Self {
        let meta = &mut self.meta;
        match previous.map(|object| &object.meta.labels).filter(|labels| **labels == meta.labels) {
            Some(labels) => meta.labels = labels.clone(),
            None => meta.labels = parts.labels.share(std::mem::take(&mut meta.labels)),
        }
        match previous.map(|object| &object.meta.owners).filter(|owners| **owners == meta.owners) {
            Some(owners) => meta.owners = owners.clone(),
            None => meta.owners = parts.owners.share(std::mem::take(&mut meta.owners)),
        }
        self.node = self.node.take().map(|node| parts.nodes.share(node));
        if let Some(previous) = previous.filter(|previous| previous.meta.uid == meta.uid) {
            meta.uid = previous.meta.uid.clone();
        }
        self
    }

    /// Who manages which of its fields.
    pub fn managers(&self) -> Option<&Arc<Managers>> {
        self.managers.as_ref()
    }

    /// The JSON without `managedFields`, as it is stored; [`Object::wire`] is what goes over the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Decodes the JSON into a tree that can be edited.
    pub fn to_value(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("an object's bytes were checked when it was made")
    }

    /// Decodes the JSON into a type of the caller's; fields that the type does not have are passed over.
    ///
    /// # Errors
    /// When the object is not of that type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }

    /// Reads one field by its JSON pointer, such as `/spec/nodeName`, and builds nothing else; `None` when it is absent.
    pub fn field(&self, pointer: &str) -> Option<Value> {
        match &self.node {
            Some(node) if pointer == NODE_NAME => (!node.is_empty()).then(|| Value::from(&**node)),
            _ => pointer::read(&self.bytes, pointer),
        }
    }

    /// Decodes into a type that may borrow from the object's bytes.
    ///
    /// # Errors
    /// When the object is not of that type.
    pub fn view<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content is left out on purpose: a Secret must not reach a log through Debug.
        write!(f, "Object({} {} rv={})", self.meta.kind, self.meta.key(), self.meta.revision)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnedEnvelope {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Meta,
}

/// The metadata that components ask for most, read once per revision.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// `apiVersion` of the object.
    pub api_version: String,
    /// `kind` of the object.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.resourceVersion`; zero before the first commit.
    #[serde(rename = "resourceVersion", deserialize_with = "revision_from_text")]
    pub revision: Revision,
    /// `metadata.generation`.
    pub generation: i64,
    /// `metadata.labels`.
    #[serde(deserialize_with = "null_is_empty")]
    pub labels: Arc<BTreeMap<String, String>>,
    /// `metadata.creationTimestamp`.
    pub creation_timestamp: Option<Timestamp>,
    /// `metadata.deletionTimestamp`: the time at which a graceful delete is due.
    pub deletion_timestamp: Option<Timestamp>,
    /// `metadata.deletionGracePeriodSeconds`.
    pub deletion_grace_period_seconds: Option<i64>,
    /// `metadata.finalizers`.
    #[serde(deserialize_with = "null_is_empty")]
    pub finalizers: Vec<String>,
    /// `metadata.ownerReferences`.
    #[serde(rename = "ownerReferences", deserialize_with = "null_is_empty")]
    pub owners: Arc<[OwnerRef]>,
}

impl Meta {
    /// Reads the metadata of an object.
    ///
    /// # Errors
    /// When a field has the wrong type.
    pub fn of(object: &Value) -> Result<Self, ObjectError> {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut meta = object.get("metadata").map(Self::deserialize).transpose()?.unwrap_or_default();
        meta.api_version = text("apiVersion");
        meta.kind = text("kind");
        Ok(meta)
    }

    /// The object's key within its resource.
    pub fn key(&self) -> ObjectKey {
        ObjectKey { namespace: self.namespace.as_deref().map(Arc::from), name: Arc::from(self.name.as_str()) }
    }

    /// The owner whose `controller` is true, if any.
    pub fn controller(&self) -> Option<&OwnerRef> {
        self.owners.iter().find(|owner| owner.controller)
    }

    /// Whether the object is on its way out.
    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Whether the object carries this finalizer.
    pub fn has_finalizer(&self, name: &str) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == name)
    }
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerRef {
    /// `apiVersion` of the owner.
    pub api_version: String,
    /// `kind` of the owner.
    pub kind: String,
    /// `name` of the owner.
    pub name: String,
    /// `uid` of the owner.
    pub uid: Uid,
    /// Whether the owner is the managing controller.
    #[serde(deserialize_with = "null_is_empty")]
    pub controller: bool,
    /// Whether a foreground delete of the owner waits for this object.
    #[serde(deserialize_with = "null_is_empty")]
    pub block_owner_deletion: bool,
}

fn revision_from_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Revision, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    Ok(Revision(text.parse().unwrap_or(0)))
}

fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// One message of a watch stream.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// The object came into being, or came to match the selector.
    Added(Arc<Object>),
    /// The object changed.
    Modified(Arc<Object>),
    /// The object is gone, or no longer matches; its last state, at the revision of the delete.
    Deleted(Arc<Object>),
    /// Everything up to this revision was delivered.
    Bookmark {
        /// The revision reached.
        revision: Revision,
        /// Whether this ends the initial list of `sendInitialEvents=true`.
        initial_events_end: bool,
    },
    /// The stream ends with an error, such as `410 Expired`.
    Error(Status),
}

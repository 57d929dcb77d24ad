//! Kubernetes' protobuf, read into the same values that JSON gives.
//!
//! A body is the four bytes `k8s\0` and a `runtime.Unknown` that names the kind and carries its message. Messages are
//! decoded by a table (`protobuf/messages.txt`) and not by generated types, so a kind more is some lines of text.
//! Responses are not encoded: every client that sends protobuf also accepts JSON.
//!
//! Invariant: whatever the bytes, decoding ends in a value or an error, without panic and within bounded depth.

mod encode;
mod message;
mod special;
mod table;
#[cfg(test)]
mod tests;
mod wire;

use api::key::split_api_version;
use serde_json::{Map, Value};

pub use encode::encode;

use crate::decode::Exhausted;
use message::Limits;
use wire::{Reader, Wire};

/// What every protobuf body of Kubernetes begins with.
pub const PREFIX: &[u8; 4] = b"k8s\0";

/// Why bytes are no Kubernetes protobuf.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProtobufError {
    /// The first four bytes are others.
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Prefix,
    /// The bytes end within a field.
    #[error("unexpected EOF")]
    Truncated,
    /// A number takes more than ten bytes.
    #[error("proto: integer overflow")]
    Overflow,
    /// A field has a wire type that does not exist or that no message uses.
    #[error("proto: illegal wireType {0}")]
    WireType(u8),
    /// A field has another wire type than its message says.
    #[error("proto: wrong wireType = {found} for field {field}")]
    WrongWireType {
        /// The JSON name of the field.
        field: &'static str,
        /// The wire type that was sent.
        found: u8,
    },
    /// Messages are nested too deeply.
    #[error("exceeded max depth")]
    Depth,
    /// The tree would take more than [`crate::decode::MAX_TREE_BYTES`].
    #[error("Request entity too large: the body has too many parts")]
    TooLarge,
    /// A time lies outside the years that can be written.
    #[error("proto: time out of range")]
    Time,
    /// Raw JSON within a message is not JSON.
    #[error("proto: embedded json: {0}")]
    Raw(String),
    /// The envelope names no kind.
    #[error("Object 'Kind' is missing in '{0}'")]
    MissingKind(String),
    /// The envelope names a kind without a message.
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    UnknownKind {
        /// The version named.
        api_version: String,
        /// The kind named.
        kind: String,
    },
}

impl From<Exhausted> for ProtobufError {
    fn from(_: Exhausted) -> Self {
        Self::TooLarge
    }
}

/// Decodes a whole body: envelope and message. The value carries `apiVersion` and `kind` of the envelope.
///
/// # Errors
/// When the bytes are malformed or the kind has no message.
pub fn decode(body: &[u8]) -> Result<Value, ProtobufError> {
    let unknown = Unknown::read(body.strip_prefix(PREFIX).ok_or(ProtobufError::Prefix)?)?;
    if unknown.kind.is_empty() {
        return Err(ProtobufError::MissingKind(unknown.api_version));
    }
    let Some(id) = message_of(&unknown.api_version, &unknown.kind) else {
        return Err(ProtobufError::UnknownKind { api_version: unknown.api_version, kind: unknown.kind });
    };
    let mut map = Map::new();
    map.insert("apiVersion".to_owned(), unknown.api_version.into());
    map.insert("kind".to_owned(), unknown.kind.into());
    message::read_into(&mut map, id, unknown.raw, &mut Limits::default())?;
    Ok(Value::Object(map))
}

/// The message of a kind. The packages are named after the first label of the group; options and other kinds of
/// `meta` are registered in every group.
fn message_of(api_version: &str, kind: &str) -> Option<usize> {
    let (group, version) = split_api_version(api_version);
    let package = match group.split('.').next().unwrap_or_default() {
        "" => "core",
        label => label,
    };
    let table = table::messages();
    table.find(&format!("{package}.{version}.{kind}")).or_else(|| table.find(&format!("meta.v1.{kind}")))
}

/// `runtime.Unknown`.
#[derive(Default)]
struct Unknown<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

impl<'a> Unknown<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ProtobufError> {
        let mut unknown = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, wire)) = reader.field()? {
            match (number, wire) {
                (1, Wire::Bytes(type_meta)) => unknown.read_type_meta(type_meta)?,
                (2, Wire::Bytes(raw)) => unknown.raw = raw,
                _ => {}
            }
        }
        Ok(unknown)
    }

    fn read_type_meta(&mut self, bytes: &[u8]) -> Result<(), ProtobufError> {
        let mut reader = Reader::new(bytes);
        while let Some((number, wire)) = reader.field()? {
            match (number, wire) {
                (1, Wire::Bytes(text)) => self.api_version = wire::text(text),
                (2, Wire::Bytes(text)) => self.kind = wire::text(text),
                _ => {}
            }
        }
        Ok(())
    }
}

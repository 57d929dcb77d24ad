//! Objects and lists in the shape that the client accepts: whole, as table rows, or metadata only.
//!
//! Invariant: stored bytes are copied, never decoded and encoded again; only table cells and YAML need a decoded
//! object. Metadata is cut out of the stored bytes as it stands.

use std::sync::Arc;

use api::{Object, ObjectList, Status};
use bytes::Bytes;
use jiff::Timestamp;
use registry::{Column, Strategy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::negotiate::{MetaVersion, Shape};
use super::payload::{ListBody, Payload};
use super::query::Query;

/// What table rows carry beside their cells (`includeObject`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum IncludeObject {
    /// Nothing.
    None,
    /// The metadata.
    #[default]
    Metadata,
    /// The whole object.
    Object,
}

impl IncludeObject {
    /// Reads the query parameter.
    ///
    /// # Errors
    /// 400 for an unknown value.
    pub(super) fn parse(query: &Query<'_>) -> Result<Self, Status> {
        match query.get("includeObject").unwrap_or_default() {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: \
                 must be 'Metadata', 'Object', 'None', or empty"
            ))),
        }
    }
}

/// Turns objects of one kind into what goes over the wire.
#[derive(Clone, Copy)]
pub(super) struct Renderer<'a> {
    /// The kind.
    pub strategy: &'a dyn Strategy,
    /// What the client wants to see.
    pub shape: Shape,
    /// What table rows carry.
    pub include: IncludeObject,
    /// The time that ages are counted to.
    pub now: Timestamp,
}

/// `metadata` of a table or list.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMeta<'a> {
    #[serde(skip_serializing_if = "String::is_empty")]
    resource_version: String,
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    continue_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_item_count: Option<u64>,
}

impl<'a> ListMeta<'a> {
    fn of(list: &'a ObjectList) -> Self {
        Self {
            resource_version: list.revision.to_string(),
            continue_token: list.continue_token.as_deref(),
            remaining_item_count: list.remaining,
        }
    }

    /// The metadata of a table that shows one object, or none.
    pub(super) fn at(resource_version: impl ToString) -> Self {
        Self { resource_version: resource_version.to_string(), ..Self::default() }
    }
}

impl Renderer<'_> {
    /// One object.
    pub(super) fn object(&self, object: &Object) -> Bytes {
        let mut out = Vec::with_capacity(object.wire_len());
        match self.shape {
            Shape::Whole => return object.wire(),
            Shape::Partial(version) => partial(object, version, &mut out),
            Shape::Table(version) => {
                let meta = ListMeta::at(object.meta().revision);
                self.table(version, &meta, std::iter::once(object), true, &mut out);
            }
        }
        out.into()
    }

    /// A collection.
    pub(super) fn list(&self, list: ObjectList) -> Payload {
        let mut out = Vec::with_capacity(256);
        let meta = ListMeta::of(&list);
        match self.shape {
            Shape::Whole => {
                list_head(&list.kind, &list.api_version, &meta, &mut out);
                return Payload::List(ListBody::new(out.into(), list.items));
            }
            Shape::Partial(version) => {
                list_head("PartialObjectMetadataList", version.api_version(), &meta, &mut out);
                separated(list.items.iter(), &mut out, |item, out| partial(item, version, out));
                out.extend_from_slice(b"]}");
            }
            Shape::Table(version) => self.table(version, &meta, list.items.iter().map(Arc::as_ref), true, &mut out),
        }
        Bytes::from(out).into()
    }

    /// A table; `with_columns` is false for all but the first message of a watch.
    pub(super) fn table<'o>(
        &self,
        version: MetaVersion,
        meta: &ListMeta<'_>,
        objects: impl Iterator<Item = &'o Object>,
        with_columns: bool,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"kind\":\"Table\",\"apiVersion\":");
        json(version.api_version(), out);
        out.extend_from_slice(b",\"metadata\":");
        json(meta, out);
        out.extend_from_slice(b",\"columnDefinitions\":");
        if with_columns {
            let columns: Vec<_> = self.strategy.columns().iter().map(column).collect();
            json(&columns, out);
        } else {
            out.extend_from_slice(b"null");
        }
        out.extend_from_slice(b",\"rows\":[");
        separated(objects, out, |object, out| self.row(version, object, out));
        out.extend_from_slice(b"]}");
    }

    fn row(&self, version: MetaVersion, object: &Object, out: &mut Vec<u8>) {
        let mut value = object.to_value();
        self.strategy.to_stored(&mut value);
        let row = self.strategy.row(&value, self.now);
        out.extend_from_slice(b"{\"cells\":");
        json(&row.cells, out);
        if !row.conditions.is_empty() {
            out.extend_from_slice(b",\"conditions\":");
            json(&row.conditions, out);
        }
        out.extend_from_slice(b",\"object\":");
        match self.include {
            IncludeObject::None => out.extend_from_slice(b"null"),
            IncludeObject::Metadata => partial(object, version, out),
            IncludeObject::Object => object.write_wire(out),
        }
        out.push(b'}');
    }
}

/// The metadata of an object as `PartialObjectMetadata`.
pub(super) fn partial(object: &Object, version: MetaVersion, out: &mut Vec<u8>) {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        metadata: Option<&'a RawValue>,
    }
    let envelope: Option<Envelope<'_>> = object.view().ok();
    let metadata = envelope.and_then(|envelope| envelope.metadata).map_or("{}", RawValue::get);
    out.extend_from_slice(b"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":");
    json(version.api_version(), out);
    out.extend_from_slice(b",\"metadata\":");
    match object.managers() {
        None => out.extend_from_slice(metadata.as_bytes()),
        Some(managers) => {
            out.extend_from_slice(metadata.strip_suffix('}').unwrap_or(metadata).as_bytes());
            out.extend_from_slice(b",\"managedFields\":");
            managers.write_json(out);
            out.push(b'}');
        }
    }
    out.push(b'}');
}

/// Everything of a JSON list that stands before its items.
fn list_head(kind: &str, api_version: &str, meta: &ListMeta<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"kind\":");
    json(kind, out);
    out.extend_from_slice(b",\"apiVersion\":");
    json(api_version, out);
    out.extend_from_slice(b",\"metadata\":");
    json(meta, out);
    out.extend_from_slice(b",\"items\":[");
}

fn column(column: &Column) -> Value {
    serde_json::json!({
        "name": column.name,
        "type": column.column_type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    })
}

fn separated<T>(items: impl Iterator<Item = T>, out: &mut Vec<u8>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    for (position, item) in items.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

/// Appends a value as JSON.
pub(super) fn json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("plain data is JSON, and writing to a Vec cannot fail");
}

//! An object that is about to be committed: encoded but for its revision, which only the commit knows. So the work of
//! encoding is done before the store is locked.

use std::sync::Arc;

use bytes::Bytes;
use fields::Managers;
use serde_json::{Map, Value};

use super::{Meta, NODE_NAME, Object, ObjectError};
use crate::key::Revision;

/// Room for the text of most objects.
const USUAL_BYTES: usize = 4096;
const METADATA: &str = "metadata";
const MEMBER: &str = "resourceVersion";

/// An object without a revision.
#[derive(Debug)]
pub struct Draft {
    meta: Meta,
    text: Vec<u8>,
    /// Where in the text the revision goes; nowhere in an object without metadata.
    revision_at: Option<usize>,
    managers: Option<Arc<Managers>>,
    node: Option<Arc<str>>,
}

impl Draft {
    /// Encodes a value. A revision that it has is left out.
    ///
    /// # Errors
    /// When `metadata` has a field of the wrong type.
    pub fn of(value: &Value) -> Result<Self, ObjectError> {
        let meta = Meta::of(value)?;
        let mut text = Vec::with_capacity(USUAL_BYTES);
        let revision_at = match value {
            Value::Object(map) => write_object(map, &mut text)?,
            _ => {
                serde_json::to_writer(&mut text, value)?;
                None
            }
        };
        let node = if meta.kind == "Pod" { node(value) } else { None };
        Ok(Self { meta, text, revision_at, managers: None, node })
    }

    /// The same object with managers of its fields.
    #[must_use]
    pub fn with_managers(self, managers: Option<Arc<Managers>>) -> Self {
        Self { managers, ..self }
    }

    /// The object at a revision.
    pub fn at(self, revision: Revision) -> Object {
        let Self { mut meta, text, revision_at, managers, node } = self;
        let bytes = match revision_at {
            None => Bytes::copy_from_slice(&text),
            Some(at) => {
                meta.revision = revision;
                let digits = revision.to_string();
                // Just as long as needed: objects stay for long, and spare room would stay with each.
                let mut bytes = Vec::with_capacity(text.len() + digits.len());
                bytes.extend_from_slice(&text[..at]);
                bytes.extend_from_slice(digits.as_bytes());
                bytes.extend_from_slice(&text[at..]);
                bytes.into()
            }
        };
        Object { meta, bytes, managers: None, node }.with_managers(managers)
    }
}

/// The node of a pod, empty when it has none; `None` when that cannot be told apart from an empty name.
fn node(pod: &Value) -> Option<Arc<str>> {
    match pod.pointer(NODE_NAME) {
        None => Some("".into()),
        Some(Value::String(name)) if !name.is_empty() => Some(name.as_str().into()),
        Some(_) => None,
    }
}

/// Writes an object; the position of the revision within its metadata.
fn write_object(map: &Map<String, Value>, out: &mut Vec<u8>) -> Result<Option<usize>, serde_json::Error> {
    let mut revision_at = None;
    out.push(b'{');
    for (position, (name, value)) in map.iter().enumerate() {
        begin_member(name, position == 0, out)?;
        match value {
            Value::Object(metadata) if name == METADATA => revision_at = Some(write_metadata(metadata, out)?),
            _ => serde_json::to_writer(&mut *out, value)?,
        }
    }
    out.push(b'}');
    Ok(revision_at)
}

/// Writes metadata with room for a revision, in the order of the names.
fn write_metadata(map: &Map<String, Value>, out: &mut Vec<u8>) -> Result<usize, serde_json::Error> {
    let (mut revision_at, mut first) = (None, true);
    out.push(b'{');
    for (name, value) in map {
        if revision_at.is_none() && name.as_str() >= MEMBER {
            revision_at = Some(write_revision(first, out)?);
            first = false;
        }
        if name != MEMBER {
            begin_member(name, first, out)?;
            serde_json::to_writer(&mut *out, value)?;
            first = false;
        }
    }
    let at = match revision_at {
        Some(at) => at,
        None => write_revision(first, out)?,
    };
    out.push(b'}');
    Ok(at)
}

fn write_revision(first: bool, out: &mut Vec<u8>) -> Result<usize, serde_json::Error> {
    begin_member(MEMBER, first, out)?;
    out.extend_from_slice(b"\"\"");
    Ok(out.len() - 1)
}

fn begin_member(name: &str, first: bool, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    if !first {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, name)?;
    out.push(b':');
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_draft_at_a_revision_is_the_object_that_has_it() {
        let inner = json!({"metadata": {"resourceVersion": "7"}, "x\"y": null});
        for metadata in [
            json!({}),
            json!({"name": "a"}),
            json!({"uid": "u"}),
            json!({"name": "a", "resourceVersion": "3", "uid": "u"}),
            json!({"resourceVersion": ""}),
            json!({"annotations": {"resourceVersion": "\"resourceVersion\":\"\""}, "name": "a", "zone": inner}),
        ] {
            let mut value =
                json!({"apiVersion": "v1", "data": inner, "kind": "K", "metadata": metadata, "spec": [inner]});
            let drafted = Draft::of(&value).unwrap().at(Revision(12_345));
            value["metadata"]["resourceVersion"] = "12345".into();
            let plain = Object::from_value(&value).unwrap();
            assert_eq!(drafted.bytes(), plain.bytes());
            assert_eq!(drafted.meta().revision, Revision(12_345));
            assert_eq!(format!("{:?}", drafted.meta()), format!("{:?}", plain.meta()));
        }
    }

    #[test]
    fn a_pods_node_reads_the_same_with_and_without_a_look_at_its_text() {
        for spec in [json!({}), json!({"nodeName": "n"}), json!({"nodeName": ""}), json!(null), json!({"nodeName": 7})]
        {
            for kind in ["Pod", "Binding"] {
                let value = json!({"kind": kind, "metadata": {"name": "a"}, "spec": spec});
                let drafted = Draft::of(&value).unwrap().at(Revision(1));
                assert_eq!(drafted.field(NODE_NAME), Object::from_value(&value).unwrap().field(NODE_NAME));
                assert_eq!(drafted.field("/metadata/name"), Some("a".into()));
            }
        }
    }

    #[test]
    fn what_has_no_metadata_has_no_revision() {
        for value in [json!({"kind": "K"}), json!([1]), json!({})] {
            let drafted = Draft::of(&value).unwrap().at(Revision(9));
            assert_eq!(drafted.to_value(), value);
            assert_eq!(drafted.meta().revision, Revision(0));
        }
    }

    #[test]
    fn metadata_of_a_wrong_type_is_refused() {
        assert!(Draft::of(&json!({"metadata": {"name": 7}})).is_err());
    }
}

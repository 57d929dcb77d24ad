//! An object as it goes over the wire: its JSON with `managedFields` at the end of the metadata, where upstream has it.

use bytes::Bytes;
use serde_json::Value;

use super::Object;

const MEMBER: &[u8] = b",\"managedFields\":";

impl Object {
    /// The JSON as it goes over the wire. Without managers that is the stored bytes, uncopied.
    pub fn wire(&self) -> Bytes {
        if self.managers.is_none() {
            return self.bytes.clone();
        }
        let mut out = Vec::with_capacity(self.wire_len());
        self.write_wire(&mut out);
        out.into()
    }

    /// How long [`Object::wire`] is.
    pub fn wire_len(&self) -> usize {
        let managed = self.managers.as_ref().map_or(0, |managers| MEMBER.len() + managers.json_len());
        self.bytes.len() + managed
    }

    /// Appends the JSON as it goes over the wire.
    pub fn write_wire(&self, out: &mut Vec<u8>) {
        let Some(managers) = &self.managers else { return out.extend_from_slice(&self.bytes) };
        let end = metadata_end(&self.bytes).expect("an object with managers has metadata");
        out.extend_from_slice(&self.bytes[..end]);
        out.extend_from_slice(MEMBER);
        managers.write_json(out);
        out.extend_from_slice(&self.bytes[end..]);
    }

    /// Decodes what goes over the wire into a tree.
    pub fn to_wire_value(&self) -> Value {
        let mut value = self.to_value();
        if let Some(managers) = &self.managers {
            value["metadata"]["managedFields"] = managers.to_value();
        }
        value
    }
}

/// Where the metadata ends: the position of its closing brace. The bytes were written by this process, so they are
/// JSON, and the metadata of an object with managers is not empty.
fn metadata_end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    let mut within = false;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = text_end(bytes, at)?;
                if depth == 1 && bytes[end..].starts_with(b":{") && &bytes[at..end] == b"\"metadata\"" {
                    within = true;
                }
                at = end;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if within && depth == 1 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The position after the quote that closes the text which begins at `start`.
fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fields::Managers;
    use serde_json::json;

    use super::*;

    #[test]
    fn managed_fields_join_the_metadata_and_nothing_else() {
        let entry = json!([{"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}}]);
        let managers = Managers::from_value(&entry).unwrap();
        for mut value in [
            json!({"data": {"metadata": {"a": "}"}, "x": "\"metadata\":{"}, "metadata": {"name": "a", "labels": {"b": "\\\"}"}}, "spec": {}}),
            json!({"metadata": {"name": "a"}}),
        ] {
            let object = Object::from_value(&value).unwrap().with_managers(Some(Arc::new(managers.clone())));
            let wire = object.wire();
            assert_eq!(wire.len(), object.wire_len());
            value["metadata"]["managedFields"] = entry.clone();
            assert_eq!(serde_json::from_slice::<Value>(&wire).unwrap(), value);
            assert_eq!(object.to_wire_value(), value);
        }
    }

    #[test]
    fn an_object_without_managers_goes_out_as_it_is_stored() {
        let object = Object::from_value(&json!({"metadata": {"name": "a"}})).unwrap();
        let object = object.with_managers(Some(Arc::new(Managers::default())));
        assert_eq!(object.wire().as_ptr(), object.bytes().as_ptr());
    }
}

//! Writes a value as Kubernetes' protobuf, by the same table that reads it: what a Go client sends.
//!
//! Fields that the message does not have are left out, as are plain scalars that are zero. Values that their field
//! cannot hold are left out too: this serves clients and tests, which have checked what they send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::table::{self, Card, Field, Form};
use super::{PREFIX, message_of};

/// Encodes an object with its envelope; `None` when its kind has no message.
pub fn encode(object: &Value) -> Option<Vec<u8>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let id = message_of(api_version, kind)?;
    let raw = message(id, object.as_object()?);
    let mut type_meta = Message::default();
    type_meta.bytes(1, api_version.as_bytes());
    type_meta.bytes(2, kind.as_bytes());
    let mut unknown = Message::default();
    unknown.bytes(1, &type_meta.0);
    unknown.bytes(2, &raw);
    Some([PREFIX.as_slice(), &unknown.0].concat())
}

/// The bytes of one message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, number: u32, value: i64) {
        self.raw_varint(u64::from(number) << 3);
        self.raw_varint(value.cast_unsigned());
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.raw_varint(u64::from(number) << 3 | 2);
        self.raw_varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn double(&mut self, number: u32, value: f64) {
        self.raw_varint(u64::from(number) << 3 | 1);
        self.0.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

fn message(id: usize, object: &Map<String, Value>) -> Vec<u8> {
    let mut out = Message::default();
    for field in &table::messages().get(id).fields {
        match (field.name, field.form) {
            (Some(name), _) => {
                if let Some(value) = object.get(name).filter(|value| !value.is_null()) {
                    write_field(&mut out, field, value);
                }
            }
            (None, Form::Message(inline)) => out.bytes(field.number, &message(inline, object)),
            (None, _) => {}
        }
    }
    out.0
}

fn write_field(out: &mut Message, field: &Field, value: &Value) {
    match (field.card, value) {
        (Card::Repeated, Value::Array(items)) => {
            items.iter().for_each(|item| write_value(out, field.number, field.form, item));
        }
        (Card::Map, Value::Object(entries)) => {
            for (key, value) in entries {
                let mut entry = Message::default();
                entry.bytes(1, key.as_bytes());
                write_value(&mut entry, 2, field.form, value);
                out.bytes(field.number, &entry.0);
            }
        }
        (Card::Repeated | Card::Map, _) => {}
        (Card::Plain | Card::Pointer, _) => write_value(out, field.number, field.form, value),
    }
}

fn write_value(out: &mut Message, number: u32, form: Form, value: &Value) {
    match (form, value) {
        (Form::Int32 | Form::Int64, Value::Number(of)) => out.varint(number, of.as_i64().unwrap_or_default()),
        (Form::Bool, Value::Bool(of)) => out.varint(number, i64::from(*of)),
        (Form::Double, Value::Number(of)) => out.double(number, of.as_f64().unwrap_or_default()),
        (Form::String, Value::String(text)) => out.bytes(number, text.as_bytes()),
        (Form::Bytes, Value::String(text)) => out.bytes(number, &STANDARD.decode(text).unwrap_or_default()),
        (Form::Time | Form::MicroTime, Value::String(text)) => out.bytes(number, &time(text)),
        (Form::Quantity, Value::String(text)) => out.bytes(number, &wrapped(text.as_bytes())),
        (Form::IntOrString, _) => out.bytes(number, &int_or_string(value)),
        (Form::RawExtension | Form::FieldsV1, _) => out.bytes(number, &wrapped(value.to_string().as_bytes())),
        (Form::ExtraValue, Value::Array(items)) => {
            let mut texts = Message::default();
            items.iter().filter_map(Value::as_str).for_each(|text| texts.bytes(1, text.as_bytes()));
            out.bytes(number, &texts.0);
        }
        (Form::Message(id), Value::Object(map)) => out.bytes(number, &message(id, map)),
        _ => {}
    }
}

/// A message of one field, its first.
fn wrapped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Message::default();
    out.bytes(1, bytes);
    out.0
}

fn time(text: &str) -> Vec<u8> {
    let mut out = Message::default();
    if let Ok(at) = text.parse::<Timestamp>() {
        out.varint(1, at.as_second());
        out.varint(2, i64::from(at.subsec_nanosecond()));
    }
    out.0
}

fn int_or_string(value: &Value) -> Vec<u8> {
    let mut out = Message::default();
    out.varint(1, i64::from(value.is_string()));
    out.varint(2, value.as_i64().unwrap_or_default());
    out.bytes(3, value.as_str().unwrap_or_default().as_bytes());
    out.0
}

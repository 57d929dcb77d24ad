//! The messages whose JSON is not an object of their fields.

use api::time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::ProtobufError;
use super::message::{bytes, varint};
use super::wire::{self, Reader, Wire};
use crate::decode;

/// `metav1.Time`: whole seconds; nothing when it is not set.
pub(super) fn time(message: &[u8]) -> Result<Option<Value>, ProtobufError> {
    Ok(timestamp(message)?.map(|at| time::rfc3339(at).into()))
}

/// `metav1.MicroTime`; nothing when it is not set.
pub(super) fn micro_time(message: &[u8]) -> Result<Option<Value>, ProtobufError> {
    Ok(timestamp(message)?.map(|at| time::rfc3339_micro(at).into()))
}

fn timestamp(message: &[u8]) -> Result<Option<Timestamp>, ProtobufError> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = Reader::new(message);
    while let Some((number, wire)) = reader.field()? {
        match number {
            1 => seconds = varint(wire, "seconds")? as i64,
            2 => nanos = varint(wire, "nanos")? as i32,
            _ => {}
        }
    }
    if (seconds, nanos) == (0, 0) {
        return Ok(None);
    }
    Timestamp::new(seconds, nanos).map(Some).map_err(|_| ProtobufError::Time)
}

/// `resource.Quantity`: the text; zero when it is not set.
pub(super) fn quantity(message: &[u8]) -> Result<Value, ProtobufError> {
    let text = first_bytes(message)?.map(wire::text).filter(|text| !text.is_empty());
    Ok(text.unwrap_or_else(|| "0".to_owned()).into())
}

/// `intstr.IntOrString`: type (0 number, 1 text), number, text.
pub(super) fn int_or_string(message: &[u8]) -> Result<Value, ProtobufError> {
    let (mut is_text, mut number_value, mut text) = (false, 0_i32, String::new());
    let mut reader = Reader::new(message);
    while let Some((number, wire)) = reader.field()? {
        match number {
            1 => is_text = varint(wire, "type")? == 1,
            2 => number_value = varint(wire, "intVal")? as i32,
            3 => text = wire::text(bytes(wire, "strVal")?),
            _ => {}
        }
    }
    Ok(if is_text { text.into() } else { number_value.into() })
}

/// `runtime.RawExtension` and `metav1.FieldsV1`: JSON as bytes; nothing when they are empty.
pub(super) fn raw(message: &[u8]) -> Result<Option<Value>, ProtobufError> {
    let Some(raw) = first_bytes(message)?.filter(|raw| !raw.is_empty()) else { return Ok(None) };
    let decoded = decode::json(raw).map_err(|error| ProtobufError::Raw(error.to_string()))?;
    Ok(Some(decoded.value))
}

/// `ExtraValue`: a list of texts in a message of its own.
pub(super) fn extra_value(message: &[u8]) -> Result<Value, ProtobufError> {
    let mut items = Vec::new();
    let mut reader = Reader::new(message);
    while let Some((number, wire)) = reader.field()? {
        if number == 1 {
            items.push(Value::String(wire::text(bytes(wire, "items")?)));
        }
    }
    Ok(Value::Array(items))
}

/// Bytes as JSON shows them.
pub(super) fn base64(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

/// A floating-point number; one that JSON cannot show is null.
pub(super) fn double(wire: Wire<'_>, field: &'static str) -> Result<Value, ProtobufError> {
    match wire {
        Wire::Fixed64(bits) => Ok(f64::from_bits(bits).into()),
        other => Err(ProtobufError::WrongWireType { field, found: other.number() }),
    }
}

/// The bytes of field 1.
fn first_bytes(message: &[u8]) -> Result<Option<&[u8]>, ProtobufError> {
    let mut found = None;
    let mut reader = Reader::new(message);
    while let Some((number, wire)) = reader.field()? {
        if number == 1 {
            found = Some(bytes(wire, "raw")?);
        }
    }
    Ok(found)
}

//! Reads one message into a JSON object, by the table.

use serde_json::{Map, Value};

use super::table::{self, Card, Field, Form};
use super::wire::{self, Reader, Wire};
use super::{ProtobufError, special};
use crate::decode::{Budget, MAX_DEPTH, json_bytes};

/// How deep and how much may still be read.
#[derive(Debug, Default)]
pub(super) struct Limits {
    depth: usize,
    budget: Budget,
}

/// Reads a message's fields into an object. Fields that the table does not have are passed over.
pub(super) fn read_into(
    map: &mut Map<String, Value>,
    id: usize,
    bytes: &[u8],
    limits: &mut Limits,
) -> Result<(), ProtobufError> {
    if limits.depth >= MAX_DEPTH {
        return Err(ProtobufError::Depth);
    }
    limits.depth += 1;
    let message = table::messages().get(id);
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.field()? {
        if let Some(field) = message.field(number) {
            read_field(map, field, wire, limits)?;
        }
    }
    limits.depth -= 1;
    Ok(())
}

fn read_field(
    map: &mut Map<String, Value>,
    field: &Field,
    wire: Wire<'_>,
    limits: &mut Limits,
) -> Result<(), ProtobufError> {
    let Some(name) = field.name else {
        let Form::Message(id) = field.form else { return Ok(()) };
        return read_into(map, id, bytes(wire, "inline")?, limits);
    };
    match field.card {
        Card::Repeated => return read_item(map, name, field.form, wire, limits),
        Card::Map => return read_entry(map, name, field.form, bytes(wire, name)?, limits),
        Card::Plain | Card::Pointer => {}
    }
    if let Some(value) = read_value(name, field.form, wire, limits)? {
        limits.budget.entry(map.len(), name)?;
        if field.card == Card::Pointer || !is_zero(&value) {
            map.insert(name.to_owned(), value);
        } else {
            map.remove(name);
        }
    }
    Ok(())
}

/// Go leaves plain scalars out of its JSON when they are zero.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn read_item(
    map: &mut Map<String, Value>,
    name: &'static str,
    form: Form,
    wire: Wire<'_>,
    limits: &mut Limits,
) -> Result<(), ProtobufError> {
    if !map.contains_key(name) {
        limits.budget.entry(map.len(), name)?;
    }
    let list = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(list) = list else { return Ok(()) };
    limits.budget.item()?;
    if let (Form::Int32 | Form::Int64 | Form::Bool, Wire::Bytes(bytes)) = (form, wire) {
        let mut reader = Reader::new(bytes);
        while let Some(varint) = reader.packed()? {
            limits.budget.item()?;
            list.extend(read_value(name, form, Wire::Varint(varint), limits)?);
        }
    } else {
        list.extend(read_value(name, form, wire, limits)?);
    }
    Ok(())
}

/// Reads one entry of a map: a message of key (1) and value (2), each of which may be left out when empty.
fn read_entry(
    map: &mut Map<String, Value>,
    name: &'static str,
    form: Form,
    entry: &[u8],
    limits: &mut Limits,
) -> Result<(), ProtobufError> {
    let (mut key, mut value) = (String::new(), None);
    let mut reader = Reader::new(entry);
    while let Some((number, wire)) = reader.field()? {
        match number {
            1 => key = wire::text(bytes(wire, name)?),
            2 => value = read_value(name, form, wire, limits)?,
            _ => {}
        }
    }
    let value = match value {
        Some(value) => value,
        None => read_value(name, form, Wire::Bytes(&[]), limits)?.unwrap_or_default(),
    };
    if !map.contains_key(name) {
        limits.budget.entry(map.len(), name)?;
    }
    if let Value::Object(entries) = map.entry(name).or_insert_with(|| Value::Object(Map::new())) {
        limits.budget.entry(entries.len(), &key)?;
        entries.insert(key, value);
    }
    Ok(())
}

/// Reads one value. Times that are not set give none.
fn read_value(
    name: &'static str,
    form: Form,
    wire: Wire<'_>,
    limits: &mut Limits,
) -> Result<Option<Value>, ProtobufError> {
    let value = match form {
        // int32 is sign-extended to 64 bits on the wire; its low half is the value.
        Form::Int32 => Value::from(varint(wire, name)? as i32),
        Form::Int64 => Value::from(varint(wire, name)? as i64),
        Form::Bool => Value::Bool(varint(wire, name)? != 0),
        Form::Double => special::double(wire, name)?,
        Form::String => {
            let text = bytes(wire, name)?;
            limits.budget.text(text.len())?;
            Value::String(wire::text(text))
        }
        Form::Bytes => {
            let raw = bytes(wire, name)?;
            limits.budget.text(raw.len() * 4 / 3)?;
            special::base64(raw)
        }
        Form::Time => return special::time(bytes(wire, name)?),
        Form::MicroTime => return special::micro_time(bytes(wire, name)?),
        Form::Quantity => special::quantity(bytes(wire, name)?)?,
        Form::IntOrString => special::int_or_string(bytes(wire, name)?)?,
        Form::RawExtension | Form::FieldsV1 => {
            let raw = bytes(wire, name)?;
            limits.budget.text(json_bytes(raw))?;
            return special::raw(raw);
        }
        Form::ExtraValue => {
            let raw = bytes(wire, name)?;
            // At worst every two bytes are an empty text.
            limits.budget.text(raw.len() * size_of::<Value>())?;
            special::extra_value(raw)?
        }
        Form::Message(id) => {
            let mut map = Map::new();
            read_into(&mut map, id, bytes(wire, name)?, limits)?;
            Value::Object(map)
        }
    };
    Ok(Some(value))
}

pub(super) fn bytes<'a>(wire: Wire<'a>, field: &'static str) -> Result<&'a [u8], ProtobufError> {
    match wire {
        Wire::Bytes(bytes) => Ok(bytes),
        other => Err(ProtobufError::WrongWireType { field, found: other.number() }),
    }
}

pub(super) fn varint(wire: Wire<'_>, field: &'static str) -> Result<u64, ProtobufError> {
    match wire {
        Wire::Varint(value) => Ok(value),
        other => Err(ProtobufError::WrongWireType { field, found: other.number() }),
    }
}

//! Holds a value against the schema of its kind, as upstream's strict JSON decoder does: unknown fields are taken out
//! and reported, wrong types are refused in Go's words, nulls are dropped, and the scalars that Go normalises while
//! decoding (times, quantities given as numbers) are normalised here.
//!
//! One pass over the value; nothing is allocated for a value that is in order. No defaults and no validation: those
//! belong to the kind.
//!
//! Upstream: `sigs.k8s.io/json` `UnmarshalStrict`, and `transformDecodeError` of the apiserver.
//! Differs: strict errors come in the order of field names and not in that of the document, duplicates last.

mod gotime;
mod scalar;
#[cfg(test)]
mod tests;

use api::{Kind, Status};
use serde_json::{Map, Value};

use crate::decode::{MAX_STRICT_ERRORS, Path};
use crate::schema::{self, Struct, Type};

/// Checks a value of a kind. Returns what strict decoding holds against it (`unknown field "spec.foo"`), after the
/// unknown fields were removed. A kind without a schema is left as it is.
///
/// # Errors
/// 400 when a field has a value that its Go type cannot take.
pub fn check(kind: &Kind, value: &mut Value) -> Result<Vec<String>, Status> {
    check_kind(kind, value).map_err(|error| unusable(kind, &error))
}

/// Like [`check`], for a caller that has its own words around Go's.
///
/// # Errors
/// Go's text for the first value that its type cannot take.
pub fn check_kind(kind: &Kind, value: &mut Value) -> Result<Vec<String>, String> {
    schema::of_kind(kind).map_or(Ok(Vec::new()), |st| check_struct(st, value))
}

/// Checks a value of a type named by its definition, such as `io.k8s.api.core.v1.PodTemplateSpec`.
///
/// # Errors
/// Go's text for the first value that its type cannot take.
pub fn check_type(definition: &str, value: &mut Value) -> Result<Vec<String>, String> {
    schema::named(definition).map_or(Ok(Vec::new()), |st| check_struct(st, value))
}

fn check_struct(st: &'static Struct, value: &mut Value) -> Result<Vec<String>, String> {
    let mut walk = Walk::default();
    let Value::Object(map) = value else {
        let go_type = format!("v1.{}", st.go_name());
        return Err(format!("json: cannot unmarshal {} into Go value of type {go_type}", describe(value)));
    };
    walk.object(st, map, &Path::Root)?;
    match walk.first_error {
        Some(error) => Err(error),
        None => Ok(walk.unknown),
    }
}

/// 400: `Job in version "v1" cannot be handled as a Job: WHY`.
pub fn unusable(kind: &Kind, why: &str) -> Status {
    Status::bad_request(format!(
        "{} in version {:?} cannot be handled as a {}: {why}",
        kind.kind, kind.version, kind.kind
    ))
}

/// 400 for what strict decoding holds against a body, when the client asked for `fieldValidation=Strict`.
pub fn refuse(kind: &Kind, strict_errors: &[String]) -> Status {
    unusable(kind, &format!("strict decoding error: {}", strict_errors.join(", ")))
}

/// Joins what [`check`] and the decoder found: without repeats, at most a hundred, and without duplicates of fields
/// that are unknown anyway, since upstream skips those whole.
pub fn merge_errors(unknown: Vec<String>, duplicates: Vec<String>) -> Vec<String> {
    let paths: Vec<String> = unknown.iter().filter_map(|error| quoted(error)).map(str::to_owned).collect();
    let within_unknown = |error: &String| {
        let path = quoted(error).unwrap_or_default();
        let below = |parent: &String| {
            path.strip_prefix(parent.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        paths.iter().any(below)
    };
    let mut all = unknown;
    for error in duplicates {
        if all.len() < MAX_STRICT_ERRORS && !within_unknown(&error) && !all.contains(&error) {
            all.push(error);
        }
    }
    all
}

fn quoted(error: &str) -> Option<&str> {
    error.split_once('"')?.1.strip_suffix('"')
}

/// Where a value stands, for the texts of errors.
#[derive(Clone, Copy)]
struct At<'a> {
    /// The struct that holds the field; Go names it even within maps and lists.
    owner: &'static str,
    path: &'a Path<'a>,
}

impl At<'_> {
    /// `json: cannot unmarshal WHAT into Go struct field OWNER.PATH of type TYPE`.
    fn cannot_unmarshal(&self, what: &str, go_type: &str) -> String {
        let path = self.path.go();
        format!("json: cannot unmarshal {what} into Go struct field {}.{path} of type {go_type}", self.owner)
    }
}

#[derive(Default)]
struct Walk {
    unknown: Vec<String>,
    /// The first wrong type. Go decodes on after it, since an error of a type's own decoder outranks it.
    first_error: Option<String>,
}

impl Walk {
    fn save(&mut self, error: String) {
        self.first_error.get_or_insert(error);
    }

    /// Walks a struct; an `Err` ends the walk.
    fn object(&mut self, st: &'static Struct, map: &mut Map<String, Value>, path: &Path<'_>) -> Result<(), String> {
        let mut dirty = false;
        for (name, value) in map.iter_mut() {
            let Some(field) = st.field(name) else {
                dirty = true;
                self.unknown_field(path, name);
                continue;
            };
            if value.is_null() {
                dirty = true;
                continue;
            }
            let path = Path::Field(path, &field.name);
            let at = At { owner: st.go_name(), path: &path };
            if let Some(found) = self.value(&field.ty, value, at)? {
                self.save(at.cannot_unmarshal(&found, &field.go_type()));
            }
        }
        if dirty {
            map.retain(|name, value| !value.is_null() && st.field(name).is_some());
        }
        Ok(())
    }

    fn unknown_field(&mut self, path: &Path<'_>, name: &str) {
        if self.unknown.len() < MAX_STRICT_ERRORS {
            let error = format!("unknown field {:?}", path.member(name));
            if !self.unknown.contains(&error) {
                self.unknown.push(error);
            }
        }
    }

    /// Walks a value of a type. `Some` describes a value that the type cannot take; whoever holds the field's Go name
    /// turns it into an error.
    fn value(&mut self, ty: &Type, value: &mut Value, at: At<'_>) -> Result<Option<String>, String> {
        let fits = match (ty, &mut *value) {
            (Type::Any, _) | (Type::String, Value::String(_)) | (Type::Bool, Value::Bool(_)) => true,
            (Type::Number, Value::Number(_)) => true,
            (Type::Int32, Value::Number(number)) if !scalar::is_int32(number) => {
                return Ok(Some(format!("number {number}")));
            }
            (Type::Int64, Value::Number(number)) if !number.is_i64() => return Ok(Some(format!("number {number}"))),
            (Type::Int32 | Type::Int64, Value::Number(_)) => true,
            (Type::Struct(id), Value::Object(map)) => {
                self.object(schema::get(*id), map, at.path)?;
                true
            }
            (Type::List(item), Value::Array(items)) => {
                self.items(item, items, at)?;
                true
            }
            (Type::Map(of), Value::Object(entries)) => {
                self.entries(of, entries, at)?;
                true
            }
            (Type::Bytes, Value::String(text)) => {
                if let Some(error) = scalar::base64_error(text) {
                    self.save(error);
                }
                true
            }
            (Type::Quantity, _) => {
                scalar::quantity(value)?;
                true
            }
            (Type::IntOrString, _) => {
                scalar::int_or_string(value).map_err(|found| at.cannot_unmarshal(&found, "int32"))?;
                true
            }
            (Type::Time | Type::MicroTime, _) => {
                let micro = *ty == Type::MicroTime;
                let Value::String(text) = value else {
                    return Err(at.cannot_unmarshal(describe(value), "string"));
                };
                scalar::time(text, micro)?;
                true
            }
            _ => false,
        };
        Ok(if fits { None } else { Some(describe(value).to_owned()) })
    }

    fn items(&mut self, ty: &Type, items: &mut [Value], at: At<'_>) -> Result<(), String> {
        for (index, item) in items.iter_mut().enumerate() {
            if item.is_null() {
                *item = zero(ty);
                continue;
            }
            let path = Path::Index(at.path, index);
            self.element(ty, item, At { path: &path, ..at })?;
        }
        Ok(())
    }

    fn entries(&mut self, ty: &Type, entries: &mut Map<String, Value>, at: At<'_>) -> Result<(), String> {
        for (key, entry) in entries.iter_mut() {
            if entry.is_null() {
                *entry = zero(ty);
                continue;
            }
            let path = Path::Key(at.path, key);
            self.element(ty, entry, At { path: &path, ..at })?;
        }
        Ok(())
    }

    fn element(&mut self, ty: &Type, value: &mut Value, at: At<'_>) -> Result<(), String> {
        if let Some(found) = self.value(ty, value, at)? {
            self.save(at.cannot_unmarshal(&found, &ty.go_type()));
        }
        Ok(())
    }
}

/// What Go makes of a null in a list or a map: the zero of the type.
fn zero(ty: &Type) -> Value {
    match ty {
        Type::String | Type::Bytes => Value::String(String::new()),
        Type::Quantity => Value::String("0".to_owned()),
        Type::Int32 | Type::Int64 | Type::Number | Type::IntOrString => 0.into(),
        Type::Bool => false.into(),
        Type::Struct(_) => Value::Object(Map::new()),
        Type::Any | Type::Map(_) | Type::List(_) | Type::Time | Type::MicroTime => Value::Null,
    }
}

/// A value as Go's errors describe it, where the number itself does not matter.
pub(crate) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

//! What upstream says of a strategic merge whose result has values of wrong types: it converts the merged maps without
//! a detour over JSON, and so in other words than the JSON decoder's
//! (`k8s.io/apimachinery/pkg/runtime/converter.go`).

use serde_json::Value;

use super::gotext;
use crate::schema::{Struct, Type};

/// What is wrong with the first value that its type cannot take; `None` when that type has a decoder of its own, whose
/// words are the same in both ways.
pub(super) fn first_error(schema: &'static Struct, value: &Value) -> Option<String> {
    let Value::Object(map) = value else {
        return Some(format!("cannot restore struct from: {}", kind_of(value)));
    };
    let mut known = map.iter().filter_map(|(name, value)| Some((schema.field(name)?, value)));
    known.find_map(|(field, value)| error_of(&field.ty, &field.go_type(), value))
}

fn error_of(ty: &Type, go_type: &str, value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    match ty {
        Type::String | Type::Bool | Type::Int32 | Type::Int64 | Type::Number => scalar_error(ty, go_type, value),
        Type::Quantity | Type::IntOrString | Type::Time | Type::MicroTime | Type::Any | Type::Bytes => None,
        Type::Map(inner) => match value {
            Value::Object(map) => map.values().find_map(|value| error_of(inner, &inner.go_type(), value)),
            other => Some(format!("cannot restore map from {}", kind_of(other))),
        },
        Type::List(inner) => match value {
            Value::Array(items) => items.iter().find_map(|item| error_of(inner, &inner.go_type(), item)),
            other => Some(format!("cannot restore slice from {}", kind_of(other))),
        },
        Type::Struct(id) => first_error(crate::schema::get(*id), value),
    }
}

fn scalar_error(ty: &Type, go_type: &str, value: &Value) -> Option<String> {
    let fits = match (ty, value) {
        (Type::String, Value::String(_)) | (Type::Bool, Value::Bool(_)) | (Type::Number, Value::Number(_)) => true,
        (Type::Int32 | Type::Int64, Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|number| number.trunc() == number)
        }
        _ => false,
    };
    if fits {
        return None;
    }
    // Go converts integers to texts, and between numbers; only then does it say what it could not convert.
    let is_convertible = match (ty, value) {
        (Type::String, Value::Number(number)) => !number.is_f64(),
        (Type::Int32 | Type::Int64, Value::Number(_)) => true,
        _ => false,
    };
    Some(if is_convertible {
        format!("cannot convert {} to {go_type}", gotext::type_name(value))
    } else {
        format!("unrecognized type: {}", ty.go_type())
    })
}

/// `reflect.Kind` of a decoded value.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
        other => gotext::type_name(other),
    }
}

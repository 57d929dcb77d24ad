//! Turns JSON schemas and markers into the compiled [`Schema`].

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::markers::{self, Markers, TypeMarkers};
use super::{Field, MergeKey, Schema, Served, Struct, StructId, Type};

/// Where references point to.
const PREFIX: &str = "#/components/schemas/";

pub(super) fn compile(definitions: &Map<String, Value>, served: &[Served]) -> Schema {
    let is_struct = |schema: &Value| schema.get("properties").is_some();
    let names: Vec<&String> =
        definitions.iter().filter(|(_, schema)| is_struct(schema)).map(|(name, _)| name).collect();
    let by_name: HashMap<Box<str>, StructId> =
        (0..).zip(&names).map(|(index, name)| (name.as_str().into(), StructId(index))).collect();
    let markers = markers::table();
    let (none, implicit) = (TypeMarkers::default(), markers::implicit());
    let compiled = |name: &&String| {
        let of_type = markers.get(markers::short_name(name)).unwrap_or(&none);
        let implicit = implicit.get(markers::short_name(name)).map_or(&[][..], Vec::as_slice);
        compile_struct(name, &definitions[name.as_str()], of_type, implicit, &by_name)
    };
    let structs = names.iter().map(compiled).collect();
    let kinds = served.iter().map(|served| (served.kind.clone(), by_name[served.definition.as_str()])).collect();
    Schema { structs, by_name, kinds }
}

fn compile_struct(
    name: &str,
    schema: &Value,
    markers: &TypeMarkers,
    implicit: &[(&str, Value)],
    ids: &HashMap<Box<str>, StructId>,
) -> Struct {
    let properties = schema["properties"].as_object().expect("a struct has properties");
    let none = Markers::default();
    let mut fields: Vec<Field> = properties
        .iter()
        .map(|(name, schema)| {
            let of_field = markers.fields.get(name.as_str()).unwrap_or(&none);
            let mut field = compile_field(name, compile_type(schema, ids), of_field);
            field.implicit = implicit.iter().find(|(of, _)| of == name).map(|(_, value)| value.clone());
            field
        })
        .collect();
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    let implicit = (0..fields.len()).filter(|index| fields[*index].implicit.is_some()).collect();
    Struct { name: name.into(), fields, atomic: markers.atomic, implicit }
}

fn compile_field(name: &str, ty: Type, markers: &Markers) -> Field {
    let merge: Option<MergeKey> = markers.merge.clone().filter(|_| matches!(ty, Type::List(_)));
    Field {
        name: name.into(),
        ty,
        list: markers.list.clone(),
        merge,
        retain_keys: markers.retain_keys,
        atomic: markers.atomic,
        implicit: None,
        patch_strategy: markers.patch_strategy.map(Box::from),
        go_type: markers.go_type.map(Box::from),
    }
}

fn compile_type(schema: &Value, ids: &HashMap<Box<str>, StructId>) -> Type {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return compile_reference(reference.trim_start_matches(PREFIX), ids);
    }
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    match (schema.get("type").and_then(Value::as_str).unwrap_or_default(), format) {
        ("string", "byte") => Type::Bytes,
        ("string", _) => Type::String,
        ("integer", "int32") => Type::Int32,
        ("integer", _) => Type::Int64,
        ("boolean", _) => Type::Bool,
        ("number", _) => Type::Number,
        ("array", _) => Type::List(Box::new(compile_type(&schema["items"], ids))),
        ("object", _) if schema.get("additionalProperties").is_some_and(Value::is_object) => {
            Type::Map(Box::new(compile_type(&schema["additionalProperties"], ids)))
        }
        _ => Type::Any,
    }
}

/// References lead to structs, save for the types that have a JSON form of their own.
fn compile_reference(name: &str, ids: &HashMap<Box<str>, StructId>) -> Type {
    match name.rsplit('.').next().unwrap_or_default() {
        "Quantity" => Type::Quantity,
        "IntOrString" => Type::IntOrString,
        "Time" => Type::Time,
        "MicroTime" => Type::MicroTime,
        _ => ids.get(name).map_or(Type::Any, |id| Type::Struct(*id)),
    }
}

//! OpenAPI v2 as gnostic's protobuf (`OpenAPIv2.proto`), for kubectl up to 1.28: the definitions, and for each
//! resource a path whose patch has the query parameters that kubectl looks for (`dryRun`, `fieldValidation`).
//!
//! Only what kubectl reads is written; the field numbers stand beside each use.

use api::Kind;
use serde_json::{Map, Value};

use super::{Resource, group_version_kind, paths};

/// Writes one protobuf message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn bytes(mut self, number: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(number) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, number: u32, text: &str) -> Self {
        self.bytes(number, text.as_bytes())
    }

    fn message(self, number: u32, message: &Message) -> Self {
        self.bytes(number, &message.0)
    }

    fn flag(mut self, number: u32) -> Self {
        self.varint(u64::from(number) << 3);
        self.varint(1);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// Document { swagger = 1, info = 2 { title = 1, version = 2 }, paths = 8, definitions = 9 }.
pub(super) fn document(definitions: &Map<String, Value>, resources: &[Resource], version: &str) -> Vec<u8> {
    let info = Message::default().text(1, "Kubernetes").text(2, version);
    let document = Message::default().text(1, "2.0").message(2, &info);
    // Paths { path = 2: NamedPathItem { name = 1, value = 2 } }
    let paths = resources.iter().fold(Message::default(), |paths, resource| {
        let path = format!("{}/{{name}}", paths::collection_path(resource));
        paths.message(2, &Message::default().text(1, &path).message(2, &path_item(&resource.kind)))
    });
    // Definitions { additional_properties = 1: NamedSchema }
    let schemas = definitions.iter().fold(Message::default(), |all, (name, definition)| {
        let rewritten = for_v2(name, definition);
        all.message(1, &named_schema(name, rewritten.as_ref().unwrap_or(definition)))
    });
    document.message(8, &paths).message(9, &schemas).0
}

/// PathItem { patch = 8: Operation { parameters = 8, vendor_extension = 13 } }.
fn path_item(kind: &Kind) -> Message {
    let operation = paths::patch_parameters().iter().fold(Message::default(), |operation, name| {
        // ParametersItem.parameter(1) . non_body_parameter(2) . query_parameter_sub_schema(3) { in=2, name=4, type=6 }
        let query = Message::default().text(2, "query").text(4, name).text(6, paths::query_type(name));
        let non_body = Message::default().message(3, &query);
        let parameter = Message::default().message(2, &non_body);
        operation.message(8, &Message::default().message(1, &parameter))
    });
    let gvk = extension("x-kubernetes-group-version-kind", &group_version_kind(kind));
    Message::default().message(8, &operation.message(13, &gvk))
}

/// v2 knows no `oneOf`: quantities are text, and an int-or-string is text of that format.
fn for_v2(name: &str, definition: &Value) -> Option<Value> {
    definition.get("oneOf")?;
    let mut plain = serde_json::json!({"type": "string", "description": definition["description"]});
    if name.ends_with(".IntOrString") {
        plain["format"] = "int-or-string".into();
    }
    Some(plain)
}

/// NamedSchema { name = 1, value = 2 }.
fn named_schema(name: &str, value: &Value) -> Message {
    Message::default().text(1, name).message(2, &schema(value))
}

/// Schema { $ref = 1, format = 2, description = 4, required = 19, additional_properties = 21, type = 22, items = 23,
/// properties = 25, vendor_extension = 31 }.
fn schema(value: &Value) -> Message {
    let mut out = Message::default();
    let reference = value.get("$ref").or_else(|| value.pointer("/allOf/0/$ref")).and_then(Value::as_str);
    if let Some(reference) = reference {
        out = out.text(1, &reference.replace("#/components/schemas/", "#/definitions/"));
    }
    for (number, name) in [(2, "format"), (4, "description")] {
        if let Some(text) = value.get(name).and_then(Value::as_str) {
            out = out.text(number, text);
        }
    }
    for name in value.get("required").and_then(Value::as_array).into_iter().flatten() {
        out = out.text(19, name.as_str().unwrap_or_default());
    }
    out = match value.get("additionalProperties") {
        Some(Value::Bool(true)) => out.message(21, &Message::default().flag(2)),
        Some(of @ Value::Object(_)) => out.message(21, &Message::default().message(1, &schema(of))),
        _ => out,
    };
    if let Some(ty) = value.get("type").and_then(Value::as_str) {
        out = out.message(22, &Message::default().text(1, ty));
    }
    if let Some(items) = value.get("items") {
        out = out.message(23, &Message::default().message(1, &schema(items)));
    }
    if let Some(Value::Object(properties)) = value.get("properties") {
        let all = properties.iter().fold(Message::default(), |all, (name, of)| all.message(1, &named_schema(name, of)));
        out = out.message(25, &all);
    }
    extensions(value, out)
}

fn extensions(value: &Value, out: Message) -> Message {
    let Value::Object(map) = value else { return out };
    let extensions = map.iter().filter(|(name, _)| name.starts_with("x-kubernetes-"));
    extensions.fold(out, |out, (name, value)| out.message(31, &extension(name, value)))
}

/// NamedAny { name = 1, value = 2: Any { yaml = 2 } }; JSON is YAML.
fn extension(name: &str, value: &Value) -> Message {
    let any = Message::default().text(2, &value.to_string());
    Message::default().text(1, name).message(2, &any)
}

//! OpenAPI v2 as JSON, for `kubectl get --raw /openapi/v2` and generators of clients: what the v3 documents say, in v2's
//! words. Made when it is asked for; kubectl itself asks for the protobuf of [`super::v2`].

use serde_json::{Map, Value, json};

/// The document that all v3 documents make together.
pub(super) fn document<'a>(documents: impl Iterator<Item = &'a [u8]>, version: &str) -> Value {
    let (mut definitions, mut paths) = (Map::new(), Map::new());
    for bytes in documents {
        let mut v3: Value = serde_json::from_slice(bytes).expect("the v3 documents are JSON");
        for (name, definition) in members(v3["components"]["schemas"].take()) {
            let definition = schema(definition, &name);
            definitions.insert(name, definition);
        }
        paths.extend(members(v3["paths"].take()).map(|(path, item)| (path, path_item(item))));
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "definitions": definitions,
        "securityDefinitions": {
            "BearerToken": {"description": "Bearer Token authentication", "in": "header", "name": "authorization", "type": "apiKey"},
        },
        "security": [{"BearerToken": []}],
    })
}

fn members(value: Value) -> impl Iterator<Item = (String, Value)> {
    let map = if let Value::Object(map) = value { map } else { Map::new() };
    map.into_iter()
}

/// A schema. v2 has references with a description, no `oneOf`, and no defaults of structs.
fn schema(value: Value, name: &str) -> Value {
    let Value::Object(mut map) = value else { return value };
    map.remove("default");
    if map.remove("oneOf").is_some() {
        map.insert("type".to_owned(), "string".into());
        if name.ends_with("Quantity") {
            map.remove("format");
        }
    }
    if let Some(Value::Array(mut all)) = map.remove("allOf")
        && let Some(Value::Object(reference)) = all.pop()
    {
        map.extend(reference);
    }
    if let Some(Value::String(reference)) = map.get_mut("$ref") {
        *reference = reference.replace("#/components/schemas/", "#/definitions/");
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(value) = map.remove(nested) {
            map.insert(nested.to_owned(), schema(value, ""));
        }
    }
    if let Some(properties) = map.remove("properties") {
        let properties: Map<_, _> = members(properties).map(|(name, value)| (name, schema(value, ""))).collect();
        map.insert("properties".to_owned(), properties.into());
    }
    map.into()
}

fn path_item(item: Value) -> Value {
    let converted = members(item).map(|(name, value)| {
        let value = if name == "parameters" { parameters(value) } else { operation(value) };
        (name, value)
    });
    Value::Object(converted.collect())
}

fn parameters(list: Value) -> Value {
    let Value::Array(list) = list else { return json!([]) };
    let flat = list.into_iter().map(|mut parameter| {
        let schema = parameter["schema"].take();
        let Value::Object(mut map) = parameter else { return parameter };
        map.remove("schema");
        map.extend(members(schema));
        map.into()
    });
    flat.collect()
}

fn operation(mut operation: Value) -> Value {
    let mut all = parameters(operation["parameters"].take());
    let body = operation.as_object_mut().and_then(|map| map.remove("requestBody"));
    if let (Some(mut body), Some(all)) = (body, all.as_array_mut()) {
        let required = body["required"] == true;
        let consumes: Vec<Value> = members(body["content"].clone()).map(|(media, _)| media.into()).collect();
        let of = members(body["content"].take()).next().map(|(_, mut media)| schema(media["schema"].take(), ""));
        let mut parameter = json!({"in": "body", "name": "body", "schema": of});
        if required {
            parameter["required"] = true.into();
        }
        all.insert(0, parameter);
        operation["consumes"] = consumes.into();
    }
    operation["parameters"] = all;
    operation["produces"] = json!(["application/json", "application/yaml"]);
    operation["schemes"] = json!(["https"]);
    let responses = members(operation["responses"].take()).map(|(code, mut response)| {
        let of = response["content"]["application/json"]["schema"].take();
        let mut flat = json!({"description": response["description"].take()});
        if !of.is_null() {
            flat["schema"] = schema(of, "");
        }
        (code, flat)
    });
    operation["responses"] = Value::Object(responses.collect());
    operation
}

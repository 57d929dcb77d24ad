//! Writes a JSON tree as YAML, for clients that accept `application/yaml`.
//!
//! Pure. Plain scalars are used only for text that no YAML 1.1 or 1.2 reader takes for anything else; all other text is
//! double-quoted as JSON quotes it, which YAML reads alike. Maps come out sorted by key.

use std::io::Write;

use serde_json::Value;

/// Encodes a value as one YAML document.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut out),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut out),
        other => {
            scalar(other, &mut out);
            out.push(b'\n');
        }
    }
    out
}

fn block(value: &Value, indent: usize, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            for (position, (key, member)) in map.iter().enumerate() {
                // The first entry of a map within a list stands on the line of the dash.
                if position > 0 || !out.ends_with(b"- ") {
                    pad(indent, out);
                }
                text(key, out);
                out.push(b':');
                nested(member, indent, out);
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                if position > 0 || !out.ends_with(b"- ") {
                    pad(indent, out);
                }
                out.extend_from_slice(b"- ");
                if is_block(item) {
                    block(item, indent + 2, out);
                } else {
                    scalar(item, out);
                    out.push(b'\n');
                }
            }
        }
        _ => scalar(value, out),
    }
}

fn nested(member: &Value, indent: usize, out: &mut Vec<u8>) {
    if !is_block(member) {
        out.push(b' ');
        scalar(member, out);
        out.push(b'\n');
        return;
    }
    out.push(b'\n');
    // Lists stand at the indent of their key, as kubectl prints them.
    block(member, if member.is_array() { indent } else { indent + 2 }, out);
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn pad(indent: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + indent, b' ');
}

fn scalar(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(content) => text(content, out),
        other => write!(out, "{other}").expect("writing to a Vec cannot fail"),
    }
}

fn text(content: &str, out: &mut Vec<u8>) {
    if is_plain(content) {
        out.extend_from_slice(content.as_bytes());
    } else {
        serde_json::to_writer(out, content).expect("text is JSON, and writing to a Vec cannot fail");
    }
}

/// Whether text reads as text, unquoted, under every YAML version.
fn is_plain(content: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let mut letters = content.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'/')
        && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
        && !WORDS.iter().any(|word| content.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use machinery::decode;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn maps_and_lists_stand_as_kubectl_prints_them() {
        let value =
            json!({"kind": "Job", "spec": {"a": [{"b": 1, "c": ["yes", ""]}, [], [1, [2]]], "d": {}, "e": null}});
        let expected = "kind: Job\nspec:\n  a:\n  - b: 1\n    c:\n    - \"yes\"\n    - \"\"\n  - []\n  - - 1\n    - - 2\n  d: {}\n  e: null\n";
        assert_eq!(String::from_utf8(encode(&value)).unwrap(), expected);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "(yes|0644|1e3|~|- a|a: b|#x|\\.inf|0x1f|=|<<|2024-01-01|\n|\t)".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z~0-9: ]{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in tree()) {
            let encoded = encode(&value);
            let decoded = decode::yaml(&encoded).map_err(|error| TestCaseError::fail(format!("{error}\n{}", String::from_utf8_lossy(&encoded))))?;
            prop_assert_eq!(decoded.value, value);
        }
    }
}

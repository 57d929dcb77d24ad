//! `FieldsV1`: a set as nested JSON objects, byte for byte as upstream writes it
//! (`structured-merge-diff/fieldpath/serialize.go`, `serialize-pe.go`).

use serde_json::{Map, Value};

use crate::element::{Name, PathElement};
use crate::set::{Node, Set};

impl Set {
    /// The set as `FieldsV1`.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(64 + 24 * self.nodes().len());
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        write_nodes(self, false, out);
    }

    /// Reads `FieldsV1`.
    ///
    /// # Errors
    /// When it is no object of objects, or a key is no path element.
    pub fn from_json(fields: &Value) -> Result<Set, String> {
        Ok(read(fields)?.0)
    }
}

fn write_nodes(set: &Set, with_self: bool, out: &mut String) {
    out.push('{');
    let mut first = true;
    if with_self {
        out.push_str("\".\":{}");
        first = false;
    }
    let mut text = String::new();
    for node in set.nodes() {
        if !std::mem::replace(&mut first, false) {
            out.push(',');
        }
        text.clear();
        element_text(&node.element, &mut text);
        quoted(&text, out);
        out.push(':');
        match &node.children {
            None => out.push_str("{}"),
            Some(children) => write_nodes(children, node.member, out),
        }
    }
    out.push('}');
}

/// Returns the set, and whether the place it was read from is a member itself.
fn read(fields: &Value) -> Result<(Set, bool), String> {
    let none = Map::new();
    let entries = match fields {
        Value::Object(entries) => entries,
        Value::Null => &none,
        _ => return Err("managedFields parsing: expected an object".to_owned()),
    };
    let (mut nodes, mut member) = (Vec::with_capacity(entries.len()), false);
    for (key, below) in entries {
        if key == "." {
            member = true;
        } else if let Some(element) = parse(key)? {
            let (children, is_member) = read(below)?;
            nodes.push(Node::new(element, is_member, children));
        }
    }
    // Texts have another order than elements, so that nodes put in one by one would move many.
    let set = Set::from_nodes(nodes);
    member |= set.is_empty();
    Ok((set, member))
}

fn element_text(element: &PathElement, out: &mut String) {
    match element {
        PathElement::Field(name) => {
            out.push_str("f:");
            out.push_str(name);
        }
        PathElement::Key(fields) => {
            out.push_str("k:{");
            for (position, (name, value)) in fields.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                quoted(name, out);
                out.push(':');
                scalar(value, out);
            }
            out.push('}');
        }
        PathElement::Value(value) => {
            out.push_str("v:");
            scalar(value, out);
        }
        PathElement::Index(index) => {
            out.push_str("i:");
            out.push_str(&index.to_string());
        }
    }
}

/// A value as `encoding/json` writes it: with `<`, `>` and `&` escaped.
fn scalar(value: &Value, out: &mut String) {
    for letter in value.to_string().chars() {
        match letter {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            letter => out.push(letter),
        }
    }
}

fn quoted(text: &str, out: &mut String) {
    let plain = !text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// Reads a path element. `None` for a kind that a later version may know: upstream drops those.
fn parse(text: &str) -> Result<Option<PathElement>, String> {
    if text.len() < 2 {
        return Err("parsing key as path element: key must be 2 characters long:".to_owned());
    }
    let bytes = text.as_bytes();
    if bytes[1] != b':' {
        return Err(format!("parsing key as path element: missing colon: {text}"));
    }
    let rest = &text[2..];
    let broken = |error: serde_json::Error| format!("parsing key as path element: {error}");
    Ok(Some(match bytes[0] {
        b'f' => PathElement::field(rest),
        b'v' => PathElement::value(serde_json::from_str(rest).map_err(broken)?),
        b'k' => {
            let fields: Map<String, Value> = serde_json::from_str(rest).map_err(broken)?;
            PathElement::key(fields.into_iter().map(|(name, value)| (Name::from(name.as_str()), value)).collect())
        }
        b'i' => PathElement::Index(
            rest.parse()
                .map_err(|_| format!("parsing key as path element: strconv.Atoi: parsing {rest:?}: invalid syntax"))?,
        ),
        _ => return Ok(None),
    }))
}

//! The file: TOML whose keys are those of [`super::KEYS`] and nothing else.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, Value};

use super::{KEYS, Key, Kind};

/// Reads it; nothing when it is not there.
pub(super) fn read(path: &Path, home: Option<&Path>) -> Result<Vec<(&'static Key, String)>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    parse(&text, home).map_err(|(line, message)| format!("{}:{line}: {message}", path.display()))
}

/// The keys and values of a text; or a line, and what is wrong there.
pub(super) fn parse(text: &str, home: Option<&Path>) -> Result<Vec<(&'static Key, String)>, (usize, String)> {
    let line = |span: Option<Range<usize>>| {
        let end = span.map_or(0, |span| span.start).min(text.len());
        text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count() + 1
    };
    let document = Document::parse(text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        (line(error.span()), message)
    })?;
    let mut values = Vec::new();
    for (name, item) in document.as_table().iter() {
        let at = document.as_table().key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            return Err((line(at), format!("unknown key {name:?}; known are {}", known.join(", "))));
        };
        let value = value_of(key.kind, item).and_then(|text| key.kind.check(&text, home));
        values.push((key, value.map_err(|wrong| (line(item.span().or(at)), format!("{name} {wrong}")))?));
    }
    Ok(values)
}

/// The value as text, if it is of the type that the key has.
fn value_of(kind: Kind, item: &Item) -> Result<String, String> {
    match (kind, item) {
        (Kind::YesOrNo, Item::Value(Value::Boolean(flag))) => Ok(flag.value().to_string()),
        (Kind::YesOrNo, _) => Err(format!("must be true or false, not {}", type_of(item))),
        // A bare number of runs says all.
        (Kind::Limits, Item::Value(Value::Integer(number))) => Ok(number.value().to_string()),
        (_, Item::Value(Value::String(text))) => Ok(text.value().clone()),
        _ => Err(format!("must be {} in quotes, not {}", kind.wanted(), type_of(item))),
    }
}

fn type_of(item: &Item) -> &'static str {
    match item {
        Item::Value(Value::Boolean(_)) => "a boolean",
        Item::Value(Value::Integer(_) | Value::Float(_)) => "a number",
        Item::Value(Value::String(_)) => "text",
        Item::Value(Value::Array(_)) | Item::ArrayOfTables(_) => "a list",
        Item::Value(Value::Datetime(_)) => "a date",
        Item::Value(Value::InlineTable(_)) | Item::Table(_) => "a table",
        Item::None => "nothing",
    }
}

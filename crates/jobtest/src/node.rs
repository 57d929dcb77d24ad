//! YAML whose every key and value knows its place, and a reader that is strict: each field is taken by name and kind, and
//! what nobody took is an error.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::de::{self, Deserialize, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_yaml::{DuplicateKeyPolicy, Options, Spanned};

use crate::words;

/// Line and column, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// What is wrong in a file, where, and in which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) place: Place,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Place, Node)>),
}

/// Reads all documents of a text; empty ones are passed over.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, Bad> {
    let options: Options = serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        legacy_octal_numbers: true,
        strict_booleans: false,
        with_snippet: false,
    };
    let raw: Vec<Spanned<Raw>> =
        serde_yaml::from_multiple_with_options(text, options).map_err(|error| broken(&error))?;
    Ok(raw.into_iter().map(Node::from).filter(|node| !matches!(node.shape, Shape::Null)).collect())
}

fn broken(error: &serde_yaml::Error) -> Bad {
    let error = error.without_snippet();
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).lines().next().unwrap_or_default().to_owned();
    let place =
        error.location().map_or(Place { line: 1, column: 1 }, |at| Place { line: at.line(), column: at.column() });
    Bad { place, field: "YAML".to_owned(), message }
}

fn place(at: &serde_yaml::Location) -> Place {
    Place { line: at.line(), column: at.column() }
}

impl From<Spanned<Raw>> for Node {
    fn from(raw: Spanned<Raw>) -> Self {
        let shape = match raw.value {
            Raw::Null => Shape::Null,
            Raw::Bool(flag) => Shape::Bool(flag),
            Raw::Number(number) => Shape::Number(number),
            Raw::Text(text) => Shape::Text(text),
            Raw::List(items) => Shape::List(items.into_iter().map(Self::from).collect()),
            Raw::Map(entries) => {
                let entry = |(key, value): (Spanned<String>, Spanned<Raw>)| {
                    (key.value, place(&key.referenced), Self::from(value))
                };
                Shape::Map(entries.into_iter().map(entry).collect())
            }
        };
        Self { place: place(&raw.referenced), shape }
    }
}

impl Node {
    fn name(&self) -> &'static str {
        match self.shape {
            Shape::Null => "nothing",
            Shape::Bool(_) => "a boolean",
            Shape::Number(_) => "a number",
            Shape::Text(_) => "text",
            Shape::List(_) => "a list",
            Shape::Map(_) => "an object",
        }
    }

    /// The value without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.shape {
            Shape::Null => Value::Null,
            Shape::Bool(flag) => Value::Bool(*flag),
            Shape::Number(number) => Value::Number(number.clone()),
            Shape::Text(text) => Value::String(text.clone()),
            Shape::List(items) => items.iter().map(Self::to_value).collect(),
            Shape::Map(entries) => entries.iter().map(|(key, _, node)| (key.clone(), node.to_value())).collect(),
        }
    }
}

/// A node and the path of fields that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: String,
}

type Read<T> = Result<T, Bad>;

impl<'a> Field<'a> {
    /// The root of a document.
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    pub(crate) fn line(&self) -> u64 {
        self.node.place.line
    }

    /// An error about this value.
    pub(crate) fn bad(&self, message: impl Into<String>) -> Bad {
        let field = if self.path.is_empty() { "the document".to_owned() } else { self.path.clone() };
        Bad { place: self.node.place, field, message: message.into() }
    }

    fn want<T>(&self, wanted: &str) -> Read<T> {
        let shown = match &self.node.shape {
            Shape::Text(text) => format!("{text:?}"),
            Shape::Number(number) => number.to_string(),
            Shape::Bool(flag) => flag.to_string(),
            _ => self.node.name().to_owned(),
        };
        Err(self.bad(format!("must be {wanted}, not {shown}")))
    }

    pub(crate) fn text(&self) -> Read<String> {
        match &self.node.shape {
            Shape::Text(text) => Ok(text.clone()),
            _ => self.want("text"),
        }
    }

    pub(crate) fn flag(&self) -> Read<bool> {
        match self.node.shape {
            Shape::Bool(flag) => Ok(flag),
            _ => self.want("true or false"),
        }
    }

    pub(crate) fn count(&self) -> Read<u32> {
        match &self.node.shape {
            Shape::Number(number) => match number.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => Ok(number),
                None => self.want("a whole number from 0"),
            },
            _ => self.want("a whole number from 0"),
        }
    }

    /// Text, or a number written as text would be.
    pub(crate) fn word(&self) -> Read<String> {
        match &self.node.shape {
            Shape::Text(text) => Ok(text.clone()),
            Shape::Number(number) => Ok(number.to_string()),
            _ => self.want("a word or a number"),
        }
    }

    pub(crate) fn duration(&self) -> Read<SignedDuration> {
        let wanted = "a duration such as 90s or 1h30m";
        words::duration(&self.word().or_else(|_| self.want(wanted))?).map_or_else(|| self.want(wanted), Ok)
    }

    pub(crate) fn time(&self) -> Read<Timestamp> {
        let wanted = "a time such as 2026-03-01T00:55:00Z";
        match &self.node.shape {
            Shape::Text(text) => text.parse().or_else(|_| self.want(wanted)),
            _ => self.want(wanted),
        }
    }

    /// One of some words.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Read<T> {
        let text = self.word().unwrap_or_default();
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.want(&format!("one of {}", list.join(", ")))
    }

    /// What a parser makes of a word.
    pub(crate) fn parsed<T>(&self, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Read<T> {
        match self.word().ok().as_deref().and_then(parse) {
            Some(value) => Ok(value),
            None => self.want(wanted),
        }
    }

    pub(crate) fn list(&self) -> Read<Vec<Field<'a>>> {
        match &self.node.shape {
            Shape::List(items) => {
                let item = |(index, node)| Field { node, path: format!("{}[{index}]", self.path) };
                Ok(items.iter().enumerate().map(item).collect())
            }
            _ => self.want("a list"),
        }
    }

    /// A list, or one value that stands for a list of one.
    pub(crate) fn one_or_more(&self) -> Read<Vec<Field<'a>>> {
        if matches!(self.node.shape, Shape::List(_)) { self.list() } else { Ok(vec![self.clone()]) }
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.node.shape, Shape::Text(_))
    }

    /// An object whose keys are names of the user's.
    pub(crate) fn entries(&self) -> Read<Vec<(String, Field<'a>)>> {
        match &self.node.shape {
            Shape::Map(entries) => {
                let entry = |(key, _, node): &'a (String, Place, Node)| {
                    (key.clone(), Field { node, path: format!("{}[{key:?}]", self.path) })
                };
                Ok(entries.iter().map(entry).collect())
            }
            _ => self.want("an object"),
        }
    }

    /// An object of known fields.
    pub(crate) fn fields(&self) -> Read<Fields<'a>> {
        match &self.node.shape {
            Shape::Map(entries) => Ok(Fields {
                path: self.path.clone(),
                place: self.node.place,
                left: entries.iter().collect(),
                known: Vec::new(),
            }),
            _ => self.want("an object"),
        }
    }
}

/// The fields of an object that nobody has taken yet.
pub(crate) struct Fields<'a> {
    path: String,
    place: Place,
    left: Vec<&'a (String, Place, Node)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Takes a field; one that says `null` is not there.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.known.push(name);
        let position = self.left.iter().position(|(key, _, _)| key == name)?;
        let (_, _, node) = self.left.remove(position);
        (!matches!(node.shape, Shape::Null)).then(|| Field { node, path: self.child(name) })
    }

    /// Takes a field that must be there.
    pub(crate) fn need(&mut self, name: &'static str) -> Read<Field<'a>> {
        let field = self.child(name);
        let missing = Bad { place: self.place, field, message: "is required".to_owned() };
        if let Some(field) = self.take(name) {
            return Ok(field);
        }
        let slip = self.left.iter().find(|(key, _, _)| words::nearest(key, &[name]).is_some());
        Err(slip.map_or(missing, |(key, place, _)| Bad {
            place: *place,
            field: self.child(key),
            message: format!("unknown field; did you mean {name}?"),
        }))
    }

    /// Takes a field and reads it, if it is there.
    pub(crate) fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&Field<'a>) -> Read<T>) -> Read<Option<T>> {
        self.take(name).map(|field| read(&field)).transpose()
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whatever was not taken is unknown.
    pub(crate) fn finish(self) -> Read<()> {
        let Some((key, place, _)) = self.left.first() else { return Ok(()) };
        let near = words::nearest(key, &self.known).map(|near| format!("; did you mean {near}?"));
        let message = near.map_or_else(
            || format!("unknown field; known here: {}", self.known.join(", ")),
            |near| format!("unknown field{near}"),
        );
        Err(Bad { place: *place, field: self.child(key), message })
    }
}

#[derive(Debug)]
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

struct RawVisitor;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Raw, E> {
        Number::from_f64(number).map(Raw::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

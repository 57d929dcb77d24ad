//! One step of a path through an object: a field, an item of an associative list, a member of a set, a position.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Number, Value};

/// Text that is either part of the program (the names of a schema's fields) or shared.
#[derive(Clone)]
pub enum Name {
    /// A name of the schema.
    Static(&'static str),
    /// A name out of an object, such as a label's key.
    Shared(Arc<str>),
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::Shared(text.into())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

/// One step of a path.
#[derive(Clone, Debug)]
pub enum PathElement {
    /// A field of a struct or an entry of a map.
    Field(Name),
    /// The item of an associative list with these values in its key fields, ordered by their names.
    Key(Arc<[(Name, Value)]>),
    /// A member of a set.
    Value(Arc<Value>),
    /// A position in a list.
    Index(i64),
}

/// Where a field stands, from the top of the object.
pub type Path = Vec<PathElement>;

impl PathElement {
    /// A field of that name.
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    /// An item with these values in its key fields, in any order.
    pub fn key(mut fields: Vec<(Name, Value)>) -> Self {
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Key(fields.into())
    }

    /// An item with this value in its only key field.
    pub fn single_key(name: Name, value: Value) -> Self {
        Self::Key(Arc::new([(name, value)]))
    }

    /// A member of a set.
    pub fn value(value: Value) -> Self {
        Self::Value(Arc::new(value))
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PathElement {}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => {
                let differs = |(a, b): (&(Name, Value), &(Name, Value))| {
                    let order = a.0.cmp(&b.0).then_with(|| order(&a.1, &b.1));
                    (order != Ordering::Equal).then_some(order)
                };
                a.iter().zip(b.iter()).find_map(differs).unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Self::Value(a), Self::Value(b)) => order(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Hash for PathElement {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Self::Field(name) => name.hash(state),
            Self::Key(fields) => fields.iter().for_each(|(name, value)| {
                name.hash(state);
                hash_value(value, state);
            }),
            Self::Value(value) => hash_value(value, state),
            Self::Index(index) => index.hash(state),
        }
    }
}

/// Values that are equal hash alike; of numbers, lists and maps, which are rare in paths, many do.
fn hash_value<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::String(text) => text.hash(state),
        Value::Bool(truth) => truth.hash(state),
        Value::Number(number) => number.as_i64().hash(state),
        Value::Array(items) => items.len().hash(state),
        Value::Object(_) | Value::Null => {}
    }
}

/// The total order of values: numbers, text, truth values, lists, maps, null.
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Number(_) => 0_u8,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    };
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let differs = a.iter().zip(b).map(|(a, b)| order(a, b)).find(|order| *order != Ordering::Equal);
            differs.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        // Maps stand in no path; any order will do that is one.
        (Value::Object(_), Value::Object(_)) => a.to_string().cmp(&b.to_string()),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// By value. Integers that one float stands for are told apart, and the float is the one that it is: an order that were
/// not total would be no order to sort by.
fn numbers(a: &Number, b: &Number) -> Ordering {
    let float = |number: &Number| number.as_f64().unwrap_or_default();
    let exact = |number: &Number| number.as_i128().unwrap_or_else(|| float(number) as i128);
    let order = float(a).partial_cmp(&float(b)).unwrap_or(Ordering::Equal);
    order.then_with(|| exact(a).cmp(&exact(b)))
}

impl fmt::Display for PathElement {
    /// As conflicts name it: `.spec`, `[name="pi"]`, `[="a"]`, `[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{}", &**name),
            Self::Key(fields) => {
                f.write_char('[')?;
                for (position, (name, value)) in fields.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    write!(f, "{comma}{}={value}", &**name)?;
                }
                f.write_char(']')
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A path as conflicts name it: `.spec.template.spec.containers[name="pi"].image`.
pub fn show(path: &[PathElement]) -> String {
    path.iter().map(PathElement::to_string).collect()
}

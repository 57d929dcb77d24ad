//! kubectl's JSONPath templates: text, `{.paths}`, `{range}...{end}`, filters, unions, slices, recursive descent.
//!
//! After `k8s.io/client-go/util/jsonpath`, of which these habits are kept: `$` and `@` both mean the current object,
//! several results of one path are parted by a space, a missing key gives nothing, and what is no scalar is shown as
//! JSON.

mod parse;

use std::cmp::Ordering;

use serde_json::Value;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Part>);

/// Why a template cannot be parsed or evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonPathError {
    /// The template is no JSONPath.
    #[error("error parsing jsonpath {template}, {why}")]
    Parse {
        /// The template.
        template: String,
        /// What is wrong with it.
        why: String,
    },
    /// An index lies outside the list.
    #[error("array index out of bounds: index {index}, length {length}")]
    OutOfBounds {
        /// The index as written.
        index: i64,
        /// The length of the list.
        length: usize,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Path(Path),
    Range(Path, Vec<Part>),
}

type Path = Vec<Step>;

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// Every element of a list, every value of a map.
    Wildcard,
    /// The value and all below it.
    Descend,
    /// Several keys or indexes.
    Union(Vec<Key>),
    Slice(Option<i64>, Option<i64>, i64),
    Filter(Operand, Option<(Comparison, Operand)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Key {
    Name(String),
    Index(i64),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(Path),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Template {
    /// Parses a template such as `{.items[*].metadata.name}`.
    ///
    /// # Errors
    /// Where the text is no template.
    pub(crate) fn parse(text: &str) -> Result<Self, JsonPathError> {
        parse::template(text)
            .map(Self)
            .map_err(|why| JsonPathError::Parse { template: text.to_owned(), why: why.to_owned() })
    }

    /// Parses what `custom-columns`, `--sort-by` and `wait` take: `{.x}`, `.x` or `x`.
    ///
    /// # Errors
    /// Where the text is no path.
    pub(crate) fn relaxed(text: &str) -> Result<Self, JsonPathError> {
        let inner = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text.trim());
        let path = inner.strip_prefix('$').unwrap_or(inner);
        let dot = if path.starts_with(['.', '[']) || path.is_empty() { "" } else { "." };
        Self::parse(&format!("{{{dot}{path}}}"))
    }

    /// Renders the template over a value.
    ///
    /// # Errors
    /// An index out of bounds.
    pub(crate) fn render(&self, root: &Value) -> Result<String, JsonPathError> {
        let mut text = String::new();
        render(&self.0, root, &mut text)?;
        Ok(text)
    }

    /// All values that the template's paths find, for `jsonpath-as-json` and custom columns.
    ///
    /// # Errors
    /// An index out of bounds.
    pub(crate) fn find(&self, root: &Value) -> Result<Vec<Value>, JsonPathError> {
        let mut found = Vec::new();
        collect(&self.0, root, &mut found)?;
        Ok(found)
    }
}

fn render(parts: &[Part], current: &Value, text: &mut String) -> Result<(), JsonPathError> {
    for part in parts {
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Path(path) => {
                let found = walk(path, vec![current])?;
                text.push_str(&found.into_iter().map(show).collect::<Vec<_>>().join(" "));
            }
            Part::Range(path, body) => {
                for item in walk(path, vec![current])? {
                    render(body, item, text)?;
                }
            }
        }
    }
    Ok(())
}

fn collect(parts: &[Part], current: &Value, found: &mut Vec<Value>) -> Result<(), JsonPathError> {
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Path(path) => found.extend(walk(path, vec![current])?.into_iter().cloned()),
            Part::Range(path, body) => {
                for item in walk(path, vec![current])? {
                    collect(body, item, found)?;
                }
            }
        }
    }
    Ok(())
}

/// A value as a template shows it.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn walk<'v>(path: &[Step], mut values: Vec<&'v Value>) -> Result<Vec<&'v Value>, JsonPathError> {
    for step in path {
        let mut next = Vec::new();
        for value in values {
            take(step, value, &mut next)?;
        }
        values = next;
    }
    Ok(values)
}

fn take<'v>(step: &Step, value: &'v Value, into: &mut Vec<&'v Value>) -> Result<(), JsonPathError> {
    match step {
        Step::Field(name) => into.extend(value.get(name)),
        Step::Wildcard => into.extend(children(value)),
        Step::Descend => descend(value, into),
        Step::Union(keys) => {
            for key in keys {
                match key {
                    Key::Name(name) => into.extend(value.get(name)),
                    Key::Index(index) => into.extend(element(value, *index)?),
                }
            }
        }
        Step::Slice(from, to, step) => into.extend(slice(value, *from, *to, *step)),
        Step::Filter(left, condition) => {
            for child in children(value) {
                if holds(child, left, condition.as_ref())? {
                    into.push(child);
                }
            }
        }
    }
    Ok(())
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn descend<'v>(value: &'v Value, into: &mut Vec<&'v Value>) {
    into.push(value);
    for child in children(value) {
        descend(child, into);
    }
}

fn element(value: &Value, index: i64) -> Result<Option<&Value>, JsonPathError> {
    let Some(items) = value.as_array() else { return Ok(None) };
    let length = items.len();
    let position = if index < 0 { index + length as i64 } else { index };
    match usize::try_from(position).ok().and_then(|position| items.get(position)) {
        Some(item) => Ok(Some(item)),
        None => Err(JsonPathError::OutOfBounds { index, length }),
    }
}

fn slice(value: &Value, from: Option<i64>, to: Option<i64>, step: i64) -> Vec<&Value> {
    let Some(items) = value.as_array() else { return Vec::new() };
    let length = items.len() as i64;
    let bound = |position: i64| if position < 0 { position + length } else { position }.clamp(0, length) as usize;
    let (from, to) = (bound(from.unwrap_or(0)), bound(to.unwrap_or(length)));
    items.get(from..to).unwrap_or_default().iter().step_by(step.max(1) as usize).collect()
}

fn holds(child: &Value, left: &Operand, condition: Option<&(Comparison, Operand)>) -> Result<bool, JsonPathError> {
    let left = operand(left, child)?;
    let Some((comparison, right)) = condition else { return Ok(left.is_some()) };
    let right = operand(right, child)?;
    let (Some(left), Some(right)) = (left, right) else { return Ok(false) };
    let ordering = compare(&left, &right);
    Ok(match comparison {
        Comparison::Equal => ordering == Some(Ordering::Equal),
        Comparison::NotEqual => ordering != Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn operand(operand: &Operand, current: &Value) -> Result<Option<Value>, JsonPathError> {
    match operand {
        Operand::Literal(value) => Ok(Some(value.clone())),
        Operand::Path(path) => Ok(walk(path, vec![current])?.first().map(|value| (*value).clone())),
    }
}

/// Orders two scalars of one kind; values of different kinds have no order.
pub(crate) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (left, right) => (left == right).then_some(Ordering::Equal),
    }
}

#[cfg(test)]
mod tests;

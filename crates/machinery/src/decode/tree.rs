//! Builds a value from any serde format, within a bound of memory, and notes the keys that occur twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::budget::{Budget, Exhausted};
use super::{MAX_DEPTH, MAX_STRICT_ERRORS, Path};

/// What is noted while a document is read.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The keys that occur twice.
    pub strict_errors: Vec<String>,
    /// What is left of the tree's bound.
    pub budget: Budget,
    /// Whether something lay deeper than [`MAX_DEPTH`] and was left out.
    pub pruned: bool,
}

/// Reads one value at one place of the document.
pub(super) struct Seed<'a> {
    path: Path<'a>,
    depth: usize,
    /// YAML has one kind of number: `1.0` is the integer 1, as upstream's conversion to JSON makes it.
    whole_floats_are_integers: bool,
    notes: &'a mut Notes,
}

impl<'a> Seed<'a> {
    pub(super) fn new(notes: &'a mut Notes, whole_floats_are_integers: bool) -> Self {
        Self { path: Path::Root, depth: 0, whole_floats_are_integers, notes }
    }

    fn at<'b>(&'b mut self, path: Path<'b>) -> Seed<'b> {
        let whole_floats_are_integers = self.whole_floats_are_integers;
        Seed { path, depth: self.depth + 1, whole_floats_are_integers, notes: self.notes }
    }

    /// Whether lists and maps are left out here: no field of any kind lies so deep.
    fn is_too_deep(&mut self) -> bool {
        let too_deep = self.depth >= MAX_DEPTH;
        self.notes.pruned |= too_deep;
        too_deep
    }
}

fn exhausted<E: Error>(_: Exhausted) -> E {
    E::custom("the document has too many parts")
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        /// Below this every whole float is an exact integer.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if self.whole_floats_are_integers && value.fract() == 0.0 && value.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            return Ok((value as i64).into());
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.notes.budget.text(value.len()).map_err(exhausted)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.notes.budget.text(value.len()).map_err(exhausted)?;
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        if self.is_too_deep() {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut list = Vec::new();
        let path = self.path;
        while let Some(item) = items.next_element_seed(self.at(Path::Index(&path, list.len())))? {
            self.notes.budget.item().map_err(exhausted)?;
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        if self.is_too_deep() {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(Value::Null);
        }
        let mut map = Map::new();
        let path = self.path;
        while let Some(key) = entries.next_key::<String>()? {
            self.notes.budget.entry(map.len(), &key).map_err(exhausted)?;
            let value = entries.next_value_seed(self.at(Path::Field(&path, &key)))?;
            if map.contains_key(&key) && self.notes.strict_errors.len() < MAX_STRICT_ERRORS {
                let error = format!("duplicate field {:?}", path.member(&key));
                if !self.notes.strict_errors.contains(&error) {
                    self.notes.strict_errors.push(error);
                }
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

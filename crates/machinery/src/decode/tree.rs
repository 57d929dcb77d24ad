//! Builds a value from any serde format and notes the keys that occur twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{MAX_DEPTH, MAX_STRICT_ERRORS, Path};

/// Reads one value at one place of the document.
pub(super) struct Seed<'a> {
    path: Path<'a>,
    depth: usize,
    /// YAML has one kind of number: `1.0` is the integer 1, as upstream's conversion to JSON makes it.
    whole_floats_are_integers: bool,
    errors: &'a mut Vec<String>,
}

impl<'a> Seed<'a> {
    pub(super) fn new(errors: &'a mut Vec<String>, whole_floats_are_integers: bool) -> Self {
        Self { path: Path::Root, depth: 0, whole_floats_are_integers, errors }
    }

    fn at<'b>(&'b mut self, path: Path<'b>) -> Seed<'b> {
        let whole_floats_are_integers = self.whole_floats_are_integers;
        Seed { path, depth: self.depth + 1, whole_floats_are_integers, errors: self.errors }
    }

    fn enter<E: Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH { Ok(()) } else { Err(E::custom("exceeded max depth")) }
    }
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
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
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
        self.enter()?;
        let mut list = Vec::new();
        let path = self.path;
        while let Some(item) = items.next_element_seed(self.at(Path::Index(&path, list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut map = Map::new();
        let path = self.path;
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.at(Path::Field(&path, &key)))?;
            if map.contains_key(&key) && self.errors.len() < MAX_STRICT_ERRORS {
                let error = format!("duplicate field {:?}", path.member(&key));
                if !self.errors.contains(&error) {
                    self.errors.push(error);
                }
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

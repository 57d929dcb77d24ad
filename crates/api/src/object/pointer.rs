//! Reads one field out of JSON bytes without building the rest: what field selectors do for every event.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Reads the value at a JSON pointer through maps (`/spec/nodeName`); lists and escapes are not needed by selectors.
pub(super) fn read(bytes: &[u8], pointer: &str) -> Option<Value> {
    let path: Vec<&str> = pointer.strip_prefix('/')?.split('/').collect();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Step { path: &path }.deserialize(&mut deserializer).ok().flatten()
}

struct Step<'a> {
    path: &'a [&'a str],
}

impl<'de> DeserializeSeed<'de> for Step<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.path.is_empty() {
            return Value::deserialize(deserializer).map(Some);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if Some(&key.as_ref()) == self.path.first() {
                found = map.next_value_seed(Step { path: &self.path[1..] })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_reads_what_is_there_and_nothing_else() {
        let bytes = br#"{"a":{"b":[1,{"c":2}],"d":"x","e":null},"f":true}"#;
        assert_eq!(read(bytes, "/a/d"), Some(Value::from("x")));
        assert_eq!(read(bytes, "/f"), Some(Value::from(true)));
        assert_eq!(read(bytes, "/a/e/g"), None);
        assert_eq!(read(bytes, "/a/missing"), None);
        assert_eq!(read(bytes, "/f/below"), None);
    }
}

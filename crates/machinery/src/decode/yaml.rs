//! YAML, tuned to what upstream's decoder (`sigs.k8s.io/yaml`, YAML 1.1 habits) makes of a document.

use serde::de::DeserializeSeed;
use serde_json::Value;
use serde_yaml::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use super::tree;

/// The deepest nesting of a document: the parser takes some 20 KiB of stack a level in a debug build, and a thread has
/// 2 MiB.
const MAX_DEPTH: usize = 48;

/// The most events (scalars, starts and ends) that a document may have once its aliases are expanded.
const MAX_EVENTS: usize = 2_000_000;

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! { max_depth: MAX_DEPTH, max_events: MAX_EVENTS },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        legacy_octal_numbers: true,
        strict_booleans: false,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 100_000 },
        with_snippet: false,
    }
}

/// Reads the one document of a text; the error has line and column.
pub(super) fn document(text: &str, strict_errors: &mut Vec<String>) -> Result<Value, String> {
    let read =
        |deserializer: serde_yaml::Deserializer<'_, '_>| tree::Seed::new(strict_errors, true).deserialize(deserializer);
    serde_yaml::with_deserializer_from_str_with_options(text, options(), read).map_err(|error| error.to_string())
}

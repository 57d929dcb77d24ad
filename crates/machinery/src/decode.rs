//! From a request's bytes to a value: JSON, YAML or protobuf, and what strict decoding holds against the bytes.
//!
//! This module knows nothing of schemas: unknown fields and wrong types are found by [`crate::strict`], afterwards.
//! What only the bytes can show, a field that occurs twice, is found here.
//!
//! Invariant: whatever the bytes, decoding ends in a value or an error; depth is bounded in every format.

mod budget;
mod go_json;
mod path;
#[cfg(test)]
mod tests;
mod tree;
mod yaml;

use std::fmt::Write as _;

use api::{Kind, Reason, Status};
use serde::de::DeserializeSeed;
use serde_json::Value;

pub(crate) use budget::{Budget, Exhausted, json_bytes};
pub use budget::{MAX_TREE_BYTES, tree_bytes};
pub(crate) use path::Path;

use crate::protobuf;

/// The deepest nesting that is decoded. No served kind goes beyond 30 levels, so what lies deeper is part of an unknown
/// field: JSON is read on to upstream's 10,000 levels, and left out. Protobuf that goes deeper is an error.
///
/// Differs: YAML that goes deeper than 48 levels is an error here; upstream's bound is 10,000 there as well.
pub const MAX_DEPTH: usize = 64;

/// The most strict errors that are kept, as upstream's decoder does.
pub const MAX_STRICT_ERRORS: usize = 100;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
}

impl MediaType {
    /// Reads a `Content-Type` header. None, or an empty one, means JSON: kubectl 1.20 sends some bodies so.
    ///
    /// # Errors
    /// 415 for a type that is not served, in upstream's words.
    pub fn parse(content_type: Option<&str>) -> Result<Self, Status> {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "" | "application/json" => Ok(Self::Json),
            "application/yaml" => Ok(Self::Yaml),
            "application/vnd.kubernetes.protobuf" => Ok(Self::Protobuf),
            _ => Err(unsupported_media_type()),
        }
    }
}

/// 415, naming the accepted types (`negotiation.errNotAcceptableType`'s sibling for bodies).
pub fn unsupported_media_type() -> Status {
    let message = "the body of the request was in an unknown format - accepted media types include: \
                   application/json, application/yaml, application/vnd.kubernetes.protobuf";
    Status::failure(415, Reason::UNSUPPORTED_MEDIA_TYPE, message)
}

/// A decoded body.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The value; of a field that occurs twice, the last.
    pub value: Value,
    /// `duplicate field "spec.completions"`, once per field, at most [`MAX_STRICT_ERRORS`].
    pub strict_errors: Vec<String>,
}

/// Why bytes are no value.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not JSON.
    #[error("couldn't get version/kind; json parse error: {0}")]
    Json(String),
    /// The bytes are not YAML; the text has line and column.
    #[error("error converting YAML to JSON: yaml: {0}")]
    Yaml(String),
    /// The tree would take more than [`MAX_TREE_BYTES`].
    #[error("Request entity too large: the body has too many parts")]
    TooLarge,
    /// The bytes are not the protobuf of a known kind.
    #[error(transparent)]
    Protobuf(#[from] protobuf::ProtobufError),
}

impl DecodeError {
    /// 400, as upstream words a body that it cannot read: with the kind that was wanted and the first bytes in hex
    /// (`transformDecodeError` and `summarizeData` of the apiserver's handlers).
    pub fn status(&self, expected_kind: &str, body: &[u8]) -> Status {
        if matches!(self, Self::TooLarge | Self::Protobuf(protobuf::ProtobufError::TooLarge)) {
            return Status::failure(413, Reason::TOO_LARGE, self.to_string());
        }
        let summary = summarize(body);
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {expected_kind}): {self} ({summary})"
        ))
    }
}

/// Up to thirty bytes: as text when they begin an object, else in hex.
fn summarize(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    if body.is_empty() {
        return "<empty>".to_owned();
    }
    let shown = &body[..body.len().min(SHOWN)];
    let mut text = String::with_capacity(2 * SHOWN + 4);
    if body[0] == b'{' {
        text.push_str(&String::from_utf8_lossy(shown));
    } else {
        for byte in shown {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        }
    }
    if body.len() > SHOWN {
        text.push_str(" ...");
    }
    text
}

/// Decodes a body of any media type.
///
/// # Errors
/// When the bytes are malformed, nested too deeply, or protobuf of an unknown kind.
pub fn decode(body: &[u8], media_type: MediaType) -> Result<Decoded, DecodeError> {
    match media_type {
        MediaType::Json => json(body),
        MediaType::Yaml => yaml(body),
        MediaType::Protobuf => Ok(Decoded { value: protobuf::decode(body)?, strict_errors: Vec::new() }),
    }
}

/// Decodes a body for a handler that knows which kind it wants: the errors are ready to be sent.
///
/// # Errors
/// 415 for an unknown media type, 400 for a body that cannot be read.
pub fn decode_as(expected: &Kind, body: &[u8], content_type: Option<&str>) -> Result<Decoded, Status> {
    let media_type = MediaType::parse(content_type)?;
    decode(body, media_type).map_err(|error| error.status(&expected.kind, body))
}

/// Decodes JSON.
///
/// # Errors
/// When the bytes are not one JSON value, nested deeper than upstream allows, or too much once decoded.
pub fn json(body: &[u8]) -> Result<Decoded, DecodeError> {
    let mut notes = tree::Notes::default();
    match json_tree(body, &mut notes) {
        Ok(value) => {
            if notes.pruned {
                go_json::check(body).map_err(DecodeError::Json)?;
            }
            Ok(Decoded { value, strict_errors: notes.strict_errors })
        }
        Err(_) if notes.budget.is_exhausted() => Err(DecodeError::TooLarge),
        Err(_) => {
            go_json::check(body).map_err(DecodeError::Json)?;
            // It is JSON to Go: text that is not Unicode, which Go replaces, or a number out of all range.
            let mut notes = tree::Notes::default();
            let value = json_tree(&go_json::mend(body), &mut notes);
            let value = value.map_err(|error| DecodeError::Json(error.to_string()))?;
            Ok(Decoded { value, strict_errors: notes.strict_errors })
        }
    }
}

fn json_tree(body: &[u8], notes: &mut tree::Notes) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = tree::Seed::new(notes, false).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Decodes one YAML document, with the YAML 1.1 habits that Kubernetes keeps: `yes` is true, `0644` is 420. Documents
/// after the first are not looked at, as upstream does.
///
/// # Errors
/// When the bytes are no YAML, nested too deeply, expand beyond the budget for aliases, or are too much once decoded.
pub fn yaml(body: &[u8]) -> Result<Decoded, DecodeError> {
    let text = std::str::from_utf8(body).map_err(|_| DecodeError::Yaml("invalid UTF-8".to_owned()))?;
    let mut notes = tree::Notes::default();
    match yaml::document(text, &mut notes) {
        Ok(value) => Ok(Decoded { value, strict_errors: notes.strict_errors }),
        Err(_) if notes.budget.is_exhausted() => Err(DecodeError::TooLarge),
        Err(error) => Err(DecodeError::Yaml(error)),
    }
}

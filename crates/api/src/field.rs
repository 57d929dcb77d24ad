//! Field errors, as upstream's validation words them (`k8s.io/apimachinery/pkg/util/validation/field/errors.go`).

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use crate::status::Cause;

/// The kind of a field error; decides the wording and the cause's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// A value that must be present is absent.
    Required,
    /// The value breaks a rule.
    Invalid,
    /// The value is none of the allowed ones.
    NotSupported,
    /// The value occurs twice where it may occur once.
    Duplicate,
    /// The value must not be set.
    Forbidden,
    /// The text is too long.
    TooLong,
    /// There are too many items.
    TooMany,
    /// The value has the wrong type.
    TypeInvalid,
    /// What the value names does not exist.
    NotFound,
}

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// The kind of error.
    pub error_type: ErrorType,
    /// The field's path: `spec.template.spec.containers[0].name`.
    pub field: String,
    /// The text after the path.
    pub body: String,
}

/// A path into an object, built while walking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

impl Path {
    /// A top-level field.
    pub fn new(root: &str) -> Self {
        Self(root.to_owned())
    }

    /// A field of this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let separator = if self.0.is_empty() { "" } else { "." };
        self.with(&[separator, name])
    }

    /// An item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        // Most lists are short: their numbers are one digit, which is written without the machinery of `format!`.
        match u8::try_from(index) {
            Ok(index @ 0..=9) => self.with(&["[", DIGITS[usize::from(index)], "]"]),
            _ => self.with(&["[", &index.to_string(), "]"]),
        }
    }

    /// An entry of this map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(&["[", key, "]"])
    }

    /// Paths are built for every field that is looked at, wrong or not, so this takes one allocation and no formatting.
    fn with(&self, parts: &[&str]) -> Self {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut path = String::with_capacity(self.0.len() + length);
        path.push_str(&self.0);
        parts.iter().for_each(|part| path.push_str(part));
        Self(path)
    }

    /// `FIELD: Required value[: DETAIL]`.
    pub fn required(&self, detail: &str) -> FieldError {
        let body = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        self.error(ErrorType::Required, body)
    }

    /// `FIELD: Invalid value: VALUE: DETAIL`.
    pub fn invalid(&self, value: impl Into<Value>, detail: impl fmt::Display) -> FieldError {
        self.error(ErrorType::Invalid, format!("Invalid value: {}: {detail}", show(&value.into())))
    }

    /// `FIELD: Unsupported value: VALUE: supported values: "A", "B"`.
    pub fn not_supported(&self, value: impl Into<Value>, supported: &[&str]) -> FieldError {
        let quoted: Vec<String> = supported.iter().map(|text| go_quoted(text)).collect();
        let body = format!("Unsupported value: {}: supported values: {}", show(&value.into()), quoted.join(", "));
        self.error(ErrorType::NotSupported, body)
    }

    /// `FIELD: Duplicate value: VALUE`.
    pub fn duplicate(&self, value: impl Into<Value>) -> FieldError {
        self.error(ErrorType::Duplicate, format!("Duplicate value: {}", show(&value.into())))
    }

    /// `FIELD: Forbidden: DETAIL`.
    pub fn forbidden(&self, detail: impl fmt::Display) -> FieldError {
        self.error(ErrorType::Forbidden, format!("Forbidden: {detail}"))
    }

    /// `FIELD: Too long: may not be more than MAX bytes`.
    pub fn too_long(&self, max_bytes: usize) -> FieldError {
        self.error(ErrorType::TooLong, format!("Too long: may not be more than {max_bytes} bytes"))
    }

    /// `FIELD: Too many: ACTUAL: must have at most MAX items`.
    pub fn too_many(&self, actual: usize, max_items: usize) -> FieldError {
        let plural = if max_items == 1 { "" } else { "s" };
        let body = format!("Too many: {actual}: must have at most {max_items} item{plural}");
        self.error(ErrorType::TooMany, body)
    }

    /// `FIELD: Not found: VALUE`.
    pub fn not_found(&self, value: impl Into<Value>) -> FieldError {
        self.error(ErrorType::NotFound, format!("Not found: {}", show(&value.into())))
    }

    fn error(&self, error_type: ErrorType, body: String) -> FieldError {
        FieldError { error_type, field: self.0.clone(), body }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values are shown as upstream shows them: text quoted, numbers bare, the rest as JSON.
fn show(value: &Value) -> String {
    match value {
        Value::String(text) => go_quoted(text),
        other => go_json(other),
    }
}

/// Text as Go's `%q` prints it.
pub fn go_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0b' => quoted.push_str("\\v"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\0'..='\x1f' | '\x7f' => quoted.push_str(&format!("\\x{:02x}", letter as u32)),
            '\u{80}'..='\u{a0}' | '\u{ad}' | '\u{2028}' | '\u{2029}' => {
                quoted.push_str(&format!("\\u{:04x}", letter as u32));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A value as Go's `json.Marshal` writes it: maps ordered by key, and what HTML takes for markup escaped.
pub fn go_json(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escaped.push_str(&format!("\\u{:04x}", letter as u32)),
            other => escaped.push(other),
        }
    }
    escaped
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body)
    }
}

impl FieldError {
    fn reason(&self) -> &'static str {
        match self.error_type {
            ErrorType::Required => "FieldValueRequired",
            ErrorType::Invalid => "FieldValueInvalid",
            ErrorType::NotSupported => "FieldValueNotSupported",
            ErrorType::Duplicate => "FieldValueDuplicate",
            ErrorType::Forbidden => "FieldValueForbidden",
            ErrorType::TooLong => "FieldValueTooLong",
            ErrorType::TooMany => "FieldValueTooMany",
            ErrorType::TypeInvalid => "FieldValueTypeInvalid",
            ErrorType::NotFound => "FieldValueNotFound",
        }
    }
}

/// All that is wrong with one object, in the order found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// No errors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Whether the object is valid.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The causes of the `Status`.
    pub fn causes(&self) -> Vec<Cause> {
        let cause = |error: &FieldError| Cause {
            reason: error.reason().to_owned(),
            message: error.body.clone(),
            field: error.field.clone(),
        };
        self.0.iter().map(cause).collect()
    }
}

impl Extend<FieldError> for FieldErrors {
    fn extend<T: IntoIterator<Item = FieldError>>(&mut self, errors: T) {
        self.0.extend(errors);
    }
}

impl IntoIterator for FieldErrors {
    type Item = FieldError;
    type IntoIter = std::vec::IntoIter<FieldError>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for FieldErrors {
    /// One error stands bare; several stand in brackets, without repeats, as upstream's aggregate prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = HashSet::with_capacity(self.0.len());
        let mut texts: Vec<String> = self.0.iter().map(FieldError::to_string).collect();
        texts.retain(|text| seen.insert(text.clone()));
        match texts.as_slice() {
            [one] => f.write_str(one),
            many => write!(f, "[{}]", many.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        assert_eq!(go_quoted("a\"\\\u{7}\u{1}\u{7f}\u{a0}é'"), "\"a\\\"\\\\\\a\\x01\\x7f\\u00a0é'\"");
        assert_eq!(go_json(&serde_json::json!({"b": "<&>", "a": 1})), "{\"a\":1,\"b\":\"\\u003c\\u0026\\u003e\"}");
    }

    #[test]
    fn errors_read_as_upstream_words_them() {
        let spec = Path::new("spec");
        let mut errors = FieldErrors::new();
        errors.push(spec.child("completions").invalid(-1, "must be greater than or equal to 0"));
        assert_eq!(errors.to_string(), "spec.completions: Invalid value: -1: must be greater than or equal to 0");
        errors.push(spec.child("containers").index(0).child("name").required(""));
        assert_eq!(
            errors.to_string(),
            "[spec.completions: Invalid value: -1: must be greater than or equal to 0, \
             spec.containers[0].name: Required value]"
        );
        assert_eq!(errors.causes()[1].reason, "FieldValueRequired");
        let unsupported = spec.child("completionMode").not_supported("x", &["Indexed", "NonIndexed"]);
        assert_eq!(
            unsupported.to_string(),
            "spec.completionMode: Unsupported value: \"x\": supported values: \"Indexed\", \"NonIndexed\""
        );
    }
}

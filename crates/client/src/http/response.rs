//! From bytes to what the API answered: objects, lists, `Status`, watch messages and warnings. Pure.
//!
//! Items of a list carry no `apiVersion` and `kind` on the wire; they are filled in from the list, so that an object
//! looks the same however it was read.

use std::borrow::Cow;
use std::sync::Arc;

use api::object::ObjectError;
use api::{Object, ObjectList, Reason, Response, Revision, Status, WatchEvent};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;

/// The text of an error answer that is no `Status` is cut here.
const MAX_ERROR_TEXT: usize = 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peek<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawList<'a> {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    r#continue: Option<String>,
    remaining_item_count: Option<u64>,
}

/// Decodes a successful answer.
pub(crate) fn decode(status: StatusCode, bytes: Bytes) -> Result<Response, Error> {
    let peek: Peek<'_> = serde_json::from_slice(&bytes).map_err(Error::Decode)?;
    if peek.kind == "Status" {
        return Ok(Response::Status(serde_json::from_slice(&bytes).map_err(Error::Decode)?));
    }
    if peek.kind.ends_with("List") {
        return Ok(Response::List(list(&bytes)?));
    }
    let object = Arc::new(Object::from_bytes(bytes).map_err(object_error)?);
    Ok(Response::Object { object, created: status == StatusCode::CREATED })
}

fn list(bytes: &[u8]) -> Result<ObjectList, Error> {
    let raw: RawList<'_> = serde_json::from_slice(bytes).map_err(Error::Decode)?;
    let kind = raw.kind.strip_suffix("List").unwrap_or_default();
    let items = raw.items.unwrap_or_default();
    let items = items.into_iter().map(|item| list_item(item, &raw.api_version, kind));
    Ok(ObjectList {
        items: items.collect::<Result<_, _>>()?,
        api_version: raw.api_version,
        kind: raw.kind,
        revision: Revision(raw.metadata.resource_version.parse().unwrap_or(0)),
        continue_token: raw.metadata.r#continue.filter(|token| !token.is_empty()),
        remaining: raw.metadata.remaining_item_count,
    })
}

/// An item of a list, in bytes of its own, so that one item kept does not keep the whole list.
fn list_item(item: &RawValue, api_version: &str, kind: &str) -> Result<Arc<Object>, Error> {
    let text = item.get();
    let peek: Peek<'_> = serde_json::from_str(text).map_err(Error::Decode)?;
    let untyped = peek.api_version.is_empty() && peek.kind.is_empty() && !kind.is_empty();
    let bytes = if untyped { with_type(text, api_version, kind) } else { text.to_owned() };
    Object::from_bytes(Bytes::from(bytes)).map(Arc::new).map_err(object_error)
}

/// Puts `apiVersion` and `kind` in front of an object's other fields.
fn with_type(object: &str, api_version: &str, kind: &str) -> String {
    let fields = object.trim_start().strip_prefix('{').unwrap_or_default();
    let comma = if fields.trim_start().starts_with('}') { "" } else { "," };
    let (api_version, kind) = (serde_json::Value::from(api_version), serde_json::Value::from(kind));
    format!("{{\"apiVersion\":{api_version},\"kind\":{kind}{comma}{fields}")
}

/// The `Status` of an answer that is an error; made up from code and text when the body is none.
pub(crate) fn failure(code: StatusCode, bytes: &[u8]) -> Status {
    if let Ok(status) = serde_json::from_slice::<Status>(bytes)
        && status.status == "Failure"
    {
        return status;
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_ERROR_TEXT)]);
    let text = text.trim();
    let message = if text.is_empty() { format!("the server answered {code}") } else { text.to_owned() };
    Status::failure(code.as_u16(), reason(code), message)
}

fn reason(code: StatusCode) -> Reason {
    match code.as_u16() {
        400 => Reason::BAD_REQUEST,
        401 => Reason::UNAUTHORIZED,
        403 => Reason::FORBIDDEN,
        404 => Reason::NOT_FOUND,
        405 => Reason::METHOD_NOT_ALLOWED,
        406 => Reason::NOT_ACCEPTABLE,
        409 => Reason::CONFLICT,
        410 => Reason::GONE,
        413 => Reason::TOO_LARGE,
        415 => Reason::UNSUPPORTED_MEDIA_TYPE,
        422 => Reason::INVALID,
        429 => Reason::TOO_MANY_REQUESTS,
        503 => Reason::UNAVAILABLE,
        504 => Reason::TIMEOUT,
        _ => Reason::INTERNAL,
    }
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BookmarkMeta {
    resource_version: String,
    annotations: std::collections::HashMap<String, String>,
}

/// Decodes one line of a watch; the object shares the line's bytes.
pub(crate) fn watch_event(line: &Bytes) -> Result<WatchEvent, Error> {
    let raw: RawEvent<'_> = serde_json::from_slice(line).map_err(Error::Decode)?;
    let text = raw.object.get();
    let object = || Object::from_bytes(line.slice_ref(text.as_bytes())).map(Arc::new).map_err(object_error);
    match &*raw.r#type {
        "ADDED" => Ok(WatchEvent::Added(object()?)),
        "MODIFIED" => Ok(WatchEvent::Modified(object()?)),
        "DELETED" => Ok(WatchEvent::Deleted(object()?)),
        "BOOKMARK" => {
            let bookmark: Bookmark = serde_json::from_str(text).map_err(Error::Decode)?;
            let revision = Revision(bookmark.metadata.resource_version.parse().unwrap_or(0));
            let end = bookmark.metadata.annotations.get("k8s.io/initial-events-end");
            Ok(WatchEvent::Bookmark { revision, initial_events_end: end.is_some_and(|value| value == "true") })
        }
        "ERROR" => Ok(WatchEvent::Error(serde_json::from_str(text).map_err(Error::Decode)?)),
        _ => Err(Error::Unexpected("a watch message of an unknown type")),
    }
}

/// The texts of `Warning` headers (`299 - "text"`, several to a header), without repeats.
pub(crate) fn warnings(headers: &HeaderMap) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for value in headers.get_all(header::WARNING) {
        let mut rest = String::from_utf8_lossy(value.as_bytes()).into_owned();
        while let Some((text, after)) = quoted(&rest) {
            if !warnings.contains(&text) {
                warnings.push(text);
            }
            rest = after;
        }
    }
    warnings
}

/// The first quoted text with its escapes undone, and what comes after it.
fn quoted(text: &str) -> Option<(String, String)> {
    let start = text.find('"')? + 1;
    let (mut unescaped, mut letters) = (String::new(), text[start..].char_indices());
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return Some((unescaped, text[start + index + 1..].to_owned())),
            '\\' => unescaped.extend(letters.next().map(|(_, escaped)| escaped)),
            other => unescaped.push(other),
        }
    }
    None
}

fn object_error(error: ObjectError) -> Error {
    match error {
        ObjectError::Decode(error) => Error::Decode(error),
    }
}

#[cfg(test)]
mod tests;

//! Responses: status code, headers and body, put together in one place.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use api::Status;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER, VARY, WARNING};
use http::{HeaderName, Response, StatusCode};

use super::limits::RETRY_AFTER_SECONDS;
use super::payload::Payload;

/// JSON.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// YAML.
pub(super) const YAML: HeaderValue = HeaderValue::from_static("application/yaml");
/// Text for people.
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Logs.
pub(super) const LOG: HeaderValue = HeaderValue::from_static("text/plain");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-cache, private");
const AUDIT_ID: HeaderName = HeaderName::from_static("audit-id");

/// Beyond so many bytes of warnings in one response the rest is left out, each cut to its share
/// (`filters/warning.go` of the apiserver).
const MAX_WARNING_BYTES: usize = 4 * 1024;

/// A response with the headers that every response has.
pub(super) fn respond(code: StatusCode, content_type: HeaderValue, payload: impl Into<Payload>) -> Response<Payload> {
    let mut response = Response::new(payload.into());
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// A `Status` as a response. The code of a success that does not say one is `success_code`.
pub(super) fn status(status: &Status, success_code: StatusCode) -> Response<Payload> {
    let code = StatusCode::from_u16(status.code).ok().filter(|_| status.code >= 200).unwrap_or(success_code);
    let body = serde_json::to_vec(&status.to_value()).expect("a Status is plain data");
    let mut response = respond(code, JSON, Bytes::from(body));
    let seconds = status.details.as_ref().and_then(|details| details.retry_after_seconds);
    // An eviction that a budget refuses has details but no time: then the client is to decide when it asks again.
    let overload = code == StatusCode::TOO_MANY_REQUESTS && status.details.is_none();
    let seconds = seconds.or(overload.then_some(RETRY_AFTER_SECONDS));
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Adds one `Warning` header per text; repeated texts are sent once.
pub(super) fn warn(response: &mut Response<Payload>, warnings: &[String]) {
    let mut left = MAX_WARNING_BYTES;
    for (position, text) in warnings.iter().enumerate() {
        let value = warning(text);
        if warnings[..position].contains(text) || value.len() > left {
            continue;
        }
        left -= value.len();
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

/// `299 - "text"`, quoted as RFC 9110 quotes strings; control characters become spaces.
fn warning(text: &str) -> Vec<u8> {
    let mut value = b"299 - \"".to_vec();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => value.extend_from_slice(&[b'\\', byte]),
            control if control.is_ascii_control() => value.push(b' '),
            other => value.push(other),
        }
    }
    value.push(b'"');
    value
}

/// A document that the client may have already: 304 when it does.
pub(super) fn cacheable(
    bytes: &Bytes,
    etag: &str,
    content_type: HeaderValue,
    if_none_match: Option<&str>,
) -> Response<Payload> {
    let known = if_none_match == Some(etag);
    let (code, bytes) = if known { (StatusCode::NOT_MODIFIED, Bytes::new()) } else { (StatusCode::OK, bytes.clone()) };
    let mut response = respond(code, content_type, bytes);
    if known {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// Makes `Audit-Id` values: unique within and across servers, not secret.
#[derive(Debug)]
pub(super) struct AuditIds {
    server: u64,
    count: AtomicU64,
}

impl Default for AuditIds {
    fn default() -> Self {
        Self { server: RandomState::new().build_hasher().finish(), count: AtomicU64::new(1) }
    }
}

impl AuditIds {
    /// Marks a response.
    pub(super) fn mark(&self, response: &mut Response<Payload>) {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        if let Ok(value) = HeaderValue::from_bytes(&self.uuid(count)) {
            response.headers_mut().insert(AUDIT_ID, value);
        }
    }

    /// In the form of a random UUID: the server's 64 bits, then the request's.
    fn uuid(&self, count: u64) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bits =
            (u128::from(self.server) << 64 | u128::from(count)) & !(0xF << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62;
        let mut text = [b'-'; 36];
        let places = (0..36).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
        for (digit, place) in places.enumerate() {
            text[place] = DIGITS[(bits >> (124 - 4 * digit)) as usize & 0xF];
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_quoted_and_bounded() {
        assert_eq!(warning("a \"b\" \\ \n é"), "299 - \"a \\\"b\\\" \\\\   é\"".as_bytes());
        let mut response = respond(StatusCode::OK, JSON, Bytes::new());
        let texts = vec!["same".to_owned(), "same".to_owned(), "x".repeat(5_000), "last".to_owned()];
        warn(&mut response, &texts);
        let sent: Vec<_> = response.headers().get_all(WARNING).iter().collect();
        assert_eq!(sent, ["299 - \"same\"", "299 - \"last\""]);
    }

    #[test]
    fn audit_ids_are_distinct_uuids() {
        let ids = AuditIds { server: 0xffff_ffff_ffff_ffff, count: AtomicU64::new(1) };
        assert_eq!(&ids.uuid(1), b"ffffffff-ffff-4fff-8000-000000000001");
        assert_ne!(ids.uuid(2), ids.uuid(3));
    }

    #[test]
    fn overload_says_when_to_come_back() {
        let refused = Status::failure(429, api::Reason::TOO_MANY_REQUESTS, "later");
        assert_eq!(status(&refused, StatusCode::OK).headers()[RETRY_AFTER], "1");
        let done = Status::success(&api::resource::JOBS, "a", "u");
        assert_eq!(status(&done, StatusCode::OK).status(), StatusCode::OK);
    }
}

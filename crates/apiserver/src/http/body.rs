//! Request bodies: read whole, within limits, and decoded by their media type.
//!
//! Nothing here looks at a schema; duplicate fields found while decoding travel on in `Request.strict_errors`.

use std::fmt;
use std::time::Duration;

use api::{Body, Kind, PatchType, Reason, Status};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use machinery::decode::{self, DecodeError, MediaType};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::limits::{BODY_TIMEOUT, DISCARD_TIMEOUT, MAX_BODY_BYTES, MAX_DISCARDED_BYTES, MAX_FREE_BODY_BYTES};
use super::memory::Memory;

/// A body that was read whole, and its place among the large ones.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// The bytes.
    pub bytes: Bytes,
    _place: Option<OwnedSemaphorePermit>,
}

/// Reads a whole body.
///
/// # Errors
/// 413 when it is too long, 504 when it takes too long, 400 when the client breaks off.
pub(super) async fn read(body: Incoming, memory: &Memory) -> Result<Whole, Status> {
    read_within(body, memory, BODY_TIMEOUT).await
}

/// Reads a whole body that comes in time.
async fn read_within<B>(mut body: B, memory: &Memory, patience: Duration) -> Result<Whole, Status>
where
    B: http_body::Body<Data = Bytes, Error: fmt::Display> + Unpin + Send + 'static,
{
    if body.is_end_stream() {
        return Ok(Whole::default());
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let result = if announced > MAX_BODY_BYTES {
        Err(too_large())
    } else {
        timeout(patience, collect(&mut body, announced, memory)).await.unwrap_or_else(|_| Err(timed_out()))
    };
    if matches!(&result, Err(status) if status.code == 413) {
        // A client that is still sending would see a reset instead of the answer.
        tokio::spawn(timeout(DISCARD_TIMEOUT, discard(body)));
    }
    result
}

async fn collect<B>(body: &mut B, announced: usize, memory: &Memory) -> Result<Whole, Status>
where
    B: http_body::Body<Data = Bytes, Error: fmt::Display> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut place = None;
    while let Some(frame) = body.frame().await {
        let broken = |error: B::Error| Status::bad_request(format!("error reading request body: {error}"));
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        let bytes = first.len() + rest.len() + data.len();
        if bytes > MAX_BODY_BYTES {
            return Err(too_large());
        }
        if bytes > MAX_FREE_BODY_BYTES && place.is_none() {
            place = Some(memory.large_body().await?);
            rest.reserve(announced.max(bytes) - rest.len());
        }
        // Most bodies are one frame, which is then used as it is.
        match (first.is_empty(), rest.is_empty()) {
            (true, true) => first = data,
            (false, _) => {
                rest.extend_from_slice(&std::mem::take(&mut first));
                rest.extend_from_slice(&data);
            }
            (true, false) => rest.extend_from_slice(&data),
        }
    }
    Ok(Whole { bytes: if rest.is_empty() { first } else { rest.freeze() }, _place: place })
}

async fn discard<B: http_body::Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = MAX_DISCARDED_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(remaining) => left = remaining,
            None => return,
        }
    }
}

fn too_large() -> Status {
    let message = format!("Request entity too large: limit is {MAX_BODY_BYTES}");
    Status::failure(413, Reason::TOO_LARGE, message)
}

fn timed_out() -> Status {
    let message = "Timeout: request did not complete within the allotted timeout";
    Status::failure(504, Reason::TIMEOUT, message)
}

/// Decodes an object.
///
/// # Errors
/// 415 for an unknown media type, 400 for a body that cannot be read.
pub(super) fn object(kind: &Kind, bytes: &[u8], content_type: Option<&str>) -> Result<(Body, Vec<String>), Status> {
    let decoded = decode::decode_as(kind, bytes, content_type)?;
    Ok((Body::Object(decoded.value), decoded.strict_errors))
}

/// Reads which patch a media type announces.
///
/// # Errors
/// 415, naming the accepted types in upstream's order.
pub(super) fn patch_type(content_type: Option<&str>) -> Result<PatchType, Status> {
    const TYPES: [PatchType; 4] = [PatchType::Json, PatchType::Merge, PatchType::StrategicMerge, PatchType::Apply];
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    TYPES.into_iter().find(|patch| essence.eq_ignore_ascii_case(patch.media_type())).ok_or_else(|| {
        let accepted = TYPES.map(PatchType::media_type).join(", ");
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Status::failure(415, Reason::UNSUPPORTED_MEDIA_TYPE, message)
    })
}

/// Decodes a patch.
///
/// # Errors
/// 400 for a body that cannot be read, 413 for one that is too much once decoded.
pub(super) fn patch(patch_type: PatchType, bytes: &[u8]) -> Result<(Body, Vec<String>), Status> {
    let decoded = match patch_type {
        // Clients send apply patches as JSON, which is YAML too but decodes much faster as what it is.
        PatchType::Apply => decode::json(bytes).or_else(|error| match error {
            DecodeError::TooLarge => Err(error),
            _ => decode::yaml(bytes),
        }),
        PatchType::Json | PatchType::Merge | PatchType::StrategicMerge => decode::json(bytes),
    };
    let decoded = decoded.map_err(|error| match (patch_type, error) {
        (_, error @ DecodeError::TooLarge) => Status::failure(413, Reason::TOO_LARGE, error.to_string()),
        (PatchType::Apply, error) => Status::bad_request(format!("error decoding YAML: {error}")),
        (PatchType::StrategicMerge, DecodeError::Json(why)) => Status::bad_request(why),
        (_, DecodeError::Json(why)) => Status::bad_request(format!("error decoding patch: {why}")),
        (_, error) => Status::bad_request(format!("error decoding patch: {error}")),
    })?;
    Ok((Body::Patch(patch_type, decoded.value), decoded.strict_errors))
}

/// How a patch is encoded.
pub(super) fn patch_media_type(patch_type: PatchType) -> MediaType {
    if patch_type == PatchType::Apply { MediaType::Yaml } else { MediaType::Json }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends so many bytes at a time, for ever; none means that nothing ever comes.
    fn endless(piece: Option<usize>) -> impl http_body::Body<Data = Bytes, Error = std::io::Error> + Unpin + Send {
        let stream = futures::stream::unfold((), move |()| async move {
            let Some(size) = piece else { return std::future::pending().await };
            tokio::task::yield_now().await;
            Some((Ok(http_body::Frame::data(Bytes::from(vec![b' '; size]))), ()))
        });
        http_body_util::StreamBody::new(Box::pin(stream))
    }

    #[tokio::test]
    async fn a_body_that_comes_too_slowly_is_cut() {
        let refused = read_within(endless(None), &Memory::default(), Duration::from_millis(5)).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (504, Some(Reason::TIMEOUT)));
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_cut_at_the_limit() {
        let refused = read_within(endless(Some(100_000)), &Memory::default(), BODY_TIMEOUT).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (413, Some(Reason::TOO_LARGE)));
    }

    #[test]
    fn patches_are_known_by_their_media_types() {
        assert_eq!(patch_type(Some("application/merge-patch+json; charset=utf-8")), Ok(PatchType::Merge));
        assert_eq!(patch_type(Some("application/apply-patch+yaml")), Ok(PatchType::Apply));
        let refused = patch_type(Some("application/json")).unwrap_err();
        assert_eq!(refused.code, 415);
        assert_eq!(
            refused.message,
            "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, \
             application/apply-patch+yaml"
        );
    }

    #[test]
    fn apply_patches_may_be_json_or_yaml() {
        for text in ["{\"kind\":\"Job\"}", "kind: Job\n"] {
            let (body, _) = patch(PatchType::Apply, text.as_bytes()).unwrap();
            assert!(matches!(body, Body::Patch(PatchType::Apply, value) if value["kind"] == "Job"));
        }
        let error = patch(PatchType::Merge, b"kind: Job").unwrap_err();
        let why = "invalid character 'k' looking for beginning of value";
        assert_eq!((error.code, error.message), (400, format!("error decoding patch: {why}")));
        let error = patch(PatchType::StrategicMerge, b"kind: Job").unwrap_err();
        assert_eq!((error.code, &*error.message), (400, why));
    }
}

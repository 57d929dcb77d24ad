//! `GET /clock` and `POST /clock/advance?by=DURATION`: not resources of Kubernetes, and for whoever holds the token.

use api::Status;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use jiff::SignedDuration;

use super::payload::Payload;
use super::query::Query;
use super::reply::{JSON, respond};
use crate::{ApiServer, ClockStatus};

/// Whether the path is one of the clock's.
pub(super) fn has(path: &str) -> bool {
    matches!(path, "/clock" | "/clock/advance")
}

/// Answers a request to the clock. The answer to an advance comes when all that was due has been done.
///
/// # Errors
/// 405 for another method, 400 for a duration that cannot be read or a clock that cannot be moved.
pub(super) async fn answer(
    server: &ApiServer,
    path: &str,
    method: &Method,
    query: &Query<'_>,
) -> Result<Response<Payload>, Status> {
    let status = match (path, method) {
        ("/clock", &Method::GET) => server.clock_status(),
        ("/clock/advance", &Method::POST) => server.advance_clock(duration(query)?).await?,
        _ => return Err(Status::method_not_allowed()),
    };
    Ok(reply(&status))
}

fn reply(status: &ClockStatus) -> Response<Payload> {
    respond(StatusCode::OK, JSON, Bytes::from(format!("{}\n", status.to_value())))
}

fn duration(query: &Query<'_>) -> Result<SignedDuration, Status> {
    let text = query.get("by").unwrap_or_default();
    let duration: Option<SignedDuration> = text.parse().ok();
    duration.filter(|duration| !duration.is_negative()).ok_or_else(|| {
        Status::bad_request(format!("by: {text:?} is no duration: write it like 90s, 5m or 1h30m, and not negative"))
    })
}

//! `GET /decisions/{uid}`: why an object is as it is. Not a resource of Kubernetes, and for whoever holds the token.

use api::{Status, Uid};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::payload::Payload;
use super::reply::{JSON, respond};
use crate::ApiServer;

/// The object that the path asks about, if it is one of these paths.
pub(super) fn object(path: &str) -> Option<&str> {
    path.strip_prefix("/decisions/").filter(|uid| !uid.is_empty() && !uid.contains('/'))
}

/// Answers with the records that are kept: of an object that is unknown, none.
///
/// # Errors
/// 405 for another method; 404 where no records are kept.
pub(super) fn answer(server: &ApiServer, uid: &str, method: &Method) -> Result<Response<Payload>, Status> {
    if method != Method::GET {
        return Err(Status::method_not_allowed());
    }
    let records = server.decisions(&Uid::from(uid)).ok_or_else(Status::no_such_resource)?;
    Ok(respond(StatusCode::OK, JSON, Bytes::from(format!("{}\n", json!({ "records": records })))))
}

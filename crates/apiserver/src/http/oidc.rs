//! How others check this server's tokens: its OpenID configuration and its public keys
//! (`pkg/routes/openidmetadata.go`).

use api::Status;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use super::payload::Payload;
use super::reply::{self, JSON};
use crate::ApiServer;
use crate::tokens::ISSUER;

const KEYS: HeaderValue = HeaderValue::from_static("application/jwk-set+json");
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// The document at a path, if it is one of these two.
///
/// # Errors
/// When no key can be made.
pub(super) fn document(server: &ApiServer, path: &str) -> Result<Option<Response<Payload>>, Status> {
    let (content_type, value) = match path {
        "/.well-known/openid-configuration" => {
            let configuration = json!({
                "issuer": ISSUER,
                "jwks_uri": format!("{ISSUER}/openid/v1/jwks"),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            });
            (JSON, configuration)
        }
        "/openid/v1/jwks" => (KEYS, server.tokens.key()?.key_set()),
        _ => return Ok(None),
    };
    let mut response = reply::respond(StatusCode::OK, content_type, Bytes::from(value.to_string()));
    response.headers_mut().insert(CACHE_CONTROL, AN_HOUR);
    Ok(Some(response))
}

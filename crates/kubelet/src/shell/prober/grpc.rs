//! One call of `grpc.health.v1.Health/Check` over HTTP/2 without TLS (upstream's `pkg/probe/grpc`).
//!
//! The two messages have one field each (`string service = 1`, `ServingStatus status = 1`), so they are made and read
//! by hand. Who does not listen yet is tried again until the caller's patience ends, as Go's client does.

use std::time::Duration;

use ::http::header::{CONTENT_TYPE, TE, USER_AGENT};
use ::http::{HeaderMap, Request};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::{VERSION, authority, dial};

/// The wait between two tries to connect.
const RETRY: Duration = Duration::from_secs(1);
/// More than any answer has.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// `codes.Unimplemented`.
const UNIMPLEMENTED: &str = "12";

/// Asks for a service's health; the text says why it is not well.
pub(crate) async fn check(host: &str, port: u16, service: &str) -> Result<(), String> {
    let stream = loop {
        match dial(host, port).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    };
    let (code, message, body) = call(stream, &authority(host, port), service)
        .await
        .map_err(|error| format!("error: health rpc probe failed: rpc error: code = Unavailable desc = {error}"))?;
    match code.as_str() {
        "0" => {}
        UNIMPLEMENTED => {
            let text = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)";
            return Err(format!("{text}: {message}"));
        }
        code => {
            let code = name_of(code);
            return Err(format!("error: health rpc probe failed: rpc error: code = {code} desc = {message}"));
        }
    }
    match serving_status(&body) {
        Some(1) => Ok(()),
        status => {
            let name = match status.unwrap_or_default() {
                0 => "UNKNOWN",
                2 => "NOT_SERVING",
                3 => "SERVICE_UNKNOWN",
                _ => "?",
            };
            Err(format!("service unhealthy (responded with {name:?})"))
        }
    }
}

/// The status code, its message and the answer's bytes.
async fn call(stream: TcpStream, authority: &str, service: &str) -> Result<(String, String, Bytes), hyper::Error> {
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await?;
    let answer = async move {
        let response = sender.send_request(request(authority, service)).await?;
        let headers = response.headers().clone();
        // Too much is as bad as nothing.
        let collected = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.ok();
        let trailers = collected.as_ref().and_then(|body| body.trailers().cloned());
        let body = collected.map(|body| body.to_bytes()).unwrap_or_default();
        let of = |name: &str| text(trailers.as_ref(), name).or_else(|| text(Some(&headers), name));
        // Without a status it is no gRPC: `codes.Unknown`.
        Ok((of("grpc-status").unwrap_or_else(|| "2".to_owned()), of("grpc-message").unwrap_or_default(), body))
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        _ = connection => answer.await,
    }
}

fn text(headers: Option<&HeaderMap>, name: &str) -> Option<String> {
    Some(headers?.get(name)?.to_str().ok()?.to_owned())
}

fn request(authority: &str, service: &str) -> Request<Full<Bytes>> {
    let uri = format!("http://{authority}/grpc.health.v1.Health/Check");
    let request = Request::post(uri)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, format!("kube-probe/{VERSION}"))
        .body(Full::new(message(service)));
    request.expect("an address and constants make a request")
}

/// A `HealthCheckRequest` behind its five bytes of frame: not compressed, and its length.
fn message(service: &str) -> Bytes {
    let mut fields = BytesMut::new();
    if !service.is_empty() {
        fields.put_u8(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            fields.put_u8((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        fields.put_u8(length as u8);
        fields.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::with_capacity(5 + fields.len());
    frame.put_u8(0);
    frame.put_u32(fields.len() as u32);
    frame.unsplit(fields);
    frame.freeze()
}

/// Field 1 of a `HealthCheckResponse`; a message without it has the status 0.
fn serving_status(frame: &[u8]) -> Option<u64> {
    let fields = frame.get(5..)?;
    match fields {
        [] => Some(0),
        [tag, value, ..] if *tag == 1 << 3 => Some(u64::from(*value)),
        _ => None,
    }
}

fn name_of(code: &str) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    code.parse().ok().and_then(|code: usize| NAMES.get(code)).copied().unwrap_or("Unknown")
}

//! Named bounds of the HTTP shell, and the count of requests in flight.
//!
//! Invariant: every queue, buffer and wait of this module's siblings is bounded by a constant that stands here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use api::{Reason, Status};

/// The largest request body, in bytes (`MaxRequestBodyBytes` of `k8s.io/apiserver/pkg/server/config.go`).
pub(super) const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;
/// Bodies up to this size are read without waiting for a place.
pub(super) const MAX_FREE_BODY_BYTES: usize = 128 * 1024;
/// Bodies beyond that size that are held at once; further ones wait, unread, in their connections.
pub(super) const MAX_LARGE_BODIES: usize = 3;
/// How long a request may take to send its body (`RequestTimeout`).
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How much of a refused body is read and thrown away, so that the client gets to see the refusal.
pub(super) const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;
/// How long a refused body is read and thrown away.
pub(super) const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests that read, at once (`MaxRequestsInFlight`).
pub(super) const MAX_READS: usize = 400;
/// Requests that write, at once (`MaxMutatingRequestsInFlight`).
pub(super) const MAX_WRITES: usize = 200;
/// Seconds that a refused client is told to wait (`filters/maxinflight.go`).
pub(super) const RETRY_AFTER_SECONDS: u32 = 1;
/// Open connections, at once; further ones wait in the kernel's backlog.
pub(super) const MAX_CONNECTIONS: usize = 1_000;
/// How long a TLS handshake may take.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the head of an HTTP/1.1 request may take, the idle time before it included.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may leave sent bytes unread before its connection is cut.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the client of an exec, an attach or a port-forward may leave sent bytes unread: people stop terminals
/// (`streamingConnectionIdleTimeout` of the kubelet).
pub(super) const SESSION_STALL_TIMEOUT: Duration = Duration::from_secs(4 * 60 * 60);
/// Streams of one HTTP/2 connection, at once (upstream's answer to CVE-2023-44487).
pub(super) const MAX_STREAMS: u32 = 100;
/// The largest head of a request, in bytes.
pub(super) const MAX_HEAD_BYTES: u32 = 64 * 1024;
/// Streams that a client may open and reset before they are served (CVE-2023-44487); then its connection ends.
pub(super) const MAX_RESETS: usize = 20;
/// Streams that a client's own errors may make the server reset; then its connection ends.
pub(super) const MAX_ERROR_RESETS: usize = 1_024;
/// How often an idle HTTP/2 connection is asked whether it is alive.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long open requests may go on after a shutdown has begun.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// The size of the pieces that long bodies are sent in, in bytes.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// Counts requests in flight up to a bound.
#[derive(Debug)]
pub(super) struct InFlight {
    count: AtomicUsize,
    max: usize,
}

impl InFlight {
    /// None yet, at most `max`.
    pub(super) fn new(max: usize) -> Self {
        Self { count: AtomicUsize::new(0), max }
    }

    /// Counts one request until the permit is dropped.
    ///
    /// # Errors
    /// 429 with `Retry-After` when there are too many already.
    pub(super) fn enter(&self) -> Result<Permit<'_>, Status> {
        let permit = Permit(&self.count);
        if self.count.fetch_add(1, Ordering::Relaxed) < self.max {
            return Ok(permit);
        }
        let message = "Too many requests, please try again later.";
        Err(Status::failure(429, Reason::TOO_MANY_REQUESTS, message).with_retry_after(RETRY_AFTER_SECONDS))
    }
}

/// One request in flight.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a AtomicUsize);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_beyond_the_bound_are_told_to_retry() {
        let in_flight = InFlight::new(2);
        let (first, _second) = (in_flight.enter().unwrap(), in_flight.enter().unwrap());
        let refused = in_flight.enter().unwrap_err();
        assert_eq!((refused.code, refused.details.unwrap().retry_after_seconds), (429, Some(1)));
        drop(first);
        assert!(in_flight.enter().is_ok());
    }
}

//! What time it is where the Jobs are: ages and durations are told by the clock of the server that wrote the times.

use std::sync::atomic::{AtomicI64, Ordering};

use client::{Client, Method};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cli::verbs::ClockMode;

/// How far the server's clock is ahead of the machine's, in milliseconds. One command speaks to one server.
static AHEAD_MILLISECONDS: AtomicI64 = AtomicI64::new(0);

/// The time on the server, as far as it was learnt.
pub(crate) fn now() -> Timestamp {
    let ahead = SignedDuration::from_millis(AHEAD_MILLISECONDS.load(Ordering::Relaxed));
    Timestamp::now().saturating_add(ahead).expect("milliseconds keep their unit")
}

/// Asks a server whose clock is not the machine's what time it is. One that does not say has the machine's.
pub(crate) async fn learn(client: &Client, mode: ClockMode) {
    if mode == ClockMode::Real {
        return;
    }
    let Ok(answer) = client.document(Method::GET, "/clock").await else { return };
    let clock: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if let Some(now) = clock["now"].as_str().and_then(|now| now.parse::<Timestamp>().ok()) {
        let ahead = now.duration_since(Timestamp::now()).as_millis();
        AHEAD_MILLISECONDS.store(i64::try_from(ahead).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

//! Clients that send a byte a second and never come to an end. They run beside the other checks, since they take the
//! server's whole patience: 60 seconds, after which a body is answered with 504 and a head with an end.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{CONFIG_MAPS, judge};
use crate::e2e::report::Report;
use crate::https::Endpoint;

/// What the server allows (`RequestTimeout`), and how much sooner or later the end may come.
const PATIENCE: Duration = Duration::from_secs(60);
const TOLERANCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// What a client never finishes.
#[derive(Clone, Copy)]
enum Slow {
    /// The head.
    Head,
    /// A body of which so many bytes come at once.
    Body(usize),
}

/// One name for the report, what is slow, and how many clients do it at once.
const KINDS: [(&str, Slow, usize); 3] = [
    // Differs: upstream waits 32 seconds for a head.
    ("heads that never end: closed without an answer", Slow::Head, 8),
    ("small bodies that never end: 504", Slow::Body(100), 16),
    // More than is read without waiting for a place, of which there are three.
    ("large bodies that never end: 504", Slow::Body(200 * 1024), 2),
];

/// One client, and whether its end was upstream's.
type Client = JoinHandle<Result<(), String>>;

/// Clients at their work, by the name of their check.
pub(super) struct Drips(Vec<(&'static str, Vec<Client>)>);

/// Sends the clients off.
pub(super) fn start(endpoint: &Endpoint) -> Drips {
    let one = |slow| {
        let endpoint = endpoint.clone();
        thread::spawn(move || drip(&endpoint, slow))
    };
    Drips(KINDS.map(|(name, slow, count)| (name, (0..count).map(|_| one(slow)).collect())).into())
}

impl Drips {
    /// Waits for what becomes of them.
    pub(super) fn finish(self, report: &mut Report) {
        for (name, clients) in self.0 {
            let ends =
                clients.into_iter().map(|client| client.join().unwrap_or_else(|_| Err("it panicked".to_owned())));
            report.check(name, ends.collect());
        }
    }
}

fn drip(endpoint: &Endpoint, slow: Slow) -> Result<(), String> {
    let host = format!("{}:{}", endpoint.host, endpoint.port);
    let mut start =
        format!("POST {CONFIG_MAPS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n", endpoint.token);
    match slow {
        Slow::Head => start.push_str("X-Slow: "),
        Slow::Body(bytes) => {
            let length = bytes + 1_000;
            let body = format!("{{\"data\":\"{}", "x".repeat(bytes));
            start.push_str(&format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"));
        }
    }
    let started = Instant::now();
    let end = endpoint.connect().and_then(|mut link| link.trickle(start.as_bytes(), PAUSE, PATIENCE + TOLERANCE));
    let seconds = started.elapsed().as_secs();
    if started.elapsed() + TOLERANCE < PATIENCE {
        return Err(format!("the server gave up after {seconds} s already: {end:?}"));
    }
    match (slow, end.map_err(|error| format!("after {seconds} s: {error:#}"))?) {
        (Slow::Head, None) => Ok(()),
        (Slow::Body(_), Some(answer)) if answer.json()["reason"] == "Timeout" => judge(&Ok(answer), 504),
        (_, end) => Err(format!("after {seconds} s: {end:?}")),
    }
}

//! What a cluster as a value promises to async tests.

mod client;
mod failures;
mod kinds;
mod processes;
mod time;

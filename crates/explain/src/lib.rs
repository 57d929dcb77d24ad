//! What people are told of a Job: its attempts, why it is as it is, a timeline, and the screen of a failure.
//!
//! A [`Story`] goes in, text comes out. Pure: no clock, no runtime, no input or output; whoever calls this observes the
//! Job and prints what it is told. The plugin's screens, the failures of `kubectl job test`, the panics of `testkit` and
//! the history are all views of the same story, so they agree.

pub mod attempts;
pub mod backoff;
mod collector;
pub mod duration;
pub mod facts;
pub mod failure;
mod hindsight;
pub mod manifest;
#[cfg(test)]
mod samples;
mod story;
pub mod stuck;
pub mod text;
mod timeline;
mod why;

pub use attempts::{Attempt, attempts};
pub use collector::{Collector, GONE};
pub use failure::failure;
pub use story::{LogTail, Manifest, Record, Story};
pub use text::Style;
pub use timeline::{Bar, Chart, Lane, Mark, Standing, timeline};
pub use why::{DEFAULT_DEPTH, Explanation, Reason, Telling, explanation, why};

//! Whole clusters with real processes, asked over both transports.

mod common;
mod jobs;
mod pods;
mod transports;

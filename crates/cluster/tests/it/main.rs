//! Whole clusters with real processes, asked over both transports.

mod common;
mod consistency;
mod jobs;
mod pods;
mod transports;

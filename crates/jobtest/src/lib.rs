//! The engine of `kubectl job test`: reads `*.jobtest.yaml`, runs each test in a cluster of its own, judges what happened
//! and reports it.
//!
//! A test names unmodified manifests, says how pods behave (a script, or real processes), what is done at which time, and
//! what is expected. The cluster is `testkit`'s; expectations see every commit, so that "at some time" misses no short
//! state and "never" is exact. Nothing here prints: reports are values, and their formats are texts.

mod cel;
mod format;
mod judge;
mod keep;
mod kinds;
mod kuttl;
mod machine;
mod node;
mod perform;
mod record;
pub mod report;
mod run;
mod script;
mod slips;
mod suite;
mod watched;
mod words;
mod world;

pub use format::{ClockMode, LoadError, Test, load, read_text, zero_config};
pub use kuttl::{collect as collect_kuttl, files as kuttl_files};
pub use machine::Supervisor;
pub use record::{record, refusal};
pub use run::{RunOptions, run};
pub use slips::{meant, unknown_fields, unreadable};
pub use suite::{Collected, Plan, collect, run_all};
pub use watched::{files_named, folders};
pub use words::{show, show_real};

//! The Job controller: a pure [`plan`] that decides, and (in the other modules) the shell that observes and applies.
//!
//! The plan names no runtime, clock, log or random source; the shell chooses nothing. The shell speaks to the API only
//! through a client, as any controller in the cluster does.

mod apply;
mod cache;
mod decisions;
mod job_controller;
pub mod plan;
mod template;

pub use decisions::Decision;
pub use job_controller::JobController;

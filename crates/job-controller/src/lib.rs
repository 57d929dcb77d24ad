//! The controllers of Jobs, of CronJobs, and of Jobs whose time is over: a pure [`plan`] that decides, and (in the other
//! modules) the shells that observe and apply.
//!
//! The plan names no runtime, clock, log or random source; the shell chooses nothing. The shell speaks to the API only
//! through a client, as any controller in the cluster does.

mod apply;
mod cache;
mod cron_job_controller;
mod decisions;
mod job_controller;
pub mod plan;
mod template;
mod ttl_controller;

pub use cron_job_controller::CronJobController;
pub use decisions::{Decision, DecisionLog, MAX_DECISIONS, MAX_GONE};
pub use job_controller::JobController;
pub use ttl_controller::TtlController;

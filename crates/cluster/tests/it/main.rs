//! Whole clusters with real processes, asked over both transports.

mod access;
mod addresses;
mod common;
mod consistency;
mod cron_jobs;
mod decisions;
mod hybrid;
mod jobs;
mod names;
mod pods;
mod proxy;
mod quotas;
mod replication;
mod services;
mod transports;
mod volumes;

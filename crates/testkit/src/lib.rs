//! Whole clusters in virtual time, for tests.
//!
//! A [`Simulation`] is an API server, all controllers and a kubelet whose pods are acted out, in one thread that it owns.
//! Time stands still until the test moves it, and then goes from timer to timer as soon as nothing is left to do, so a
//! year of back-offs takes milliseconds and the same seed gives the same history, byte for byte
//! ([`Simulation::event_log`]). Nothing outlives it: no task, no thread, no process, no file.
//!
//! ```
//! use testkit::{JOBS, Run, Simulation, job, seconds};
//!
//! let mut sim = Simulation::builder(1).script(|attempt| Run::exits(i32::from(attempt.number < 2), seconds(5))).start();
//! sim.create(&JOBS, job("pi", serde_json::json!({})));
//! let done = sim.finished("pi", seconds(60));
//! assert_eq!(done["status"]["failed"], 2);
//! assert_eq!(sim.elapsed(), seconds(5 + 10 + 5 + 20 + 5));
//! ```

mod cluster;
mod errors;
mod event_log;
mod faults;
mod objects;
mod rig;
mod simulation;
mod supervisor;
mod time;

pub use self::cluster::{
    ApplyError, ClockMode, Cluster, ClusterBuilder, CronJobHandle, JobHandle, Outcome, Snapshot, Verdict,
};
pub use ::cluster::scripted::{
    Act, AnnotationScript, Attempt, ExitStatus, Health, OnTerm, Probes, Run, Script, StartError, parse_exit,
    parse_health, parse_on_term,
};
pub use ::cluster::{Commit, Component, View, supervisor_main};
pub use api::resource::{CRON_JOBS, EVENTS, JOBS, NAMESPACES, NODES, PODS};
pub use api::{Gvr, Status, Verb, k8s};
pub use client::kube;
pub use faults::{Faults, Refusal};
pub use job_controller::Decision;
pub use objects::{condition, cron_job, job, minutes, seconds};
pub use rig::{Rig, RigPods, check_image_rule, image_target_below};
pub use simulation::{Builder, Simulation};

//! Runs pods as local processes: a pure plan, a shell and the process runtime.
//!
//! `plan` decides and names no runtime, clock or log. `runtime` is the door to processes; `runtime::process` is the
//! implementation behind it that people use, and `supervisor` the small child process that owns every pod process, so
//! that none outlives its pod or this server. `logs` keeps what containers print. [`Kubelet`] is the shell that joins
//! them to the API.

mod addresses;
pub mod environment;
pub mod image;
pub mod logs;
mod names;
pub mod plan;
mod resolver;
pub mod runtime;
mod sandbox;
mod security;
mod shell;
pub mod supervisor;
mod tag;
mod unsupported;
mod volumes;

pub use addresses::PodRange;
pub use shell::{Containers, ForwardTarget, Kubelet, KubeletConfig, connect};
pub use unsupported::{obstacle, reads_annotation, unsupported};

//! The Kubernetes API over the store: the generic verbs, which look a resource up in the catalogue and name no kind,
//! and the HTTP shell around them.
//!
//! The verbs are synchronous: everything they need is in memory. Only the HTTP shell and open watches wait.

mod bell;
mod clock;
mod connector;
mod decisions;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod http;
mod server;
mod tokens;
mod verbs;
mod watch;

pub use clock::{ClockControl, ClockStatus};
pub use connector::{Connected, Connector, Duplex, LogStream, Ports, Session};
pub use decisions::Decisions;
pub use server::{Advice, ApiServer, Commit, Config};
pub use watch::Watch;

//! How components reach the API: typed calls, watches and observations, over two transports that behave alike.
//!
//! In process, a request is a function call and stored objects are shared without a copy; over HTTP, it is kube's
//! client. Controllers, kubelet and plugin know this crate only, so each of them also runs against a real cluster.

mod call;
mod error;
mod exec;
mod http;
mod in_process;
mod observe;
mod transport;

pub use ::http::Method;
pub use ::kube;
pub use call::{Api, Client};
pub use error::Error;
pub use exec::{Exec, ExecOptions};
pub use http::{ConnectOptions, kube_over_streams};
pub use in_process::Door;
pub use observe::{Observation, Selection, observe, observe_since};
pub use transport::{ByteStream, EventStream, Transport};

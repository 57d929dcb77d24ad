//! The Service proxy: connections to the address of a Service go to one of its endpoints, as kube-proxy has it, but in
//! user space and without any privilege.
//!
//! An API client and nothing more: it observes Services, EndpointSlices and Endpoints, and writes Events. What listens
//! where is decided in [`table`] and [`listening`], who gets a connection in [`choice`]; [`ServiceProxy`] binds and copies bytes.
//!
//! Differs: kube-proxy changes packets on their way. Here the proxy itself listens at the address of the Service, which
//! therefore has to be one of the loopback network; endpoints see connections from this machine, whoever made them. A
//! Service none of whose endpoints listens has no listener, so that connections to it are refused, as upstream's are. UDP and
//! SCTP are not forwarded ([`table::unhonoured`]). The Service `kubernetes` is left alone: programs are told where the
//! server itself listens.

pub mod choice;
mod listener;
pub mod listening;
mod relay;
mod shell;
pub mod table;

pub use shell::{ProxyConfig, ServiceProxy};

//! The HTTP shell: bytes to requests, replies to bytes. Whatever the API decides is decided behind [`crate::ApiServer`];
//! this part decides who may speak, how much, and in which representation.

mod guard;
mod negotiate;
pub mod pki;
mod query;
mod target;

//! Images as directories: root file systems from OCI layouts, archives and registries, unpacked once and kept by digest.
//!
//! Knows no Kubernetes and decides nothing about when to pull. What it promises is about what it reads, which may be
//! hostile: nothing that a layer says leads out of the directory that it is unpacked into (see [`tree`]), every digest
//! is checked, sizes are bounded, and an image is either there as a whole or not at all.
//!
//! Differs: the modes that make a program another user's (setuid, setgid) are dropped, devices and extended attributes
//! are left out, and without root all files belong to the user who unpacks, who can always read them and enter
//! directories.

mod config;
mod copy;
mod credentials;
mod error;
mod layer;
mod layout;
mod registry;
mod store;
pub mod tree;
mod users;

pub use config::RunConfig;
pub use copy::copy_tree;
pub use credentials::{BadCredentials, logins};
pub use error::Error;
pub use registry::{Login, Name, bad_name};
pub use store::{Image, Local, Pulled, Store};
pub use tree::remove_tree;
pub use users::{Identity, NoSuchUser, identity};

//! What a cluster is made of, and what can go wrong while it comes up.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

pub use kubelet::image::ImageRule;

use clock::{SharedClock, SharedEntropy, SystemClock, SystemEntropy};

/// How to start the process that owns all pod processes: usually this very binary with a hidden subcommand.
#[derive(Clone, Debug)]
pub struct SupervisorCommand {
    /// A program that calls [`crate::supervisor_main`].
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What a cluster is made of.
#[derive(Clone)]
pub struct Config {
    /// Where logs and the pods' scratch directories live. Created when missing, with mode 0700.
    pub state_dir: PathBuf,
    /// How pods' processes are started and owned.
    pub supervisor: SupervisorCommand,
    /// Which images stand for which local programs.
    pub image_map: Vec<ImageRule>,
    /// The name of the one node.
    pub node_name: String,
    /// Where the cluster reads the time.
    pub clock: SharedClock,
    /// Where UIDs and name suffixes come from.
    pub entropy: SharedEntropy,
}

impl Config {
    /// A cluster on the machine's clock, with no mapped images, whose node is called `local`.
    pub fn new(state_dir: PathBuf, supervisor: SupervisorCommand) -> Self {
        Self {
            state_dir,
            supervisor,
            image_map: Vec::new(),
            node_name: "local".to_owned(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::default()),
        }
    }
}

/// Why a cluster did not come up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state directory cannot be made.
    #[error("create the state directory {path}")]
    StateDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The process runtime did not start.
    #[error("start the process runtime")]
    Runtime(#[from] kubelet::runtime::process::ProcessError),
    /// A controller's first calls failed.
    #[error("start the controllers")]
    Controllers(#[from] client::Error),
    /// The HTTPS server did not start.
    #[error("serve HTTPS")]
    Serve(#[from] apiserver::http::ServeError),
    /// The socket cannot be used.
    #[error("listen")]
    Listener(#[source] std::io::Error),
    /// No certificate could be made.
    #[error("make a certificate")]
    Certificate(#[from] apiserver::http::pki::PkiError),
}

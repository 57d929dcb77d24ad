//! What a cluster is made of, and what can go wrong while it comes up.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

pub use kubelet::image::{ImageRule, Target as ImageTarget, Unmapped as UnmappedImages};

use client::Transport;
use clock::{SharedClock, SharedEntropy, Stepper, SystemClock, SystemEntropy};
use jiff::tz::TimeZone;
use kubelet::runtime::scripted::Script;

/// How to start the process that owns all pod processes: usually this very binary with a hidden subcommand.
#[derive(Clone, Debug)]
pub struct SupervisorCommand {
    /// A program that calls [`crate::supervisor_main`].
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What pods are.
#[derive(Clone)]
pub enum Pods {
    /// Processes of this machine.
    Processes {
        /// Where logs and the pods' scratch directories live. Created when missing, with mode 0700.
        state_dir: PathBuf,
        /// How processes are started and owned.
        supervisor: SupervisorCommand,
    },
    /// Acted out by a script: no process, no file.
    Scripted(Arc<dyn Script>),
}

/// A part of the cluster that reaches it through a door of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The Job controller.
    Jobs,
    /// The CronJob controller.
    CronJobs,
    /// The controller that deletes finished Jobs when their time is over.
    Expiry,
    /// Namespaces, accounts, quotas, scheduler, disruption budgets, age of Events, garbage collection.
    System,
    /// The kubelet.
    Kubelet,
    /// The Service proxy.
    Proxy,
}

/// Puts something between a component and its door to the API, such as faults. Asked each time a component starts.
pub type Interpose = Arc<dyn Fn(Component, Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync>;

/// What a cluster is made of.
#[derive(Clone)]
pub struct Config {
    /// What pods are.
    pub pods: Pods,
    /// Where logs of pods that are gone are handed to by a rename, on the file system of the state directory; else they
    /// are removed.
    pub log_archive: Option<PathBuf>,
    /// Which images stand for which local programs, directories or images of this machine.
    pub image_map: Vec<ImageRule>,
    /// What becomes of images that the map leaves.
    pub unmapped_images: UnmappedImages,
    /// The name of the one node.
    pub node_name: String,
    /// Where the cluster reads the time.
    pub clock: SharedClock,
    /// What moves the clock, if it can be moved. It must be installed in the runtime that the cluster starts in.
    pub stepper: Option<Arc<Stepper>>,
    /// The time zone of CronJobs that name none.
    pub time_zone: TimeZone,
    /// How many pods that have ended may stay, with 0 all; 12,500, as upstream, unless it is given.
    pub terminated_pods_max: Option<usize>,
    /// Where UIDs and name suffixes come from.
    pub entropy: SharedEntropy,
    /// Whether components speak HTTP to the API, over streams in this process, as they do with a real cluster.
    pub over_http: bool,
    /// What stands between components and the API, if anything.
    pub interpose: Option<Interpose>,
    /// Whether paths that no Kubernetes API server has (`/clock`, `/decisions`) are hidden.
    pub plain_api: bool,
}

impl Config {
    /// A cluster on the machine's clock whose pods are processes, with no mapped images and a node called `local`.
    pub fn new(state_dir: PathBuf, supervisor: SupervisorCommand) -> Self {
        Self {
            pods: Pods::Processes { state_dir, supervisor },
            log_archive: None,
            image_map: Vec::new(),
            unmapped_images: UnmappedImages::Host,
            node_name: "local".to_owned(),
            clock: Arc::new(SystemClock),
            stepper: None,
            time_zone: TimeZone::system(),
            terminated_pods_max: None,
            entropy: Arc::new(SystemEntropy::default()),
            over_http: false,
            interpose: None,
            plain_api: false,
        }
    }

    /// A cluster whose pods are acted out, on a clock that the stepper moves, in UTC.
    pub fn scripted(script: Arc<dyn Script>, stepper: Arc<Stepper>) -> Self {
        Self {
            pods: Pods::Scripted(script),
            log_archive: None,
            image_map: Vec::new(),
            unmapped_images: UnmappedImages::Host,
            node_name: "local".to_owned(),
            clock: stepper.clock(),
            stepper: Some(stepper),
            time_zone: TimeZone::UTC,
            terminated_pods_max: None,
            entropy: Arc::new(SystemEntropy::default()),
            over_http: false,
            interpose: None,
            plain_api: false,
        }
    }
}

/// Why a cluster did not come up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The clock cannot be moved from this runtime.
    #[error("a clock that is moved needs a tokio runtime of one thread, with the stepper installed")]
    ManyThreads,
    /// The clock is the machine's.
    #[error("the clock is the machine's: it cannot be moved")]
    Immovable,
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

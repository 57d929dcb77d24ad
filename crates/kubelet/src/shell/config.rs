//! Settings of a kubelet.

use std::path::PathBuf;

use crate::addresses::PodRange;
use crate::image::{ImageRule, Unmapped};

/// What a kubelet is told when it starts.
#[derive(Clone, Debug)]
pub struct KubeletConfig {
    /// The node's name: pods whose `spec.nodeName` it is run here.
    pub node_name: String,
    /// Where logs and scratch directories go. Removed with each pod; those of pods that are gone, at the first list.
    pub state_directory: PathBuf,
    /// Where the logs of pods that are gone are handed to, `UID/CONTAINER/RUN.log` each: by a rename, so it must be a
    /// directory of the same file system. They are that directory's owner's from then on. Without one they are removed.
    pub log_archive: Option<PathBuf>,
    /// Which images stand for which programs.
    pub image_rules: Vec<ImageRule>,
    /// What becomes of images that no rule maps.
    pub unmapped_images: Unmapped,
    /// `status.hostIP` of every pod, and `status.podIP` of those that have no address of their own.
    pub host_ip: String,
    /// The addresses of pods; `None` when they can have none of their own.
    pub pod_range: Option<PodRange>,
    /// `status.capacity.pods` of the node: how many pods are bound to it.
    pub pods_max: u32,
    /// Whether the node renews a Lease: not where time jumps, since each renewal would be a stop on the way.
    pub heartbeat: bool,
}

impl KubeletConfig {
    /// The usual settings for a node of that name.
    pub fn new(node_name: &str, state_directory: PathBuf) -> Self {
        Self {
            node_name: node_name.to_owned(),
            state_directory,
            log_archive: None,
            image_rules: Vec::new(),
            unmapped_images: Unmapped::Host,
            host_ip: "127.0.0.1".to_owned(),
            pod_range: None,
            pods_max: 4096,
            heartbeat: true,
        }
    }
}

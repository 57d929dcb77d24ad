//! What pods have on disk: where it is, handing over their logs, and removing the rest.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use api::Object;
use tracing::warn;

use super::{Shared, volumes};

/// Directory of the pods' working directories, under the state directory.
const SCRATCH: &str = "pods";
/// Directory of the pods' credentials, beside it, so that nothing a pod writes meets them.
const CREDENTIALS: &str = "credentials";

impl Shared {
    /// UIDs of pods that have files, from this kubelet or one before.
    pub(super) fn uids_on_disk(&self) -> HashSet<String> {
        if !self.runtime.runs_programs() {
            return HashSet::new();
        }
        let state = &self.config.state_directory;
        let roots = [self.log_root(), state.join(SCRATCH), state.join(CREDENTIALS)];
        let entries = roots.into_iter().filter_map(|root| std::fs::read_dir(root).ok()).flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_uid(name)).collect()
    }

    /// Where logs are.
    pub(super) fn log_root(&self) -> PathBuf {
        self.config.state_directory.join("logs")
    }

    /// Where a pod's volumes and working directories are.
    pub(super) fn scratch(&self, uid: &str) -> PathBuf {
        self.config.state_directory.join(SCRATCH).join(uid)
    }

    /// Where a pod's kubeconfig and tokens are.
    pub(super) fn credentials(&self, uid: &str) -> PathBuf {
        self.config.state_directory.join(CREDENTIALS).join(uid)
    }

    /// Removes what a pod that is gone has left, on disk or in memory.
    pub(super) fn clean_up(&self, uid: &str) {
        if !self.runtime.runs_programs() {
            return self.logs.forget(&self.log_root().join(uid));
        }
        self.archive_logs(uid);
        volumes::clean_up(&self.scratch(uid));
        for directory in [self.log_root().join(uid), self.scratch(uid), self.credentials(uid)] {
            remove(&directory);
        }
    }

    /// Hands the logs of a pod that is gone to whoever keeps them. What cannot be handed over is removed with the rest.
    fn archive_logs(&self, uid: &str) {
        let Some(archive) = &self.config.log_archive else { return };
        match std::fs::rename(self.log_root().join(uid), archive.join(uid)) {
            // A pod that printed nothing has left no logs.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                warn!(pod = uid, archive = %archive.display(), %error, "logs of a pod are not kept");
            }
            _ => {}
        }
    }
}

/// Removes the files of pods that went while no kubelet looked, as upstream's `cleanupOrphanedPodDirs` does.
pub(super) fn sweep(shared: &Shared, objects: &[Arc<Object>]) {
    let present: HashSet<&str> = objects.iter().map(|object| object.meta().uid.as_str()).collect();
    for uid in shared.uids_on_disk().iter().filter(|uid| !present.contains(uid.as_str())) {
        shared.clean_up(uid);
    }
}

/// Removes a directory of a pod.
pub(super) fn remove(directory: &Path) {
    // Programs may have shut directories of their own.
    if let Err(error) = ::images::remove_tree(directory) {
        warn!(directory = %directory.display(), %error, "files of a pod stay behind");
    }
}

/// Whether a file's name is a UUID: nothing else in the directory is the kubelet's to remove.
fn is_uid(name: &str) -> bool {
    let groups = name.split('-').map(str::len);
    groups.eq([8, 4, 4, 4, 12]) && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

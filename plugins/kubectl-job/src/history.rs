//! The history: what the Jobs of local servers were, after they, their pods and their server are gone.
//!
//! Below `$STATE/history` each Job has a folder, a *run*: `run.json` is what a list shows, `story.json` all that was known
//! of the Job, `logs/POD/CONTAINER-RUN.log` what its containers printed, in the format of the CRI. A server in this
//! program writes them ([`recorder`]) and keeps their number and bytes below bounds ([`filing`]); everyone may read.
//!
//! Guarantee: a Job that has ended is there soon after, whatever becomes of its server; a file is there whole or not at
//! all. Logs of pods whose objects are still there lie where the kubelet keeps them until they go; readers look there too.

pub(crate) mod filing;
pub(crate) mod folder;
pub(crate) mod logs;
pub(crate) mod recorder;
pub(crate) mod run;
mod seen;

use serde_json::Value;

use crate::cli::connection::Connection;
use crate::server::state::StateDir;
use filing::Limits;
use folder::History;

/// The annotation that keeps a Job out of the history, when it is `false`.
const ANNOTATION: &str = "kubectl-job/history";

/// What a server keeps of its Jobs.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    /// Where.
    pub(crate) history: History,
    /// How much.
    pub(crate) limits: Limits,
}

impl Keep {
    /// Prepares the history for a server. Limits that are given hold from then on for all of its servers.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn prepare(history: History, limits: Option<Limits>) -> std::io::Result<Self> {
        history.prepare()?;
        if let Some(limits) = limits {
            history.set_limits(limits)?;
        }
        let limits = limits.unwrap_or_else(|| history.limits());
        Ok(Self { history, limits })
    }
}

/// Marks a Job as none for the history.
pub(crate) fn leave_out(job: &mut Value) {
    job["metadata"]["annotations"][ANNOTATION] = "false".into();
}

/// The history of the local servers of this state directory; `None` for a real cluster, of whose Jobs none is kept here.
pub(crate) fn of(connection: &Connection) -> Option<History> {
    if connection.is_remote() {
        return None;
    }
    StateDir::open(connection.state_dir.as_deref()).ok().map(|state| History::of(&state))
}

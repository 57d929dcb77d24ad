//! Snapshots kept for clients that read a collection in pages: all pages come from the first one's snapshot.

use std::collections::VecDeque;

use api::{ObjectKey, Revision};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::Snapshot;

/// How many snapshots are kept; older continue tokens answer 410, as upstream's do after a compaction.
const KEPT: usize = 32;

/// Snapshots that continue tokens refer to.
#[derive(Default)]
pub(crate) struct Pages {
    kept: Mutex<VecDeque<(Revision, Snapshot)>>,
}

/// Where a page ended: what a continue token holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    /// The version of this format, so that a token of another one is refused.
    v: String,
    /// The snapshot's revision.
    rv: u64,
    /// The last key delivered: namespace and name.
    start: (Option<String>, String),
}

const FORMAT: &str = "kubectl-job/1";

impl Page {
    pub(crate) fn new(revision: Revision, last: &ObjectKey) -> Self {
        let start = (last.namespace.as_deref().map(str::to_owned), last.name.to_string());
        Self { v: FORMAT.to_owned(), rv: revision.0, start }
    }

    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("a page is plain data"))
    }

    /// Reads a token; `None` when it is not one of ours.
    pub(crate) fn decode(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        serde_json::from_slice(&bytes).ok().filter(|page: &Self| page.v == FORMAT)
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision(self.rv)
    }

    pub(crate) fn last(&self) -> ObjectKey {
        match &self.start {
            (Some(namespace), name) => ObjectKey::namespaced(namespace, name),
            (None, name) => ObjectKey::cluster(name),
        }
    }
}

impl Pages {
    /// Keeps a snapshot for later pages.
    pub(crate) fn keep(&self, revision: Revision, snapshot: &Snapshot) {
        let mut kept = self.kept.lock();
        if kept.iter().any(|(at, _)| *at == revision) {
            return;
        }
        kept.push_back((revision, snapshot.clone()));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// The snapshot of a revision, while it is kept.
    pub(crate) fn find(&self, revision: Revision) -> Option<Snapshot> {
        self.kept.lock().iter().find(|(at, _)| *at == revision).map(|(_, snapshot)| snapshot.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_round_trips_and_a_strange_one_is_refused() {
        let page = Page::new(Revision(7), &ObjectKey::namespaced("a", "b"));
        assert_eq!(Page::decode(&page.encode()), Some(page.clone()));
        assert_eq!(page.last(), ObjectKey::namespaced("a", "b"));
        for token in ["", "x", "e30", "../../etc"] {
            assert_eq!(Page::decode(token), None, "{token}");
        }
    }
}

//! The controllers' decision records as clients see them. Whoever composes the server hands them in.

use std::sync::Arc;

use api::Uid;
use serde_json::Value;

use crate::ApiServer;

/// The records about one object, oldest first.
pub type Decisions = Arc<dyn Fn(&Uid) -> Vec<Value> + Send + Sync>;

impl ApiServer {
    /// Fills in where decision records come from. A second source is ignored.
    pub fn publish_decisions(&self, decisions: Decisions) {
        let _ = self.decisions.set(decisions);
    }

    /// The records about an object; `None` where nobody keeps any.
    pub(crate) fn decisions(&self, object: &Uid) -> Option<Vec<Value>> {
        self.decisions.get().map(|decisions| decisions(object))
    }
}

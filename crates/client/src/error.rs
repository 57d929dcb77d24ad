//! What can go wrong between a component and the API.

use api::{Reason, Status};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API refused; the text is the server's.
    #[error("{0}")]
    Status(#[from] Status),
    /// The server could not be reached, or the connection broke.
    #[error("reach the API server")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is not what the API promises.
    #[error("decode the API's answer")]
    Decode(#[source] serde_json::Error),
    /// The answer is of another shape than the request asked for.
    #[error("the API answered with {0}")]
    Unexpected(&'static str),
    /// The kubeconfig, context or server address cannot be used.
    #[error("{0}")]
    Config(String),
}

impl Error {
    /// The API's `Status`, if it was the API that refused.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Status(status) => Some(status),
            Self::Transport(_) | Self::Decode(_) | Self::Unexpected(_) | Self::Config(_) => None,
        }
    }

    fn is(&self, reason: &Reason) -> bool {
        self.status().is_some_and(|status| status.is(reason))
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.is(&Reason::NOT_FOUND)
    }

    /// Whether an object of that name exists already.
    pub fn is_already_exists(&self) -> bool {
        self.is(&Reason::ALREADY_EXISTS)
    }

    /// Whether somebody else wrote first, or a precondition failed.
    pub fn is_conflict(&self) -> bool {
        self.is(&Reason::CONFLICT)
    }

    /// Whether the history that a watch asked for is gone.
    pub fn is_expired(&self) -> bool {
        self.is(&Reason::EXPIRED) || self.is(&Reason::GONE)
    }
}

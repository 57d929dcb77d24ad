//! What can go wrong on the way from a name to a directory.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the image, or of the store, cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A layer cannot be unpacked.
    #[error("failed to extract layer {layer}: {source}")]
    Layer {
        /// Its digest.
        layer: String,
        /// What the system said.
        source: io::Error,
    },
    /// Content that is not what its digest says.
    #[error("{what}: expected digest {expected}, got {actual}")]
    Digest {
        /// What was read.
        what: String,
        /// What was promised.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// A description of an image that cannot be understood.
    #[error("{what}: {text}")]
    Malformed {
        /// Which.
        what: String,
        /// What is wrong with it.
        text: String,
    },
    /// There is no image of that name.
    #[error("{0}: not found")]
    NotFound(String),
    /// What the registry, or the way to it, said.
    #[error("failed to pull and unpack image \"{image}\": {text}")]
    Registry {
        /// The whole name of the image.
        image: String,
        /// What was said.
        text: String,
    },
    /// The work was given up with the process.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Ties a system error to a file.
    pub(crate) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path: path.clone(), source }
    }

    pub(crate) fn malformed(what: impl Into<String>, text: impl ToString) -> Self {
        Self::Malformed { what: what.into(), text: text.to_string() }
    }
}

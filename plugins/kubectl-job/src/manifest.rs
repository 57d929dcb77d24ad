//! Manifests, as `explain` reads them, with this program's exit code for what is wrong with them.

pub(crate) use explain::manifest::{Document, Source};

use crate::exit::Failure;

/// Reads all documents of a text; `List` objects are taken apart, empty documents passed over.
///
/// # Errors
/// Text that is no YAML, with file, line and column; documents that are no objects.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Document>, Failure> {
    explain::manifest::parse(file, text).map_err(|broken| Failure::usage(format!("error: {broken}")))
}

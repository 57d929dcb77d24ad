//! Files of one volume, by relative path.

use std::collections::BTreeMap;

/// The content and mode of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Permission bits.
    pub(crate) mode: u32,
}

/// All files of a volume; a path given twice holds what came last, as upstream's projection does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files(pub(crate) BTreeMap<String, File>);

impl Files {
    /// Adds a file.
    pub(crate) fn add(&mut self, path: &str, bytes: Vec<u8>, mode: u32) {
        self.0.insert(path.to_owned(), File { bytes, mode });
    }
}

//! Every commit as a line of text: what two runs of one seed are compared by.

use std::fmt::Write;

use cluster::Commit;
use parking_lot::Mutex;

#[derive(Debug, Default)]
pub(crate) struct EventLog(Mutex<String>);

impl EventLog {
    pub(crate) fn write(&self, commit: &Commit) {
        write(&mut self.0.lock(), commit);
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().clone()
    }
}

/// `REVISION TIME VERB RESOURCE KEY OBJECT`, the object as a watch would send it.
pub(crate) fn write(text: &mut String, commit: &Commit) {
    let mut bytes = Vec::new();
    commit.object.write_wire(&mut bytes);
    let (meta, object) = (commit.object.meta(), String::from_utf8_lossy(&bytes));
    let (revision, key, verb) = (meta.revision, meta.key(), commit.verb);
    // Writing into a string does not fail.
    let _ = writeln!(text, "{revision} {} {verb} {} {key} {object}", commit.time, commit.resource);
}

//! What a container says last: the text of its termination message (`pkg/kubelet/kuberuntime`, `getTerminationMessage`).

use std::fs::File;
use std::io::Read;

use super::entry::PodEntry;
use super::{Shared, volumes};
use crate::logs::Logs;
use crate::runtime::ExitStatus;

/// Most bytes of a message (`MaxContainerTerminationMessageLength`).
const BYTES_MAX: u64 = 4096;
/// Most bytes and lines of a log that stand for a message (`MaxContainerTerminationMessageLogLength`, `...LogLines`).
const LOG_BYTES_MAX: usize = 2048;
const LOG_LINES_MAX: usize = 80;

/// What one run of a container said last, if anything: its file, or the end of its log where its spec asks for that and
/// it failed. Only a sandboxed container has a file.
pub(super) fn of(
    shared: &Shared,
    entry: &PodEntry,
    index: usize,
    run: u32,
    status: ExitStatus,
    sandboxed: bool,
) -> Option<String> {
    let name = &entry.facts.containers[index].name;
    if sandboxed && let Ok(file) = File::open(volumes::words_path(shared, entry, name, run)) {
        let mut bytes = Vec::new();
        let _ = file.take(BYTES_MAX).read_to_end(&mut bytes);
        if !bytes.is_empty() {
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    let falls_back = entry.facts.containers[index].falls_back_to_logs && status.exit_code() != 0;
    let path = Logs::path(&shared.log_root(), entry.uid.as_str(), name, run);
    falls_back.then(|| shared.logs.end(&path, LOG_LINES_MAX, LOG_BYTES_MAX)).filter(|text| !text.is_empty())
}

//! What containers print: one file per run, in the format of the CRI, and readers that can follow it.
//!
//! A record is `TIME STREAM TAG CONTENT\n`, TAG being `F` for a whole line and `P` for a part of one, so any bytes come
//! back exactly. The file is made on the first byte; a run that prints nothing leaves none. Nothing here knows pods.
//!
//! Differs: a log is kept whole. Upstream's kubelet begins a new file after 10 MiB, keeps five, and readers get what is
//! in the newest; here what a Job printed is often all that is wanted of it.

mod format;
mod memory;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::watch;

use memory::Memory;
use reader::Place;
pub use reader::{LogStream, ReadOptions};
pub use writer::{LogWriter, Source};

/// How far a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// Bytes in the file.
    bytes: u64,
    /// Whether no more will come.
    closed: bool,
}

/// The logs of this node, and which of them are being written.
#[derive(Debug, Default)]
pub struct Logs {
    live: DashMap<PathBuf, watch::Receiver<Progress>>,
    /// Where logs are kept instead of on disk, if they are.
    memory: Option<Memory>,
}

impl Logs {
    /// Logs that never touch the disk: for containers that are acted out.
    pub fn in_memory() -> Self {
        Self { memory: Some(Memory::default()), ..Self::default() }
    }

    /// Where the output of one run goes: `ROOT/POD_UID/CONTAINER/RUN.log`.
    pub fn path(root: &Path, pod_uid: &str, container: &str, run: u32) -> PathBuf {
        root.join(pod_uid).join(container).join(format!("{run}.log"))
    }

    /// Opens a log for writing. The file itself appears with the first byte.
    pub fn writer(self: &Arc<Self>, path: PathBuf) -> LogWriter {
        let (sender, receiver) = watch::channel(Progress::default());
        self.live.insert(path.clone(), receiver);
        let page = self.memory.as_ref().map(|memory| memory.page(&path));
        LogWriter::new(path, page, sender, Arc::clone(self))
    }

    /// Opens a log for reading; a log that does not exist is empty.
    pub fn read(&self, path: &Path, options: ReadOptions) -> LogStream {
        let progress = self.live.get(path).map(|entry| entry.value().clone());
        let place = match &self.memory {
            Some(memory) => Place::Memory(memory.find(path)),
            None => Place::Disk(path.to_owned()),
        };
        LogStream::new(place, progress, options)
    }

    /// The end of a log: at most so many lines and bytes of what was printed.
    pub(crate) fn end(&self, path: &Path, lines_max: usize, bytes_max: usize) -> String {
        // A record is longer than its content by its time, stream and tag, and holds at least a newline.
        let span = bytes_max + lines_max * 64;
        let records = match &self.memory {
            Some(memory) => memory.find(path).map(|page| page.lock().clone()).unwrap_or_default(),
            None => last_bytes(path, span as u64).unwrap_or_default(),
        };
        let mut content = Vec::new();
        let whole = records.split(|byte| *byte == b'\n').filter_map(format::decode).collect::<Vec<_>>();
        for record in &whole[whole.len().saturating_sub(lines_max)..] {
            content.extend_from_slice(record.content);
            if record.whole {
                content.push(b'\n');
            }
        }
        String::from_utf8_lossy(&content[content.len().saturating_sub(bytes_max)..]).into_owned()
    }

    /// Drops the logs below a directory; those on disk are the kubelet's to remove.
    pub(crate) fn forget(&self, directory: &Path) {
        if let Some(memory) = &self.memory {
            memory.forget(directory);
        }
    }
}

/// The last bytes of a file.
fn last_bytes(path: &Path, count: u64) -> std::io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(count)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

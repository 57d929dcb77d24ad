//! Writes one run's log.
//!
//! Holds at most one unfinished line per stream, [`PART_BYTES_MAX`] each; whoever calls reads a pipe no faster than
//! this writes, so a container that prints faster than the disk takes is held back by its own pipe.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::warn;

use super::memory::Page;
use super::{Logs, Progress, format};

/// Longer lines are written in parts of this size, as containerd and CRI-O do.
pub(super) const PART_BYTES_MAX: usize = 16 * 1024;

/// Which of a container's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The only writer of one run's log. Dropping it ends the log, and with it those who follow.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    /// Where the log goes if not to disk.
    page: Option<Page>,
    file: Option<File>,
    /// A log that cannot be written is given up, so that a full disk does not stop the container.
    failed: bool,
    unfinished: [Vec<u8>; 2],
    out: Vec<u8>,
    progress: watch::Sender<Progress>,
    logs: Arc<Logs>,
}

impl LogWriter {
    pub(super) fn new(path: PathBuf, page: Option<Page>, progress: watch::Sender<Progress>, logs: Arc<Logs>) -> Self {
        Self { path, page, file: None, failed: false, unfinished: Default::default(), out: Vec::new(), progress, logs }
    }

    /// Takes what a container printed.
    pub fn append(&mut self, source: Source, bytes: &[u8], now: Timestamp) {
        let time = format::time_text(now);
        let unfinished = &mut self.unfinished[source as usize];
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = PART_BYTES_MAX - unfinished.len();
            let window = &rest[..rest.len().min(room)];
            let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
                unfinished.extend_from_slice(window);
                rest = &rest[window.len()..];
                if unfinished.len() == PART_BYTES_MAX {
                    format::encode(&mut self.out, &time, source, unfinished, false);
                    unfinished.clear();
                }
                continue;
            };
            if unfinished.is_empty() {
                format::encode(&mut self.out, &time, source, &window[..end], true);
            } else {
                unfinished.extend_from_slice(&window[..end]);
                format::encode(&mut self.out, &time, source, unfinished, true);
                unfinished.clear();
            }
            rest = &rest[end + 1..];
        }
        self.write_out();
    }

    /// Writes the last, unfinished lines and ends the log.
    pub fn finish(mut self, now: Timestamp) {
        self.write_unfinished(now);
    }

    fn write_unfinished(&mut self, now: Timestamp) {
        for source in [Source::Stdout, Source::Stderr] {
            let unfinished = std::mem::take(&mut self.unfinished[source as usize]);
            if !unfinished.is_empty() {
                format::encode(&mut self.out, &format::time_text(now), source, &unfinished, false);
            }
        }
        self.write_out();
    }

    fn write_out(&mut self) {
        if self.out.is_empty() {
            return;
        }
        if !self.failed
            && let Err(error) = self.try_write_out()
        {
            warn!(path = %self.path.display(), %error, "log is lost from here on");
            self.failed = true;
        }
        self.out.clear();
    }

    fn try_write_out(&mut self) -> io::Result<()> {
        match (&self.page, &mut self.file) {
            (Some(page), _) => page.lock().extend_from_slice(&self.out),
            (None, Some(file)) => file.write_all(&self.out)?,
            (None, none) => none.insert(create(&self.path)?).write_all(&self.out)?,
        }
        let written = self.out.len() as u64;
        self.progress.send_modify(|progress| progress.bytes += written);
        Ok(())
    }
}

/// Logs are for their owner only, whatever the umask: a program may print a secret.
fn create(path: &PathBuf) -> io::Result<File> {
    let open = || OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(directory) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            }
            open()
        }
        other => other,
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        // New readers no longer find it as live; those that follow see its end after its last byte.
        self.logs.live.remove(&self.path);
        self.progress.send_modify(|progress| progress.closed = true);
    }
}

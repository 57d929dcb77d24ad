//! Reads one run's log as `kubectl logs` wants it: the plain bytes, filtered, and followed to the last one.
//!
//! The rules are those of upstream's `pkg/kubelet/kuberuntime/logs` (`ReadLogs`): `tail` counts records, `since` skips
//! older records, the time goes in front of each line, and `limit_bytes` counts what is handed out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use jiff::Timestamp;
use tokio::sync::watch;

use super::memory::Page;
use super::{Progress, format};

const CHUNK_BYTES: usize = 64 * 1024;

/// What to read of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Go on until the run has ended and everything was read.
    pub follow: bool,
    /// Only so many records from the end.
    pub tail_lines: Option<u64>,
    /// Only records from this time on.
    pub since: Option<Timestamp>,
    /// Put the time in front of every line.
    pub timestamps: bool,
    /// End after so many bytes.
    pub limit_bytes: Option<u64>,
}

type Wait = BoxFuture<'static, watch::Receiver<Progress>>;

/// The bytes of a log; ends after the last one.
pub struct LogStream {
    cursor: Cursor,
    progress: Option<watch::Receiver<Progress>>,
    wait: Option<Wait>,
    done: bool,
}

impl LogStream {
    pub(super) fn new(place: Place, progress: Option<watch::Receiver<Progress>>, options: ReadOptions) -> Self {
        let left_bytes = options.limit_bytes.unwrap_or(u64::MAX);
        let cursor =
            Cursor { place, content: None, offset: 0, part: Vec::new(), at_line_start: true, left_bytes, options };
        Self { cursor, progress, wait: None, done: false }
    }
}

impl Stream for LogStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.done {
                return Poll::Ready(None);
            }
            if let Some(wait) = &mut self.wait {
                let Poll::Ready(progress) = wait.poll_unpin(context) else { return Poll::Pending };
                self.wait = None;
                self.progress = Some(progress);
            }
            // Asked before reading: what is read after the end was seen is everything.
            let ended = self.progress.as_mut().is_none_or(|progress| progress.borrow_and_update().closed);
            match self.cursor.next_chunk() {
                Err(error) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Ok(Chunk::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Ok(Chunk::Enough) => self.done = true,
                Ok(Chunk::End) if ended || !self.cursor.options.follow => self.done = true,
                Ok(Chunk::End) => {
                    let Some(mut progress) = self.progress.take() else { continue };
                    self.wait = Some(Box::pin(async move {
                        // An error means that the writer is gone; its last value says "closed".
                        let _ = progress.changed().await;
                        progress
                    }));
                }
            }
        }
    }
}

/// Where a log is.
pub(super) enum Place {
    /// In a file, which may not be there yet.
    Disk(PathBuf),
    /// In memory; `None` when nothing was ever written.
    Memory(Option<Page>),
}

impl Place {
    /// `None` while there is no file.
    fn open(&self) -> io::Result<Option<Content>> {
        match self {
            Self::Memory(page) => Ok(page.clone().map(Content::Memory)),
            Self::Disk(path) => match File::open(path) {
                Ok(file) => Ok(Some(Content::Disk(file))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

/// The bytes of a log.
enum Content {
    Disk(File),
    Memory(Page),
}

impl Content {
    fn len(&self) -> io::Result<u64> {
        match self {
            Self::Disk(file) => Ok(file.metadata()?.len()),
            Self::Memory(page) => Ok(page.lock().len() as u64),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read_at(buffer, offset),
            Self::Memory(page) => {
                let page = page.lock();
                let rest = usize::try_from(offset).ok().and_then(|offset| page.get(offset..)).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Disk(file) => file.read_exact_at(buffer, offset),
            Self::Memory(_) if self.read_at(buffer, offset)? < buffer.len() => Err(io::ErrorKind::UnexpectedEof.into()),
            Self::Memory(_) => Ok(()),
        }
    }
}

enum Chunk {
    Bytes(Bytes),
    /// The end of the file, for now.
    End,
    /// `limit_bytes` is used up.
    Enough,
}

/// A place in a log and the filters; knows nothing of waiting.
struct Cursor {
    place: Place,
    content: Option<Content>,
    offset: u64,
    /// An incomplete record at the end of what was read.
    part: Vec<u8>,
    at_line_start: bool,
    left_bytes: u64,
    options: ReadOptions,
}

impl Cursor {
    fn next_chunk(&mut self) -> io::Result<Chunk> {
        if self.left_bytes == 0 {
            return Ok(Chunk::Enough);
        }
        if !self.open()? {
            return Ok(Chunk::End);
        }
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let content = self.content.as_ref().expect("opened above");
            let count = content.read_at(&mut buffer, self.offset)?;
            if count == 0 {
                return Ok(Chunk::End);
            }
            self.offset += count as u64;
            let out = self.take_in(&buffer[..count]);
            if !out.is_empty() {
                return Ok(Chunk::Bytes(out.into()));
            }
        }
    }

    /// Opens the file and finds the start; `false` while there is no file.
    fn open(&mut self) -> io::Result<bool> {
        if self.content.is_some() {
            return Ok(true);
        }
        let Some(content) = self.place.open()? else {
            // Whatever comes later is after the reader asked, so a tail no longer cuts it.
            self.options.tail_lines = None;
            return Ok(false);
        };
        if let Some(lines) = self.options.tail_lines {
            self.offset = tail_offset(&content, lines)?;
        }
        self.content = Some(content);
        Ok(true)
    }

    fn take_in(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for record in bytes.split_inclusive(|byte| *byte == b'\n') {
            if record.last() != Some(&b'\n') {
                self.part.extend_from_slice(record);
            } else if self.part.is_empty() {
                self.take_record(&record[..record.len() - 1], &mut out);
            } else {
                self.part.extend_from_slice(&record[..record.len() - 1]);
                let part = std::mem::take(&mut self.part);
                self.take_record(&part, &mut out);
            }
        }
        out
    }

    fn take_record(&mut self, record: &[u8], out: &mut Vec<u8>) {
        let Some(record) = format::decode(record) else { return };
        if self.options.since.is_some_and(|since| record.time.parse::<Timestamp>().is_ok_and(|time| time < since)) {
            return;
        }
        if self.options.timestamps && self.at_line_start {
            self.put(out, record.time.as_bytes());
            self.put(out, b" ");
        }
        self.put(out, record.content);
        if record.whole {
            self.put(out, b"\n");
        }
        self.at_line_start = record.whole;
    }

    fn put(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        let take = bytes.len().min(usize::try_from(self.left_bytes).unwrap_or(usize::MAX));
        out.extend_from_slice(&bytes[..take]);
        self.left_bytes -= take as u64;
    }
}

/// Where the last `lines` records begin: the file is read backwards until enough record ends were seen.
fn tail_offset(content: &Content, lines: u64) -> io::Result<u64> {
    let mut end = content.len()?;
    if lines == 0 {
        return Ok(end);
    }
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut seen = 0;
    while end > 0 {
        let start = end.saturating_sub(CHUNK_BYTES as u64);
        let chunk = &mut buffer[..usize::try_from(end - start).expect("at most a chunk")];
        content.read_exact_at(chunk, start)?;
        for (index, byte) in chunk.iter().enumerate().rev() {
            if *byte == b'\n' {
                // The first one seen ends the last record.
                if seen == lines {
                    return Ok(start + index as u64 + 1);
                }
                seen += 1;
            }
        }
        end = start;
    }
    Ok(0)
}

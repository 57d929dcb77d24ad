//! Watch responses: one JSON line per message, as long as the watch lives.
//!
//! A watch is a cursor on the log, so a client that reads slowly costs a socket buffer and, once the log has moved on,
//! gets `410 Expired`: writers never wait for it. Messages that are ready at the same time leave in one piece of at
//! most about [`CHUNK_BYTES`]. The stream ends when the watch does or when the server shuts down.

use std::sync::Arc;

use api::{Kind, Revision, WatchEvent};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};

use super::closing::Closing;
use super::limits::CHUNK_BYTES;
use super::negotiate::Shape;
use super::payload::ByteStream;
use super::render::{IncludeObject, ListMeta, Renderer, json};
use crate::{ApiServer, Watch};

/// One watch on its way to a client.
pub(super) struct WatchLines {
    watch: Watch,
    lines: Lines,
    closing: Closing,
    ended: bool,
}

impl WatchLines {
    /// Sends `watch` in the given shape until it ends or `closing` is given.
    pub(super) fn new(watch: Watch, lines: Lines, closing: Closing) -> Self {
        Self { watch, lines, closing, ended: false }
    }

    /// The bytes of the response.
    pub(super) fn into_stream(self) -> ByteStream {
        futures::stream::unfold(self, |mut state| async move {
            let chunk = state.next_chunk().await?;
            Some((Ok(chunk), state))
        })
        .boxed()
    }

    async fn next_chunk(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let first = tokio::select! {
            biased;
            () = self.closing.closed() => None,
            event = self.watch.next() => event,
        }?;
        let mut chunk = Vec::with_capacity(expected_bytes(&first));
        self.lines.write(&first, &mut chunk);
        while chunk.len() < CHUNK_BYTES {
            match self.watch.next().now_or_never() {
                Some(Some(event)) => self.lines.write(&event, &mut chunk),
                Some(None) => {
                    self.ended = true;
                    break;
                }
                None => break,
            }
        }
        Some(chunk.into())
    }
}

fn expected_bytes(event: &WatchEvent) -> usize {
    const ENVELOPE_BYTES: usize = 64;
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
            object.wire_len() + ENVELOPE_BYTES
        }
        WatchEvent::Bookmark { .. } | WatchEvent::Error(_) => 256,
    }
}

/// Writes messages as lines.
pub(super) struct Lines {
    server: Arc<ApiServer>,
    /// The resource's position in the catalogue.
    position: usize,
    kind: &'static Kind,
    shape: Shape,
    include: IncludeObject,
    /// Whether the next table is the first, which alone names the columns.
    with_columns: bool,
}

impl Lines {
    /// Lines of one resource in one shape.
    pub(super) fn new(server: Arc<ApiServer>, position: usize, shape: Shape, include: IncludeObject) -> Self {
        let kind = &server.catalogue().at(position).descriptor().kind;
        Self { server, position, kind, shape, include, with_columns: true }
    }

    fn write(&mut self, event: &WatchEvent, out: &mut Vec<u8>) {
        let (name, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark { revision, initial_events_end } => {
                open("BOOKMARK", out);
                self.bookmark(*revision, *initial_events_end, out);
                out.extend_from_slice(b"}\n");
                return;
            }
            WatchEvent::Error(status) => {
                open("ERROR", out);
                json(&status.to_value(), out);
                out.extend_from_slice(b"}\n");
                return;
            }
        };
        open(name, out);
        match self.shape {
            Shape::Whole => object.write_wire(out),
            Shape::Partial(version) => super::render::partial(object, version, out),
            Shape::Table(version) => {
                let meta = ListMeta::at(object.meta().revision);
                let with_columns = std::mem::take(&mut self.with_columns);
                self.renderer().table(version, &meta, std::iter::once(object.as_ref()), with_columns, out);
            }
        }
        out.extend_from_slice(b"}\n");
    }

    fn renderer(&self) -> Renderer<'_> {
        let strategy = self.server.catalogue().at(self.position);
        Renderer { strategy, shape: self.shape, include: self.include, now: self.server.now() }
    }

    fn bookmark(&mut self, revision: Revision, initial_events_end: bool, out: &mut Vec<u8>) {
        let (kind, api_version) = match self.shape {
            Shape::Whole => (self.kind.kind.as_ref(), self.kind.api_version()),
            Shape::Partial(version) => ("PartialObjectMetadata", version.api_version().to_owned()),
            Shape::Table(version) => {
                let with_columns = std::mem::take(&mut self.with_columns);
                self.renderer().table(version, &ListMeta::at(revision), std::iter::empty(), with_columns, out);
                return;
            }
        };
        let mut metadata = serde_json::json!({"resourceVersion": revision.to_string()});
        if initial_events_end {
            metadata["annotations"] = serde_json::json!({"k8s.io/initial-events-end": "true"});
        }
        json(&serde_json::json!({"kind": kind, "apiVersion": api_version, "metadata": metadata}), out);
    }
}

fn open(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
}

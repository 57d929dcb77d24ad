//! Response bodies: bytes at hand, a list put together while it is sent, or a stream.
//!
//! A list is never held twice: its items are copied into one bounded buffer at a time, and large items are sent as the
//! stored bytes that they are. The length is known before the first byte leaves, so HTTP/1.1 needs no chunks.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use api::{Object, Status};
use bytes::Bytes;
use futures::Stream;
use http_body::{Body, Frame, SizeHint};

use super::limits::CHUNK_BYTES;

/// Items from this size on are sent without being copied.
const SHARED_BYTES: usize = 16 * 1024;

/// A stream of response bytes; an error breaks the connection off, which is how a client learns of it.
pub(super) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// The body of a response.
pub(super) enum Payload {
    /// All at once.
    Full(Option<Bytes>),
    /// A list, item by item.
    List(ListBody),
    /// Until the stream ends.
    Stream(ByteStream),
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Full(Some(bytes))
    }
}

impl Payload {
    /// All bytes of a body that is at hand; a stream gives none.
    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Full(bytes) => bytes.unwrap_or_default(),
            Self::List(mut list) => {
                let mut bytes = Vec::with_capacity(list.left);
                while let Some(chunk) = list.next_chunk() {
                    bytes.extend_from_slice(&chunk);
                }
                bytes.into()
            }
            Self::Stream(_) => Bytes::new(),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::List(list) => Poll::Ready(list.next_chunk().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.as_mut().poll_next(context).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::List(list) => list.left == 0,
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = |length: usize| SizeHint::with_exact(length as u64);
        match self {
            Self::Full(bytes) => exact(bytes.as_ref().map_or(0, Bytes::len)),
            Self::List(list) => exact(list.left),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// A JSON list on its way out.
pub(super) struct ListBody {
    head: Bytes,
    items: std::vec::IntoIter<Arc<Object>>,
    /// An item that did not fit into the last chunk.
    held: Option<Bytes>,
    started: bool,
    finished: bool,
    /// Bytes not yet sent.
    left: usize,
}

/// What closes a list.
const TAIL: &[u8] = b"]}";

impl ListBody {
    /// A list of stored objects behind `head`, which ends in `"items":[`.
    pub(super) fn new(head: Bytes, items: Vec<Arc<Object>>) -> Self {
        let content: usize = items.iter().map(|item| item.wire_len()).sum();
        let left = head.len() + content + items.len().saturating_sub(1) + TAIL.len();
        Self { head, items: items.into_iter(), held: None, started: false, finished: false, left }
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        if let Some(held) = self.held.take() {
            return Some(self.sent(held));
        }
        if self.finished {
            return None;
        }
        let mut chunk = Vec::with_capacity(self.left.min(CHUNK_BYTES));
        chunk.extend_from_slice(&std::mem::take(&mut self.head));
        while chunk.len() < CHUNK_BYTES - SHARED_BYTES {
            let Some(item) = self.items.next() else {
                chunk.extend_from_slice(TAIL);
                self.finished = true;
                break;
            };
            if std::mem::replace(&mut self.started, true) {
                chunk.push(b',');
            }
            if item.wire_len() >= SHARED_BYTES {
                self.held = Some(item.wire());
                break;
            }
            item.write_wire(&mut chunk);
        }
        Some(self.sent(chunk.into()))
    }

    fn sent(&mut self, bytes: Bytes) -> Bytes {
        self.left -= bytes.len();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(size: usize) -> Arc<Object> {
        let value = json!({"metadata": {"name": "a"}, "data": "x".repeat(size)});
        Arc::new(Object::from_value(&value).unwrap())
    }

    fn collect(mut list: ListBody) -> (usize, Vec<u8>, usize) {
        let announced = list.left;
        let (mut bytes, mut longest) = (Vec::new(), 0);
        while let Some(chunk) = list.next_chunk() {
            assert!(!chunk.is_empty());
            longest = longest.max(chunk.len());
            bytes.extend_from_slice(&chunk);
        }
        assert_eq!(list.left, 0);
        (announced, bytes, longest)
    }

    #[test]
    fn a_list_of_any_sizes_is_whole_and_as_long_as_announced() {
        let sizes: [&[usize]; 6] =
            [&[], &[10], &[10, 20_000, 10], &[100_000], &[15_000; 20], &[5, 16_384, 16_300, 70_000, 70_000, 1]];
        for sizes in sizes {
            let items: Vec<_> = sizes.iter().map(|size| object(*size)).collect();
            let (announced, bytes, longest) = collect(ListBody::new(Bytes::from_static(b"{\"items\":["), items));
            assert_eq!(announced, bytes.len());
            assert!(longest <= CHUNK_BYTES.max(100_100));
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            let lengths: Vec<usize> =
                value["items"].as_array().unwrap().iter().map(|item| item["data"].as_str().unwrap().len()).collect();
            assert_eq!(lengths, sizes);
        }
    }

    #[test]
    fn many_small_items_go_out_in_few_bounded_chunks() {
        let items: Vec<_> = (0..2_000).map(|_| object(200)).collect();
        let (announced, bytes, longest) = collect(ListBody::new(Bytes::from_static(b"{\"items\":["), items));
        assert_eq!(announced, bytes.len());
        assert!(longest <= CHUNK_BYTES);
    }
}

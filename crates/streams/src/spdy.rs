//! SPDY/3.1, server side, as far as Kubernetes uses it: streams that the client opens, data both ways, resets, pings.
//!
//! [`Connection`] is the protocol's state and nothing else: [`Connection::receive`] turns bytes into [`Event`]s, one at
//! a time so that its caller can take its time over each; the other methods put frames into the output. Flow control is
//! left out on both sides, as in the client that all of Kubernetes uses (spdystream): a server that does not want more
//! stops reading.
//!
//! Bounds: [`FRAME_BYTES_MAX`] of an unfinished control frame, [`STREAMS_MAX`] open streams, and the header blocks'.

mod dictionary;
mod frame;
mod headers;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::{Buf, Bytes};

pub use frame::FRAME_BYTES_MAX;
use frame::{Control, Head, Reader};
pub use headers::{BLOCK_BYTES_MAX, Headers};
use headers::{Packer, Unpacker};

/// Streams that may be open at once: two for each of a thousand forwarded connections.
pub const STREAMS_MAX: usize = 2_000;

/// The longest piece of data in one frame that is sent.
pub const DATA_BYTES_MAX: usize = 32 * 1024;

const REFUSED_STREAM: u32 = 3;
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 6;

/// What the client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It opened a stream, which waits for [`Connection::accept`] or [`Connection::refuse`].
    Opened {
        /// The stream.
        stream: u32,
        /// Its headers.
        headers: Headers,
    },
    /// Bytes came on an open stream.
    Data {
        /// The stream.
        stream: u32,
        /// The bytes, never none.
        bytes: Bytes,
    },
    /// It will send no more on a stream.
    Finished {
        /// The stream.
        stream: u32,
    },
    /// It gave a stream up.
    Reset {
        /// The stream.
        stream: u32,
    },
    /// It is going to close the connection.
    GoAway,
}

/// What a client may not send. The connection is of no use afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpdyError {
    /// A control frame over the bound.
    #[error("control frame of {0} bytes is over the bound")]
    FrameTooLong(usize),
    /// A control frame of another version.
    #[error("frame of SPDY version {0}")]
    Version(u16),
    /// A control frame too short for its kind.
    #[error("frame is cut short")]
    Malformed,
    /// A header block that cannot be unpacked.
    #[error("header block cannot be read")]
    Headers,
    /// A header block over the bound.
    #[error("header block is over the bound")]
    HeadersTooLong,
    /// A stream id that is even, or not above the last one.
    #[error("stream id {0} is out of order")]
    StreamId(u32),
}

/// An open stream: which sides have ended.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    finished_here: bool,
    finished_there: bool,
}

/// One connection's state.
pub struct Connection {
    reader: Reader,
    unpacker: Unpacker,
    packer: Packer,
    streams: HashMap<u32, Stream>,
    last_stream: u32,
    /// A second event of one frame.
    pending: Option<Event>,
    out: Vec<u8>,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            reader: Reader::default(),
            unpacker: Unpacker::new(),
            packer: Packer::new(),
            streams: HashMap::new(),
            last_stream: 0,
            pending: None,
            out: Vec::new(),
        }
    }
}

impl Connection {
    /// Takes from `input` what the next event needs. `None`: all was taken, and more must come first.
    ///
    /// # Errors
    /// When the client breaks the protocol.
    pub fn receive(&mut self, input: &mut Bytes) -> Result<Option<Event>, SpdyError> {
        loop {
            if let Some(event) = self.pending.take() {
                return Ok(Some(event));
            }
            let Some(frame) = self.reader.next(input)? else { return Ok(None) };
            let event = match frame {
                Head::Data { stream, bytes, last } => self.data(stream, bytes, last),
                Head::Control(control) => self.control(control)?,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn data(&mut self, id: u32, bytes: Bytes, last: bool) -> Option<Event> {
        // Data of a stream that was given up is still on its way, and of no interest.
        let stream = self.streams.get_mut(&id).filter(|stream| !stream.finished_there)?;
        if last {
            stream.finished_there = true;
            self.pending = Some(Event::Finished { stream: id });
            self.forget_if_done(id);
        }
        if bytes.has_remaining() { Some(Event::Data { stream: id, bytes }) } else { self.pending.take() }
    }

    fn control(&mut self, control: Control) -> Result<Option<Event>, SpdyError> {
        match control {
            Control::SynStream { stream, block, last } => self.opened(stream, &block, last),
            Control::Headers { block } => {
                // Not used by Kubernetes; unpacked since later blocks build on it.
                self.unpacker.unpack(&block)?;
                Ok(None)
            }
            Control::Reset { stream } => Ok(self.streams.remove(&stream).map(|_| Event::Reset { stream })),
            Control::Ping { id } => {
                // Odd ones are the client's and go back; even ones would answer pings that were never sent.
                if id % 2 == 1 {
                    frame::ping(&mut self.out, id);
                }
                Ok(None)
            }
            Control::GoAway => Ok(Some(Event::GoAway)),
            Control::Other => Ok(None),
        }
    }

    fn opened(&mut self, id: u32, block: &[u8], last: bool) -> Result<Option<Event>, SpdyError> {
        let headers = self.unpacker.unpack(block)?;
        if id.is_multiple_of(2) || id <= self.last_stream {
            return Err(SpdyError::StreamId(id));
        }
        self.last_stream = id;
        if self.streams.len() >= STREAMS_MAX {
            frame::reset(&mut self.out, id, REFUSED_STREAM);
            return Ok(None);
        }
        self.streams.insert(id, Stream { finished_there: last, finished_here: false });
        if last {
            self.pending = Some(Event::Finished { stream: id });
        }
        Ok(Some(Event::Opened { stream: id, headers }))
    }

    /// Answers a stream that was opened.
    pub fn accept(&mut self, stream: u32) {
        let block = self.packer.pack(&[]);
        frame::syn_reply(&mut self.out, stream, &block);
    }

    /// Turns a stream that was opened away.
    pub fn refuse(&mut self, stream: u32) {
        self.give_up(stream, PROTOCOL_ERROR);
    }

    /// Gives a stream up after a failure.
    pub fn reset(&mut self, stream: u32) {
        self.give_up(stream, INTERNAL_ERROR);
    }

    fn give_up(&mut self, stream: u32, status: u32) {
        if self.streams.remove(&stream).is_some() {
            frame::reset(&mut self.out, stream, status);
        }
    }

    /// Sends bytes; a stream that is not open takes none.
    pub fn send(&mut self, stream: u32, bytes: &[u8]) {
        if self.streams.get(&stream).is_some_and(|stream| !stream.finished_here) {
            for piece in bytes.chunks(DATA_BYTES_MAX) {
                frame::data(&mut self.out, stream, piece, false);
            }
        }
    }

    /// Whether a stream is open on either side.
    pub fn is_open(&self, stream: u32) -> bool {
        self.streams.contains_key(&stream)
    }

    /// Says that no more will be sent on a stream.
    pub fn finish(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.finished_here) {
            stream.finished_here = true;
            frame::data(&mut self.out, id, &[], true);
            self.forget_if_done(id);
        }
    }

    /// Says that no further stream will be taken.
    pub fn go_away(&mut self) {
        frame::go_away(&mut self.out, self.last_stream);
    }

    /// What is to be sent, in order.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Streams that are open on either side.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    fn forget_if_done(&mut self, id: u32) {
        if let Entry::Occupied(entry) = self.streams.entry(id)
            && entry.get().finished_here
            && entry.get().finished_there
        {
            entry.remove();
        }
    }
}

//! Frames: the eight bytes in front, what follows them, and how far a reader is within one.
//!
//! Data is handed on as it comes, in pieces of the input; only a control frame is gathered first.

use bytes::{Buf, Bytes};

use super::SpdyError;

/// The longest control frame that is taken, its eight bytes in front not counted.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

const HEAD_BYTES: usize = 8;
const VERSION: u16 = 3;
const FLAG_FIN: u8 = 1;

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;

/// A frame, or a piece of a data frame.
pub(super) enum Head {
    Data { stream: u32, bytes: Bytes, last: bool },
    Control(Control),
}

/// A control frame.
pub(super) enum Control {
    SynStream {
        stream: u32,
        block: Bytes,
        last: bool,
    },
    Headers {
        block: Bytes,
    },
    Reset {
        stream: u32,
    },
    Ping {
        id: u32,
    },
    GoAway,
    /// Settings, windows and what else may be passed over.
    Other,
}

/// Where a reader is: in front of a frame, within a control frame, or within data.
#[derive(Default)]
pub(super) struct Reader {
    /// The frame in front of which, or the control frame in which, the input ended.
    gathered: Vec<u8>,
    data: Option<Data>,
}

struct Data {
    stream: u32,
    left: usize,
    last: bool,
}

impl Reader {
    /// The next frame or piece of data; `None` when more input is needed, all of which was taken.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Head>, SpdyError> {
        if let Some(data) = self.data.as_mut().filter(|data| data.left > 0) {
            if input.is_empty() {
                return Ok(None);
            }
            let bytes = input.split_to(data.left.min(input.len()));
            data.left -= bytes.len();
            let (stream, last) = (data.stream, data.last && data.left == 0);
            return Ok(Some(Head::Data { stream, bytes, last }));
        }
        self.data = None;
        if !self.gather(input, HEAD_BYTES) {
            return Ok(None);
        }
        let head: [u8; HEAD_BYTES] = self.gathered[..HEAD_BYTES].try_into().map_err(|_| SpdyError::Malformed)?;
        let word = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let length = u32::from_be_bytes([0, head[5], head[6], head[7]]) as usize;
        let last = head[4] & FLAG_FIN != 0;
        if word >> 31 == 0 {
            self.gathered.clear();
            self.data = Some(Data { stream: word, left: length, last });
            // Nothing follows an empty frame, so it is told of at once.
            let empty = Head::Data { stream: word, bytes: Bytes::new(), last };
            return if length == 0 { Ok(Some(empty)) } else { self.next(input) };
        }
        let (version, kind) = ((word >> 16 & 0x7fff) as u16, (word & 0xffff) as u16);
        if version != VERSION {
            return Err(SpdyError::Version(version));
        }
        if length > FRAME_BYTES_MAX {
            return Err(SpdyError::FrameTooLong(length));
        }
        if !self.gather(input, HEAD_BYTES + length) {
            return Ok(None);
        }
        let mut frame = Bytes::from(std::mem::take(&mut self.gathered));
        frame.advance(HEAD_BYTES);
        Ok(Some(Head::Control(control(kind, last, frame)?)))
    }

    /// Bytes held back.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.gathered.len()
    }

    /// Fills `gathered` up to `wanted`; whether it is full.
    fn gather(&mut self, input: &mut Bytes, wanted: usize) -> bool {
        let missing = wanted.saturating_sub(self.gathered.len());
        let taken = input.split_to(missing.min(input.len()));
        self.gathered.extend_from_slice(&taken);
        self.gathered.len() >= wanted
    }
}

fn control(kind: u16, last: bool, mut frame: Bytes) -> Result<Control, SpdyError> {
    let wanted = match kind {
        SYN_STREAM => 10,
        RST_STREAM => 8,
        PING | GOAWAY | HEADERS | SYN_REPLY => 4,
        _ => return Ok(Control::Other),
    };
    if frame.len() < wanted {
        return Err(SpdyError::Malformed);
    }
    let word = frame.get_u32();
    let stream = word & 0x7fff_ffff;
    Ok(match kind {
        SYN_STREAM => {
            // The associated stream, the priority and the slot.
            frame.advance(6);
            Control::SynStream { stream, block: frame, last }
        }
        // No stream is opened from here that a client could answer, but its headers count for the compression.
        HEADERS | SYN_REPLY => Control::Headers { block: frame },
        RST_STREAM => Control::Reset { stream },
        PING => Control::Ping { id: word },
        _ => Control::GoAway,
    })
}

pub(super) fn syn_reply(out: &mut Vec<u8>, stream: u32, block: &[u8]) {
    head(out, SYN_REPLY, 4 + block.len());
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(block);
}

pub(super) fn reset(out: &mut Vec<u8>, stream: u32, status: u32) {
    head(out, RST_STREAM, 8);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(&status.to_be_bytes());
}

pub(super) fn ping(out: &mut Vec<u8>, id: u32) {
    head(out, PING, 4);
    out.extend_from_slice(&id.to_be_bytes());
}

pub(super) fn go_away(out: &mut Vec<u8>, last_stream: u32) {
    head(out, GOAWAY, 8);
    out.extend_from_slice(&last_stream.to_be_bytes());
    out.extend_from_slice(&0_u32.to_be_bytes());
}

/// At most 2^24 - 1 bytes.
pub(super) fn data(out: &mut Vec<u8>, stream: u32, bytes: &[u8], last: bool) {
    out.extend_from_slice(&(stream & 0x7fff_ffff).to_be_bytes());
    flags_and_length(out, u8::from(last), bytes.len());
    out.extend_from_slice(bytes);
}

fn head(out: &mut Vec<u8>, kind: u16, length: usize) {
    out.extend_from_slice(&(0x8000 | VERSION).to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    flags_and_length(out, 0, length);
}

fn flags_and_length(out: &mut Vec<u8>, flags: u8, length: usize) {
    let [_, high, middle, low] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&[flags, high, middle, low]);
}

/// A client's stream, for tests.
#[cfg(test)]
pub(super) fn syn_stream(out: &mut Vec<u8>, stream: u32, block: &[u8], last: bool) {
    let start = out.len();
    head(out, SYN_STREAM, 10 + block.len());
    out[start + 4] = u8::from(last);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(&[0; 6]);
    out.extend_from_slice(block);
}

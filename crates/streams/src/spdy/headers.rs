//! Header blocks: names and values, compressed as one stream per direction.
//!
//! Bounds: a block may unpack to at most [`BLOCK_BYTES_MAX`], however small it was sent.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::SpdyError;
use super::dictionary::dictionary;

/// The longest header block once unpacked.
pub const BLOCK_BYTES_MAX: usize = 64 * 1024;

const CHUNK_BYTES: usize = 4 * 1024;

/// The headers of a stream. Names are in lower case, as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value of a header, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Unpacks the blocks of one direction, in order.
pub(super) struct Unpacker(Decompress);

impl Unpacker {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Unpacks one block. Every block must go through here, since each builds on those before.
    pub(super) fn unpack(&mut self, block: &[u8]) -> Result<Headers, SpdyError> {
        let mut out = Vec::with_capacity(CHUNK_BYTES);
        let mut rest = block;
        loop {
            if out.len() == out.capacity() {
                out.reserve(CHUNK_BYTES);
            }
            let before = (self.0.total_in(), self.0.total_out());
            let status = match self.0.decompress_vec(rest, &mut out, FlushDecompress::Sync) {
                Ok(status) => status,
                // Asked for once, at the first block.
                Err(error) if error.needs_dictionary().is_some() => {
                    rest = advanced(rest, before.0, self.0.total_in());
                    self.0.set_dictionary(&dictionary()).map_err(|_| SpdyError::Headers)?;
                    continue;
                }
                Err(_) => return Err(SpdyError::Headers),
            };
            rest = advanced(rest, before.0, self.0.total_in());
            if out.len() > BLOCK_BYTES_MAX {
                return Err(SpdyError::HeadersTooLong);
            }
            let stuck = before == (self.0.total_in(), self.0.total_out());
            let room_left = out.len() < out.capacity();
            if status == Status::StreamEnd || rest.is_empty() && room_left || stuck && room_left {
                break;
            }
        }
        if rest.is_empty() { parse(&out).ok_or(SpdyError::Headers) } else { Err(SpdyError::Headers) }
    }
}

fn advanced(rest: &[u8], before: u64, after: u64) -> &[u8] {
    let taken = usize::try_from(after.saturating_sub(before)).unwrap_or(rest.len());
    &rest[taken.min(rest.len())..]
}

fn parse(block: &[u8]) -> Option<Headers> {
    let mut input = block;
    let count = take_u32(&mut input)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let (name, value) = (take_text(&mut input)?, take_text(&mut input)?);
        headers.push((name, value));
    }
    Some(Headers(headers))
}

fn take_u32(input: &mut &[u8]) -> Option<u32> {
    let (head, rest) = input.split_first_chunk::<4>()?;
    *input = rest;
    Some(u32::from_be_bytes(*head))
}

fn take_text(input: &mut &[u8]) -> Option<String> {
    let length = take_u32(input)? as usize;
    let (head, rest) = input.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(head.to_vec()).ok()
}

/// Packs the blocks of one direction, in order.
pub(super) struct Packer(Compress);

impl Packer {
    pub(super) fn new() -> Self {
        let mut compress = Compress::new(Compression::default(), true);
        compress.set_dictionary(&dictionary()).expect("a fresh stream takes a dictionary");
        Self(compress)
    }

    /// Packs one block.
    pub(super) fn pack(&mut self, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut plain = Vec::new();
        put_u32(&mut plain, headers.len());
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            put_u32(&mut plain, text.len());
            plain.extend_from_slice(text.as_bytes());
        }
        let mut out = Vec::with_capacity(plain.len() + 64);
        let mut rest = &plain[..];
        loop {
            let before = self.0.total_in();
            self.0.compress_vec(rest, &mut out, FlushCompress::Sync).expect("memory to memory");
            rest = advanced(rest, before, self.0.total_in());
            // A flush is complete when it leaves room.
            if rest.is_empty() && out.len() < out.capacity() {
                return out;
            }
            out.reserve(CHUNK_BYTES);
        }
    }
}

fn put_u32(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_as_packed_and_build_on_each_other() {
        let (mut packer, mut unpacker) = (Packer::new(), Unpacker::new());
        let mut sizes = Vec::new();
        for id in ["1", "2", "3"] {
            let block = packer.pack(&[("streamtype", "error"), ("port", "8080"), ("requestid", id)]);
            sizes.push(block.len());
            let headers = unpacker.unpack(&block).unwrap();
            assert_eq!((headers.get("StreamType"), headers.get("requestid")), (Some("error"), Some(id)));
        }
        assert!(sizes[1] < sizes[0], "{sizes:?}");
        assert_eq!(unpacker.unpack(&packer.pack(&[])).unwrap(), Headers::default());
    }

    #[test]
    fn a_small_block_that_unpacks_to_a_large_one_is_refused() {
        let large = "x".repeat(BLOCK_BYTES_MAX * 4);
        let block = Packer::new().pack(&[("name", &large)]);
        assert!(block.len() < 2_000);
        assert_eq!(Unpacker::new().unpack(&block), Err(SpdyError::HeadersTooLong));
    }

    #[test]
    fn a_block_of_another_dictionary_or_none_is_refused() {
        assert_eq!(Unpacker::new().unpack(b"not compressed"), Err(SpdyError::Headers));
        assert_eq!(Unpacker::new().unpack(&[]), Err(SpdyError::Headers));
        let block = Packer::new().pack(&[("a", "b")]);
        assert_eq!(Unpacker::new().unpack(&block[..block.len() - 6]), Err(SpdyError::Headers));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Unpacker::new().unpack(&bytes);
            let mut known = Packer::new().pack(&[("a", "b")]);
            known.extend_from_slice(&bytes);
            let _ = Unpacker::new().unpack(&known);
        }
    }
}

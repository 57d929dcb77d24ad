//! Splits a byte stream into lines of bounded length. Pure.

use bytes::{Buf, Bytes, BytesMut};

/// Longest line of a watch, in bytes: several times the largest object that a server takes.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// A line grew over its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a watch message of more than {0} bytes")]
pub(crate) struct LineTooLong(usize);

/// Bytes of which no line was made yet.
pub(crate) struct Lines {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    max: usize,
}

impl Lines {
    pub(crate) fn new(max: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, max }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next complete line that is not empty, without its end.
    pub(crate) fn next_line(&mut self) -> Result<Option<Bytes>, LineTooLong> {
        loop {
            let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return if self.searched > self.max { Err(LineTooLong(self.max)) } else { Ok(None) };
            };
            let line = self.buffer.split_to(self.searched + found).freeze();
            self.buffer.advance(1);
            self.searched = 0;
            if line.len() > self.max {
                return Err(LineTooLong(self.max));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// What is left when the stream has ended: a last line without its end.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        self.searched = 0;
        Some(self.buffer.split().freeze()).filter(|rest| !rest.trim_ascii().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let text = b"one\n\ntwo\r\nthree";
        for size in 1..=text.len() {
            let (mut lines, mut found) = (Lines::new(100), Vec::new());
            for chunk in text.chunks(size) {
                lines.push(chunk);
                while let Some(line) = lines.next_line().expect("short lines") {
                    found.push(line);
                }
            }
            found.extend(lines.rest());
            assert_eq!(found, ["one", "two\r", "three"], "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_over_the_bound_is_an_error_before_it_has_ended() {
        let mut lines = Lines::new(4);
        lines.push(b"12345");
        assert_eq!(lines.next_line(), Err(LineTooLong(4)));
        let mut lines = Lines::new(4);
        lines.push(b"12345\n");
        assert_eq!(lines.next_line(), Err(LineTooLong(4)));
    }
}

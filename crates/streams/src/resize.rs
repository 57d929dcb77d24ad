//! Terminal sizes, as a client sends them: a stream of JSON objects, `{"Width":100,"Height":30}`, cut anywhere.

use api::session::TerminalSize;
use serde_json::Value;

/// The longest text of one size; a client that sends more without an end sends no sizes.
pub const SIZE_BYTES_MAX: usize = 1024;

/// Gathers sizes.
#[derive(Debug, Default)]
pub struct SizeReader {
    text: Vec<u8>,
    broken: bool,
}

impl SizeReader {
    /// Takes bytes in; answers with the last size that they complete, since earlier ones are out of date by then.
    /// Whatever is no size ends the reading, as it does upstream.
    pub fn receive(&mut self, bytes: &[u8]) -> Option<TerminalSize> {
        let mut last = None;
        for byte in bytes {
            if self.broken {
                break;
            }
            self.text.push(*byte);
            // Sizes are flat objects, so each ends at its first closing brace.
            if *byte == b'}' {
                match size(&self.text) {
                    Some(size) => last = Some(size),
                    None => self.broken = true,
                }
                self.text.clear();
            }
            self.broken |= self.text.len() > SIZE_BYTES_MAX;
        }
        if self.broken {
            self.text = Vec::new();
        }
        last
    }
}

fn size(text: &[u8]) -> Option<TerminalSize> {
    let value: Value = serde_json::from_slice(text).ok()?;
    // Go reads names of fields in any case.
    let side = |name: &str| {
        let field = value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        field.map_or(Some(0), |(_, number)| number.as_u64().and_then(|number| u16::try_from(number).ok()))
    };
    Some(TerminalSize { width: side("width")?, height: side("height")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_whole_size_counts() {
        let mut reader = SizeReader::default();
        assert_eq!(reader.receive(b"{\"Width\":100,\"Hei"), None);
        let expected = Some(TerminalSize { width: 80, height: 24 });
        assert_eq!(reader.receive(b"ght\":30}\n{\"width\":80,\"height\":24}\n{"), expected);
    }

    #[test]
    fn what_is_no_size_ends_the_reading_within_the_bound() {
        let mut reader = SizeReader::default();
        assert_eq!(reader.receive(&[b'x'; 10_000]), None);
        assert_eq!(reader.text.capacity(), 0);
        assert_eq!(reader.receive(b"{\"Width\":1,\"Height\":1}"), None);
        assert_eq!(SizeReader::default().receive(b"{\"Width\":70000,\"Height\":1}"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
            let mut reader = SizeReader::default();
            let _ = reader.receive(&bytes);
            prop_assert!(reader.text.len() <= SIZE_BYTES_MAX);
        }
    }
}

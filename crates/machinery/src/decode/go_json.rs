//! JSON as Go's `encoding/json` sees it: whether bytes are JSON, what is wrong with them in Go's words, and what Go
//! accepts that a strict parser does not. Nothing is built, and nothing recurses.
//!
//! It runs only when decoding failed, or met a nesting deeper than any kind has.

use std::borrow::Cow;

/// Go's `maxNestingDepth`.
const MAX_NESTING: usize = 10_000;

const ENDED: &str = "unexpected end of JSON input";

/// Checks that bytes are one JSON value.
///
/// # Errors
/// Go's text for the first thing that is wrong.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut scanner = Scanner { bytes, at: 0, open: Vec::new() };
    scanner.value()?;
    loop {
        scanner.space();
        match scanner.open.last() {
            None => return scanner.end(),
            Some(b'{') => scanner.after_member()?,
            Some(_) => scanner.after_element()?,
        }
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The brackets that are open.
    open: Vec<u8>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// What is wrong where the scanner stands.
    fn wrong<T>(&self, context: &str) -> Result<T, String> {
        Err(match self.peek() {
            None => ENDED.to_owned(),
            Some(byte) => format!("invalid character {} {context}", quoted(byte)),
        })
    }

    /// A whole scalar, or the start of a list or map up to its first scalar or its end.
    fn value(&mut self) -> Result<(), String> {
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    self.push(b'{')?;
                    self.space();
                    if self.peek() == Some(b'}') {
                        return self.pop();
                    }
                    self.key()?;
                }
                Some(b'[') => {
                    self.push(b'[')?;
                    self.space();
                    if self.peek() == Some(b']') {
                        return self.pop();
                    }
                }
                _ => return self.scalar(),
            }
        }
    }

    fn scalar(&mut self) -> Result<(), String> {
        match self.peek() {
            Some(b'"') => self.text(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => self.wrong("looking for beginning of value"),
        }
    }

    fn push(&mut self, bracket: u8) -> Result<(), String> {
        self.at += 1;
        self.open.push(bracket);
        if self.open.len() > MAX_NESTING { Err("exceeded max depth".to_owned()) } else { Ok(()) }
    }

    fn pop(&mut self) -> Result<(), String> {
        self.at += 1;
        self.open.pop();
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<(), String> {
        self.space();
        if self.peek() != Some(b'"') {
            return self.wrong("looking for beginning of object key string");
        }
        self.text()?;
        self.space();
        if self.peek() != Some(b':') {
            return self.wrong("after object key");
        }
        self.at += 1;
        Ok(())
    }

    fn after_member(&mut self) -> Result<(), String> {
        match self.peek() {
            Some(b'}') => self.pop(),
            Some(b',') => {
                self.at += 1;
                self.key()?;
                self.value()
            }
            _ => self.wrong("after object key:value pair"),
        }
    }

    fn after_element(&mut self) -> Result<(), String> {
        match self.peek() {
            Some(b']') => self.pop(),
            Some(b',') => {
                self.at += 1;
                self.value()
            }
            _ => self.wrong("after array element"),
        }
    }

    fn end(&self) -> Result<(), String> {
        if self.peek().is_none() { Ok(()) } else { self.wrong("after top-level value") }
    }

    fn text(&mut self) -> Result<(), String> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break self.at += 1,
                Some(b'\\') => self.escape()?,
                Some(0x20..) => self.at += 1,
                _ => return self.wrong("in string literal"),
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        self.at += 1;
        match self.peek() {
            Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return self.wrong("in \\u hexadecimal character escape");
                    }
                    self.at += 1;
                }
            }
            _ => return self.wrong("in string escape code"),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self, context: &str) -> Result<(), String> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { self.wrong(context) }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for letter in word.bytes() {
            if self.peek() != Some(letter) {
                return self.wrong(&format!("in literal {word} (expecting {})", quoted(letter)));
            }
            self.at += 1;
        }
        Ok(())
    }
}

/// A byte as Go quotes it: as the character of that number.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        0x07 => "'\\a'".to_owned(),
        0x08 => "'\\b'".to_owned(),
        0x0b => "'\\v'".to_owned(),
        0x0c => "'\\f'".to_owned(),
        0x00..=0x1f | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

/// What Go makes of text that is not Unicode: the replacement character, for bytes that are not UTF-8 and for escaped
/// halves of surrogate pairs alike.
pub(super) fn mend(bytes: &[u8]) -> Vec<u8> {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let mut mended = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match surrogate(rest) {
            Some(0xd800..=0xdbff) if rest.get(6..).and_then(surrogate).is_some_and(|low| low >= 0xdc00) => {
                mended.extend_from_slice(&rest[..12]);
                rest = &rest[12..];
            }
            Some(_) => {
                mended.extend_from_slice(b"\\ufffd");
                rest = &rest[6..];
            }
            // An escaped backslash starts no escape.
            None if rest.starts_with(b"\\\\") => {
                mended.extend_from_slice(b"\\\\");
                rest = &rest[2..];
            }
            None => {
                mended.push(*first);
                rest = tail;
            }
        }
    }
    mended
}

/// The number of an escaped surrogate that the bytes begin with.
fn surrogate(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..6)?.strip_prefix(b"\\u")?;
    let number = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..0xe000).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_gos_words() {
        let cases: [(&[u8], &str); 25] = [
            (b"", "unexpected end of JSON input"),
            (b"{", "unexpected end of JSON input"),
            (b"{\"a\":1", "unexpected end of JSON input"),
            (b"[1,", "unexpected end of JSON input"),
            (b"\"abc", "unexpected end of JSON input"),
            (b"garbage", "invalid character 'g' looking for beginning of value"),
            (b"[1,]", "invalid character ']' looking for beginning of value"),
            (b"{\"a\":}", "invalid character '}' looking for beginning of value"),
            (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
            (b"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            (b"{\"a\" 1}", "invalid character '1' after object key"),
            (b"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            (b"[1 2]", "invalid character '2' after array element"),
            (b"{} x", "invalid character 'x' after top-level value"),
            (b"01", "invalid character '1' after top-level value"),
            (b"\"a\nb\"", "invalid character '\\n' in string literal"),
            (b"\"\\x\"", "invalid character 'x' in string escape code"),
            (b"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            (b"[-a]", "invalid character 'a' in numeric literal"),
            (b"[1.]", "invalid character ']' after decimal point in numeric literal"),
            (b"[1e+]", "invalid character ']' in exponent of numeric literal"),
            (b"[trie]", "invalid character 'i' in literal true (expecting 'u')"),
            (b"\xff", "invalid character '\u{ff}' looking for beginning of value"),
            (b"\x00", "invalid character '\\x00' looking for beginning of value"),
            (b"'a'", "invalid character '\\'' looking for beginning of value"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(check(bytes).unwrap_err(), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn json_is_accepted_to_gos_depth() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(nested(MAX_NESTING).as_bytes()), Ok(()));
        assert_eq!(check(nested(MAX_NESTING + 1).as_bytes()), Err("exceeded max depth".to_owned()));
        assert_eq!(check(" {\"a\" : [ {} , [ ] , -1.5E-3, null, true, \"\\ud83d\" ] } \n".as_bytes()), Ok(()));
    }

    #[test]
    fn halves_of_surrogate_pairs_are_replaced() {
        let mended = mend(br#"["\ud83d\ude00","\ud83d","\ude00x","\\ud83d"]"#);
        assert_eq!(mended, br#"["\ud83d\ude00","\ufffd","\ufffdx","\\ud83d"]"#);
        assert_eq!(mend(b"\"a\xffb\""), "\"a\u{fffd}b\"".as_bytes());
    }

    proptest::proptest! {
        #[test]
        fn what_a_strict_parser_accepts_is_accepted(text in "[\\[\\]{}:,\"\\\\ut0-9eE+.\\- nulfase\n]{0,40}") {
            if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
                proptest::prop_assert_eq!(check(text.as_bytes()), Ok(()));
            } else if let Ok(()) = check(text.as_bytes()) {
                // Only halves of surrogate pairs and numbers out of range may be told apart.
                proptest::prop_assert!(text.contains("\\u") || text.contains(['e', 'E']), "{}", text);
            }
        }
    }
}

//! How text is made fit for people: escaping, symbols with plain stand-ins, colours.
//!
//! What came from an object or a container is escaped before it gets near a terminal, so that no name or message can
//! move the cursor.

use std::borrow::Cow;

/// What the reader can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// No symbols beyond ASCII.
    pub ascii: bool,
    /// With colours.
    pub colour: bool,
    /// Letters in a line, where there is a choice.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { ascii: false, colour: false, width: 100 }
    }
}

/// What a piece of text means; decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It worked.
    Good,
    /// It failed.
    Bad,
    /// It needs a look.
    Warn,
    /// Beside the point.
    Faint,
    /// The point.
    Strong,
}

impl Style {
    /// Text in a tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Warn => 33,
            Tone::Faint => 2,
            Tone::Strong => 1,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// `✔` or `ok`.
    pub fn good(self) -> &'static str {
        self.pick("✔", "ok")
    }

    /// `✖` or `x`.
    pub fn bad(self) -> &'static str {
        self.pick("✖", "x")
    }

    /// Parts a prefix from a log line.
    pub fn bar(self) -> &'static str {
        self.pick("│", "|")
    }

    /// Parts facts on one line.
    pub fn dot(self) -> &'static str {
        self.pick("·", "-")
    }

    /// A long dash.
    pub fn dash(self) -> &'static str {
        self.pick("—", "-")
    }

    /// Points on.
    pub fn arrow(self) -> &'static str {
        self.pick("→", "->")
    }

    /// One of two spellings.
    pub fn pick(self, symbol: &'static str, plain: &'static str) -> &'static str {
        if self.ascii { plain } else { symbol }
    }
}

/// Whether a letter can change how a terminal shows other text: C0, C1, DEL, bidirectional controls, line separators.
pub fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

/// Text from elsewhere, fit for one line of a terminal: whatever could steer it is written out as an escape.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if is_harmful(letter) => safe.extend(letter.escape_unicode()),
            _ => safe.push(letter),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_letter_survives_escaping() {
        for number in (0..0x20).chain(0x7f..0xa0).chain([0x202e, 0x2066, 0x2028]) {
            let letter = char::from_u32(number).expect("a letter");
            let safe = escape(&format!("a{letter}b")).into_owned();
            assert!(!safe.chars().any(is_harmful), "{number:#x}: {safe}");
            assert!(safe.starts_with("a\\") && safe.ends_with('b'), "{safe}");
        }
        assert!(matches!(escape("plain ünïcode ✔"), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_are_there_only_when_asked_for() {
        assert_eq!(Style::default().tone(Tone::Bad, "x"), "x");
        assert_eq!(Style { colour: true, ..Style::default() }.tone(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}

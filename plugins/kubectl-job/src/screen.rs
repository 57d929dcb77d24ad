//! How text reaches people: escaping, symbols with plain stand-ins, colours, widths.
//!
//! Everything for people goes to standard error through [`Screen`]; standard output carries data only. What came from
//! an object or a container is escaped before it gets near a terminal, so that no name or message can move the cursor.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};

use anstream::ColorChoice;
use explain::text::is_harmful;
use owo_colors::{AnsiColors, DynColors, OwoColorize as _};

pub(crate) use explain::text::{Style, Tone, escape};

/// What the terminal can do, as told by flags, environment and the terminal itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Screen {
    /// No symbols beyond ASCII.
    pub(crate) ascii: bool,
    /// Standard error is a terminal: a live line may be redrawn there.
    pub(crate) live: bool,
    /// Standard output is a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Standard output shows colours.
    pub(crate) stdout_colour: bool,
    /// Say only what went wrong.
    pub(crate) quiet: bool,
}

/// Colours that differ in brightness as well as in hue; red and green stand for results and are left out.
const STREAM_COLOURS: [AnsiColors; 6] = [
    AnsiColors::Cyan,
    AnsiColors::Yellow,
    AnsiColors::Magenta,
    AnsiColors::Blue,
    AnsiColors::BrightCyan,
    AnsiColors::BrightMagenta,
];

impl Screen {
    /// No terminal at all.
    #[cfg(test)]
    pub(crate) const PLAIN: Self =
        Self { ascii: false, live: false, stdout_is_terminal: false, stdout_colour: false, quiet: false };

    /// The screen of this process. Colours are decided once, here, for all writers.
    pub(crate) fn detect(colour: ColorChoice, ascii: bool, quiet: bool) -> Self {
        if colour != ColorChoice::Auto {
            colour.write_global();
        }
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .is_none_or(|value| value.to_ascii_lowercase().replace('-', "").contains("utf8"));
        let live = std::io::stderr().is_terminal() && !dumb;
        let stdout = std::io::stdout();
        let stdout_colour = anstream::AutoStream::choice(&stdout) != ColorChoice::Never;
        Self { ascii: ascii || !utf8, live, stdout_is_terminal: stdout.is_terminal(), stdout_colour, quiet }
    }

    /// Writes one line of talk. A closed standard error is no reason to stop.
    #[expect(clippy::unused_self, reason = "only who holds a screen may talk")]
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        let _ = writeln!(anstream::stderr().lock(), "{}", text.as_ref());
    }

    /// Writes one line of talk that `--quiet` hides.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Passes on a warning of the server's, as kubectl does.
    pub(crate) fn warn(&self, text: &str) {
        let head = "Warning:";
        self.say(format!("{} {}", self.tone(Tone::Warn, head), escape(text)));
    }

    /// Text in a tone.
    pub(crate) fn tone(&self, tone: Tone, text: &str) -> String {
        self.look().tone(tone, text)
    }

    /// For the screens of `explain`, with colours: standard error takes them out where it has none.
    pub(crate) fn look(self) -> Style {
        Style { ascii: self.ascii, colour: true, ..Style::default() }
    }

    /// For screens on standard output.
    pub(crate) fn page(self) -> Style {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).map(|size| usize::from(size.ws_col));
        let width = size.ok().filter(|width| *width > 0).unwrap_or(Style::default().width);
        Style { ascii: self.ascii, colour: self.stdout_colour, width }
    }

    /// `✔` or `ok`.
    pub(crate) fn good(self) -> &'static str {
        self.look().good()
    }

    /// `✖` or `x`.
    pub(crate) fn bad(self) -> &'static str {
        self.look().bad()
    }

    /// Parts a prefix from a log line.
    pub(crate) fn bar(self) -> &'static str {
        self.look().bar()
    }

    /// Parts facts on one line.
    pub(crate) fn dot(self) -> &'static str {
        self.look().dot()
    }

    /// A long dash.
    pub(crate) fn dash(self) -> &'static str {
        self.look().dash()
    }

    /// Points on.
    pub(crate) fn arrow(self) -> &'static str {
        self.look().arrow()
    }

    /// A bar of `width` cells, `done` of `all` of them filled.
    pub(crate) fn gauge(self, done: u64, all: u64, width: usize) -> String {
        let filled = (done.min(all) * width as u64).checked_div(all).unwrap_or(0) as usize;
        let (full, empty) = if self.ascii { ("#", ".") } else { ("█", "░") };
        format!("{}{}", full.repeat(filled), empty.repeat(width - filled))
    }
}

/// A prefix in the colour of its stream: the same number has the same colour in every run.
pub(crate) fn stream_colour(number: u32, text: &str) -> String {
    let colour = STREAM_COLOURS[number as usize % STREAM_COLOURS.len()];
    text.color(DynColors::Ansi(colour)).to_string()
}

/// A log line fit for a terminal: colours (SGR sequences) and tabs stay, all other control letters are written out.
pub(crate) fn escape_log(line: &str) -> Cow<'_, str> {
    if !line.chars().any(|letter| letter != '\t' && is_harmful(letter)) {
        return Cow::Borrowed(line);
    }
    let (mut safe, mut rest, mut coloured) = (String::with_capacity(line.len() + 8), line, false);
    while let Some(letter) = rest.chars().next() {
        if let Some(length) = sgr_length(rest) {
            safe.push_str(&rest[..length]);
            rest = &rest[length..];
            coloured = true;
            continue;
        }
        match letter {
            '\t' => safe.push('\t'),
            _ => safe.push_str(&escape(letter.encode_utf8(&mut [0; 4]))),
        }
        rest = &rest[letter.len_utf8()..];
    }
    if coloured {
        safe.push_str("\u{1b}[0m");
    }
    Cow::Owned(safe)
}

/// The length of the SGR sequence (`ESC [ digits and semicolons m`) at the start of the text.
fn sgr_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_keep_colours_and_lose_cursor_moves() {
        assert_eq!(escape_log("a\tb"), "a\tb");
        assert_eq!(escape_log("\u{1b}[1;31mred\u{1b}[0m"), "\u{1b}[1;31mred\u{1b}[0m\u{1b}[0m");
        assert_eq!(escape_log("\u{1b}[2Jgone"), "\\u{1b}[2Jgone");
        assert_eq!(escape_log("50%\r100%"), "50%\\r100%");
        assert_eq!(escape_log("\u{1b}]0;title\u{7}"), "\\u{1b}]0;title\\u{7}");
    }

    #[test]
    fn gauges_fill_with_what_is_done() {
        let screen = Screen { ascii: true, ..Screen::default() };
        assert_eq!(screen.gauge(5, 8, 8), "#####...");
        assert_eq!(screen.gauge(9, 8, 4), "####");
        assert_eq!(screen.gauge(0, 0, 4), "....");
    }
}

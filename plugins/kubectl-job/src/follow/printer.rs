//! Puts log lines on standard output and talk on standard error, with a live line below both when there is a terminal.

use std::borrow::Cow;
use std::io::{self, Write as _};

use crate::lines::{Line, Origin, Show, Shown};
use crate::screen::{Screen, escape_log, stream_colour};

/// Takes the live line away.
const CLEAR: &str = "\r\u{1b}[2K";

/// The one writer of a command that follows something.
pub(crate) struct Printer {
    screen: Screen,
    footer: String,
    is_drawn: bool,
    stdout_is_gone: bool,
}

impl Printer {
    /// A printer on this screen.
    pub(crate) fn new(screen: Screen) -> Self {
        Self { screen, footer: String::new(), is_drawn: false, stdout_is_gone: false }
    }

    /// The screen.
    pub(crate) fn screen(&self) -> Screen {
        self.screen
    }

    /// Prints a line of a container's output, if it is wanted.
    pub(crate) fn show(&mut self, show: &Show, origin: Origin<'_>, prefix: Option<(&str, u32)>, line: Line<'_>) {
        if let Some(bytes) = self.rendered(show, origin, prefix, line) {
            self.put(&bytes);
        }
    }

    /// What is to be printed of a line of a container's output, if it is wanted. `prefix` is the label and the number
    /// that its colour comes from.
    pub(crate) fn rendered(
        &self,
        show: &Show,
        origin: Origin<'_>,
        prefix: Option<(&str, u32)>,
        line: Line<'_>,
    ) -> Option<Vec<u8>> {
        Some(match show.line(origin, line, self.screen.stdout_colour)? {
            Shown::Text(text) => self.log_line(prefix, &text),
            Shown::Bytes(bytes) => bytes,
        })
    }

    /// Writes what was rendered.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if self.stdout_is_gone {
            return;
        }
        self.hide();
        let mut stdout = io::stdout().lock();
        if stdout.write_all(bytes).is_err() {
            // Whoever read the output went away; the Job's result is still wanted.
            self.stdout_is_gone = true;
        }
    }

    fn log_line(&self, prefix: Option<(&str, u32)>, line: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(line.len() + 24);
        if let Some((label, number)) = prefix {
            let label = if self.screen.stdout_colour { stream_colour(number, label) } else { label.to_owned() };
            text.extend_from_slice(label.as_bytes());
            text.extend_from_slice(format!(" {} ", self.screen.bar()).as_bytes());
        }
        if self.screen.stdout_is_terminal {
            let line = String::from_utf8_lossy(line);
            // A carriage return before the line's end is how some programs end lines.
            let safe: Cow<'_, str> = escape_log(line.strip_suffix('\r').unwrap_or(&line));
            text.extend_from_slice(safe.as_bytes());
        } else {
            text.extend_from_slice(line);
        }
        text.push(b'\n');
        text
    }

    /// Prints a line of talk.
    pub(crate) fn say(&mut self, text: impl AsRef<str>) {
        self.hide();
        self.screen.say(text);
    }

    /// Prints a line of talk that `--quiet` hides.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        if !self.screen.quiet {
            self.say(text);
        }
    }

    /// Redraws the live line, if there is one to draw.
    pub(crate) fn footer(&mut self, text: String) {
        if !self.screen.live || self.screen.quiet {
            return;
        }
        if self.is_drawn && self.footer == text {
            return;
        }
        self.hide();
        let _ = io::stdout().flush();
        let shown: String = text.chars().take(columns().saturating_sub(1)).collect();
        let _ = write!(anstream::stderr().lock(), "{shown}");
        self.footer = text;
        self.is_drawn = true;
    }

    /// Takes the live line away.
    pub(crate) fn hide(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            // Written past anstream, which would take the sequence out when colours are off.
            let _ = io::stderr().lock().write_all(CLEAR.as_bytes());
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.hide();
        let _ = io::stdout().flush();
    }
}

/// The width of the terminal, in letters.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stderr()).map(|size| usize::from(size.ws_col)).unwrap_or(0);
    if size == 0 { 80 } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_get_the_bytes_as_they_are_and_terminals_get_them_escaped() {
        let pipe = Printer::new(Screen::default());
        assert_eq!(pipe.log_line(None, b"\x1b[2J\xff"), b"\x1b[2J\xff\n");
        let screen = Screen { stdout_is_terminal: true, ascii: true, ..Screen::default() };
        let terminal = Printer::new(screen);
        assert_eq!(terminal.log_line(Some(("#1", 1)), b"\x1b[2Jx\r"), b"#1 | \\u{1b}[2Jx\n");
    }
}

//! Where the lines of attempts that are read one after the other go: out at once, or out in the order of their times.

use jiff::Timestamp;

use crate::exit::{Code, Failure};
use crate::follow::printer::Printer;
use crate::lines::{Line, Origin, Show};
use crate::view::attempts::Attempt;

/// Most bytes of output that are put in order.
const MAX_SORTED_BYTES: usize = 256 << 20;

/// Takes lines.
pub(super) struct Sink<'a> {
    show: &'a Show,
    printer: &'a mut Printer,
    /// Lines ready to be written, when they wait for others to be put in order with.
    waiting: Option<Vec<(Timestamp, Vec<u8>)>>,
    waiting_bytes: usize,
    /// The time of the line before, which a line without one shares.
    last: Timestamp,
}

impl<'a> Sink<'a> {
    /// A sink that prints, at once or by time.
    pub(super) fn new(show: &'a Show, printer: &'a mut Printer, by_time: bool) -> Self {
        Self { show, printer, waiting: by_time.then(Vec::new), waiting_bytes: 0, last: Timestamp::MIN }
    }

    /// Another log begins.
    pub(super) fn begin(&mut self) {
        self.last = Timestamp::MIN;
    }

    /// The printer, for talk.
    pub(super) fn printer(&mut self) -> &mut Printer {
        self.printer
    }

    /// Takes a line.
    ///
    /// # Errors
    /// When there is more to put in order than memory should hold.
    pub(super) fn take(&mut self, origin: Origin<'_>, is_prefixed: bool, line: Line<'_>) -> Result<(), Failure> {
        self.last = self.show.time(line).unwrap_or(self.last);
        let label = origin.attempt.filter(|_| is_prefixed).map(|attempt| label(attempt, self.printer));
        let label = label.as_ref().map(|(label, number)| (label.as_str(), *number));
        let Some(bytes) = self.printer.rendered(self.show, origin, label, line) else { return Ok(()) };
        let Some(waiting) = &mut self.waiting else {
            self.printer.put(&bytes);
            return Ok(());
        };
        self.waiting_bytes += bytes.len();
        if self.waiting_bytes > MAX_SORTED_BYTES {
            let text = "error: more output than can be put in order: take less of it with --since, --tail, --index or --grep, or use --merge pod";
            return Err(Failure::new(Code::Failure, text));
        }
        waiting.push((self.last, bytes));
        Ok(())
    }

    /// Prints what waits.
    pub(super) fn finish(self) {
        let mut waiting = self.waiting.unwrap_or_default();
        // Lines of one time keep the order in which they were read.
        waiting.sort_by_key(|(time, _)| *time);
        waiting.iter().for_each(|(_, bytes)| self.printer.put(bytes));
    }
}

/// The label of an attempt, and the number that its colour comes from.
fn label(attempt: &Attempt, printer: &Printer) -> (String, u32) {
    (attempt.label(printer.screen().dot()), attempt.index.unwrap_or(attempt.number))
}

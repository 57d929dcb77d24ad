//! The decision records of one Job, newest last, at most [`MAX_DECISIONS`].

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::plan::Note;

/// Most records kept per Job.
pub(crate) const MAX_DECISIONS: usize = 64;

/// One decision and when it was first made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// What and why.
    pub note: Note,
}

/// A bounded ring.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decisions {
    ring: VecDeque<Decision>,
    last: Vec<Note>,
}

impl Decisions {
    /// Takes in the notes of a plan; those that the plan before had too are not repeated.
    pub(crate) fn record(&mut self, notes: &[Note], at: Timestamp) {
        for note in notes.iter().filter(|note| !self.last.contains(note)) {
            if self.ring.len() == MAX_DECISIONS {
                self.ring.pop_front();
            }
            self.ring.push_back(Decision { at, note: note.clone() });
        }
        self.last = notes.to_vec();
    }

    /// All records, oldest first.
    pub(crate) fn all(&self) -> Vec<Decision> {
        self.ring.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(decision: &str) -> Note {
        let decision = decision.to_owned();
        Note { rule: "test", inputs: String::new(), decision, field: "spec", waits_for: None, until: None }
    }

    #[test]
    fn the_ring_is_bounded_and_standing_decisions_are_not_repeated() {
        let at = Timestamp::UNIX_EPOCH;
        let mut decisions = Decisions::default();
        decisions.record(&[note("wait")], at);
        decisions.record(&[note("wait")], at);
        assert_eq!(decisions.all().len(), 1);
        for number in 0..MAX_DECISIONS {
            decisions.record(&[note(&number.to_string())], at);
        }
        assert_eq!(decisions.all().len(), MAX_DECISIONS);
        assert_eq!(decisions.all()[0].note.decision, "0");
    }
}

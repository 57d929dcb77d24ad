//! What is said of a failed attempt, held back until the output of that attempt has been printed. Pure.

use std::collections::HashMap;

/// One run of a pod's containers: the pod's UID and how often they had restarted.
pub(super) type Run = (String, u32);

/// The runs whose output is being read, and the words that wait for it.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    /// How many logs of a run are being read.
    reading: HashMap<Run, u32>,
    words: Vec<(Run, String)>,
}

impl HeldBack {
    /// A log of the run is being read from now on.
    pub(super) fn opened(&mut self, run: Run) {
        *self.reading.entry(run).or_insert(0) += 1;
    }

    /// Takes words on a run; gives them back when they need not wait.
    pub(super) fn hold(&mut self, run: Run, words: String) -> Option<String> {
        if !self.reading.contains_key(&run) {
            return Some(words);
        }
        self.words.push((run, words));
        None
    }

    /// A log of the run has been read to its end; gives back what waited for the last one.
    pub(super) fn ended(&mut self, run: &Run) -> Vec<String> {
        if let Some(open @ 2..) = self.reading.get_mut(run) {
            *open -= 1;
            return Vec::new();
        }
        self.reading.remove(run);
        self.words.extract_if(.., |(held, _)| held == run).map(|(_, words)| words).collect()
    }

    /// Gives back all that still waits.
    pub(super) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words).into_iter().map(|(_, words)| words).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u32) -> Run {
        ("uid".to_owned(), number)
    }

    #[test]
    fn words_wait_for_the_last_log_of_their_run() {
        let mut held = HeldBack::default();
        assert_eq!(held.hold(run(0), "at once".to_owned()).as_deref(), Some("at once"));
        held.opened(run(0));
        held.opened(run(0));
        held.opened(run(1));
        assert_eq!(held.hold(run(0), "first".to_owned()), None);
        assert_eq!(held.hold(run(1), "second".to_owned()), None);
        assert_eq!(held.ended(&run(0)), [""; 0]);
        assert_eq!(held.ended(&run(0)), ["first"]);
        assert_eq!(held.rest(), ["second"]);
    }
}

//! The last lines of output of each attempt, for the failure screen. Pure.
//!
//! Bounds: [`KEPT_LINES`] lines of [`KEPT_BYTES`] of [`KEPT_ATTEMPTS`] attempts; the oldest go.

use std::collections::VecDeque;

/// Lines kept per attempt.
const KEPT_LINES: usize = 5;
/// Attempts whose lines are kept.
const KEPT_ATTEMPTS: usize = 16;
/// Bytes kept of a line.
const KEPT_BYTES: usize = 1_000;

/// The last lines of each pod, by its UID.
#[derive(Debug, Default)]
pub(super) struct Tails(VecDeque<(String, VecDeque<String>)>);

impl Tails {
    /// Takes in a line of a pod.
    pub(super) fn keep(&mut self, uid: &str, line: &[u8]) {
        let position = self.0.iter().position(|(known, _)| known == uid);
        let position = position.unwrap_or_else(|| {
            if self.0.len() == KEPT_ATTEMPTS {
                self.0.pop_front();
            }
            self.0.push_back((uid.to_owned(), VecDeque::with_capacity(KEPT_LINES)));
            self.0.len() - 1
        });
        let lines = &mut self.0[position].1;
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        let end = line.len().min(KEPT_BYTES);
        lines.push_back(String::from_utf8_lossy(&line[..end]).into_owned());
    }

    /// The last lines of a pod.
    pub(super) fn of(&self, uid: &str) -> Vec<String> {
        let tail = self.0.iter().find(|(known, _)| known == uid);
        tail.map(|(_, lines)| lines.iter().cloned().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_the_last_pods_are_kept() {
        let mut tails = Tails::default();
        for line in 0..=KEPT_LINES {
            tails.keep("a", line.to_string().as_bytes());
        }
        assert_eq!(tails.of("a"), ["1", "2", "3", "4", "5"]);
        tails.keep("b", &[b'x'; KEPT_BYTES + 1]);
        assert_eq!(tails.of("b"), ["x".repeat(KEPT_BYTES)]);
        (2..=KEPT_ATTEMPTS).for_each(|pod| tails.keep(&pod.to_string(), b""));
        assert_eq!(tails.of("a"), [""; 0]);
        assert_eq!(tails.of("b").len(), 1);
    }
}

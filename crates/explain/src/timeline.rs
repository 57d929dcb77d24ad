//! Attempts over time, as text.

use crate::text::{Style, escape};
use crate::{Story, attempts, duration};

/// The timeline of a story.
pub fn timeline(story: &Story, style: &Style) -> String {
    let lines = attempts(story).into_iter().map(|attempt| {
        let ran = attempt.ran().map(duration::show).unwrap_or_default();
        let end = attempt.end.as_ref().map_or_else(|| "runs".to_owned(), |end| escape(&end.show()).into_owned());
        format!("{} {} {ran} {end}", attempt.label(style.dot()), escape(&attempt.pod))
    });
    lines.collect::<Vec<_>>().join("\n")
}

//! The golden timeline: all that happened to a test's Jobs, a line each, by virtual time. No names that are drawn at
//! random, so that only what the Jobs do changes it.

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;

use super::Evidence;
use crate::words::show;

/// All that happened.
pub(super) fn text(evidence: &Evidence<'_>) -> String {
    let world = evidence.world;
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    for (track, story) in world.jobs.iter().zip(evidence.stories) {
        let name = track.name();
        lines.extend(track.turns.iter().map(|(at, turn)| (*at, format!("{name}: {turn}"))));
        for attempt in explain::attempts(story) {
            let label = attempt.label(".");
            if let Some(at) = attempt.started_at {
                let backoff = attempt.backoff.map(|backoff| format!(" after a back-off of {}", show(backoff)));
                lines.push((at, format!("{name} {label}: began{}", backoff.unwrap_or_default())));
            }
            if let Some(end) = &attempt.end {
                let at = end.finished_at.or(attempt.started_at).unwrap_or(world.now);
                lines.push((at, format!("{name} {label}: ended, {}", end.show())));
            }
        }
    }
    if let Some((_, refused)) = evidence.refusal {
        lines.push((world.start, format!("refused: {}", refused.message)));
    }
    // Stable: what happened at one time stays in the order of Jobs, turns and attempts.
    lines.sort_by_key(|(at, _)| *at);
    let mut text = String::new();
    for (at, line) in lines {
        let offset = format!("+{}", show(at.duration_since(world.start)));
        // Writing into a string does not fail.
        let _ = writeln!(text, "{offset:<10} {}", explain::text::escape(&line));
    }
    text
}

/// Compares with the golden file, or writes it; a note, or what was wanted and what came.
pub(super) fn compare(path: &Path, history: &str, update: bool) -> Result<Option<String>, (String, String)> {
    let golden = std::fs::read_to_string(path).ok();
    if golden.as_deref() == Some(history) {
        return Ok(None);
    }
    if update {
        let folder = path.parent().unwrap_or(Path::new(""));
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, history));
        return match written {
            Ok(()) => Ok(Some(format!("wrote {}", path.display()))),
            Err(error) => Err((format!("to write {}", path.display()), error.to_string())),
        };
    }
    let Some(golden) = golden else {
        return Err((path.display().to_string(), "no such file yet: run with --update to write it".to_owned()));
    };
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (wanted, got) = (lines(&golden), lines(history));
    let differs = (0..wanted.len().max(got.len())).find(|number| wanted.get(*number) != got.get(*number));
    let Some(number) = differs else { return Err((path.display().to_string(), "other line ends".to_owned())) };
    let shown = |lines: &[String]| lines.get(number).map_or_else(|| "the end".to_owned(), |line| format!("{line:?}"));
    let want = format!("{}:{}: {}", path.display(), number + 1, shown(&wanted));
    Err((want, format!("{}; --update accepts it", shown(&got))))
}

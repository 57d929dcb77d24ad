//! For people.

use explain::Style;
use explain::text::{Tone, escape};

use super::{Failure, Report, Totals, Verdict};
use crate::words::{show, show_real};

/// Lines of output that a failure shows.
const LOG_LINES: usize = 5;
/// Jobs of a test whose story a failure tells.
const JOBS_MAX: usize = 3;
/// The longest line of output that is shown.
const LINE_LENGTH: usize = 200;

/// The line of a test, and what is below it when it did not pass.
pub fn line(report: &Report, style: &Style, name_width: usize) -> String {
    let (word, tone) = match report.verdict {
        Verdict::Passed => ("PASS", Tone::Good),
        Verdict::Failed => ("FAIL", Tone::Bad),
        Verdict::Broken(_) => ("ERROR", Tone::Bad),
    };
    let word = style.tone(tone, &format!("{word:<5}"));
    let times = format!("virtual {:<10} real {}", report.shown_virtual(), show_real(report.real));
    let mut text = format!(" {word} {:<name_width$}  {times}\n", escape(&report.name));
    report.notes.iter().for_each(|note| text.push_str(&format!("   {note}\n")));
    if let Some((bad, times)) = report.repetitions.filter(|(bad, _)| *bad > 0) {
        text.push_str(&format!(
            "   {bad} of {times} repetitions failed{}; this is the first, with seed {}\n",
            if report.is_flaky() { " (flaky)" } else { "" },
            report.seed
        ));
    }
    match &report.verdict {
        Verdict::Passed => {}
        Verdict::Broken(why) => text.push_str(&format!(
            "   {}:{}  {}\n   replay: {}\n",
            report.file,
            report.line,
            escape(why),
            report.replay
        )),
        Verdict::Failed => text.push_str(&explained(report, style)),
    }
    text
}

fn explained(report: &Report, style: &Style) -> String {
    let mut text = String::new();
    for failure in &report.failures {
        text.push_str(&format!("   {}\n", difference(report, failure)));
        if let Some(decided) = &failure.manifest {
            text.push_str(&format!("     decided by {}\n", escape(&decided.show())));
        }
    }
    for job in report.jobs.iter().take(JOBS_MAX) {
        let block = |title: &str, body: &str, text: &mut String| {
            for (number, line) in body.lines().filter(|line| !line.trim().is_empty()).enumerate() {
                let title = if number == 0 { title } else { "" };
                text.push_str(&format!("   {title:<9} {line}\n"));
            }
        };
        block("why", &job.why(style), &mut text);
        block("timeline", &job.timeline(style), &mut text);
        for (number, (label, line)) in job.last_lines(LOG_LINES, style.dot()).iter().enumerate() {
            let title = if number == 0 { "logs" } else { "" };
            let line: String = line.chars().take(LINE_LENGTH).collect();
            text.push_str(&format!("   {title:<9} {label} {} {}\n", style.bar(), escape(&line)));
        }
    }
    if report.jobs.len() > JOBS_MAX {
        text.push_str(&format!("   and {}\n", api::text::count(report.jobs.len() - JOBS_MAX, "more Job")));
    }
    if let Some(kept) = &report.kept {
        text.push_str(&format!("   kept      {}\n", escape(&kept.display().to_string())));
    }
    text.push_str(&format!("   replay    {}\n", report.replay));
    text
}

/// `FILE:LINE  FIELD: want X, got Y`.
pub(crate) fn difference(report: &Report, failure: &Failure) -> String {
    let line = if failure.line == 0 { report.line } else { failure.line };
    let place = if line == 0 { report.file.clone() } else { format!("{}:{line}", report.file) };
    format!("{}  {}: want {}, got {}", escape(&place), failure.field, escape(&failure.want), escape(&failure.got))
}

/// The last line.
pub fn total(totals: &Totals, real: std::time::Duration, style: &Style) -> String {
    let dot = style.dot();
    let mut parts = vec![api::text::count(totals.tests, "test")];
    for (count, word) in [(totals.passed, "passed"), (totals.failed, "failed"), (totals.broken, "could not be run")] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.push(format!("virtual {}", show(jiff::SignedDuration::from_secs(totals.virtual_time.as_secs()))));
    parts.push(format!("real {}", show_real(real)));
    format!(" {}", parts.join(&format!(" {dot} ")))
}

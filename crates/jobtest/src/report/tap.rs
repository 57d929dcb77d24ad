//! TAP 13.

use explain::Style;

use super::{Report, Verdict, pretty};
use crate::words::show_real;

/// The whole suite.
pub fn tap(reports: &[Report]) -> String {
    let style = Style { ascii: true, colour: false, width: 100 };
    let mut text = format!("TAP version 13\n1..{}\n", reports.len());
    for (number, report) in reports.iter().enumerate() {
        let word = if report.passed() { "ok" } else { "not ok" };
        // A hash would begin a directive.
        let name = report.name.replace('#', "\\#");
        let times = format!("virtual {}, real {}", report.shown_virtual(), show_real(report.real));
        text.push_str(&format!("{word} {} - {name} ({times})\n", number + 1));
        if report.verdict != Verdict::Passed {
            for line in pretty::line(report, &style, 0).lines().skip(1) {
                text.push_str(&format!("# {}\n", line.trim_start()));
            }
        }
    }
    text
}

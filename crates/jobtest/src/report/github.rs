//! For GitHub Actions: annotations at the line that decided, and the step's summary.

use explain::Style;

use super::{Report, Totals, Verdict, pretty};
use crate::words::show_real;

/// A line for each failure: at the manifest's line where one decided, else at the test's. `path` says how GitHub calls a
/// file of the report.
pub fn annotations(report: &Report, path: &dyn Fn(&str) -> String) -> String {
    let mut text = String::new();
    let title = format!("kubectl job test: {}", report.name);
    let mut add = |file: &str, line: u64, message: &str| {
        let (file, title) = (property(&path(file)), property(&title));
        text.push_str(&format!("::error file={file},line={},title={title}::{}\n", line.max(1), data(message)));
    };
    match &report.verdict {
        Verdict::Passed => {}
        Verdict::Broken(why) => add(&report.file, report.line, why),
        Verdict::Failed => {
            for failure in &report.failures {
                let message = format!("{}\nreplay: {}", pretty::difference(report, failure), report.replay);
                match &failure.manifest {
                    Some(decided) => {
                        let message = format!("{message}\ndecided by {}", decided.show());
                        add(&decided.file, decided.line, &message);
                    }
                    None => add(&report.file, failure.line, &message),
                }
            }
        }
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The Markdown of `$GITHUB_STEP_SUMMARY`: a table, and the story of each test that did not pass.
pub fn summary(reports: &[Report], real: std::time::Duration) -> String {
    let style = Style { ascii: true, colour: false, width: 100 };
    let totals = Totals::of(reports);
    let mut text = format!(
        "### kubectl job test\n\n{}\n\n| Test | Result | Virtual | Real |\n|---|---|---|---|\n",
        pretty::total(&totals, real, &style).trim()
    );
    for report in reports {
        let result = match report.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "**failed**",
            Verdict::Broken(_) => "**error**",
        };
        let (shown, real) = (report.shown_virtual(), show_real(report.real));
        text.push_str(&format!("| {} | {result} | {shown} | {real} |\n", report.name.replace('|', "\\|")));
    }
    for report in reports.iter().filter(|report| !report.passed()) {
        // A fence longer than any in the text.
        let body = pretty::line(report, &style, 0);
        text.push_str(&format!(
            "\n<details><summary>{}</summary>\n\n``````text\n{}``````\n\n</details>\n",
            report.name,
            body.replace("``````", "` ` `")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_the_runner_is_escaped() {
        assert_eq!(data("50%\r\n::error"), "50%25%0D%0A::error");
        assert_eq!(property("a:b,c\n"), "a%3Ab%2Cc%0A");
    }
}

//! JUnit XML in the dialect that Jenkins reads: a suite is a file, a case is a test or one thing that a test asks for.
//!
//! A test that is repeated and passes some of the times has a `<failure>`, since it failed, and a `<flakyFailure>` for each
//! repetition that did; one that never passes has a `<rerunFailure>` for each repetition after the first.

mod cases;

use std::time::Duration;

use self::cases::{Case, Standing};
use super::Report;

/// What servers of ours behave like.
const PROFILE: &str = "v1.36";

/// What a case is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// A test.
    #[default]
    Test,
    /// Each thing that a test expects or does.
    Expectation,
}

/// The whole run.
pub fn junit(reports: &[Report], real: Duration, granularity: Granularity) -> String {
    let mut files: Vec<&str> = reports.iter().map(|report| report.file.as_str()).collect();
    files.dedup();
    let suites: Vec<Suite<'_>> = files.into_iter().map(|file| Suite::of(file, reports, granularity)).collect();
    let total = |wanted: fn(&Standing) -> bool| suites.iter().map(|suite| suite.count(wanted)).sum::<usize>();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!(
        "<testsuites name=\"kubectl job test\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">\n",
        total(|_| true),
        total(|standing| matches!(standing, Standing::Failed { .. })),
        total(|standing| matches!(standing, Standing::Broken { .. })),
        real.as_secs_f64()
    ));
    suites.iter().for_each(|suite| suite.write(&mut text));
    text.push_str("</testsuites>\n");
    text
}

struct Suite<'a> {
    file: &'a str,
    reports: Vec<&'a Report>,
    cases: Vec<Case<'a>>,
}

impl<'a> Suite<'a> {
    fn of(file: &'a str, reports: &'a [Report], granularity: Granularity) -> Self {
        let reports: Vec<&Report> = reports.iter().filter(|report| report.file == file).collect();
        let cases = reports.iter().flat_map(|report| cases::of(report, granularity)).collect();
        Self { file, reports, cases }
    }

    fn count(&self, wanted: fn(&Standing) -> bool) -> usize {
        self.cases.iter().filter(|case| wanted(&case.standing)).count()
    }

    fn write(&self, text: &mut String) {
        let seconds: f64 = self.reports.iter().map(|report| report.real.as_secs_f64()).sum();
        text.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\">\n",
            escaped(self.file),
            self.cases.len(),
            self.count(|standing| matches!(standing, Standing::Failed { .. })),
            self.count(|standing| matches!(standing, Standing::Broken { .. })),
            self.count(|standing| matches!(standing, Standing::Skipped(_))),
        ));
        text.push_str("    <properties>\n");
        let mut property = |name: &str, value: &str| {
            text.push_str(&format!("      <property name=\"{}\" value=\"{}\"/>\n", escaped(name), escaped(value)));
        };
        property("k8s-version-profile", PROFILE);
        for report in &self.reports {
            let seconds = report.virtual_time.as_secs_f64();
            property(&format!("{}.virtual-seconds", report.name), &format!("{seconds:.3}"));
            property(&format!("{}.seed", report.name), &report.seed.to_string());
        }
        text.push_str("    </properties>\n");
        self.cases.iter().for_each(|case| write_case(text, case));
        text.push_str("  </testsuite>\n");
    }
}

fn write_case(text: &mut String, case: &Case<'_>) {
    text.push_str(&format!(
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\">\n",
        escaped(&case.name),
        escaped(&case.class),
        case.seconds
    ));
    match &case.standing {
        Standing::Passed => {}
        Standing::Failed { message, body } => element(text, "failure", "expectation", message, body),
        Standing::Broken { why, body } => element(text, "error", "error", why, body),
        Standing::Skipped(why) => text.push_str(&format!("      <skipped message=\"{}\"/>\n", escaped(why))),
    }
    for again in &case.again {
        let name = if case.is_flaky { "flakyFailure" } else { "rerunFailure" };
        element(text, name, "expectation", again.lines().next().unwrap_or_default(), again);
    }
    if let Some(report) = case.tells_of {
        text.push_str(&format!("      <system-out>{}</system-out>\n", escaped(&output(report))));
    }
    text.push_str("    </testcase>\n");
}

fn element(text: &mut String, name: &str, kind: &str, message: &str, body: &str) {
    let (message, body) = (escaped(message), escaped(body));
    text.push_str(&format!("      <{name} type=\"{kind}\" message=\"{message}\">{body}</{name}>\n"));
}

/// The history, and the last output of each Job.
fn output(report: &Report) -> String {
    let mut text = report.history.clone();
    for job in &report.jobs {
        for (label, line) in job.last_lines(20, ".") {
            text.push_str(&format!("{} {label} | {line}\n", job.name));
        }
    }
    text
}

/// Text for an attribute or an element: escaped, and without what XML 1.0 cannot hold in any spelling.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            '\t' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                safe.push(letter)
            }
            _ => {}
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        assert_eq!(escaped("a\u{0}b\u{1b}[31m\u{fffe}\r<&\">\n"), "ab[31m&lt;&amp;&quot;&gt;&#10;");
        assert_eq!(escaped("ünï✔\u{1f600}"), "ünï✔\u{1f600}");
    }
}

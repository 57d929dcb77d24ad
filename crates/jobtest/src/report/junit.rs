//! JUnit XML in the dialect that Jenkins reads: a suite is a file, a case is a test.

use std::time::Duration;

use explain::Style;

use super::{Report, Verdict, pretty};

/// What servers of ours behave like.
const PROFILE: &str = "v1.36";

/// The whole run.
pub fn junit(reports: &[Report], real: Duration) -> String {
    let failed = |wanted: fn(&Verdict) -> bool| reports.iter().filter(|report| wanted(&report.verdict)).count();
    let (failures, errors) =
        (failed(|verdict| *verdict == Verdict::Failed), failed(|verdict| matches!(verdict, Verdict::Broken(_))));
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    text.push_str(&format!(
        "<testsuites name=\"kubectl job test\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{:.3}\">\n",
        reports.len(),
        real.as_secs_f64()
    ));
    let mut files: Vec<&str> = reports.iter().map(|report| report.file.as_str()).collect();
    files.dedup();
    for file in files {
        let of_file: Vec<&Report> = reports.iter().filter(|report| report.file == file).collect();
        suite(&mut text, file, &of_file);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(text: &mut String, file: &str, reports: &[&Report]) {
    let count = |wanted: fn(&Verdict) -> bool| reports.iter().filter(|report| wanted(&report.verdict)).count();
    let seconds: f64 = reports.iter().map(|report| report.real.as_secs_f64()).sum();
    text.push_str(&format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"{seconds:.3}\">\n    <properties>\n",
        escaped(file),
        reports.len(),
        count(|verdict| *verdict == Verdict::Failed),
        count(|verdict| matches!(verdict, Verdict::Broken(_))),
    ));
    let mut property = |name: &str, value: &str| {
        text.push_str(&format!("      <property name=\"{}\" value=\"{}\"/>\n", escaped(name), escaped(value)));
    };
    property("k8s-version-profile", PROFILE);
    for report in reports {
        property(&format!("{}.virtual-seconds", report.name), &format!("{:.3}", report.virtual_time.as_secs_f64()));
        property(&format!("{}.seed", report.name), &report.seed.to_string());
    }
    text.push_str("    </properties>\n");
    reports.iter().for_each(|report| case(text, report));
    text.push_str("  </testsuite>\n");
}

fn case(text: &mut String, report: &Report) {
    let style = Style { ascii: true, colour: false, width: 100 };
    let class = report.file.trim_end_matches(".yaml").trim_end_matches(".yml").trim_end_matches(".jobtest");
    let class = class.trim_start_matches(['.', '/']).replace('/', ".");
    text.push_str(&format!(
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\">\n",
        escaped(&report.name),
        escaped(&class),
        report.real.as_secs_f64()
    ));
    let body = pretty::line(report, &style, 0);
    match &report.verdict {
        Verdict::Passed => {}
        Verdict::Failed => {
            let first = report.failures.first().map(|failure| pretty::difference(report, failure)).unwrap_or_default();
            text.push_str(&format!(
                "      <failure type=\"expectation\" message=\"{}\">{}</failure>\n",
                escaped(&first),
                escaped(&body)
            ));
        }
        Verdict::Broken(why) => {
            text.push_str(&format!(
                "      <error type=\"error\" message=\"{}\">{}</error>\n",
                escaped(why),
                escaped(&body)
            ));
        }
    }
    text.push_str(&format!("      <system-out>{}</system-out>\n    </testcase>\n", escaped(&output(report))));
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

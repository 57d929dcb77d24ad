//! One file for a browser: everything in it, nothing loaded from elsewhere.

use std::time::Duration;

use explain::Style;

use super::{Report, Totals, Verdict, pretty};
use crate::words::show_real;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<title>kubectl job test</title><style>
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .75rem;border-bottom:1px solid #8884}
.failed,.error{color:#c22;font-weight:600}.passed{color:#282}pre{overflow:auto;padding:.75rem;background:#8881}
summary{cursor:pointer}td.n{text-align:right;font-variant-numeric:tabular-nums}
</style></head><body><h1>kubectl job test</h1>
";

/// The report of a whole run.
pub fn html(reports: &[Report], seed: u64, real: Duration) -> String {
    let style = Style { ascii: false, colour: false, width: 100 };
    let mut text = HEAD.to_owned();
    let total = pretty::total(&Totals::of(reports), real, &style);
    text.push_str(&format!("<p>{} · seed {seed}</p>\n<table><thead><tr>", escaped(total.trim())));
    text.push_str("<th>Test</th><th>Result</th><th>Clock</th><th>Virtual</th><th>Real</th></tr></thead><tbody>\n");
    for (number, report) in reports.iter().enumerate() {
        let word = word(report);
        text.push_str(&format!(
            "<tr><td><a href=\"#t{number}\">{}</a></td><td class=\"{word}\">{word}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            escaped(&report.name),
            report.mode.name(),
            report.shown_virtual(),
            show_real(report.real),
        ));
    }
    text.push_str("</tbody></table>\n");
    for (number, report) in reports.iter().enumerate() {
        let open = if report.passed() { "" } else { " open" };
        let word = word(report);
        text.push_str(&format!("<details id=\"t{number}\"{open}><summary>{} ", escaped(&report.name)));
        text.push_str(&format!("<span class=\"{word}\">{word}</span></summary><p>{}</p>\n", escaped(&report.file)));
        if !report.passed() {
            text.push_str(&format!("<pre>{}</pre>\n", escaped(&pretty::line(report, &style, 0))));
        }
        for job in &report.jobs {
            text.push_str(&format!(
                "<h3>Job {}</h3><pre>{}</pre>\n",
                escaped(&job.name),
                escaped(&job.timeline(&style))
            ));
            let lines: Vec<String> =
                job.last_lines(20, "·").into_iter().map(|(label, line)| format!("{label} │ {line}")).collect();
            if !lines.is_empty() {
                text.push_str(&format!("<pre>{}</pre>\n", escaped(&lines.join("\n"))));
            }
        }
        text.push_str(&format!("<h3>All that happened</h3><pre>{}</pre>\n", escaped(&report.history)));
        text.push_str(&format!("<p>Run it again: <code>{}</code></p></details>\n", escaped(&report.replay)));
    }
    text.push_str("</body></html>\n");
    text
}

fn word(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Broken(_) => "error",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\u{1b}', "")
}

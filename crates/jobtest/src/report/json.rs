//! For programs.

use explain::Style;
use serde_json::{Value, json};

use super::{Report, Totals, Verdict};

/// The whole suite, as one document.
pub fn json(reports: &[Report], seed: u64, real: std::time::Duration) -> Value {
    let totals = Totals::of(reports);
    json!({
        "apiVersion": "jobtest.dev/v1alpha1",
        "kind": "JobTestReport",
        "seed": seed,
        "tests": reports.iter().map(one).collect::<Vec<_>>(),
        "totals": {
            "tests": totals.tests,
            "passed": totals.passed,
            "failed": totals.failed,
            "errors": totals.broken,
            "virtualSeconds": totals.virtual_time.as_secs_f64(),
            "realSeconds": real.as_secs_f64(),
        },
    })
}

fn one(report: &Report) -> Value {
    let style = Style { ascii: true, colour: false, width: 100 };
    let (verdict, error) = match &report.verdict {
        Verdict::Passed => ("passed", None),
        Verdict::Failed => ("failed", None),
        Verdict::Broken(why) => ("error", Some(why)),
    };
    let job = |job: &super::JobReport| {
        let logs: Vec<String> =
            job.last_lines(20, ".").into_iter().map(|(label, line)| format!("{label} {line}")).collect();
        json!({
            "name": job.name,
            "why": job.why(&style),
            "timeline": job.timeline(&style),
            "attempts": explain::attempts(&job.story),
            "logs": logs,
        })
    };
    json!({
        "name": report.name,
        "file": report.file,
        "line": report.line,
        "verdict": verdict,
        "error": error,
        "clock": report.mode.name(),
        "seed": report.seed,
        "virtualSeconds": report.virtual_time.as_secs_f64(),
        "realSeconds": report.real.as_secs_f64(),
        "failures": report.failures,
        "history": report.history.lines().collect::<Vec<_>>(),
        "jobs": report.jobs.iter().map(job).collect::<Vec<_>>(),
        "replay": report.replay,
        "kept": report.kept,
        "repetitions": report.repetitions.map(|(failed, run)| json!({"run": run, "failed": failed})),
    })
}

//! One run, written down as a test: what `--init` makes of a manifest.

use std::path::Path;

use crate::format::{ClockMode, Test};
use crate::report::Report;
use crate::words::show;

/// The text of a test that expects what a run of its manifest did. `beside` is the folder that the test will stand in.
pub fn record(test: &Test, report: &Report, beside: &Path) -> String {
    let manifests: Vec<String> =
        test.manifests.iter().map(|manifest| relative(Path::new(&manifest.file), beside)).collect();
    let mut text = String::from("apiVersion: jobtest.dev/v1alpha1\nkind: JobTest\n");
    text.push_str(&format!("metadata: {{name: {}}}\nspec:\n", test.name));
    text.push_str(&format!(
        "  manifests: [{}]\n",
        manifests.iter().map(|file| quoted(file)).collect::<Vec<_>>().join(", ")
    ));
    text.push_str(&format!("  clock: {}\n", report.mode.name()));
    if let Some(run_for) = test.run_for {
        text.push_str(&format!("  runFor: {}\n", show(run_for)));
    }
    text.push_str("  expect:\n");
    let jobs: Vec<Vec<String>> = report.jobs.iter().map(|job| job_lines(job, report.mode)).collect();
    match (&jobs[..], &report.jobs[..]) {
        ([lines], _) => lines.iter().for_each(|line| text.push_str(&format!("    {line}\n"))),
        ([], _) => {
            text.push_str(&format!("    refused: {}\n", quoted(refusal(report).unwrap_or_default())));
        }
        (all, named) => {
            text.push_str("    jobs:\n");
            for (lines, job) in all.iter().zip(named) {
                text.push_str(&format!("    - name: {}\n", job.name));
                lines.iter().for_each(|line| text.push_str(&format!("      {line}\n")));
            }
        }
    }
    text
}

/// The words with which the server refused a manifest of a run, if it did.
pub fn refusal(report: &Report) -> Option<&str> {
    report.history.lines().find_map(|line| line.split_once("refused: ").map(|(_, words)| words))
}

/// The expectations of one Job.
fn job_lines(job: &crate::report::JobReport, mode: ClockMode) -> Vec<String> {
    let value = &job.story.job;
    let has = |name| testkit::condition(value, name);
    let verdicts = ["Complete", "Failed", "Suspended"];
    let (outcome, verdict) =
        verdicts.iter().find_map(|name| has(name).map(|verdict| (*name, Some(verdict)))).unwrap_or(("Running", None));
    let mut lines = vec![format!("outcome: {outcome}")];
    if outcome == "Failed"
        && let Some(reason) = verdict.and_then(|verdict| verdict["reason"].as_str())
    {
        lines.push(format!("reason: {reason}"));
    }
    let attempts = explain::attempts(&job.story);
    lines.push("attempts:".to_owned());
    for attempt in &attempts {
        let mut parts = Vec::new();
        parts.extend(attempt.index.map(|index| format!("index: {index}")));
        if let Some(end) = &attempt.end {
            parts.extend(end.exit_code.map(|code| format!("exit: {code}")));
            if end.exit_code.is_none() && !end.reason.is_empty() {
                parts.push(format!("reason: {}", end.reason));
            }
        }
        // Where processes run, a back-off is as long as the machine lets it be.
        parts.extend(
            attempt
                .backoff
                .filter(|_| mode == ClockMode::Virtual || attempt.backoff.is_some())
                .map(|backoff| format!("backoff: {}", show(backoff))),
        );
        lines.push(format!("- {{{}}}", parts.join(", ")));
    }
    if attempts.is_empty() {
        lines.pop();
    }
    lines.push(format!("pods: {{created: {}}}", job.story.pods.len()));
    lines
}

/// A path as it is seen from a folder, where it lies in it; else as it is.
fn relative(path: &Path, folder: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // The parent of a bare name is the empty path, which stands for the folder that one is in.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (path, folder) = (absolute(path), absolute(folder));
    path.strip_prefix(&folder).unwrap_or(&path).display().to_string()
}

/// As YAML takes it whatever it holds: JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '/');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_named_from_the_folder_of_its_test() {
        for (path, folder, seen) in [
            ("m.yaml", "", "m.yaml"),
            ("./m.yaml", ".", "m.yaml"),
            ("sub/m.yaml", "sub", "m.yaml"),
            ("/a/m.yaml", "/a", "m.yaml"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(folder)), seen, "{path}");
        }
        assert_eq!(relative(Path::new("/a/m.yaml"), Path::new("/b")), "/a/m.yaml");
    }
}

//! Cases of expectations, made of tests that were run.

use super::*;
use crate::report::{Granularity, Repetition, junit};
use crate::run::{RunOptions, run};

const JOB: &str = "\
apiVersion: batch/v1
kind: Job
metadata: {name: pi}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox}]
";

fn report(spec: &str) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("job.yaml"), JOB).expect("a file");
    let text = format!("apiVersion: jobtest.dev/v1alpha1\nkind: JobTest\nmetadata: {{name: t}}\nspec:\n{spec}");
    let tests = crate::read_text(&folder.path().join("t.jobtest.yaml"), &text).expect("a test");
    run(&tests[0], &RunOptions::default())
}

fn told(report: &Report) -> Vec<String> {
    let show = |case: Case<'_>| {
        let standing = match case.standing {
            Standing::Passed => "passed",
            Standing::Failed { .. } => "failed",
            Standing::Broken { .. } => "broken",
            Standing::Skipped(why) => why,
        };
        format!("{}: {standing}", case.name)
    };
    of(report, Granularity::Expectation).into_iter().map(show).collect()
}

#[test]
fn each_expectation_is_a_case_that_stands_as_it_came() {
    let report = report(
        "  manifests: job.yaml\n  pods: [{exit: 1}]\n  expect:\n    outcome: Complete\n    reason: CompletionsReached\n    \
         attempts: [{exit: 1}]\n    pods: {created: 1, failed: 2}\n    never: [job.status.active > 1]\n",
    );
    let wanted = [
        "expect.outcome: failed",
        "expect.reason: the outcome is another",
        "expect.attempts: passed",
        "expect.attempts[0]: passed",
        "expect.pods.created: passed",
        "expect.pods.failed: failed",
        "expect.never[0]: passed",
    ];
    assert_eq!(told(&report), wanted);
    let xml = junit(std::slice::from_ref(&report), report.real, Granularity::Expectation);
    assert!(xml.contains("tests=\"7\" failures=\"2\" errors=\"0\" skipped=\"1\""), "{xml}");
    assert_eq!(xml.matches("<system-out>").count(), 1, "{xml}");
}

#[test]
fn a_failure_that_nobody_asked_about_is_a_case_and_what_was_not_looked_at_is_skipped() {
    let report = report(
        "  manifests: job.yaml\n  pods: [{exit: 0}]\n  do: [{at: +0s, delete: {kind: Job, name: other}}]\n  expect: {outcome: Complete}\n",
    );
    assert_eq!(told(&report), ["spec.do[0].delete: failed", "expect.outcome: passed"]);
    let mut refused = report.clone();
    (refused.failures, refused.unjudged) = (vec![Failure::at(1, "manifests", "created", "no")], true);
    let wanted =
        ["spec.do[0].delete: a manifest was refused", "expect.outcome: a manifest was refused", "manifests: failed"];
    assert_eq!(told(&refused), wanted);
}

#[test]
fn a_test_that_asks_for_nothing_is_one_case() {
    assert_eq!(told(&report("  manifests: job.yaml\n  clock: virtual\n")), ["runs: passed"]);
}

#[test]
fn repetitions_that_failed_are_flaky_where_others_passed_and_reruns_where_none_did() {
    let mut report =
        report("  manifests: job.yaml\n  pods: [{exit: 1}]\n  expect: {outcome: Complete, pods: {created: 1}}\n");
    let failures = report.failures.clone();
    report.failed_repetitions = [1, 2].map(|seed| Repetition { seed, failures: failures.clone() }).to_vec();
    for (times, flaky, rerun) in [(2, 0, 1), (5, 2, 0)] {
        report.repetitions = Some((2, times));
        for granularity in [Granularity::Test, Granularity::Expectation] {
            let xml = junit(std::slice::from_ref(&report), report.real, granularity);
            let count = |name: &str| xml.matches(&format!("<{name} type=")).count();
            assert_eq!((count("failure"), count("flakyFailure"), count("rerunFailure")), (1, flaky, rerun), "{xml}");
        }
    }
}

#[test]
fn what_failed_only_in_another_repetition_than_the_one_told_is_a_failure() {
    let mut report =
        report("  manifests: job.yaml\n  pods: [{exit: 1}]\n  expect: {outcome: Complete, pods: {created: 1}}\n");
    let other = vec![Failure::at(5, "expect.pods.created", "1", "2")];
    report.failed_repetitions =
        vec![Repetition { seed: 1, failures: report.failures.clone() }, Repetition { seed: 2, failures: other }];
    report.repetitions = Some((2, 3));
    assert_eq!(told(&report), ["expect.outcome: failed", "expect.pods.created: failed"]);
}

#[test]
fn a_field_is_below_itself_and_its_parents_only() {
    for (field, above, below) in [
        ("expect.cron.fired", "expect.cron", true),
        ("expect.never[0]", "expect.never", true),
        ("expect.never[10]", "expect.never[1]", false),
        ("expect.cron", "expect.cron", true),
        ("expect.cronies", "expect.cron", false),
    ] {
        assert_eq!(is_below(field, above), below, "{field} {above}");
    }
}

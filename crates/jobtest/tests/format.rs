//! Files that are refused: each mistake is named with its line, column and field.

use std::path::Path;

use tempfile::TempDir;

const JOB: &str = "\
apiVersion: batch/v1
kind: Job
metadata: {name: pi}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox, command: [\"true\"]}]
";

const CRON_JOB: &str = "\
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: \"0 * * * *\"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}}
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("job.yaml"), JOB).expect("a file");
    std::fs::write(folder.path().join("cron.yaml"), CRON_JOB).expect("a file");
    folder
}

/// What is wrong with a test whose spec is this, without the folder in front of it.
fn refusal(folder: &Path, spec: &str) -> String {
    let text = format!("apiVersion: jobtest.dev/v1alpha1\nkind: JobTest\nmetadata: {{name: t}}\nspec:\n{spec}");
    let error = jobtest::read_text(&folder.join("t.jobtest.yaml"), &text).expect_err(spec);
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

#[test]
fn each_mistake_is_named_with_its_place_and_field() {
    let folder = folder();
    for (spec, wanted) in [
        (
            "  manifests: [job.yaml]\n  expct: {}\n",
            "t.jobtest.yaml:6:3: spec.expct: unknown field; did you mean expect?",
        ),
        (
            "  manifests: [job.yaml]\n  expect:\n    outcome: Completed\n",
            "t.jobtest.yaml:7:14: spec.expect.outcome: must be one of Complete, Failed, Suspended, Running, Deleted, not \"Completed\"",
        ),
        (
            "  manifests: [job.yaml]\n  runFor: soon\n",
            "t.jobtest.yaml:6:11: spec.runFor: must be a duration such as 90s or 1h30m, not \"soon\"",
        ),
        ("  manifests: [job.yaml]\n  pods: {}\n", "t.jobtest.yaml:6:9: spec.pods: must be a list, not an object"),
        (
            "  manifests: [job.yaml]\n  pods:\n  - {exit: 256}\n",
            "t.jobtest.yaml:7:12: spec.pods[0].exit: must be an exit code from 0 to 255, a signal such as SIGKILL, or OOMKilled, not 256",
        ),
        (
            "  manifests: [job.yaml]\n  pods:\n  - {match: {attempt: 0}}\n",
            "t.jobtest.yaml:7:23: spec.pods[0].match.attempt: attempts are counted from 1",
        ),
        (
            "  manifests: [job.yaml]\n  expect: {never: [\"job.status.activ > 1\"]}\n",
            "t.jobtest.yaml:6:20: spec.expect.never[0]: JobStatus has no field \"activ\"; did you mean active?",
        ),
        (
            "  manifests: [job.yaml]\n  do:\n  - {at: 3s, suspend: pi}\n",
            "t.jobtest.yaml:7:10: spec.do[0].at: must be a duration after the start such as +3s, or a time, not \"3s\"",
        ),
        (
            "  manifests: [job.yaml]\n  do:\n  - {at: +3s}\n",
            "t.jobtest.yaml:7:5: spec.do[0]: does nothing: say suspend, resume, delete, patch, scale, create, apply or inject",
        ),
        (
            "  manifests: [job.yaml]\n  do:\n  - {at: +3s, suspend: pi, resume: pi}\n",
            "t.jobtest.yaml:7:5: spec.do[0]: does more than one thing: write an entry for each",
        ),
        (
            "  manifests: [cron.yaml]\n  clock: virtual\n",
            "t.jobtest.yaml:5:3: spec: needs runFor, since a CronJob never ends",
        ),
        (
            "  manifests: [job.yaml]\n  clock: real\n  pods: [{exit: 0}]\n",
            "t.jobtest.yaml:5:3: spec: has pods, a script that replaces processes: clock must be virtual",
        ),
        (
            "  manifest: [job.yaml]\n  clock: virtual\n",
            "t.jobtest.yaml:5:3: spec.manifest: unknown field; did you mean manifests?",
        ),
        ("  clock: virtual\n", "t.jobtest.yaml:5:3: spec.manifests: is required"),
    ] {
        assert_eq!(refusal(folder.path(), spec), wanted, "{spec}");
    }
}

#[test]
fn a_manifest_that_is_missing_or_broken_is_named_where_the_test_names_it() {
    let folder = folder();
    std::fs::write(folder.path().join("broken.yaml"), "a: [1\n").expect("a file");
    let missing = refusal(folder.path(), "  manifests: [nope.yaml]\n");
    assert!(
        missing.starts_with("t.jobtest.yaml:5:15: spec.manifests[0]: nope.yaml there is no such file"),
        "{missing}"
    );
    let broken = refusal(folder.path(), "  manifests: [broken.yaml]\n");
    assert!(broken.starts_with("t.jobtest.yaml:5:15: spec.manifests[0]: error parsing broken.yaml"), "{broken}");
}

#[test]
fn broken_yaml_wrong_versions_and_twin_names_are_refused() {
    let folder = folder();
    let path = folder.path().join("t.jobtest.yaml");
    let refusal = |text: &str| jobtest::read_text(&path, text).expect_err(text);
    assert_eq!(refusal("a: [1\n").field, "YAML");
    assert_eq!(refusal("").message, "holds no test");
    let old = "apiVersion: jobtest.dev/v1\nkind: JobTest\nmetadata: {name: a}\nspec: {manifests: [job.yaml]}\n";
    assert_eq!(refusal(old).message, "must be one of jobtest.dev/v1alpha1, not \"jobtest.dev/v1\"");
    let one = "apiVersion: jobtest.dev/v1alpha1\nkind: JobTest\nmetadata: {name: a}\nspec: {manifests: [job.yaml]}\n";
    let twin = refusal(&format!("{one}---\n{one}"));
    assert_eq!((twin.place.line, twin.field.as_str()), (6, "metadata.name"));
}

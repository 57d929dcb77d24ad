//! Directories as kuttl has them, and what is refused in them.

use super::*;
use crate::report::{Report, Verdict};
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

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        let path = folder.path().join("suite").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    folder
}

fn read(folder: &tempfile::TempDir) -> Collected {
    collect(&[folder.path().join("suite")])
}

/// How the one test of these files ends in virtual time.
fn ran(files: &[(&str, &str)]) -> Report {
    let folder = folder(files);
    let collected = read(&folder);
    assert_eq!((collected.tests.len(), &collected.errors), (1, &Vec::new()));
    run(&collected.tests[0], &RunOptions { clock: Some(crate::ClockMode::Virtual), ..RunOptions::default() })
}

fn told(report: &Report) -> Vec<String> {
    report.failures.iter().map(|failure| format!("{}: {} / {}", failure.field, failure.want, failure.got)).collect()
}

fn status(status: &str) -> String {
    format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: pi}}\nstatus: {status}\n")
}

#[test]
fn steps_go_on_when_what_they_assert_has_come_true() {
    let second = JOB.replace("{name: pi}", "{name: e}");
    let files = [
        ("case/00-job.yaml", JOB),
        ("case/00-assert.yaml", &status("{active: 1}")),
        ("case/01-assert.yaml", &status("{succeeded: 1}")),
        ("case/01-errors.yaml", &status("{failed: 1}")),
        ("case/02-second.yaml", &second),
        (
            "case/02-assert.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {batch.kubernetes.io/job-name: e}\nstatus: {phase: Succeeded}\n",
        ),
        ("case/README.md", "no step"),
    ];
    let report = ran(&files);
    assert_eq!((&report.verdict, told(&report)), (&Verdict::Passed, Vec::new()));
    assert_eq!((report.name.as_str(), report.jobs.len()), ("case", 2));
}

#[test]
fn an_assert_that_does_not_come_true_in_its_time_fails_and_ends_the_test() {
    let files = [
        ("case/00-job.yaml", JOB),
        (
            "case/00-assert.yaml",
            "apiVersion: kuttl.dev/v1beta1\nkind: TestAssert\ntimeout: 5\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: pi}\nstatus: {succeeded: 2}\n",
        ),
        ("case/01-assert.yaml", &status("{succeeded: 1}")),
    ];
    let report = ran(&files);
    let wanted = ["00-assert.yaml:6: Job pi status.succeeded: 2 / 1, when the step's time was over"];
    assert_eq!((&report.verdict, told(&report)), (&Verdict::Failed, wanted.map(str::to_owned).to_vec()));
    assert_eq!(report.virtual_time, SignedDuration::from_secs(5));
    assert_eq!(report.unreached, ["01-assert.yaml:2"]);
}

#[test]
fn what_must_not_be_fails_when_it_stays() {
    let files =
        [("case/00-job.yaml", JOB), ("case/00-errors.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: pi}\n")];
    let report = ran(&files);
    assert_eq!(told(&report), ["00-errors.yaml:2: no Job like this / Job pi is so"]);
}

#[test]
fn a_manifest_that_is_refused_fails_its_step() {
    let wrong = JOB.replace("backoffLimit: 0", "backoffLimit: -1");
    let report = ran(&[("case/00-job.yaml", &wrong), ("case/00-assert.yaml", &status("{succeeded: 1}"))]);
    let told = told(&report);
    assert!(told.len() == 1 && told[0].starts_with("00-job.yaml:5: applied / "), "{told:?}");
    assert_eq!(report.unreached, ["00-assert.yaml:2"]);
}

#[test]
fn what_is_not_supported_is_named_by_file_and_line() {
    let kuttls = "apiVersion: kuttl.dev/v1beta1\nkind: ";
    for (name, content, wrong) in [
        (
            "00-run.yaml",
            format!("{kuttls}TestStep\ncommands:\n- command: echo hi\n"),
            "00-run.yaml:3:1: TestStep.commands: is not supported",
        ),
        (
            "00-run.yaml",
            format!("{kuttls}TestStep\nmetadata: {{name: x}}\ndelete: []\n"),
            "00-run.yaml:4:1: TestStep.delete: is not supported",
        ),
        (
            "00-assert.yaml",
            format!("{kuttls}TestAssert\ntimeout: soon\n"),
            "00-assert.yaml:3:1: TestAssert.timeout: must be a whole number",
        ),
        (
            "00-assert.yaml",
            format!("{kuttls}TestAssert\ntimeout: 3\ncollectors: []\n"),
            "00-assert.yaml:4:1: TestAssert.collectors: is not",
        ),
        (
            "00-suite.yaml",
            format!("{kuttls}TestSuite\n"),
            "00-suite.yaml:2:1: kind: TestSuite is not supported in a step",
        ),
        (
            "00-deploy.yaml",
            format!("{JOB}---\napiVersion: apps/v1\nkind: Deployment\n"),
            "00-deploy.yaml:12:1: kind: Deployment of apps/v1 is no kind",
        ),
        (
            "00-errors.yaml",
            "apiVersion: v1\nkind: Gadget\n".to_owned(),
            "00-errors.yaml:2:1: kind: Gadget of v1 is no kind",
        ),
        ("00-job.yaml", "a: [\n".to_owned(), "00-job.yaml:"),
        ("01-more/x.yaml", String::new(), "01-more:1:1: the file: a directory as a step"),
    ] {
        let folder = folder(&[(&format!("case/{name}"), &content)]);
        let collected = read(&folder);
        let told: Vec<String> = collected.errors.iter().map(ToString::to_string).collect();
        let wanted = format!("{}/suite/case/{wrong}", folder.path().display());
        assert!(told.len() == 1 && told[0].starts_with(&wanted), "{name}: {told:?}");
    }
}

#[test]
fn a_directory_with_steps_is_a_test_and_one_without_holds_them() {
    let folder = folder(&[("b/00-job.yaml", JOB), ("a/00-job.yaml", JOB), ("none/job.yaml", JOB)]);
    let suite = folder.path().join("suite");
    let names = |path: PathBuf| collect(&[path]).tests.iter().map(|test| test.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(suite.clone()), ["a", "b"]);
    assert_eq!(names(suite.join("a")), ["a"]);
    assert_eq!(collect(&[suite.join("nowhere")]).errors.len(), 1);
}

#[test]
fn names_are_read_as_kuttl_reads_them() {
    for (name, wanted) in [
        ("00-job.yaml", Some((0, false))),
        ("10-assert.yaml", Some((10, true))),
        ("10-assert-more.yaml", Some((10, true))),
        ("3-asserted.yaml", Some((3, false))),
        ("00-job.yml", None),
        ("job.yaml", None),
        ("00.yaml", None),
        ("x-00.yaml", None),
    ] {
        let read = step_of(name).map(|(number, part)| (number, part == Part::Assert));
        assert_eq!(read, wanted, "{name}");
    }
}

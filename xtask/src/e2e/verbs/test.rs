//! `test`: the suite of the documentation's page, the screens of passing and failing tests, every exit code and format.

use std::time::Duration;

use anyhow::Context as _;

use super::junit;
use crate::e2e::Context;
use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};
use crate::{shell, workspace};

const JOB: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: app
        image: app:1.4
        command: [sh, -c, 'echo no table; exit 3']
";

fn jobtest(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: jobtest.dev/v1alpha1\nkind: JobTest\nmetadata: {{name: {name}}}\nspec:\n  manifests: [job.yaml]\n{spec}"
    )
}

/// Tests that pass, that fail, and that are none.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let passes = jobtest(
        "recovers",
        "  pods:\n  - {match: {attempt: 1}, exit: 1}\n  - {run: 4s}\n  expect: {outcome: Complete, took: 15s}\n",
    );
    let fails = jobtest(
        "gives-up",
        "  pods: [{exit: 3, log: \"no table \\e[2J\"}]\n  expect:\n    outcome: Complete\n    never: [\"job.status.failed > 1\"]\n",
    );
    let golden = jobtest("golden", "  pods: [{run: 4s}]\n  expect: {snapshot: true}\n");
    // Its UID is drawn from the seed.
    let flaky = "  pods: [{run: 4s}]\n  expect:\n    outcome: Complete\n    finally: [\"job.metadata.uid < '8'\"]\n";
    session.file("job.yaml", JOB)?;
    session.file("flaky.jobtest.yaml", &jobtest("flaky", flaky))?;
    session.file("good.jobtest.yaml", &passes)?;
    session.file("bad.jobtest.yaml", &fails)?;
    session.file("slip.jobtest.yaml", &jobtest("slip", "").replace("manifests", "manifest"))?;
    session.file("mistyped.jobtest.yaml", &jobtest("mistyped", "").replace("job.yaml", "typo.yaml"))?;
    session.file("wrong.jobtest.yaml", &jobtest("wrong", "  expect: {outcom: Complete}\n"))?;
    session.file("golden.jobtest.yaml", &golden)?;
    session.file("true.yaml", &JOB.replace("echo no table; exit 3", "echo fine"))?;
    session.file("typo.yaml", &JOB.replace("backoffLimit", "backofLimit"))?;
    session.file(
        "cron.yaml",
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: 0 3 * * *\n  jobTemplate:\n    \
         spec:\n      template:\n        spec:\n          restartPolicy: Never\n          \
         containers: [{name: c, image: app, command: ['true']}]\n",
    )?;
    kuttl(session)?;
    std::fs::create_dir_all(session.folder().join("empty")).context("a folder")
}

/// Directories as kuttl has them.
fn kuttl(session: &Session) -> anyhow::Result<()> {
    let job = JOB.replace("name: migrate", "name: pi").replace("echo no table; exit 3", "echo fine");
    let assert = |count: u32| {
        format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: pi}}\nstatus: {{succeeded: {count}}}\n")
    };
    let run = "apiVersion: kuttl.dev/v1beta1\nkind: TestStep\ncommands:\n- command: echo hi\n";
    for (folder, file, content) in [
        ("kuttl/pi", "00-job.yaml", job.as_str()),
        ("kuttl/pi", "00-assert.yaml", &assert(1)),
        ("kuttl/pi", "00-errors.yaml", &assert(2)),
        ("stubborn/case", "00-job.yaml", &job),
        ("stubborn/case", "00-assert.yaml", &assert(2)),
        ("commands/case", "00-job.yaml", &job),
        ("commands/case", "01-run.yaml", run),
    ] {
        std::fs::create_dir_all(session.folder().join(folder)).context("a folder")?;
        session.file(&format!("{folder}/{file}"), content)?;
    }
    Ok(())
}

/// All that needs no server: the verb knows none.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![
        step("test good.jobtest.yaml").out(" PASS recovers virtual 15s real *\n 1 test · 1 passed · virtual 15s · real * · seed 1"),
        step("test good.jobtest.yaml --ascii").has("1 test - 1 passed - virtual 15s - real * - seed 1"),
        step("test bad.jobtest.yaml").exits(1).out(
            " FAIL gives-up virtual 12s real *\n   \
             bad.jobtest.yaml:8  expect.outcome: want Complete, got Failed (BackoffLimitExceeded)\n     \
             decided by backoffLimit: 1 (job.yaml:6)\n   \
             bad.jobtest.yaml:9  expect.never[0]: want never job.status.failed > 1, got true at +12s of migrate (revision *)\n   \
             why*\n...\n   timeline*\n...\n   logs #2 │ no table \\u{1b}[2J\n   \
             replay *test bad.jobtest.yaml -k =gives-up --seed 1\n \
             1 test · 1 failed · virtual 12s · real * · seed 1",
        ),
        step("test wrong.jobtest.yaml").exits(2).err("error: wrong.jobtest.yaml:6:12: spec.expect.outcom: unknown field; did you mean outcome?"),
        step("test nowhere.jobtest.yaml").exits(2).err("error: nowhere.jobtest.yaml: there is no such file"),
        step("test slip.jobtest.yaml").exits(2).err("error: slip.jobtest.yaml:5:3: spec.manifest: unknown field; did you mean manifests?"),
        step("test mistyped.jobtest.yaml")
            .exits(1)
            .has("mistyped.jobtest.yaml:5  manifests: want created, got typo.yaml:6: *unknown field \"spec.backofLimit\"; did you mean backoffLimit?"),
        step("test job.yaml").exits(2).err_has("run it with: kubectl job test -f job.yaml, or *--init job.yaml"),
        step("test -f empty").exits(2).err("error: empty: is a folder without manifests; name a file"),
        step("test --nonsense").exits(2).talks(),
        step("test good.jobtest.yaml --clock hybrid").exits(2).err_has("recovers scripts its pods"),
        step("test good.jobtest.yaml --junit no/such/folder/x.xml").exits(3).has("1 passed").err_has("write no/such/folder/x.xml"),
        step("test empty").exits(4).err("error: no tests found: there is no *.jobtest.yaml here"),
        step("test good.jobtest.yaml -k nothing").exits(4).err("error: no test matches -k \"nothing\""),
    ];
    steps.extend(formats());
    steps.extend(choices());
    steps
}

fn formats() -> Vec<Step> {
    vec![
        step("test good.jobtest.yaml bad.jobtest.yaml --format tap")
            .exits(1)
            .has("TAP version 13")
            .has("1..2")
            .has("ok 1 - recovers (virtual 15s, real *)")
            .has("not ok 2 - gives-up (virtual 12s, real *)")
            .has("# replay *--seed 1"),
        step("test good.jobtest.yaml bad.jobtest.yaml --format json")
            .exits(1)
            .has("\"verdict\": \"passed\"")
            .has("\"want\": \"Complete\"")
            .has("\"virtualSeconds\": 15.0")
            .has("\"replay\": \"*bad.jobtest.yaml -k =gives-up --seed 1\""),
        step("test bad.jobtest.yaml")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", "{work}/summary.md")
            .exits(1)
            .has("::error file=job.yaml,line=6,title=kubectl job test%3A gives-up::bad.jobtest.yaml:8  expect.outcome: want Complete, got Failed (BackoffLimitExceeded)%0Areplay: *"),
        step("test good.jobtest.yaml bad.jobtest.yaml --junit both.xml --report both.html -j 1").exits(1).has("2 tests · 1 passed · 1 failed"),
    ]
}

fn choices() -> Vec<Step> {
    vec![
        step("test good.jobtest.yaml bad.jobtest.yaml -k 'not gives'").has("1 test · 1 passed"),
        step("test good.jobtest.yaml bad.jobtest.yaml -k '=recovers or nothing'").has("1 test · 1 passed"),
        step("test bad.jobtest.yaml good.jobtest.yaml --fail-fast -j 1").exits(1).has("1 test · 1 failed"),
        step("test bad.jobtest.yaml --repeat 3 --seed 7")
            .exits(1)
            .has("3 of 3 repetitions failed; this is the first, with seed 7"),
        step("test good.jobtest.yaml --repeat 3").has("1 test · 1 passed"),
        step("test flaky.jobtest.yaml --repeat 6")
            .exits(1)
            .has("? of 6 repetitions failed (flaky); this is the first, with seed ?"),
        step("test good.jobtest.yaml --junit-granularity expectation").exits(2).talks(),
        // What is known of its cluster stays, in a folder that is named.
        step("test bad.jobtest.yaml --keep-on-failure=kept").exits(1).has("kept kept/bad.gives-up.seed-1"),
        step("test bad.jobtest.yaml --keep-on-failure=kept").exits(1).has("kept kept/bad.gives-up.seed-1"),
        step("test bad.jobtest.yaml --keep-on-failure").exits(1).has("kept */failures/bad.gives-up.seed-1"),
        step("test good.jobtest.yaml --keep-on-failure=none").has("1 test · 1 passed"),
        step("test golden.jobtest.yaml").exits(1).has("no such file yet: run with --update to write it"),
        step("test golden.jobtest.yaml --update").has("wrote __snapshots__/golden.golden.txt"),
        step("test golden.jobtest.yaml").has("1 test · 1 passed"),
        // Real processes, and the wait between two attempts jumped over.
        step("test -f job.yaml")
            .exits(1)
            .has("outcome: want Complete, got Failed (BackoffLimitExceeded)")
            .has("logs #2 │ no table"),
        step("test -f true.yaml").has("1 test · 1 passed"),
        step("test -f job.yaml --clock virtual").has("PASS job virtual 1s real *"),
        step("test --init job.yaml")
            .out("job.jobtest.yaml")
            .err_has("recorded virtual *; run it with: kubectl job test job.jobtest.yaml"),
        step("test job.jobtest.yaml").has("1 test · 1 passed"),
        step("test --init job.yaml").exits(2).err("error: job.jobtest.yaml exists already"),
        step("test --init typo.yaml")
            .out("typo.jobtest.yaml")
            .err_has("the server refused it, and the test expects that: *unknown field*"),
        step("test --kuttl kuttl").has(" PASS pi * ").has("1 test · 1 passed"),
        step("test --kuttl kuttl/pi --clock virtual").has("1 test · 1 passed"),
        step("test --kuttl stubborn --clock virtual")
            .exits(1)
            .has(
                "stubborn/case 00-assert.yaml:2: want Job pi status.succeeded: 2, got 1, when the step's time was over",
            )
            .has("replay *test --kuttl stubborn/case --seed 1 --clock virtual"),
        step("test --kuttl commands")
            .exits(2)
            .err_has("error: commands/case/01-run.yaml:3:1: TestStep.commands: is not supported"),
        step("test --kuttl empty").exits(4).err("error: no tests found: there is no NN-*.yaml there"),
        step("test typo.jobtest.yaml").has("1 test · 1 passed"),
        step("test --init cron.yaml").exits(2).err_has("cron.yaml: no Job came of it*--run-for 3d"),
        step("test --init cron.yaml --run-for 3d").out("cron.jobtest.yaml").talks(),
        step("test cron.jobtest.yaml").has("1 test · 1 passed"),
    ]
}

/// The suite of the page, the XML against the schema, and the replay of a failure.
///
/// # Errors
/// When the program cannot be started.
pub(super) fn beyond(context: &Context<'_>, report: &mut Report) -> anyhow::Result<()> {
    report.group("kubectl-job test, the page \"Jobs - Run to Completion\"");
    let session = super::person(&context.binary, u32::MAX)?;
    files(&session)?;
    let tests = workspace::jobs().with_file_name("tests");
    let begun = std::time::Instant::now();
    let suite = session.outcome(&format!("test {}", tests.display()))?;
    // A figure for people, whose aim is 10 s: a machine that is busy is no fault of the suite.
    report.note(&format!("the suite took {:.1} s (aim: 10 s)", begun.elapsed().as_secs_f64()));
    let passed = suite.code == Some(0) && !suite.stdout.contains("FAIL");
    report.check("every test passes", passed.then_some(()).ok_or_else(|| suite.stdout.clone()));
    let ladder = suite.stdout.lines().find(|line| line.contains("six-retries-take-10m30s")).unwrap_or_default();
    let words: Vec<&str> = ladder.split_whitespace().collect();
    let told = matches!(words[..], ["PASS", _, "virtual", "10m30s", "real", real] if is_span(real));
    report
        .check("the ladder says virtual 10m30s and what it took", told.then_some(()).ok_or_else(|| ladder.to_owned()));
    written(&session, report)?;
    granular(&session, report)?;
    kept(&session, report)?;
    replayed(&session, report)
}

/// `480ms`, and `1.1s` on a machine that is busy.
fn is_span(text: &str) -> bool {
    let number = text.trim_end_matches("ms").trim_end_matches('s');
    number.len() < text.len() && number.parse::<f64>().is_ok()
}

fn written(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    session.outcome("test good.jobtest.yaml bad.jobtest.yaml --junit both.xml --report both.html")?;
    let read = |name: &str| std::fs::read_to_string(session.folder().join(name)).unwrap_or_default();
    let (xml, html) = (read("both.xml"), read("both.html"));
    report
        .check("JUnit XML is as Jenkins' schema has it", junit::validate(&xml).map_err(|why| format!("{why}\n{xml}")));
    let tells =
        xml.contains("<failure") && xml.contains("decided by backoffLimit: 1 (job.yaml:6)") && !xml.contains('\u{1b}');
    report.check("JUnit XML tells of the failure", tells.then_some(()).ok_or(xml));
    let alone =
        !html.contains("://") && !html.contains(" src=") && html.contains("gives-up") && html.contains("</html>");
    report.check("the page needs nothing from elsewhere", alone.then_some(()).ok_or(html));
    Ok(())
}

/// A case for each expectation, and repetitions of which some fail.
fn granular(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let (both, flaky) = ("test good.jobtest.yaml bad.jobtest.yaml", "test flaky.jobtest.yaml --repeat 6");
    for (arguments, name) in [(both, "tests that fail"), (flaky, "repetitions of which some fail")] {
        for granularity in ["test", "expectation"] {
            session.outcome(&format!("{arguments} --junit cases.xml --junit-granularity {granularity}"))?;
            let xml = std::fs::read_to_string(session.folder().join("cases.xml")).unwrap_or_default();
            let shown = |why: String| format!("{why}\n{xml}");
            report.check(
                &format!("JUnit XML of {name}, a case for each {granularity}, is as Jenkins' schema has it"),
                junit::validate(&xml).map_err(shown),
            );
            let wanted: &[&str] = match (arguments == both, granularity) {
                (true, "test") => &["<testcase name=\"gives-up\""],
                (true, _) => &["<testcase name=\"expect.outcome\"", "classname=\"bad.gives-up\""],
                (false, _) => &["<failure type=", "<flakyFailure type=", "failures=\"1\""],
            };
            let missing = wanted.iter().find(|part| !xml.contains(**part));
            report.check("and has what it must", missing.map_or(Ok(()), |part| Err(shown(format!("no {part}")))));
        }
    }
    Ok(())
}

/// What --keep-on-failure leaves.
fn kept(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    session.outcome("test bad.jobtest.yaml --keep-on-failure=left")?;
    let folder = session.folder().join("left/bad.gives-up.seed-1");
    for (file, part) in [
        ("failure.txt", "want Complete, got Failed"),
        ("history.txt", "migrate: Failed BackoffLimitExceeded"),
        ("objects/jobs.yaml", "kind: Job"),
        ("objects/pods.yaml", "kind: Pod"),
        ("events.yaml", "BackoffLimitExceeded"),
        ("decisions.yaml", "spec.backoffLimit"),
        ("timeline/migrate.txt", "#2"),
        ("why/migrate.txt", "backoffLimit"),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let told = text.contains(part).then_some(()).ok_or_else(|| format!("no {part:?} in:\n{text}"));
        report.check(&format!("a test that fails leaves {file}"), told);
    }
    let logs = std::fs::read_dir(folder.join("logs")).map(|files| files.count()).unwrap_or_default();
    report.check("and its output", (logs == 2).then_some(()).ok_or_else(|| format!("{logs} files")));
    Ok(())
}

/// The command that a failure prints, given to a shell, fails in the same way.
fn replayed(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let first = session.outcome("test good.jobtest.yaml bad.jobtest.yaml --seed 9 --repeat 2")?;
    let line = first.stdout.lines().find_map(|line| line.trim_start().strip_prefix("replay "));
    let command = line.unwrap_or_default().trim().to_owned();
    let program = session.command("").get_program().to_owned();
    let folder = std::path::Path::new(&program).parent().context("a folder")?.to_owned();
    let path = std::env::join_paths(
        std::iter::once(folder).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )?;
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir(session.folder())
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("LANG", "C.UTF-8");
    let again = shell::capture(&mut shell, Duration::from_secs(60))?;
    let story = |text: &str| {
        let lines = text.lines().skip_while(|line| !line.contains("FAIL")).skip(1);
        // How the command names the program depends on what is on PATH.
        let told =
            lines.filter(|line| !["repetitions", " real ", "  replay "].iter().any(|passing| line.contains(passing)));
        told.map(str::to_owned).collect::<Vec<_>>()
    };
    let same =
        again.code == Some(1) && !story(&first.stdout).is_empty() && story(&first.stdout) == story(&again.stdout);
    let shown = || format!("{command}\nfirst:\n{}\nagain:\n{}{}", first.stdout, again.stdout, again.stderr);
    report.check("the replay command fails in the same way", same.then_some(()).ok_or_else(shown));
    Ok(())
}

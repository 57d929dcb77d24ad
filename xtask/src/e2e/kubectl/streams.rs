//! Commands that go on until something happens: `get --watch`, `logs --follow`, `wait`.

use std::time::Duration;

use crate::e2e::report::Report;
use crate::e2e::session::Session;

/// How long a stream may take to show what it must.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs the checks.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    watch(session, report)?;
    follow(session, report)?;
    selected(session, report)?;
    wait_for_deletion(session, report)
}

fn succeeds(session: &Session, line: &str) -> anyhow::Result<Result<(), String>> {
    let outcome = session.outcome(line)?;
    let why = || format!("`{line}` exited with {:?}: {}{}", outcome.code, outcome.stdout, outcome.stderr);
    Ok(if outcome.succeeded() { Ok(()) } else { Err(why()) })
}

fn watch(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let watch = session.start("get jobs --watch")?;
    // The header and the first Job say that the watch is open.
    let opened = watch.until(LIMIT, |text| text.contains("hello"));
    let created = succeeds(session, "create job watched --image=busybox -- true")?;
    let seen = watch.until(LIMIT, |text| {
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("watched ")).collect();
        rows.iter().any(|row| row.contains("0/1"))
            && rows.iter().any(|row| row.contains("1/1") && row.contains("Complete"))
    });
    report.check("get jobs --watch shows a Job from its creation to its end", opened.and(created).and(seen));
    report.check("delete job watched", succeeds(session, "delete job watched")?);
    Ok(())
}

fn follow(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    // The pod prints, waits for a file and prints again: the second line can only come through a stream that is open.
    let gate = tempfile::tempdir()?;
    let file = gate.path().join("open");
    let script = format!("echo first; until test -e {}; do sleep 0.05; done; echo second", file.display());
    report.check(
        "create job followed",
        succeeds(session, &format!("create job followed --image=busybox -- sh -c '{script}'"))?,
    );
    report.check(
        "wait for its pod to run",
        succeeds(session, "wait --for=condition=ready pod -l job-name=followed --timeout=20s")?,
    );
    let mut logs = session.start("logs --follow job/followed")?;
    let begun = logs.until(LIMIT, |text| text == "first\n");
    std::fs::write(&file, "")?;
    let ended = logs.end(LIMIT);
    let text = logs.output();
    let whole = if text == "first\nsecond\n" { Ok(()) } else { Err(format!("it printed:\n{text}")) };
    report.check("logs --follow shows what comes later and ends with the pod", begun.and(ended.map(|_| ())).and(whole));
    Ok(())
}

fn selected(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let outcome = session.outcome("logs --selector=job-name=followed")?;
    let same = outcome.succeeded() && outcome.stdout == "first\nsecond\n";
    report.check("logs --selector", if same { Ok(()) } else { Err(format!("{outcome:?}")) });
    let tail = session.outcome("logs --selector=job-name=followed --tail=1 --timestamps")?;
    let stamped = tail.stdout.lines().count() == 1 && tail.stdout.ends_with("Z second\n");
    report.check("logs --tail --timestamps", if stamped { Ok(()) } else { Err(format!("{tail:?}")) });
    Ok(())
}

fn wait_for_deletion(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let mut wait = session.start("wait --for=delete job/followed --timeout=20s")?;
    let deleted = succeeds(session, "delete job followed")?;
    let ended = wait.end(LIMIT).and_then(|code| match code {
        Some(0) => Ok(()),
        // kubectl 1.20 fails when the Job is gone before it looks; in which words depends on how long before.
        _ if ["NotFound", "no matching resources found"].iter().any(|words| wait.output().contains(words)) => Ok(()),
        other => Err(format!("exit code {other:?}: {}", wait.output())),
    });
    report.check("wait --for=delete ends when the Job is gone", deleted.and(ended));
    Ok(())
}

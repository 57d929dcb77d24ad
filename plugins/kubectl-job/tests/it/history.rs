//! Nothing is lost: runs, logs and reasons are there after delete, TTL, back-off, and the end of the server.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Program, Said, manifest};

/// Runs a command again and again until it says what is waited for.
fn until(program: &Program, arguments: &[&str], is_met: impl Fn(&Said) -> bool) -> Said {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let said = program.say(arguments);
        if is_met(&said) {
            return said;
        }
        assert!(Instant::now() < deadline, "{arguments:?} says {said:?}");
    }
}

fn kill_server(program: &Program) {
    let said = program.say(&["server", "status", "-o", "json"]);
    let status: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let pid = status["server"]["pid"].as_i64().and_then(|pid| pid.try_into().ok()).expect("a process id");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
}

/// A Job that fails at once.
fn fail(program: &Program, name: &str) {
    let line = ["run", name, "--image=app", "--backoff-limit=0", "--", "sh", "-c", "echo last words; exit 3"];
    assert_eq!(program.say(&line).code, 1);
}

#[test]
fn a_job_that_has_ended_is_in_the_history_whatever_becomes_of_its_server() {
    let program = Program::new();
    fail(&program, "migrate");
    // A story is on disk some milliseconds after the end of its Job is told.
    let is_listed = |list: &Said| list.out.contains("migrate   default     Failed   BackoffLimitExceeded");
    until(&program, &["history"], is_listed);
    kill_server(&program);
    // Neither the list nor the logs need a server.
    let list = program.say(&["history"]);
    assert!(is_listed(&list), "{list:?}");
    assert_eq!(program.say(&["history", "logs", "migrate"]).out, "last words\n");
    // The next server puts the logs to their run before it removes what the last one left.
    let logs = program.say(&["logs", "migrate"]);
    assert_eq!((logs.code, logs.out.as_str()), (0, "last words\n"), "{logs:?}");
    assert!(
        logs.err.contains("Job migrate is gone; this is from the history: Failed (BackoffLimitExceeded)"),
        "{logs:?}"
    );
    let id = program.say(&["history", "-o", "jsonpath={.items[0].metadata.name}"]).out;
    let filed = program.state().join("history").join(&id).join("logs");
    until(&program, &["history"], |_| filed.is_dir());
    assert_eq!(program.say(&["history", "logs", &id]).out, "last words\n");
    let shown = program.say(&["history", "show", &id]);
    assert!(shown.out.contains("Failed") && shown.out.contains("BackoffLimitExceeded"), "{shown:?}");
}

#[test]
fn a_job_whose_time_was_over_at_once_has_left_its_output() {
    let program = Program::new();
    assert_eq!(program.say(&["run", "brief", "--image=app", "--ttl=0s", "--", "echo", "hi"]).code, 0);
    until(&program, &["get", "brief"], |said| said.code == 1);
    let logs = until(&program, &["logs", "brief"], |said| said.out == "hi\n");
    assert!(logs.err.contains("from the history: Complete"), "{logs:?}");
    let described = program.say(&["describe", "brief"]);
    assert!(described.code == 0 && described.out.contains("Complete"), "{described:?}");
}

#[test]
fn output_of_every_restart_is_there_after_the_controller_has_deleted_the_pod() {
    let program = Program::new();
    let script = "echo attempt; exit 1";
    let text = manifest("again", "backoffLimit: 1", script).replace("Never", "OnFailure");
    program.file("job.yaml", &text);
    assert_eq!(program.say(&["server", "start", "--clock=hybrid"]).code, 0);
    assert_eq!(program.say(&["run", "-f", "job.yaml"]).code, 1);
    let logs = until(&program, &["logs", "again"], |said| said.out.matches("attempt\n").count() == 2);
    let note = "was deleted: BackoffLimitExceeded, restartPolicy OnFailure; its output is from the history";
    assert!(logs.err.contains(note), "{logs:?}");
    assert_eq!(program.say(&["delete", "again"]).code, 0);
    let logs = program.say(&["logs", "again", "--no-prefix"]);
    assert_eq!(logs.out, "attempt\nattempt\n", "{logs:?}");
}

#[test]
fn a_server_that_ends_in_order_leaves_what_ran_and_what_it_printed() {
    let program = Program::new();
    let line = ["run", "endless", "-d", "--image=app", "--", "sh", "-c", "echo begun; exec sleep 1000"];
    assert_eq!(program.say(&line).code, 0);
    until(&program, &["logs", "endless"], |said| said.out == "begun\n");
    assert_eq!(program.say(&["server", "stop"]).code, 0);
    let list = program.say(&["history", "--no-headers"]);
    assert!(list.out.contains("endless   default   Stopped   ServerStopped"), "{list:?}");
    assert_eq!(program.say(&["history", "logs", "endless"]).out, "begun\n");
}

#[test]
fn a_server_inside_a_command_leaves_its_runs_unless_told_otherwise() {
    let program = Program::new();
    let run = |name: &str, more: &[&str]| {
        let line = [&["run", name, "--ephemeral", "--image=app"], more, &["--", "echo", name]].concat();
        assert_eq!(program.say(&line).code, 0);
    };
    run("kept", &[]);
    run("unkept", &["--no-history"]);
    assert_eq!(program.say(&["run", "local", "--no-history", "--image=app", "--", "echo", "hi"]).code, 0);
    assert_eq!(program.say(&["server", "stop"]).code, 0);
    assert_eq!(program.say(&["history", "-o", "custom-columns=JOB:.job.name"]).out, "JOB\nkept\n");
    assert_eq!(program.say(&["history", "logs", "kept"]).out, "kept\n");
}

#[test]
fn fifty_runs_beyond_the_limit_are_removed_the_oldest_first() {
    let program = Program::new();
    assert_eq!(program.say(&["server", "start", "--history-limit=5"]).code, 0);
    let jobs: Vec<String> =
        (0..55).map(|number| manifest(&format!("j{number:02}"), "backoffLimit: 0", "echo hi")).collect();
    program.file("jobs.yaml", &jobs.join("---\n"));
    assert_eq!(program.say(&["run", "-d", "-f", "jobs.yaml"]).code, 0);
    assert_eq!(program.say(&["wait", "--all"]).code, 0);
    let kept = until(&program, &["history", "-o", "name"], |said| said.out.lines().count() == 5);
    assert!(kept.out.lines().all(|line| line.starts_with("run/")), "{kept:?}");
    assert_eq!(program.say(&["server", "stop"]).code, 0);
    let folders = std::fs::read_dir(program.state().join("history")).expect("it is there").flatten();
    let visible = folders.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).count();
    assert_eq!(visible, 5);
    let logs = program.state().join("data/gone");
    assert_eq!(std::fs::read_dir(logs).expect("it is there").count(), 0, "logs without a run stay behind");
}

#[test]
fn runs_are_private_and_can_be_forgotten() {
    use std::os::unix::fs::MetadataExt as _;
    let program = Program::new();
    fail(&program, "one");
    fail(&program, "two");
    assert_eq!(program.say(&["server", "stop"]).code, 0);
    let id = program.say(&["history", "one", "-o", "jsonpath={.items[0].metadata.name}"]).out;
    let folder = program.state().join("history").join(&id);
    let mode = |name: &str| std::fs::metadata(folder.join(name)).expect(name).mode() & 0o777;
    assert_eq!((mode(""), mode("run.json"), mode("story.json"), mode("logs")), (0o700, 0o600, 0o600, 0o700));
    assert_eq!(program.say(&["history", "delete", &id]).out, format!("run/{id} deleted\n"));
    assert_eq!(program.say(&["history", "show", &id]).code, 1);
    assert!(program.say(&["history", "delete", "--all"]).out.contains("two"));
    let empty = program.say(&["history"]);
    assert_eq!((empty.code, empty.out.as_str(), empty.err.as_str()), (0, "", "No runs found.\n"));
    assert_eq!(program.say(&["history", "--context=x"]).code, 2);
}

//! `run` and the verbs that look at what it did.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Program, manifest};

#[test]
fn standard_output_is_what_the_command_printed_and_nothing_else() {
    let said = Program::new().say(&[
        "run",
        "--ephemeral",
        "hello",
        "--image=x",
        "--env=WHO=you",
        "--",
        "sh",
        "-c",
        "echo hi $WHO",
    ]);
    assert_eq!((said.code, said.out.as_str()), (0, "hi you\n"), "{}", said.err);
    assert!(said.err.contains("job.batch/hello created"), "{}", said.err);
    assert!(said.err.contains("Job hello Complete"), "{}", said.err);
}

#[test]
fn a_failed_job_ends_in_one_and_tells_why_by_line() {
    let program = Program::new();
    program.file("job.yaml", &manifest("migrate", "backoffLimit: 0", "echo FATAL; exit 3"));
    let said = program.say(&["run", "--ephemeral", "-f", "job.yaml", "--result-file=result.json"]);
    assert_eq!((said.code, said.out.as_str()), (1, "FATAL\n"), "{}", said.err);
    assert!(said.err.contains("backoffLimit is 0 (job.yaml:6), so the first failure ended the Job."), "{}", said.err);
    assert!(said.err.contains("Container \"app\": exit 3."), "{}", said.err);
    let result = std::fs::read(program.folder().join("result.json")).expect("it was written");
    let result: serde_json::Value = serde_json::from_slice(&result).expect("JSON");
    assert_eq!((&result["outcome"], &result["exitCode"]), (&"Failed".into(), &3.into()));
}

#[test]
fn the_containers_exit_code_can_be_asked_for() {
    let arguments = [
        "run",
        "--ephemeral",
        "--image=x",
        "--backoff-limit=0",
        "--exit-code-from=container",
        "--",
        "sh",
        "-c",
        "exit 42",
    ];
    assert_eq!(Program::new().say(&arguments).code, 42);
}

#[test]
fn every_pod_of_an_indexed_job_is_heard_under_its_index() {
    let arguments =
        ["run", "--ephemeral", "index", "--image=x", "--completions=3", "--parallelism=3", "--indexed", "--"];
    let said = Program::new().say(&[&arguments[..], &["sh", "-c", "echo shard $JOB_COMPLETION_INDEX"]].concat());
    let mut lines: Vec<&str> = said.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(lines, ["idx0·1 │ shard 0", "idx1·1 │ shard 1", "idx2·1 │ shard 2"]);
}

#[test]
fn a_job_can_be_looked_at_after_it_ended() {
    let program = Program::new();
    let said = program.say_with(&["run", "-f", "-"], &manifest("one", "completions: 1", "echo said"));
    assert_eq!((said.code, said.out.as_str()), (0, "said\n"), "{}", said.err);
    let table = program.say(&["get", "--no-headers"]).out;
    assert_eq!(table.split_whitespace().take(3).collect::<Vec<_>>(), ["one", "Complete", "1/1"]);
    assert_eq!(program.say(&["get", "one", "-o", "jsonpath={.status.succeeded}"]).out, "1");
    assert_eq!(program.say(&["get", "-o", "name"]).out, "job.batch/one\n");
    assert_eq!(program.say(&["logs", "job/one"]).out, "said\n");
    let screen = program.say(&["describe", "one"]).out;
    assert!(screen.contains("Status: Complete (CompletionsReached)"), "{screen}");
    assert!(screen.contains("SuccessfulCreate"), "{screen}");
    assert_eq!(program.say(&["wait", "one"]).out, "job.batch/one Complete\n");
    let again = program.say_with(&["run", "-f", "-"], &manifest("one", "completions: 1", "true"));
    assert_eq!(again.code, 2);
    assert!(again.err.contains("already exists") && again.err.contains("--replace"), "{}", again.err);
    let replaced = program.say_with(&["run", "--replace", "-f", "-"], &manifest("one", "completions: 1", "echo new"));
    assert_eq!((replaced.code, replaced.out.as_str()), (0, "new\n"), "{}", replaced.err);
    assert_eq!(program.say(&["delete", "one"]).out, "job.batch \"one\" deleted\n");
    let gone = program.say(&["get", "one"]);
    assert_eq!((gone.code, gone.err.as_str()), (1, "Error from server (NotFound): jobs.batch \"one\" not found\n"));
}

#[test]
fn a_detached_job_is_waited_for_later() {
    let program = Program::new();
    let said = program.say(&["run", "-d", "later", "--image=x", "--backoff-limit=0", "--", "sh", "-c", "exit 1"]);
    assert_eq!((said.code, said.out.as_str()), (0, "job.batch/later created\n"), "{}", said.err);
    let waited = program.say(&["wait", "later"]);
    assert_eq!((waited.code, waited.out.as_str()), (1, "job.batch/later Failed (BackoffLimitExceeded)\n"));
    assert_eq!(program.say(&["wait", "later", "--for=failed", "--timeout=0"]).code, 0);
    let missing = program.say(&["wait", "no-such-job", "--timeout=50ms"]);
    assert_eq!(missing.code, 124, "{}", missing.err);
}

#[test]
fn time_that_is_up_ends_in_124_and_a_stuck_job_in_5() {
    let program = Program::new();
    let slow = ["run", "--ephemeral", "--timeout=200ms", "--image=x", "--", "sleep", "60"];
    assert_eq!(program.say(&slow).code, 124);
    let stuck = program.say(&["run", "--ephemeral", "--fail-on-stuck=100ms", "--image=nothing:1"]);
    assert_eq!(stuck.code, 5, "{}", stuck.err);
    assert!(stuck.err.contains("--map-image nothing:1=PROGRAM"), "{}", stuck.err);
    let mapped = program.say(&["run", "--ephemeral", "--image=nothing:1", "--map-image=nothing:1=true"]);
    assert_eq!(mapped.code, 0, "{}", mapped.err);
}

#[test]
fn an_interrupt_suspends_a_local_job_and_ends_its_processes() {
    let program = Program::new();
    // In a container's command `$$` stands for one dollar sign, as in a cluster.
    let mut command = program.command(&["run", "long", "--image=x", "--", "sh", "-c", "echo $$$$; exec sleep 600"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the pod says its id");
    let pod = Pid::from_raw(line.trim().parse().expect("an id"));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(kill(pod, None), Err(nix::errno::Errno::ESRCH));
    assert_eq!(program.say(&["get", "long", "-o", "jsonpath={.spec.suspend}"]).out, "true");
    assert_eq!(program.say(&["wait", "long", "--for=suspended"]).code, 0);
}

#[test]
fn an_interrupt_ends_an_ephemeral_cluster_with_all_its_processes() {
    let program = Program::new();
    let script = "setsid sh -c \"sleep 601\" & echo $!; sleep 602";
    let mut command = program.command(&["run", "--ephemeral", "--image=x", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the pod says an id");
    let grandchild = Pid::from_raw(line.trim().parse().expect("an id"));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    assert_eq!(kill(grandchild, None), Err(nix::errno::Errno::ESRCH));
}

#[test]
fn a_dry_run_needs_no_server() {
    let program = Program::new();
    let said = program.say(&["run", "x", "--image=busybox", "--dry-run=client", "-o", "json"]);
    let job: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(job["spec"]["template"]["spec"]["containers"][0]["image"], "busybox");
    assert!(!program.state().exists());
    let stored =
        program.say(&["run", "x", "--image=busybox", "--dry-run=server", "-o", "jsonpath={.spec.backoffLimit}"]);
    assert_eq!((stored.code, stored.out.as_str()), (0, "6"), "{}", stored.err);
    assert_eq!(program.say(&["get"]).err, "No resources found in default namespace.\n");
}

#[test]
fn in_ci_nothing_is_left_behind_unless_a_server_was_started_on_purpose() {
    let program = Program::new();
    let run = || {
        let mut command = program.command(&["run", "once", "--image=x", "--", "true"]);
        command.env("CI", "true").output().expect("it starts")
    };
    assert!(run().status.success());
    assert_eq!(program.say(&["server", "status"]).code, 1);
    assert_eq!(program.say(&["server", "start"]).code, 0);
    assert!(run().status.success());
    assert_eq!(program.say(&["get", "-o", "name"]).out, "job.batch/once\n");
}

#[test]
fn objects_of_one_manifest_are_created_in_order() {
    let program = Program::new();
    let job = manifest("reader", "backoffLimit: 0", "echo $GREETING")
        .replace("        image: app:1\n", "        image: app:1\n        envFrom: [{configMapRef: {name: words}}]\n");
    let words = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: words}\ndata: {GREETING: hello}\n";
    let said = program.say_with(&["run", "--ephemeral", "-f", "-"], &format!("{words}---\n{job}"));
    assert_eq!((said.code, said.out.as_str()), (0, "hello\n"), "{}", said.err);
    assert!(said.err.contains("configmap/words created"), "{}", said.err);
}

#[test]
fn a_container_that_restarts_in_its_pod_is_heard_each_time() {
    let program = Program::new();
    let seen = program.folder().join("seen");
    let script = format!("if test -e {0}; then echo second; else touch {0}; echo first; exit 1; fi", seen.display());
    let arguments = ["run", "--ephemeral", "--image=x", "--restart=OnFailure", "--", "sh", "-c", &script];
    let said = program.say(&arguments);
    assert_eq!((said.code, said.out.as_str()), (0, "first\nsecond\n"), "{}", said.err);
    assert!(said.err.contains("#1 failed exit=1"), "{}", said.err);
}

#[test]
fn a_job_that_goes_as_soon_as_it_has_ended_ends_as_it_did() {
    let program = Program::new();
    for number in 0..20 {
        let name = format!("brief-{number}");
        let said = program.say(&["run", &name, "--image", "app", "--ttl", "0s", "--", "true"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let name = format!("lost-{number}");
        let failing = ["run", &name, "--image", "app", "--ttl", "0s", "--backoff-limit", "0", "--", "false"];
        let said = program.say(&failing);
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains("BackoffLimitExceeded"), "{}", said.err);
    }
}

#[test]
fn a_change_of_a_watched_file_runs_the_job_again_until_it_is_interrupted() {
    let program = Program::new();
    let file = program.folder().join("words");
    let replace = |text: &str| {
        program.file("words.new", text);
        std::fs::rename(program.folder().join("words.new"), &file).expect("it moves");
    };
    replace("first");
    // The first run does not end by itself: the change takes its place. The second does, and is waited for.
    let script = format!("cat {}; echo; test \"`cat {0}`\" != first || exec sleep 600", file.display());
    let arguments =
        ["run", "again", "--image=x", "--watch-files", "words", "--backoff-limit=0", "--", "sh", "-c", &script];
    let mut child =
        program.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("it is read"));
    assert_eq!(lines.next().as_deref(), Some("first"));
    replace("second");
    assert_eq!(lines.next().as_deref(), Some("second"));
    // The third begins when the second has ended, or takes its place.
    replace("third");
    assert_eq!(lines.next().as_deref(), Some("third"));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert_eq!(err.matches("words changed: running again").count(), 2, "{err}");
    assert_eq!(program.say(&["get", "again", "--no-headers"]).out.lines().count(), 1);
}

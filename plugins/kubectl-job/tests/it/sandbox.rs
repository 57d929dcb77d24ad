//! A server for one command: what the command sees, how it ends, and that nothing is left.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::Program;

/// Processes, but this one, that were started with this home.
fn with_home(program: &Program) -> Vec<u32> {
    let mark = format!("HOME={}", program.folder().display());
    let entries = fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
    };
    pids.filter(marked).collect()
}

fn nothing_is_left(program: &Program) {
    let begin = Instant::now();
    while !with_home(program).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(20), "left: {:?}", with_home(program));
        std::thread::yield_now();
    }
    let temporary = fs::read_dir(program.folder().join("tmp")).expect("its folder");
    let left: Vec<_> = temporary.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A command of a program whose temporary files have a folder of their own.
fn sandbox(program: &Program, arguments: &[&str]) -> std::process::Command {
    fs::create_dir_all(program.folder().join("tmp")).expect("a folder");
    let mut command = program.command(&["sandbox"]);
    command.args(arguments).env("TMPDIR", program.folder().join("tmp"));
    command
}

/// Starts a command and waits until it has printed a line.
fn started(program: &Program, script: &str) -> Child {
    let mut command = sandbox(program, &["--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it prints");
    assert_eq!(line, "ready\n");
    child
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process id")), signal).expect("it runs");
}

#[test]
fn the_command_finds_the_server_and_its_exit_code_counts() {
    let program = Program::new();
    let own = env!("CARGO_BIN_EXE_kubectl-job");
    let script = format!(
        "test -f \"$KUBECONFIG\" && {own} run pi --image busybox -- echo hi && {own} --kubeconfig \"$KUBECONFIG\" get pi -o name; exit 7"
    );
    let output = sandbox(&program, &["--", "sh", "-c", &script]).output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hi\njob.batch/pi\n", "{output:?}");
    assert_eq!(output.status.code(), Some(7));
    assert!(!program.state().exists(), "the local server of the user was left alone");
    nothing_is_left(&program);
}

#[test]
fn commands_that_cannot_be_started_end_as_in_a_shell() {
    let program = Program::new();
    let output = sandbox(&program, &["--", "no-such-command"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(127));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: no-such-command: not found\n");
    program.file("plain", "");
    let output = sandbox(&program, &["--", "./plain"]).output().expect("it starts");
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(126), false));
    let output = sandbox(&program, &["--", "sh", "-c", "kill -KILL $$"]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(137));
    let remote = sandbox(&program, &["--context", "prod", "--", "true"]).output().expect("it starts");
    assert_eq!(remote.status.code(), Some(2));
    nothing_is_left(&program);
}

#[test]
fn signals_reach_the_command_and_no_process_is_left() {
    let own = env!("CARGO_BIN_EXE_kubectl-job");
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let program = Program::new();
        // A pod that runs, a child in the background, and one that left its parent and its session.
        let script = format!(
            "{own} run endless -d --image busybox -- sleep 600 >&2; sleep 600 & (setsid sleep 600 &); \
             trap 'exit 42' TERM INT HUP; echo ready; while :; do wait; done"
        );
        let mut child = started(&program, &script);
        send(&child, signal);
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(42), "{signal}: the command chose its exit code");
        nothing_is_left(&program);
    }
}

#[test]
fn a_command_that_does_not_listen_is_killed_by_the_second_sigterm() {
    let program = Program::new();
    let mut child = started(&program, "trap '' TERM; echo ready; while :; do sleep 600; done");
    send(&child, Signal::SIGTERM);
    // The kernel keeps one of a kind: the second must come after the first was seen.
    let begin = Instant::now();
    while child.try_wait().expect("it can be asked").is_none() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it ignores the second as well");
        send(&child, Signal::SIGTERM);
        std::thread::yield_now();
    }
    let status = child.wait().expect("it ends");
    assert_eq!((status.code(), status.signal()), (Some(137), None));
    nothing_is_left(&program);
}

#[test]
fn the_sandbox_of_a_command_that_failed_can_be_kept() {
    let program = Program::new();
    let own = env!("CARGO_BIN_EXE_kubectl-job");
    let script = format!("{own} run pi --image busybox -- true 2>/dev/null; exit 3");
    let mut command = sandbox(&program, &["--keep-on-failure", "--", "sh", "-c", &script]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    assert_eq!(lines.next().as_deref(), Some("sh ended with exit code 3; its sandbox stays until Ctrl-C:"));
    let export = lines.next().expect("a line");
    let kubeconfig = export.trim_start().trim_start_matches("export KUBECONFIG='").trim_end_matches('\'').to_owned();
    let said = program.say(&["get", "-o", "name", "--kubeconfig", &kubeconfig]);
    assert_eq!((said.code, said.out.as_str()), (0, "job.batch/pi\n"), "{said:?}");
    send(&child, Signal::SIGINT);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    nothing_is_left(&program);
}

#[test]
fn sandboxes_at_one_time_know_nothing_of_each_other() {
    let own = env!("CARGO_BIN_EXE_kubectl-job");
    let programs = [Program::new(), Program::new()];
    let children: Vec<Child> = programs
        .iter()
        .zip([0, 1])
        .map(|(program, code)| {
            let script = format!("{own} run same --image busybox --backoff-limit 0 -- sh -c 'exit {code}'");
            sandbox(program, &["--", "sh", "-c", &script]).stderr(Stdio::piped()).spawn().expect("it starts")
        })
        .collect();
    let codes: Vec<_> = children.into_iter().map(|mut child| child.wait().expect("it ends").code()).collect();
    assert_eq!(codes, [Some(0), Some(1)]);
    programs.iter().for_each(nothing_is_left);
}

#[test]
fn waits_are_jumped_over_when_the_clock_is_hybrid() {
    let program = Program::new();
    let own = env!("CARGO_BIN_EXE_kubectl-job");
    let script = format!("{own} run fails --image busybox --backoff-limit 3 -- false; test $? = 1");
    let begin = Instant::now();
    let output = sandbox(&program, &["--clock", "hybrid", "--", "sh", "-c", &script]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // 10, 20 and 40 seconds of back-off.
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    let script = format!("{own} clock advance 24h");
    let output = sandbox(&program, &["--clock", "virtual", "--", "sh", "-c", &script]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    nothing_is_left(&program);
}

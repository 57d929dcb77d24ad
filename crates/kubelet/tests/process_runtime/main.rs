//! The process runtime: the contract every runtime passes, and what only processes promise.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod contract;
mod leftovers;
mod memory;
mod sandbox;
mod sessions;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clock::SystemClock;
use contract::{Bench, Does, next_exit, script, wait_for};
use kubelet::logs::Logs;
use kubelet::runtime::process::{CONTAINER_VARIABLE, ProcessConfig, ProcessRuntime};
use kubelet::runtime::{ContainerId, ContainerSpec, ExitStatus, Runtime, StartError};

fn supervisor() -> ProcessConfig {
    let supervisor_program = env!("CARGO_BIN_EXE_pod-supervisor").into();
    ProcessConfig { supervisor_program, supervisor_args: Vec::new(), records: None }
}

fn bench() -> (Bench, Arc<ProcessRuntime>) {
    let directory = tempfile::tempdir().unwrap();
    let logs = Arc::new(Logs::default());
    let (runtime, exits) = ProcessRuntime::start(&supervisor(), Arc::new(SystemClock), Arc::clone(&logs)).unwrap();
    let runtime = Arc::new(runtime);
    (Bench { runtime: Arc::clone(&runtime) as Arc<dyn Runtime>, exits, logs, directory, sandbox: None }, runtime)
}

/// Processes whose environment carries this text.
fn processes_with(mark: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let has_mark = |pid: &i32| {
        let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        [read("environ"), read("cmdline")].iter().any(|text| text.windows(mark.len()).any(|w| w == mark.as_bytes()))
    };
    pids.filter(has_mark).filter(|pid| *pid != std::process::id().cast_signed()).collect()
}

/// How many of the mark's processes have come to their sleep. Only a program that was started with the mark in its own
/// environment counts, so a shell's copy on its way to another program does not.
fn sleepers(mark: &str) -> usize {
    let variable = format!("SLEEPER={mark}\0");
    let sleeps = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(variable.len()).any(|window| window == variable.as_bytes())
    };
    processes_with(mark).iter().filter(|pid| sleeps(pid)).count()
}

async fn assert_none_left(mark: &str) {
    wait_for(&format!("no process with {mark}"), || processes_with(mark).is_empty()).await;
}

/// A script that leaves a daemon (double fork, own session), one that even dropped its environment, and a child in
/// the background, and says `ready` once all run.
fn leave_daemons(mark: &str, then: &str) -> String {
    format!(
        "setsid sh -c 'setsid sh -c \": {mark}; SLEEPER={mark} sleep 1000; :\" & :' </dev/null >/dev/null 2>&1\n\
         env -i /usr/bin/setsid /bin/sh -c ': {mark}; SLEEPER={mark} sleep 1000; :' </dev/null >/dev/null 2>&1 &\n\
         sh -c ': {mark}; SLEEPER={mark} sleep 1000; :' &\n\
         echo ready; {then}"
    )
}

/// A shell script that does it. The loop notices TERM at once, since `wait` ends with it.
fn text(does: Does<'_>) -> String {
    match does {
        Does::Exits(lines, code) => format!("printf '{}'; exit {code}", lines.replace('\n', "\\n")),
        Does::EndsOnTerm(code) => format!("trap 'exit {code}' TERM; echo ready; while :; do sleep 1000 & wait; done"),
        Does::IgnoresTerm => "trap '' TERM; echo ready; sleep 1000".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_runtime_keeps_the_contract() {
    contract::suite(|| bench().0, |bench, name, does| script(bench, name, &text(does))).await;
    contract::programs(|| bench().0).await;
}

#[tokio::test]
async fn every_exit_code_is_exact() {
    let (mut bench, _) = bench();
    for code in 0..=255 {
        let spec = script(&bench, &format!("exit-{code}"), &format!("exit {code}"));
        bench.runtime.start(spec).await.unwrap();
        assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(code));
    }
}

#[tokio::test]
async fn every_signal_is_exact() {
    let (mut bench, _) = bench();
    for signal in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 30, 31, 34, 64] {
        let spec = script(&bench, &format!("signal-{signal}"), &format!("ulimit -c 0; kill -{signal} $$; sleep 1000"));
        bench.runtime.start(spec).await.unwrap();
        let status = next_exit(&mut bench).await.status;
        assert_eq!((status, status.exit_code()), (ExitStatus::Signal(signal), 128 + signal));
    }
}

#[tokio::test]
async fn daemons_die_when_their_container_exits() {
    let (mut bench, _) = bench();
    let mark = format!("left-{}", std::process::id());
    bench.runtime.start(script(&bench, "left", &leave_daemons(&mark, "exit 7"))).await.unwrap();
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(7));
    // No waiting: the report itself promises that nothing is left.
    assert!(processes_with(&mark).is_empty());
}

#[tokio::test]
async fn daemons_die_when_their_container_is_killed_and_others_live() {
    let (mut bench, _) = bench();
    let (mark, other) = (format!("killed-{}", std::process::id()), format!("other-{}", std::process::id()));
    let daemons = |mark: &str| leave_daemons(mark, &format!("SLEEPER={mark} sleep 1000"));
    let spec = script(&bench, "killed", &daemons(&mark));
    let id = spec.id.clone();
    bench.runtime.start(spec).await.unwrap();
    bench.runtime.start(script(&bench, "other", &daemons(&other))).await.unwrap();
    wait_for("all to sleep", || sleepers(&mark) == 4 && sleepers(&other) == 4).await;
    bench.runtime.kill(&id, 9);
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Signal(9));
    assert!(processes_with(&mark).is_empty());
    assert_eq!(sleepers(&other), 4);
    bench.runtime.shutdown().await;
    assert!(processes_with(&other).is_empty());
}

#[tokio::test]
async fn containers_start_with_default_signals_and_a_clean_table() {
    let (mut bench, _) = bench();
    let text = "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls -l /proc/self/fd | wc -l; ps -o pid= -o pgid= -o sid= $$";
    let spec = script(&bench, "clean", text);
    let path = spec.log_path.clone();
    bench.runtime.start(spec).await.unwrap();
    next_exit(&mut bench).await;
    let output = contract::read_all(&bench.logs, &path).await;
    let output = String::from_utf8(output).unwrap();
    let lines: Vec<&str> = output.lines().collect();
    for line in &lines[..2] {
        let mask = u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap();
        // 32 and 33 are the C library's own and may come ignored from whatever started the tests.
        assert_eq!(mask & 0x7fff_ffff, 0, "{output}");
    }
    // `total`, 0, 1, 2 and the descriptor that `ls` reads the list through.
    assert_eq!(lines[2].trim(), "5", "{output}");
    let ids: Vec<&str> = lines[3].split_whitespace().collect();
    assert_eq!(ids[0], ids[1], "the main process leads its group: {output}");
}

#[tokio::test]
async fn program_that_cannot_run_fails_in_upstreams_words() {
    let (bench, _) = bench();
    let not_executable = bench.directory.path().join("plain.txt");
    std::fs::write(&not_executable, "x").unwrap();
    let garbage = bench.directory.path().join("garbage");
    std::fs::File::create(&garbage).unwrap().write_all(&[0x7f, b'E', b'L', b'F', 0, 0, 0, 0]).unwrap();
    Command::new("chmod").arg("755").arg(&garbage).status().unwrap();
    let (plain, garbage) = (not_executable.display().to_string(), garbage.display().to_string());
    let cases = [
        ("/no/such".to_owned(), "exec: \"/no/such\": stat /no/such: no such file or directory".to_owned()),
        (plain.clone(), format!("exec: \"{plain}\": permission denied")),
        (garbage.clone(), format!("exec {garbage}: exec format error")),
    ];
    for (program, message) in cases {
        let mut spec = script(&bench, "bad", "");
        spec.program = PathBuf::from(&program);
        spec.argv = vec![program];
        assert_eq!(bench.runtime.start(spec).await, Err(StartError::Exec(message)));
    }
    assert_eq!(bench.runtime.running(), 0);
}

#[tokio::test]
async fn two_hundred_kilobytes_of_environment_arrive() {
    let (mut bench, _) = bench();
    let mut spec = script(&bench, "big", "echo ${#A} ${#B} ${#C} ${#1}");
    for name in ["A", "B", "C"] {
        spec.env.push((name.to_owned(), "x".repeat(100_000)));
    }
    spec.argv.extend(["sh".to_owned(), "y".repeat(100_000)]);
    let path = spec.log_path.clone();
    bench.runtime.start(spec).await.unwrap();
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(0));
    assert_eq!(contract::read_all(&bench.logs, &path).await, b"100000 100000 100000 100000\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_over_many_containers() {
    let (mut bench, runtime) = bench();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    bench.runtime.start(script(&bench, "first", ":")).await.unwrap();
    next_exit(&mut bench).await;
    let before = descriptors();
    for number in 0..300 {
        let spec = script(&bench, &format!("many-{number}"), "sleep 1000 & (sleep 1000 &) ; echo x");
        bench.runtime.start(spec).await.unwrap();
        if number >= 10 {
            next_exit(&mut bench).await;
        }
    }
    for _ in 0..10 {
        next_exit(&mut bench).await;
    }
    wait_for("descriptors to be as before", || descriptors() <= before).await;
    let supervisor = runtime.supervisor_pid().unwrap();
    let children = std::fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    assert_eq!(children, "", "no zombie, no orphan");
    assert!(std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count() <= 6);
}

#[tokio::test]
async fn supervisor_ignores_the_terminals_signals() {
    let (mut bench, runtime) = bench();
    let pid = runtime.supervisor_pid().unwrap().to_string();
    bench.runtime.start(script(&bench, "before", ":")).await.unwrap();
    next_exit(&mut bench).await;
    for signal in ["-INT", "-TERM", "-HUP", "-QUIT"] {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
    bench.runtime.start(script(&bench, "after", "exit 3")).await.unwrap();
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(3));
}

#[tokio::test]
async fn killed_supervisor_takes_its_containers_with_it_and_each_end_is_reported() {
    let (mut bench, runtime) = bench();
    let mark = format!("lost-{}", std::process::id());
    let daemons = leave_daemons(&mark, &format!("SLEEPER={mark} sleep 1000"));
    bench.runtime.start(script(&bench, &mark, &daemons)).await.unwrap();
    wait_for("all to sleep", || sleepers(&mark) == 4).await;
    let pid = runtime.supervisor_pid().unwrap().to_string();
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Signal(9));
    assert_none_left(&mark).await;
    let id = format!("late-{}", std::process::id());
    bench.runtime.start(script(&bench, &id, "exit 4")).await.unwrap();
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(4), "a new supervisor has taken over");
    assert_ne!(runtime.supervisor_pid().unwrap().to_string(), pid);
    bench.runtime.shutdown().await;
    assert_eq!(runtime.supervisor_pid(), None);
}

#[tokio::test]
async fn no_process_outlives_a_killed_server() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let mark = format!("server-{}-{round}", std::process::id());
        let mut server = spawn_stand_in(directory.path(), &leave_daemons(&mark, "sleep 1000"));
        let server_mark = format!("{CONTAINER_VARIABLE}={}_", server.id());
        wait_for("all daemons", || processes_with(&mark).len() >= 4 * 5).await;
        server.kill().unwrap();
        server.wait().unwrap();
        let killed = Instant::now();
        assert_none_left(&mark).await;
        assert_none_left(&server_mark).await;
        assert!(killed.elapsed() < Duration::from_secs(5), "took {:?}", killed.elapsed());
    }
}

fn spawn_stand_in(directory: &Path, script: &str) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_server-stand-in"))
        .arg(env!("CARGO_BIN_EXE_pod-supervisor"))
        .arg(directory)
        .args(["5", script])
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn container_ids_mark_the_processes() {
    let (mut bench, _) = bench();
    let spec =
        ContainerSpec { id: ContainerId::of_run("uid", "c", 3), ..script(&bench, "x", "echo $KUBECTL_JOB_CONTAINER") };
    let path = spec.log_path.clone();
    bench.runtime.start(spec).await.unwrap();
    next_exit(&mut bench).await;
    assert_eq!(contract::read_all(&bench.logs, &path).await, b"uid_c_3\n");
}

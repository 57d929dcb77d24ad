//! What exec and attach promise, over real processes.

use std::time::Duration;

use api::session::{Channel, Outcome, SessionEvent, Streams, TerminalSize};
use bytes::Bytes;
use kubelet::runtime::{ContainerId, ContainerSpec, ExecSpec, ExitStatus, Runtime, Session, StartError, Stdin};

use crate::contract::{Bench, next_exit, read_all, script, wait_for};
use crate::{assert_none_left, bench, processes_with};

const ALL: Streams = Streams { stdin: true, stdout: true, stderr: true, tty: false };
const TERMINAL: Streams = Streams { stdin: true, stdout: true, stderr: false, tty: true };
const PATIENCE: Duration = Duration::from_secs(20);

fn exec(bench: &Bench, container: &ContainerId, text: &str, streams: Streams) -> ExecSpec {
    let ContainerSpec { program, argv, env, cwd, .. } = script(bench, "beside", text);
    ExecSpec { container: container.clone(), program, argv, env, cwd, streams, ends_with_client: false }
}

/// Starts a container that runs until it is killed.
async fn sleeper(bench: &Bench, name: &str) -> ContainerId {
    let spec = script(bench, name, "exec sleep 1000");
    let id = spec.id.clone();
    bench.runtime.start(spec).await.unwrap();
    id
}

async fn next(session: &mut Session) -> SessionEvent {
    tokio::time::timeout(PATIENCE, session.events.recv()).await.expect("an event in time").expect("an event")
}

/// What a session prints until a text is in its output.
async fn until(session: &mut Session, text: &str) -> String {
    let mut printed = String::new();
    while !printed.contains(text) {
        match next(session).await {
            SessionEvent::Output(_, bytes) => printed.push_str(&String::from_utf8_lossy(&bytes)),
            SessionEvent::Ended(outcome) => panic!("ended with {outcome:?} after {printed:?}"),
        }
    }
    printed
}

/// Both outputs of a session up to its end.
pub(crate) async fn whole(session: &mut Session) -> (String, String, Outcome) {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    loop {
        match next(session).await {
            SessionEvent::Output(Channel::Stdout, bytes) => stdout.push_str(&String::from_utf8_lossy(&bytes)),
            SessionEvent::Output(Channel::Stderr, bytes) => stderr.push_str(&String::from_utf8_lossy(&bytes)),
            SessionEvent::Ended(outcome) => return (stdout, stderr, outcome),
        }
    }
}

async fn say(session: &Session, text: &str) {
    session.stdin.as_ref().unwrap().send(Bytes::copy_from_slice(text.as_bytes())).await.unwrap();
}

#[tokio::test]
async fn exec_has_its_own_streams_and_exit_code() {
    let (bench, runtime) = bench();
    let id = sleeper(&bench, "own").await;
    let mut session = runtime.exec(exec(&bench, &id, "echo err >&2; cat; pwd; exit 7", ALL)).await.unwrap();
    say(&session, "in\n").await;
    session.stdin = None;
    let directory = bench.directory.path().canonicalize().unwrap();
    let expected = format!("in\n{}\n", directory.display());
    assert_eq!(whole(&mut session).await, (expected, "err\n".to_owned(), Outcome::Exited(7)));
    assert_eq!(runtime.running(), 1, "the container runs on");
    let mut killed = runtime.exec(exec(&bench, &id, "kill -TERM $$", ALL)).await.unwrap();
    assert_eq!(whole(&mut killed).await.2, Outcome::Exited(143));
    runtime.shutdown().await;
}

#[tokio::test]
async fn exec_without_input_reads_its_end_at_once() {
    let (bench, runtime) = bench();
    let id = sleeper(&bench, "no-input").await;
    let streams = Streams { stdin: false, ..ALL };
    let mut session = runtime.exec(exec(&bench, &id, "cat; echo done", streams)).await.unwrap();
    assert!(session.stdin.is_none());
    assert_eq!(whole(&mut session).await, ("done\n".to_owned(), String::new(), Outcome::Exited(0)));
    runtime.shutdown().await;
}

#[tokio::test]
async fn large_output_and_input_come_through_whole() {
    let (bench, runtime) = bench();
    let id = sleeper(&bench, "large").await;
    let mut session = runtime.exec(exec(&bench, &id, "wc -c; head -c 3000000 /dev/zero", ALL)).await.unwrap();
    let stdin = session.stdin.take().unwrap();
    let sending = tokio::spawn(async move {
        for _ in 0..50 {
            stdin.send(Bytes::from(vec![b'x'; 20_000])).await.unwrap();
        }
    });
    let (stdout, _, outcome) = whole(&mut session).await;
    sending.await.unwrap();
    assert_eq!((stdout.len(), outcome), ("1000000\n".len() + 3_000_000, Outcome::Exited(0)));
    assert!(stdout.starts_with("1000000\n"));
    runtime.shutdown().await;
}

#[tokio::test]
async fn exec_ends_with_its_container() {
    let (mut bench, runtime) = bench();
    let id = sleeper(&bench, "ends").await;
    let mark = format!("exec-ends-{}", std::process::id());
    let text = format!(": {mark}; setsid sh -c ': {mark}; sleep 1000; :' & echo up; wait");
    let mut session = runtime.exec(exec(&bench, &id, &text, ALL)).await.unwrap();
    until(&mut session, "up").await;
    runtime.kill(&id, 9);
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Signal(9));
    assert_eq!(processes_with(&mark), Vec::<i32>::new(), "gone before the container's end is told");
    assert_eq!(whole(&mut session).await.2, Outcome::Exited(137));
    let refused = runtime.exec(exec(&bench, &id, "true", ALL)).await.unwrap_err();
    assert!(matches!(refused, StartError::Exec(_)), "{refused:?}");
    runtime.shutdown().await;
}

#[tokio::test]
async fn what_an_exec_leaves_behind_goes_on_until_the_container_ends() {
    let (mut bench, runtime) = bench();
    let id = sleeper(&bench, "leaves").await;
    let mark = format!("exec-leaves-{}", std::process::id());
    let text = format!("sh -c ': {mark}; sleep 1000; :' >/dev/null 2>&1 </dev/null & echo left");
    let mut session = runtime.exec(exec(&bench, &id, &text, ALL)).await.unwrap();
    assert_eq!(whole(&mut session).await.0, "left\n");
    assert_ne!(processes_with(&mark), Vec::<i32>::new());
    runtime.kill(&id, 15);
    next_exit(&mut bench).await;
    assert_none_left(&mark).await;
    runtime.shutdown().await;
}

#[tokio::test]
async fn client_that_goes_ends_the_input_and_kills_nothing() {
    let (bench, runtime) = bench();
    let id = sleeper(&bench, "goes").await;
    let file = bench.directory.path().join("after");
    let text = format!("echo up; cat >/dev/null; : > {}; exec sleep 1000", file.display());
    let mut session = runtime.exec(exec(&bench, &id, &text, ALL)).await.unwrap();
    until(&mut session, "up").await;
    drop(session);
    wait_for("the script to see the end of its input", || file.exists()).await;
    runtime.shutdown().await;
}

#[tokio::test]
async fn program_that_is_not_there_is_named() {
    let (bench, runtime) = bench();
    let id = sleeper(&bench, "missing").await;
    let mut spec = exec(&bench, &id, "", ALL);
    (spec.program, spec.argv) = ("/no/such".into(), vec!["/no/such".to_owned()]);
    let expected = StartError::Exec("exec: \"/no/such\": stat /no/such: no such file or directory".to_owned());
    assert_eq!(runtime.exec(spec).await.unwrap_err(), expected);
    assert_eq!(runtime.running(), 1);
    runtime.shutdown().await;
}

#[tokio::test]
async fn terminal_has_a_size_and_is_hung_up_when_the_client_goes() {
    let (bench, runtime) = bench();
    let id = sleeper(&bench, "terminal").await;
    let file = bench.directory.path().join("hup");
    let text = format!(
        "trap 'stty size' WINCH; trap ': > {}; exit' HUP; test -t 0 && test -t 2 && echo up; while :; do sleep 0.02; done",
        file.display()
    );
    let mut session = runtime.exec(exec(&bench, &id, &text, TERMINAL)).await.unwrap();
    until(&mut session, "up\r\n").await;
    session.resize.send(TerminalSize { width: 132, height: 43 }).await.unwrap();
    until(&mut session, "43 132").await;
    drop(session);
    wait_for("the hang-up", || file.exists()).await;
    runtime.shutdown().await;
}

#[tokio::test]
async fn terminal_passes_keys_on_as_signals() {
    let (bench, runtime) = bench();
    let id = sleeper(&bench, "keys").await;
    let mut session = runtime.exec(exec(&bench, &id, "echo up; exec sleep 1000", TERMINAL)).await.unwrap();
    until(&mut session, "up").await;
    say(&session, "\x03").await;
    assert_eq!(whole(&mut session).await.2, Outcome::Exited(130));
    runtime.shutdown().await;
}

#[tokio::test]
async fn attach_joins_the_main_process_from_now_on() {
    let (mut bench, runtime) = bench();
    let spec =
        ContainerSpec { stdin: Stdin::Once, ..script(&bench, "joins", "echo first; cat; echo last >&2; exit 3") };
    let (id, path) = (spec.id.clone(), spec.log_path.clone());
    runtime.start(spec).await.unwrap();
    wait_for("the first line", || path.exists()).await;
    let mut session = runtime.attach(&id, ALL).unwrap();
    let mut listener = runtime.attach(&id, Streams { stdin: false, ..ALL }).unwrap();
    say(&session, "typed\n").await;
    until(&mut session, "typed").await;
    session.stdin = None;
    assert_eq!(whole(&mut session).await, (String::new(), "last\n".to_owned(), Outcome::Exited(0)));
    assert_eq!(whole(&mut listener).await, ("typed\n".to_owned(), "last\n".to_owned(), Outcome::Exited(0)));
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(3));
    assert_eq!(read_all(&bench.logs, &path).await, b"first\ntyped\nlast\n");
    assert!(runtime.attach(&id, ALL).is_none());
    runtime.shutdown().await;
}

#[tokio::test]
async fn open_input_stays_open_for_the_next_client() {
    let (bench, runtime) = bench();
    let spec =
        ContainerSpec { stdin: Stdin::Open, ..script(&bench, "open", "while read line; do echo \"<$line>\"; done") };
    let id = spec.id.clone();
    runtime.start(spec).await.unwrap();
    for name in ["one", "two"] {
        let mut session = runtime.attach(&id, ALL).unwrap();
        say(&session, &format!("{name}\n")).await;
        assert_eq!(until(&mut session, ">\n").await, format!("<{name}>\n"));
    }
    assert_eq!(runtime.running(), 1);
    runtime.shutdown().await;
}

#[tokio::test]
async fn container_with_a_terminal_logs_what_it_prints() {
    let (mut bench, runtime) = bench();
    let text = "test -t 1 && echo terminal; read line; echo got $line >&2";
    let spec = ContainerSpec { stdin: Stdin::Open, tty: true, ..script(&bench, "tty", text) };
    let (id, path) = (spec.id.clone(), spec.log_path.clone());
    runtime.start(spec).await.unwrap();
    wait_for("the first line", || path.exists()).await;
    let mut session = runtime.attach(&id, TERMINAL).unwrap();
    say(&session, "x\r").await;
    let (stdout, stderr, outcome) = whole(&mut session).await;
    assert_eq!((stdout.as_str(), stderr.as_str(), outcome), ("x\r\ngot x\r\n", "", Outcome::Exited(0)));
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(0));
    assert_eq!(read_all(&bench.logs, &path).await, b"terminal\r\nx\r\ngot x\r\n");
    runtime.shutdown().await;
}

#[tokio::test]
async fn slow_client_holds_up_neither_the_container_nor_its_log() {
    let (mut bench, runtime) = bench();
    let spec =
        ContainerSpec { stdin: Stdin::Once, ..script(&bench, "slow", "read go; head -c 20000000 /dev/zero; echo") };
    let (id, path) = (spec.id.clone(), spec.log_path.clone());
    runtime.start(spec).await.unwrap();
    let mut session = runtime.attach(&id, ALL).unwrap();
    say(&session, "go\n").await;
    // Nothing is read of the session until the container has printed all and ended.
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(0));
    assert_eq!(read_all(&bench.logs, &path).await.len(), 20_000_001);
    let (stdout, _, outcome) = whole(&mut session).await;
    assert!(stdout.len() < 20_000_000, "{}", stdout.len());
    assert_eq!(outcome, Outcome::Failed("the client is too slow for the container's output".to_owned()));
    runtime.shutdown().await;
}

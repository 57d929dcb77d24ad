//! What every runtime promises, as one suite: give it a way to make a runtime, and a way to make containers that do a
//! few plain things. What only programs can do has a suite of its own.
#![allow(dead_code, reason = "shared by the tests of each runtime, of which each uses a part")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kubelet::logs::{Logs, ReadOptions};
use kubelet::runtime::{ContainerId, ContainerSpec, ExitReceiver, ExitStatus, Exited, Runtime, Sandbox, Stdin};

/// One runtime with its surroundings.
pub(crate) struct Bench {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) exits: ExitReceiver,
    pub(crate) logs: Arc<Logs>,
    pub(crate) directory: tempfile::TempDir,
    /// What its containers see of the machine.
    pub(crate) sandbox: Option<Sandbox>,
}

/// A container that runs a shell script.
pub(crate) fn script(bench: &Bench, name: &str, text: &str) -> ContainerSpec {
    ContainerSpec {
        id: ContainerId::of_run(name, "c", 0),
        pod: Arc::default(),
        program: "/bin/sh".into(),
        argv: vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()],
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        cwd: bench.directory.path().to_owned(),
        log_path: Logs::path(bench.directory.path(), name, "c", 0),
        stdin: Stdin::None,
        tty: false,
        memory_limit: None,
        sandbox: bench.sandbox.clone(),
    }
}

/// The next end, which must come soon.
pub(crate) async fn next_exit(bench: &mut Bench) -> Exited {
    tokio::time::timeout(Duration::from_secs(20), bench.exits.recv()).await.expect("an end in time").expect("an end")
}

/// Waits for a state by looking.
pub(crate) async fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "waited too long for {what}");
        // tidy: allow-sleep the process table tells nobody when it changes; this is the pause between looks.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// All of a log, followed to its end.
pub(crate) async fn read_all(logs: &Logs, path: &Path) -> Vec<u8> {
    let mut stream = logs.read(path, ReadOptions { follow: true, ..ReadOptions::default() });
    let mut all = Vec::new();
    while let Some(bytes) = stream.next().await {
        all.extend_from_slice(&bytes.unwrap());
    }
    all
}

/// What a container does, whatever runs it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does<'a> {
    /// Prints lines and exits at once.
    Exits(&'a str, u8),
    /// Prints `ready`, goes on for ever, and exits with this code on TERM.
    EndsOnTerm(u8),
    /// Prints `ready` and goes on for ever, whatever TERM says.
    IgnoresTerm,
}

/// The part that every runtime passes.
pub(crate) async fn suite(make: impl Fn() -> Bench, container: impl Fn(&Bench, &str, Does<'_>) -> ContainerSpec) {
    end_is_reported_once_and_after_the_output(make(), &container).await;
    many_at_once_end_each_once(make(), &container).await;
    term_is_for_the_container_to_take(make(), &container).await;
    kill_of_an_unknown_container_is_passed_over(make(), &container).await;
    shutdown_ends_everything(make(), &container).await;
}

/// The part for runtimes whose containers are programs.
pub(crate) async fn programs(make: impl Fn() -> Bench) {
    output_is_byte_exact(make()).await;
    follower_gets_every_byte_and_the_end(make()).await;
    signals_reach_the_group(make()).await;
    environment_and_directory_are_as_given(make()).await;
}

/// How the suite asks for containers.
type Make<'a> = &'a dyn Fn(&Bench, &str, Does<'_>) -> ContainerSpec;

async fn end_is_reported_once_and_after_the_output(mut bench: Bench, container: Make<'_>) {
    let spec = container(&bench, "once", Does::Exits("out\nerr\n", 3));
    let (id, path) = (spec.id.clone(), spec.log_path.clone());
    let started = bench.runtime.start(spec).await.unwrap();
    let exited = next_exit(&mut bench).await;
    assert_eq!((exited.id, exited.status), (id, ExitStatus::Code(3)));
    assert!(exited.finished_at >= started.started_at);
    assert_eq!(read_all(&bench.logs, &path).await, b"out\nerr\n");
    assert_eq!(bench.runtime.running(), 0);
    assert!(bench.exits.try_recv().is_err());
}

async fn many_at_once_end_each_once(mut bench: Bench, container: Make<'_>) {
    let specs: Vec<_> = (0..100).map(|n| container(&bench, &format!("many-{n}"), Does::Exits("", n))).collect();
    let starts = specs.into_iter().map(|spec| bench.runtime.start(spec));
    let started: Result<Vec<_>, _> = futures::future::join_all(starts).await.into_iter().collect();
    started.expect("all start");
    let mut codes = Vec::new();
    for _ in 0..100 {
        codes.push(next_exit(&mut bench).await.status.exit_code());
    }
    codes.sort_unstable();
    assert_eq!(codes, (0..100).collect::<Vec<_>>());
}

async fn term_is_for_the_container_to_take(mut bench: Bench, container: Make<'_>) {
    let specs = [container(&bench, "ends", Does::EndsOnTerm(5)), container(&bench, "stays", Does::IgnoresTerm)];
    let ids = specs.each_ref().map(|spec| spec.id.clone());
    for spec in specs {
        let path = spec.log_path.clone();
        bench.runtime.start(spec).await.unwrap();
        let mut log = bench.logs.read(&path, ReadOptions { follow: true, ..ReadOptions::default() });
        assert_eq!(log.next().await.unwrap().unwrap(), "ready\n");
    }
    assert_eq!(bench.runtime.running(), 2);
    let [ends, stays] = ids;
    bench.runtime.kill(&stays, 15);
    bench.runtime.kill(&ends, 15);
    let exited = next_exit(&mut bench).await;
    assert_eq!((exited.id, exited.status), (ends, ExitStatus::Code(5)));
    bench.runtime.kill(&stays, 9);
    let exited = next_exit(&mut bench).await;
    assert_eq!((exited.id, exited.status), (stays, ExitStatus::Signal(9)));
}

async fn output_is_byte_exact(mut bench: Bench) {
    let mut content: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    content.extend_from_slice(&[b'x'; 50_000]);
    content.extend_from_slice(b"\n\nlast line without end");
    std::fs::write(bench.directory.path().join("content"), &content).unwrap();
    let spec = script(&bench, "exact", "cat content");
    let path = spec.log_path.clone();
    bench.runtime.start(spec).await.unwrap();
    next_exit(&mut bench).await;
    assert!(read_all(&bench.logs, &path).await == content, "bytes differ");
}

async fn follower_gets_every_byte_and_the_end(mut bench: Bench) {
    let spec = script(&bench, "follow", "for i in 1 2 3; do echo $i; read line < gate-$i; done; printf end");
    let path = spec.log_path.clone();
    // One each: a reader may open the next gate before the writer of this one has closed it.
    let gates = ["gate-1", "gate-2", "gate-3"].map(|name| bench.directory.path().join(name));
    assert!(std::process::Command::new("mkfifo").args(&gates).status().unwrap().success());
    bench.runtime.start(spec).await.unwrap();
    let mut stream = bench.logs.read(&path, ReadOptions { follow: true, ..ReadOptions::default() });
    for (expected, gate) in ["1\n", "2\n", "3\n"].into_iter().zip(gates) {
        assert_eq!(stream.next().await.unwrap().unwrap(), expected);
        tokio::task::spawn_blocking(move || std::fs::write(gate, "go\n").unwrap()).await.unwrap();
    }
    assert_eq!(stream.next().await.unwrap().unwrap(), "end");
    next_exit(&mut bench).await;
    let end = tokio::time::timeout(Duration::from_millis(100), stream.next()).await;
    assert!(end.expect("the end within 100 ms").is_none());
}

async fn signals_reach_the_group(mut bench: Bench) {
    let text = "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 1000; done";
    let spec = script(&bench, "trap", text);
    let (id, path) = (spec.id.clone(), spec.log_path.clone());
    bench.runtime.start(spec).await.unwrap();
    let mut stream = bench.logs.read(&path, ReadOptions { follow: true, ..ReadOptions::default() });
    assert_eq!(stream.next().await.unwrap().unwrap(), "ready\n");
    // The shell runs its trap only once its child is gone, so the child must have been signalled too. It may be
    // between two children at the first signal, hence the repeats.
    let status = loop {
        bench.runtime.kill(&id, 15);
        if let Ok(exited) = tokio::time::timeout(Duration::from_millis(200), bench.exits.recv()).await {
            break exited.unwrap().status;
        }
    };
    assert_eq!(status, ExitStatus::Code(5));
}

async fn environment_and_directory_are_as_given(mut bench: Bench) {
    let mut spec = script(&bench, "env", "env | sort | grep -v -e ^_= -e ^KUBECTL_JOB_; pwd");
    spec.env.push(("GREETING".to_owned(), "a=b c\nd".to_owned()));
    let (path, cwd) = (spec.log_path.clone(), spec.cwd.canonicalize().unwrap());
    bench.runtime.start(spec).await.unwrap();
    next_exit(&mut bench).await;
    let output = String::from_utf8(read_all(&bench.logs, &path).await).unwrap();
    let pwd = cwd.display();
    let mut expected: Vec<String> = ["GREETING=a=b c", "d", "PATH=/usr/bin:/bin"].map(str::to_owned).to_vec();
    expected.extend([format!("PWD={pwd}"), format!("{pwd}")]);
    expected.sort();
    let mut lines: Vec<&str> =
        output.lines().filter(|line| !line.starts_with("SHLVL") && !line.starts_with("OLDPWD")).collect();
    lines.sort_unstable();
    assert_eq!(lines, expected);
}

async fn kill_of_an_unknown_container_is_passed_over(mut bench: Bench, container: Make<'_>) {
    bench.runtime.kill(&ContainerId::of_run("nobody", "c", 0), 9);
    bench.runtime.start(container(&bench, "known", Does::Exits("", 0))).await.unwrap();
    let exited = next_exit(&mut bench).await;
    bench.runtime.kill(&exited.id, 9);
    assert_eq!(exited.status, ExitStatus::Code(0));
}

async fn shutdown_ends_everything(mut bench: Bench, container: Make<'_>) {
    bench.runtime.start(container(&bench, "long", Does::IgnoresTerm)).await.unwrap();
    assert_eq!(bench.runtime.running(), 1);
    let begin = Instant::now();
    bench.runtime.shutdown().await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Signal(9));
    assert!(bench.runtime.start(container(&bench, "late", Does::Exits("", 0))).await.is_err());
}

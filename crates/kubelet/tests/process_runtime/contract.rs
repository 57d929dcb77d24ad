//! What every runtime promises, as one suite: give it a way to make a runtime and await it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kubelet::logs::{Logs, ReadOptions};
use kubelet::runtime::{ContainerId, ContainerSpec, ExitReceiver, ExitStatus, Exited, Runtime, Stdin};

/// One runtime with its surroundings.
pub(crate) struct Bench {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) exits: ExitReceiver,
    pub(crate) logs: Arc<Logs>,
    pub(crate) directory: tempfile::TempDir,
}

/// A container that runs a shell script.
pub(crate) fn script(bench: &Bench, name: &str, text: &str) -> ContainerSpec {
    ContainerSpec {
        id: ContainerId::of_run(name, "c", 0),
        program: "/bin/sh".into(),
        argv: vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()],
        env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        cwd: bench.directory.path().to_owned(),
        log_path: Logs::path(bench.directory.path(), name, "c", 0),
        stdin: Stdin::None,
        tty: false,
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

/// The suite.
pub(crate) async fn suite(make: impl Fn() -> Bench) {
    end_is_reported_once_and_after_the_output(make()).await;
    many_at_once_end_each_once(make()).await;
    output_is_byte_exact(make()).await;
    follower_gets_every_byte_and_the_end(make()).await;
    signals_reach_the_group(make()).await;
    environment_and_directory_are_as_given(make()).await;
    kill_of_an_unknown_container_is_passed_over(make()).await;
    shutdown_ends_everything(make()).await;
}

async fn end_is_reported_once_and_after_the_output(mut bench: Bench) {
    let spec = script(&bench, "once", "echo out; echo err >&2; exit 3");
    let (id, path) = (spec.id.clone(), spec.log_path.clone());
    let started = bench.runtime.start(spec).await.unwrap();
    let exited = next_exit(&mut bench).await;
    assert_eq!((exited.id, exited.status), (id, ExitStatus::Code(3)));
    assert!(exited.finished_at >= started.started_at);
    assert_eq!(read_all(&bench.logs, &path).await.len(), 8);
    assert_eq!(bench.runtime.running(), 0);
    assert!(bench.exits.try_recv().is_err());
}

async fn many_at_once_end_each_once(mut bench: Bench) {
    let specs: Vec<_> = (0..100).map(|n| script(&bench, &format!("many-{n}"), &format!("exit {n}"))).collect();
    let starts = specs.into_iter().map(|spec| bench.runtime.start(spec));
    assert!(futures::future::join_all(starts).await.iter().all(Result::is_ok));
    let mut codes = Vec::new();
    for _ in 0..100 {
        codes.push(next_exit(&mut bench).await.status.exit_code());
    }
    codes.sort_unstable();
    assert_eq!(codes, (0..100).collect::<Vec<_>>());
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

async fn kill_of_an_unknown_container_is_passed_over(mut bench: Bench) {
    bench.runtime.kill(&ContainerId::of_run("nobody", "c", 0), 9);
    bench.runtime.start(script(&bench, "known", ":")).await.unwrap();
    let exited = next_exit(&mut bench).await;
    bench.runtime.kill(&exited.id, 9);
    assert_eq!(exited.status, ExitStatus::Code(0));
}

async fn shutdown_ends_everything(mut bench: Bench) {
    bench.runtime.start(script(&bench, "long", "trap '' TERM; sleep 1000")).await.unwrap();
    assert_eq!(bench.runtime.running(), 1);
    let begin = Instant::now();
    bench.runtime.shutdown().await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Signal(9));
    assert!(bench.runtime.start(script(&bench, "late", ":")).await.is_err());
}

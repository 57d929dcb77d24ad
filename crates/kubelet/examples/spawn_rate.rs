//! Prints how many `/bin/true` per second the supervisor starts and reaps, beside a plain spawn-and-wait loop.
//!
//! Run in release: `cargo run --release -p kubelet --example spawn_rate [COUNT]`. The example acts as its own supervisor.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clock::SystemClock;
use kubelet::logs::Logs;
use kubelet::runtime::process::{ProcessConfig, ProcessRuntime};
use kubelet::runtime::sandbox::{Mount, Sandbox};
use kubelet::runtime::{ContainerId, ContainerSpec, Runtime, Stdin};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const PARALLEL: usize = 50;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("supervise") {
        return kubelet::supervisor::main();
    }
    let count: u32 = argument.and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let before = cpu();
    report("plain loop, one thread", count, plain_loop(count), cpu() - before);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let before = cpu();
    report("supervisor", count, runtime.block_on(supervised(count, None)), cpu() - before);
    let before = cpu();
    report("sandboxes", count, runtime.block_on(supervised(count, Some(Sandbox::default()))), cpu() - before);
    let files = tempfile::tempdir().expect("a directory");
    let before = cpu();
    let named = Sandbox { shares_processes: true, mounts: own_files(files.path()), ..named_only() };
    report("sandboxes for a host name", count, runtime.block_on(supervised(count, Some(named))), cpu() - before);
    let mut mounts = own_files(files.path());
    let source = files.path().to_owned();
    mounts.push(Mount { target: "/data-of-a-bench".into(), source, sub_path: "".into(), read_only: false });
    let before = cpu();
    let sandbox = Sandbox { mounts, ..named_only() };
    report("sandboxes with a volume", count, runtime.block_on(supervised(count, Some(sandbox))), cpu() - before);
    ExitCode::SUCCESS
}

fn named_only() -> Sandbox {
    Sandbox { hostname: "bench".to_owned(), ..Sandbox::default() }
}

/// What the kubelet gives each sandboxed container.
fn own_files(directory: &Path) -> Vec<Mount> {
    let mount = |name: &str, target: &str| {
        let source = directory.join(name);
        Mount { target: target.into(), source, sub_path: "".into(), read_only: false }
    };
    std::fs::write(directory.join("hosts"), "127.0.0.1 bench\n").expect("a file");
    std::fs::write(directory.join("words"), "").expect("a file");
    std::fs::create_dir_all(directory.join("credentials")).expect("a directory");
    vec![
        mount("hosts", "/etc/hosts"),
        mount("words", "/dev/termination-log"),
        mount("credentials", "/var/run/secrets/kubernetes.io/serviceaccount"),
    ]
}

/// CPU time of this process and all descendants that were waited for: on a busy machine it says more than the rate.
fn cpu() -> Duration {
    let of = |who| {
        let usage = getrusage(who).expect("usage of oneself");
        [usage.user_time(), usage.system_time()]
            .map(|time| Duration::from_micros(time.num_microseconds().cast_unsigned()))
    };
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].into_iter().flat_map(of).sum()
}

#[expect(clippy::print_stdout, reason = "this is what the example is for")]
fn report(name: &str, count: u32, took: Duration, cpu: Duration) {
    let rate = f64::from(count) / took.as_secs_f64();
    println!(
        "{name}: {count} in {took:.2?}, {rate:.0}/s, {:.0} us of CPU each",
        cpu.as_secs_f64() * 1e6 / f64::from(count)
    );
}

fn plain_loop(count: u32) -> Duration {
    let begin = Instant::now();
    for _ in 0..count {
        let status = Command::new("/bin/true").stdin(Stdio::null()).status().expect("spawn");
        assert!(status.success());
    }
    begin.elapsed()
}

async fn supervised(count: u32, sandbox: Option<Sandbox>) -> Duration {
    let directory = tempfile::tempdir().expect("a directory");
    let config = ProcessConfig {
        supervisor_program: std::env::current_exe().expect("own path"),
        supervisor_args: vec!["supervise".into()],
        records: None,
    };
    let (runtime, mut exits) =
        ProcessRuntime::start(&config, Arc::new(SystemClock), Arc::new(Logs::default())).expect("a supervisor");
    let runtime = Arc::new(runtime);
    let begin = Instant::now();
    let slots = Arc::new(tokio::sync::Semaphore::new(PARALLEL));
    let starter = {
        let (runtime, slots, root) = (Arc::clone(&runtime), Arc::clone(&slots), directory.path().to_owned());
        let sandbox = sandbox.clone();
        tokio::spawn(async move {
            for number in 0..count {
                slots.acquire().await.expect("open").forget();
                let spec = ContainerSpec {
                    id: ContainerId::of_run("bench", "true", number),
                    pod: Arc::default(),
                    program: "/bin/true".into(),
                    argv: vec!["true".to_owned()],
                    env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
                    cwd: root.clone(),
                    log_path: Logs::path(&root, "bench", "true", number),
                    stdin: Stdin::None,
                    tty: false,
                    memory_limit: None,
                    sandbox: sandbox.clone(),
                };
                let runtime = Arc::clone(&runtime);
                tokio::spawn(async move { runtime.start(spec).await.expect("started") });
            }
        })
    };
    for _ in 0..count {
        exits.recv().await.expect("an end");
        slots.add_permits(1);
    }
    let took = begin.elapsed();
    starter.await.expect("no panic");
    runtime.shutdown().await;
    took
}

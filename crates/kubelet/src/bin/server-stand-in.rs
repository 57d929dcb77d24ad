//! A server reduced to its runtime, for tests that kill it: starts shell containers and waits to be killed.
//!
//! Arguments: the supervisor's path, a directory for logs, the number of containers, the shell script to run in each.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clock::SystemClock;
use kubelet::logs::Logs;
use kubelet::runtime::process::{ProcessConfig, ProcessRuntime};
use kubelet::runtime::{ContainerId, ContainerSpec, Runtime, Stdin};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, supervisor, directory, count, script] = arguments.as_slice() else { return ExitCode::FAILURE };
    let records = Some(Path::new(directory).join("supervisors"));
    let config = ProcessConfig { supervisor_program: supervisor.into(), supervisor_args: Vec::new(), records };
    let (runtime, _exits) = ProcessRuntime::start(&config, Arc::new(SystemClock), Arc::new(Logs::default()))
        .expect("the test gives a supervisor that starts");
    for number in 0..count.parse().expect("the test gives a number") {
        let spec = ContainerSpec {
            id: ContainerId::of_run(&std::process::id().to_string(), "stand-in", number),
            pod: Arc::default(),
            program: "/bin/sh".into(),
            argv: vec!["sh".to_owned(), "-c".to_owned(), script.clone()],
            env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            cwd: directory.into(),
            log_path: Logs::path(directory.as_ref(), "stand-in", "c", number),
            stdin: Stdin::None,
            tty: false,
            memory_limit: None,
            sandbox: None,
        };
        runtime.start(spec).await.expect("the shell starts");
    }
    std::future::pending().await
}

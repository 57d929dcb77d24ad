//! What is left when server and supervisor are killed together, and what the next start does about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clock::SystemClock;
use kubelet::logs::Logs;
use kubelet::runtime::Runtime;
use kubelet::runtime::process::{ProcessConfig, ProcessRuntime};

use super::contract::wait_for;
use super::{assert_none_left, leave_daemons, processes_with, sleepers, spawn_stand_in, supervisor};

/// Where the stand-in writes its supervisors down.
fn records(directory: &Path) -> PathBuf {
    directory.join("supervisors")
}

fn recorded(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(records(directory)).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// Starts a runtime that sweeps first.
fn start(directory: &Path) -> ProcessRuntime {
    let config = ProcessConfig { records: Some(records(directory)), ..supervisor() };
    ProcessRuntime::start(&config, Arc::new(SystemClock), Arc::new(Logs::default())).unwrap().0
}

fn stranger(mark: &str) -> Child {
    Command::new("sleep").arg("1000").env("SLEEPER", mark).stdin(Stdio::null()).spawn().unwrap()
}

/// Kills with SIGKILL, all by one call.
fn kill_together(pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    assert!(Command::new("kill").arg("-KILL").args(pids).status().unwrap().success());
}

fn supervisor_in(record: &Path) -> u32 {
    let record: serde_json::Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    record["pid"].as_u64().unwrap().try_into().unwrap()
}

#[tokio::test]
async fn what_a_killed_server_and_supervisor_left_is_swept_on_the_next_start_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mark = format!("swept-{}", std::process::id());
    let foreign = format!("foreign-{}", std::process::id());
    let mut stranger = stranger(&foreign);
    let script = leave_daemons(&mark, &format!("SLEEPER={mark} exec sleep 1000"));
    let mut server = spawn_stand_in(directory.path(), &script);
    wait_for("all daemons", || sleepers(&mark) == 4 * 5).await;
    let record = recorded(directory.path()).pop().expect("the supervisor is written down");
    kill_together(&[supervisor_in(&record), server.id()]);
    server.wait().unwrap();
    wait_for("the main processes to go", || sleepers(&mark) <= 3 * 5).await;
    assert_ne!(processes_with(&mark), Vec::<i32>::new(), "without this there is nothing to sweep");
    let runtime = start(directory.path());
    assert_eq!(processes_with(&mark), Vec::<i32>::new());
    assert!(!record.exists() && recorded(directory.path()).len() == 1, "the new supervisor alone is written down");
    assert_eq!(sleepers(&foreign), 1);
    runtime.shutdown().await;
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn a_record_with_the_number_of_a_stranger_hits_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let mark = format!("reused-{}", std::process::id());
    let mut stranger = stranger(&mark);
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    fs::create_dir_all(records(directory.path())).unwrap();
    let forged = |boot: &str, name: &str| {
        let record = serde_json::json!({"bootId": boot.trim(), "pid": stranger.id(), "startTicks": 1});
        fs::write(records(directory.path()).join(name), record.to_string()).unwrap();
    };
    forged(&boot, "this-boot.json");
    forged("another", "another-boot.json");
    fs::write(records(directory.path()).join("broken.json"), "{").unwrap();
    let runtime = start(directory.path());
    assert_eq!(recorded(directory.path()).len(), 1, "old records are gone");
    assert_eq!(sleepers(&mark), 1);
    assert_eq!(stranger.try_wait().unwrap(), None);
    runtime.shutdown().await;
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_none_left(&mark).await;
}

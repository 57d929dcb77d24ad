//! Sandboxed containers: the contract, and what only they promise.

use std::fs;
use std::path::{Path, PathBuf};

use api::session::{Outcome, Streams};
use kubelet::runtime::sandbox::{Mount, Sandbox, Stage};
use kubelet::runtime::{ContainerSpec, ExecSpec, ExitStatus, StartError};

use super::contract::{self, Bench, next_exit, read_all, script};
use super::{assert_none_left, leave_daemons, sessions};

fn bench() -> Bench {
    Bench { sandbox: Some(Sandbox::default()), ..super::bench().0 }
}

fn with(bench: &Bench, sandbox: Sandbox, text: &str) -> ContainerSpec {
    ContainerSpec { sandbox: Some(sandbox), ..script(bench, "boxed", text) }
}

/// Runs a script in a sandbox; what it printed and how it ended.
async fn run(bench: &mut Bench, sandbox: Sandbox, text: &str) -> (String, ExitStatus) {
    let spec = with(bench, sandbox, text);
    let path = spec.log_path.clone();
    bench.runtime.start(spec).await.expect("starts");
    let exited = next_exit(bench).await;
    let lines = String::from_utf8(read_all(&bench.logs, &path).await).unwrap();
    fs::remove_file(&path).ok();
    (lines, exited.status)
}

fn mounts(list: &[(&str, &Path, &str, bool)]) -> Sandbox {
    let mount = |&(target, source, sub_path, read_only): &(&str, &Path, &str, bool)| Mount {
        target: target.into(),
        source: source.to_owned(),
        sub_path: sub_path.into(),
        read_only,
    };
    Sandbox { mounts: list.iter().map(mount).collect(), ..Sandbox::default() }
}

fn volume(bench: &Bench, name: &str) -> PathBuf {
    let path = bench.directory.path().join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sandboxed_containers_keep_the_contract() {
    contract::suite(bench, |bench, name, does| script(bench, name, &super::text(does))).await;
    contract::programs(bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sandboxes_among_the_hosts_processes_keep_the_contract() {
    let bench = || Bench { sandbox: Some(named()), ..super::bench().0 };
    contract::suite(bench, |bench, name, does| script(bench, name, &super::text(does))).await;
    contract::programs(bench).await;
}

fn named() -> Sandbox {
    Sandbox { hostname: "pi-0".to_owned(), shares_processes: true, ..Sandbox::default() }
}

#[tokio::test]
async fn a_host_name_costs_no_process_namespace_and_what_is_left_behind_goes_all_the_same() {
    let mut bench = bench();
    let mark = format!("named-daemons-{}", std::process::id());
    let text = leave_daemons(&mark, "hostname; readlink /proc/self/ns/pid; kill -TERM $$");
    let (lines, status) = run(&mut bench, named(), &text).await;
    let own = fs::read_link("/proc/self/ns/pid").unwrap();
    assert_eq!((lines, status), (format!("ready\npi-0\n{}\n", own.display()), ExitStatus::Signal(15)));
    assert_none_left(&mark).await;
}

#[tokio::test]
async fn a_process_beside_a_named_one_has_its_name_and_files() {
    let mut bench = bench();
    let data = volume(&bench, "data");
    let sandbox = Sandbox { mounts: mounts(&[("/data-of-a-test", &data, "", false)]).mounts, ..named() };
    let spec = with(&bench, sandbox, "while ! [ -e /data-of-a-test/end ]; do sleep 0.01; done; exit 7");
    let (id, env, cwd) = (spec.id.clone(), spec.env.clone(), PathBuf::from("/data-of-a-test"));
    bench.runtime.start(spec).await.expect("starts");
    let argv = ["sh", "-c", "hostname; pwd; exit 3"].map(str::to_owned).to_vec();
    let streams = Streams { stdout: true, ..Streams::default() };
    let exec = ExecSpec { container: id, program: "sh".into(), argv, env, cwd, streams, ends_with_client: false };
    let mut session = bench.runtime.exec(exec).await.expect("runs");
    let (output, _, outcome) = sessions::whole(&mut session).await;
    assert_eq!((output.as_str(), outcome), ("pi-0\n/data-of-a-test\n", Outcome::Exited(3)));
    fs::write(data.join("end"), "").unwrap();
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(7));
}

#[tokio::test]
async fn devices_work_beside_a_file_that_the_host_does_not_have() {
    let mut bench = bench();
    let files = volume(&bench, "files");
    fs::write(files.join("log"), "").unwrap();
    let sandbox = mounts(&[("/dev/of-a-test", &files.join("log"), "", false)]);
    let text = "echo gone >/dev/null; head -c 3 /dev/zero | wc -c; ls -1 /dev >/dev/of-a-test; test -c /dev/null && echo device";
    assert_eq!(run(&mut bench, sandbox, text).await, ("3\ndevice\n".to_owned(), ExitStatus::Code(0)));
    let seen = fs::read_to_string(files.join("log")).unwrap();
    let names = fs::read_dir("/dev").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let missing: Vec<String> = names.filter(|name| !seen.lines().any(|line| line == name)).collect();
    assert_eq!(missing, Vec::<String>::new(), "of what the host has");
}

#[tokio::test]
async fn a_volume_is_seen_at_a_path_that_the_host_does_not_have() {
    let mut bench = bench();
    let (data, deep) = (volume(&bench, "data"), volume(&bench, "deep"));
    fs::write(data.join("in"), "from the host\n").unwrap();
    let sandbox = mounts(&[("/data-of-a-test", &data, "", false), ("/usr/lib/of-a-test/deep", &deep, "", false)]);
    let text =
        "cat /data-of-a-test/in; echo back >/data-of-a-test/out; echo deep >/usr/lib/of-a-test/deep/out; ls -d /bin";
    assert_eq!(run(&mut bench, sandbox, text).await, ("from the host\n/bin\n".to_owned(), ExitStatus::Code(0)));
    assert_eq!(fs::read_to_string(data.join("out")).unwrap(), "back\n");
    assert_eq!(fs::read_to_string(deep.join("out")).unwrap(), "deep\n");
    assert!(!Path::new("/data-of-a-test").exists() && !Path::new("/usr/lib/of-a-test").exists());
}

#[tokio::test]
async fn a_file_is_mounted_over_a_file_and_beside_others() {
    let mut bench = bench();
    let files = volume(&bench, "files");
    fs::write(files.join("hosts"), "127.0.0.1 of-a-test\n").unwrap();
    fs::write(files.join("log"), "").unwrap();
    let (hosts, log) = (files.join("hosts"), files.join("log"));
    let sandbox = mounts(&[("/etc/hosts", &hosts, "", true), ("/dev/termination-log", &log, "", false)]);
    let text = "cat /etc/hosts; echo last words >/dev/termination-log; echo gone >/dev/null; (echo x >/etc/hosts) 2>/dev/null || echo read-only";
    let (lines, status) = run(&mut bench, sandbox, text).await;
    assert_eq!((lines.as_str(), status), ("127.0.0.1 of-a-test\nread-only\n", ExitStatus::Code(0)));
    assert_eq!(fs::read_to_string(&log).unwrap(), "last words\n");
}

#[tokio::test]
async fn a_read_only_mount_refuses_writes_and_a_mount_below_another_is_made_in_it() {
    let mut bench = bench();
    let (outer, inner) = (volume(&bench, "outer"), volume(&bench, "inner"));
    fs::write(inner.join("file"), "inner\n").unwrap();
    let sandbox = mounts(&[("/mnt/of-a-test", &outer, "", false), ("/mnt/of-a-test/in", &inner, "", true)]);
    let text = "cat /mnt/of-a-test/in/file; touch /mnt/of-a-test/made; touch /mnt/of-a-test/in/no 2>&1 | grep -o 'Read-only.*'";
    let (lines, _) = run(&mut bench, sandbox, text).await;
    assert_eq!(lines, "inner\nRead-only file system\n");
    assert!(outer.join("made").exists() && outer.join("in").is_dir());
}

#[tokio::test]
async fn a_sub_path_cannot_leave_its_volume() {
    let mut bench = bench();
    let data = volume(&bench, "data");
    fs::create_dir(data.join("part")).unwrap();
    fs::write(data.join("part/file"), "part\n").unwrap();
    let sandbox = mounts(&[("/mnt/of-a-test", &data, "part", false)]);
    assert_eq!(run(&mut bench, sandbox, "cat /mnt/of-a-test/file").await.0, "part\n");
    std::os::unix::fs::symlink("/etc", data.join("out")).unwrap();
    std::os::unix::fs::symlink("../..", data.join("up")).unwrap();
    for sub_path in ["out", "up", "../data", "part/../../x"] {
        let spec = with(&bench, mounts(&[("/mnt/of-a-test", &data, sub_path, false)]), "true");
        let error = bench.runtime.start(spec).await.expect_err("refused");
        assert!(matches!(error, StartError::Sandbox(Stage::Mount(0), _)), "{sub_path}: {error}");
    }
}

#[tokio::test]
async fn it_has_a_host_name_and_processes_of_its_own() {
    let mut bench = bench();
    let sandbox = Sandbox { hostname: "pi-0".to_owned(), ..Sandbox::default() };
    let text = "hostname; ls /proc | grep -c '^[0-9]'";
    let (lines, _) = run(&mut bench, sandbox, text).await;
    let (name, processes) = lines.trim_end().split_once('\n').unwrap();
    assert_eq!(name, "pi-0");
    assert!(processes.parse::<u32>().unwrap() <= 5, "sees {processes} processes");
}

#[tokio::test]
async fn it_runs_as_the_user_it_asks_for() {
    let mut bench = bench();
    let sandbox = Sandbox { user: Some(4321), group: Some(1234), ..Sandbox::default() };
    assert_eq!(run(&mut bench, sandbox, "id -u; id -g").await.0, "4321\n1234\n");
}

#[tokio::test]
async fn a_read_only_root_leaves_the_mounts_writable() {
    let mut bench = bench();
    let data = volume(&bench, "data");
    let sandbox = Sandbox { read_only_root: true, ..mounts(&[("/of-a-test", &data, "", false)]) };
    let text = "touch /of-a-test/made && echo made; touch /var/of-a-test 2>/dev/null || echo refused";
    assert_eq!(run(&mut bench, sandbox, text).await.0, "made\nrefused\n");
    assert!(data.join("made").exists());
}

#[tokio::test]
async fn a_network_of_its_own_has_only_a_loopback() {
    let mut bench = bench();
    let sandbox = Sandbox { own_network: true, ..Sandbox::default() };
    let (lines, _) = run(&mut bench, sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").await;
    assert_eq!(lines, "lo\n");
}

#[tokio::test]
async fn exit_codes_and_signals_come_through() {
    let mut bench = bench();
    for code in [0, 1, 127, 255] {
        let (_, status) = run(&mut bench, Sandbox::default(), &format!("exit {code}")).await;
        assert_eq!(status, ExitStatus::Code(code));
    }
    for signal in [6, 9, 11, 15, 34, 64] {
        let (_, status) = run(&mut bench, Sandbox::default(), &format!("kill -{signal} $$; sleep 1000")).await;
        assert_eq!(status, ExitStatus::Signal(signal));
    }
}

#[tokio::test]
async fn what_a_sandbox_leaves_behind_is_gone_with_it() {
    let mut bench = bench();
    let mark = format!("boxed-daemons-{}", std::process::id());
    let (lines, status) = run(&mut bench, Sandbox::default(), &leave_daemons(&mark, "exit 4")).await;
    assert_eq!((lines.as_str(), status), ("ready\n", ExitStatus::Code(4)));
    assert_none_left(&mark).await;
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_a_failed_exec() {
    let bench = bench();
    let spec = ContainerSpec { program: "no-such-program".into(), ..with(&bench, Sandbox::default(), "") };
    let error = bench.runtime.start(spec).await.expect_err("refused");
    assert!(matches!(error, StartError::Exec(_)), "{error}");
    assert_eq!(bench.runtime.running(), 0);
}

#[tokio::test]
async fn a_process_beside_sees_what_the_main_one_sees() {
    let mut bench = bench();
    let data = volume(&bench, "data");
    fs::write(data.join("file"), "shared\n").unwrap();
    let sandbox = Sandbox { hostname: "boxed".to_owned(), ..mounts(&[("/data-of-a-test", &data, "", false)]) };
    let spec = with(&bench, sandbox, "while ! [ -e /data-of-a-test/end ]; do sleep 0.01; done; exit 7");
    let (id, env, cwd) = (spec.id.clone(), spec.env.clone(), PathBuf::from("/data-of-a-test"));
    bench.runtime.start(spec).await.expect("starts");
    let text = "hostname; cat file; exit 3";
    let argv = ["sh", "-c", text].map(str::to_owned).to_vec();
    let streams = Streams { stdout: true, ..Streams::default() };
    let exec = ExecSpec { container: id, program: "sh".into(), argv, env, cwd, streams, ends_with_client: false };
    let mut session = bench.runtime.exec(exec).await.expect("runs");
    let (output, _, outcome) = sessions::whole(&mut session).await;
    assert_eq!((output.as_str(), outcome), ("boxed\nshared\n", Outcome::Exited(3)));
    fs::write(data.join("end"), "").unwrap();
    assert_eq!(next_exit(&mut bench).await.status, ExitStatus::Code(7));
}

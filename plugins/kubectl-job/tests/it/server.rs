//! The background server: one, private, found, and replaced when it is gone.

use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::Program;

fn pid(program: &Program) -> i32 {
    let said = program.say(&["server", "status", "-o", "json"]);
    let status: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    status["server"]["pid"].as_i64().and_then(|pid| pid.try_into().ok()).expect("a process id")
}

#[test]
fn commands_that_come_at_once_start_one_server() {
    let program = Program::new();
    let start = |_| {
        program.command(&["server", "start"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let children: Vec<_> = (0..8).map(start).collect();
    let said: Vec<String> = children
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends"))
        .inspect(|output| assert!(output.status.success()))
        .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
        .collect();
    assert_eq!(said.iter().filter(|text| text.contains("listens on")).count(), 1, "{said:?}");
    let process = format!("(process {})", pid(&program));
    assert!(said.iter().all(|text| text.contains(&process)), "{said:?}");
}

#[test]
fn what_the_server_keeps_is_for_its_owner_only() {
    let program = Program::new();
    assert_eq!(program.say(&["server", "start"]).code, 0);
    let mode = |name: &str| std::fs::metadata(program.state().join(name)).expect(name).mode() & 0o777;
    assert_eq!((mode(""), mode("kubeconfig"), mode("server.json"), mode("server.log")), (0o700, 0o600, 0o600, 0o600));
    let config = std::fs::read_to_string(program.state().join("kubeconfig")).expect("it is there");
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON is YAML");
    let token = config["users"][0]["user"]["token"].as_str().expect("a token");
    let process = std::path::PathBuf::from(format!("/proc/{}", pid(&program)));
    for file in [process.join("cmdline"), process.join("environ"), program.state().join("server.log")] {
        let text = std::fs::read(&file).expect("it can be read");
        assert!(!String::from_utf8_lossy(&text).contains(token), "{} shows the token", file.display());
    }
}

#[test]
fn a_server_that_was_killed_is_noticed_and_replaced() {
    let program = Program::new();
    assert_eq!(program.say(&["server", "start"]).code, 0);
    let first = pid(&program);
    kill(Pid::from_raw(first), Signal::SIGKILL).expect("it runs");
    let said = program.say(&["get"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains(&format!("(process {first}) is gone")), "{}", said.err);
    assert_ne!(pid(&program), first);
}

#[test]
fn a_stopped_server_leaves_no_kubeconfig() {
    let program = Program::new();
    assert_eq!(program.say(&["server", "start"]).code, 0);
    let stopped = program.say(&["server", "stop"]);
    assert!(stopped.err.contains("has stopped"), "{}", stopped.err);
    assert!(!program.state().join("kubeconfig").exists());
    assert_eq!(program.say(&["server", "status"]).code, 1);
    assert_eq!(program.say(&["server", "stop"]).code, 0);
}

#[test]
fn a_port_in_use_is_told_as_such() {
    let program = Program::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for arguments in
        [vec!["server", "start", "--port", &port], vec!["server", "start", "--foreground", "--port", &port]]
    {
        let said = program.say(&arguments);
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains(&format!("port {port} on 127.0.0.1 is in use")), "{}", said.err);
    }
}

#[test]
fn an_idle_server_stops_by_itself() {
    let program = Program::new();
    let mut command = program.command(&["server", "start", "--foreground", "--idle-timeout=50ms"]);
    let output = command.stderr(Stdio::piped()).output().expect("it ends by itself");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_environment_points_kubectl_at_the_local_server() {
    let program = Program::new();
    let said = program.say(&["env", "--shell=sh"]);
    assert_eq!(said.out, format!("export KUBECONFIG='{}'\n", program.state().join("kubeconfig").display()));
    let path = program.say(&["env", "--path"]).out;
    let through_the_file = program.say(&["get", "--kubeconfig", path.trim()]);
    assert_eq!(through_the_file.code, 0, "{}", through_the_file.err);
}

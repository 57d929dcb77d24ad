//! Probes, hooks and grace periods of real processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use api::logs::LogOptions;
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{Node, node, shell, wait_for};

impl Node {
    fn told(&self, reason: &str) -> Vec<String> {
        let events = self.api.all("events");
        let told = events.iter().filter(|event| event["reason"] == reason);
        told.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn tells(&self, reason: &str, message: &str) {
        wait_for(&format!("{reason}: {message}"), || self.told(reason).iter().any(|told| told == message)).await;
    }

    pub(crate) fn is_ready(&self, name: &str) -> bool {
        let status = self.api.get("pods", name).unwrap()["status"].clone();
        let conditions = status["conditions"].as_array().into_iter().flatten();
        let ready = conditions.filter(|condition| condition["type"] == "Ready" && condition["status"] == "True");
        ready.count() == 1
    }

    async fn prints(&self, name: &str, line: &str) {
        let mut log =
            self.kubelet.logs("default", name, &LogOptions { follow: true, ..LogOptions::default() }).unwrap();
        let mut all = String::new();
        while !all.contains(line) {
            all.push_str(std::str::from_utf8(&log.next().await.expect("more output").unwrap()).unwrap());
        }
    }
}

/// A pod that stays, with something more in its container.
pub(crate) fn staying(more: &Value) -> Value {
    with(shell("Always", "exec sleep 1000"), more)
}

fn with(mut spec: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        spec["containers"][0][name] = value.clone();
    }
    spec
}

/// An HTTP server whose every answer has this status.
struct Server {
    port: u16,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
    first: Arc<parking_lot::Mutex<String>>,
}

impl Server {
    async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server =
            Self { port, status: Arc::new(AtomicU16::new(status)), asked: Arc::default(), first: Arc::default() };
        let (status, asked, first) = (server.status.clone(), server.asked.clone(), server.first.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap_or(0);
                if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                    *first.lock() = String::from_utf8_lossy(&request[..count]).to_ascii_lowercase();
                }
                let status = status.load(Ordering::SeqCst);
                let answer =
                    format!("HTTP/1.1 {status} X\r\nLocation: http://elsewhere/\r\nContent-Length: 2\r\n\r\nok");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        server
    }
}

#[tokio::test]
async fn readiness_follows_a_command_in_the_container() {
    let node = node();
    let probe = json!({"exec": {"command": ["sh", "-c", "echo looked; test -e $(FILE)"]}, "periodSeconds": 1, "failureThreshold": 1});
    let env = json!([{"name": "FILE", "value": "ready"}]);
    node.api.add_pod("web", staying(&json!({"readinessProbe": probe, "env": env})));
    node.reaches("web", "Running").await;
    node.tells("Unhealthy", "Readiness probe failed: looked\n").await;
    assert!(!node.is_ready("web"));
    let uid = node.api.get("pods", "web").unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    std::fs::write(node.directory.path().join("pods").join(uid).join("ready"), "").unwrap();
    wait_for("the pod to be ready", || node.is_ready("web")).await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn failed_liveness_restarts_the_container() {
    let node = node();
    let probe = json!({"exec": {"command": ["test", "-e", "well"]}, "periodSeconds": 1, "failureThreshold": 1, "initialDelaySeconds": 1});
    let script = "if [ -e once ]; then touch well; fi; touch once; exec sleep 1000";
    node.api.add_pod("ill", with(shell("Always", script), &json!({"livenessProbe": probe})));
    node.tells("Killing", "Container c failed liveness probe, will be restarted").await;
    wait_for("the second run", || {
        let container = node.container("ill");
        container["restartCount"] == 1 && container["ready"] == true
    })
    .await;
    assert_eq!(node.container("ill")["lastState"]["terminated"]["exitCode"], 143);
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn http_probe_asks_as_upstream_does() {
    let node = node();
    let server = Server::start(200).await;
    let get = json!({"path": "/healthz?deep=1", "port": "web", "httpHeaders": [{"name": "X-Who", "value": "me"}, {"name": "Host", "value": "pi.example"}]});
    let more = json!({
        "ports": [{"name": "web", "containerPort": server.port}],
        "readinessProbe": {"httpGet": get, "periodSeconds": 1, "failureThreshold": 1},
    });
    node.api.add_pod("web", staying(&more));
    node.reaches("web", "Running").await;
    wait_for("the pod to be ready", || node.is_ready("web")).await;
    let request = server.first.lock().clone();
    assert!(request.starts_with("get /healthz?deep=1 http/1.1\r\n"), "{request}");
    for header in ["x-who: me", "host: pi.example", "user-agent: kube-probe/1.36", "accept: */*", "connection: close"] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{header}: {request}");
    }
    server.status.store(503, Ordering::SeqCst);
    node.tells("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503").await;
    wait_for("the pod not to be ready", || !node.is_ready("web")).await;
    // A redirect to another host is not followed, and is no failure.
    server.status.store(302, Ordering::SeqCst);
    node.tells("ProbeWarning", "Readiness probe warning: Probe terminated redirects, Response body: ok").await;
    wait_for("the pod to be ready again", || node.is_ready("web")).await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn tcp_probe_needs_no_more_than_a_listener() {
    let node = node();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let probe = json!({"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 1});
    node.api.add_pod("web", staying(&json!({"readinessProbe": probe})));
    node.reaches("web", "Running").await;
    wait_for("the pod to be ready", || node.is_ready("web")).await;
    drop(listener);
    let text = format!("Readiness probe failed: dial tcp 127.0.0.1:{port}: connect: connection refused");
    node.tells("Unhealthy", &text).await;
    wait_for("the pod not to be ready", || !node.is_ready("web")).await;
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn command_that_takes_too_long_is_killed_and_has_failed() {
    let node = node();
    let command = ["sh", "-c", "echo $$$$ >> pids; exec sleep 1000"];
    let probe = json!({"exec": {"command": command}, "periodSeconds": 1, "timeoutSeconds": 1});
    node.api.add_pod("slow", staying(&json!({"readinessProbe": probe})));
    node.reaches("slow", "Running").await;
    let text =
        "Readiness probe failed: command timed out: \"sh -c echo $$$$ >> pids; exec sleep 1000\" timed out after 1s";
    let text = text.replace("$$$$", "$$");
    node.tells("Unhealthy", &text).await;
    let uid = node.api.get("pods", "slow").unwrap()["metadata"]["uid"].as_str().unwrap().to_owned();
    let pids = std::fs::read_to_string(node.directory.path().join("pods").join(uid).join("pids")).unwrap();
    let pid = pids.lines().next().unwrap().to_owned();
    wait_for("the command to be killed", || !std::path::Path::new("/proc").join(&pid).exists()).await;
    node.kubelet.shutdown().await;
}

/// Whether some process has this argument.
fn runs_with(argument: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()))
}

#[tokio::test]
async fn probe_of_a_sandboxed_container_runs_and_is_killed_within_it() {
    let node = node();
    // Nobody else sleeps as long.
    let seconds = format!("1000.{}", std::process::id());
    let command = ["sh", "-c", &format!("test -d /inside && exec sleep {seconds}")];
    let probe = json!({"exec": {"command": command}, "periodSeconds": 600, "timeoutSeconds": 1});
    let mounts = json!([{"name": "data", "mountPath": "/inside"}]);
    let mut spec = staying(&json!({"readinessProbe": probe, "volumeMounts": mounts}));
    spec["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
    node.api.add_pod("boxed", spec);
    node.reaches("boxed", "Running").await;
    if node.kubelet.lacks_sandboxes() {
        // Without sandboxes there is no such place, and the other tests say the rest.
        return;
    }
    wait_for("the probe to run", || runs_with(&seconds)).await;
    wait_for("the probe to be killed", || !runs_with(&seconds)).await;
    wait_for("it to be told", || node.told("Unhealthy").iter().any(|text| text.contains("timed out after 1s"))).await;
    assert!(node.container("boxed")["state"]["running"].is_object());
    node.kubelet.shutdown().await;
}

#[tokio::test]
async fn sidecar_with_a_startup_probe_holds_the_containers_behind_it() {
    let node = node();
    let probe = json!({"exec": {"command": ["test", "-e", "up"]}, "periodSeconds": 1, "failureThreshold": 100});
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [
            {"name": "side", "image": "x", "restartPolicy": "Always", "command": ["sleep", "1000"], "startupProbe": probe},
        ],
        "containers": [{"name": "c", "image": "x", "command": ["true"]}],
    });
    node.api.add_pod("held", spec);
    node.tells("Unhealthy", "Startup probe failed: ").await;
    let held = || node.api.get("pods", "held").unwrap();
    wait_for("a status", || held()["status"]["initContainerStatuses"][0]["started"] == false).await;
    let pod = held();
    assert_eq!(pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
    let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
    std::fs::write(node.directory.path().join("pods").join(uid).join("up"), "").unwrap();
    node.reaches("held", "Succeeded").await;
}

#[tokio::test]
async fn hooks_run_in_the_container_and_in_order() {
    let node = node();
    let hook = |text: &str| json!({"exec": {"command": ["sh", "-c", text]}});
    let lifecycle =
        json!({"postStart": hook("touch started"), "preStop": hook("test -e started && mv started stopped")});
    let script = "trap 'ls; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    node.api.add_pod("hooked", with(shell("Never", script), &json!({"lifecycle": lifecycle})));
    node.reaches("hooked", "Running").await;
    node.prints("hooked", "ready\n").await;
    let mut log =
        node.kubelet.logs("default", "hooked", &LogOptions { follow: true, ..LogOptions::default() }).unwrap();
    node.api.delete_pod("hooked", None);
    let mut all = String::new();
    while let Some(bytes) = log.next().await {
        all.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
    }
    // The shell may tell of its child's end in between.
    assert!(all.contains("stopped\n") && !all.contains("started"), "{all}");
    wait_for("the pod to go", || node.api.get("pods", "hooked").is_none()).await;
}

#[tokio::test]
async fn stop_signal_reaches_the_program() {
    let node = node();
    // Not every shell has a trap for a real-time signal; all die of one.
    for (name, signal, code) in [("usr", "SIGUSR1", 7), ("real-time", "SIGRTMIN+3", 128 + 37)] {
        let script = "trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done";
        node.api.add_pod(name, with(shell("Never", script), &json!({"lifecycle": {"stopSignal": signal}})));
        node.reaches(name, "Running").await;
        node.prints(name, "ready\n").await;
        node.api.delete_pod(name, None);
        wait_for("the pod to go", || node.api.get("pods", name).is_none()).await;
        assert_eq!(node.api.last_exit_code(name), Some(code), "{name}");
    }
}

#[tokio::test]
async fn hook_that_fails_is_told_and_kills_only_after_a_start() {
    let node = node();
    let fails = json!({"exec": {"command": ["false"]}});
    node.api.add_pod("after", with(shell("Never", "exec sleep 1000"), &json!({"lifecycle": {"postStart": fails}})));
    node.reaches("after", "Failed").await;
    node.tells("FailedPostStartHook", "PostStartHook failed").await;
    node.tells("Killing", "FailedPostStartHook").await;
    node.api.add_pod("before", staying(&json!({"lifecycle": {"preStop": fails}})));
    node.reaches("before", "Running").await;
    node.api.delete_pod("before", None);
    node.tells("FailedPreStopHook", "PreStopHook failed").await;
    wait_for("the pod to go", || node.api.get("pods", "before").is_none()).await;
    // Upstream keeps this one for old specs, and fails it.
    let socket = json!({"tcpSocket": {"port": 1}});
    node.api.add_pod("socket", with(shell("Never", "exec sleep 1000"), &json!({"lifecycle": {"postStart": socket}})));
    node.reaches("socket", "Failed").await;
}

#[tokio::test]
async fn http_hook_is_told_whatever_it_answers() {
    let node = node();
    let server = Server::start(500).await;
    let get = json!({"httpGet": {"path": "bye", "port": server.port}});
    node.api.add_pod("told", staying(&json!({"lifecycle": {"preStop": get}})));
    node.reaches("told", "Running").await;
    node.api.delete_pod("told", None);
    wait_for("the pod to go", || node.api.get("pods", "told").is_none()).await;
    let request = server.first.lock().clone();
    assert!(
        request.starts_with("get /bye http/1.1\r\n") && request.contains("user-agent: kube-lifecycle/1.36"),
        "{request}"
    );
    assert!(node.told("FailedPreStopHook").is_empty());
}

/// When a process that ignores TERM was killed, counted from when it was told to end.
async fn killed_after(node: &Node, name: &str, delete: impl FnOnce()) -> f64 {
    node.prints(name, "ready\n").await;
    let running = wait_for_end(node, name);
    let begin = std::time::Instant::now();
    delete();
    running.await;
    begin.elapsed().as_secs_f64()
}

/// Follows the log to its end, which comes with the end of the last process.
async fn wait_for_end(node: &Node, name: &str) {
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut log = node.kubelet.logs("default", name, &options).unwrap();
    while log.next().await.is_some() {}
}

fn stubborn(grace_seconds: i64) -> Value {
    let mut spec = shell("Never", "trap '' TERM; echo ready; while :; do sleep 1000; done");
    spec["terminationGracePeriodSeconds"] = grace_seconds.into();
    spec
}

#[tokio::test]
async fn grace_period_is_kept_to_a_tenth_of_a_second() {
    let node = node();
    node.api.add_pod("stubborn", stubborn(2));
    node.reaches("stubborn", "Running").await;
    let seconds = killed_after(&node, "stubborn", || node.api.delete_pod("stubborn", None)).await;
    assert!((1.9..2.1).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn later_delete_with_a_shorter_grace_period_wins() {
    let node = node();
    node.api.add_pod("stubborn", stubborn(600));
    node.reaches("stubborn", "Running").await;
    node.prints("stubborn", "ready\n").await;
    node.api.delete_pod("stubborn", None);
    node.tells("Killing", "Stopping container c").await;
    let seconds = killed_after(&node, "stubborn", || node.api.delete_pod("stubborn", Some(1))).await;
    assert!((0.9..1.1).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn pod_that_outlives_its_deadline_is_stopped_and_has_failed() {
    let node = node();
    let mut spec = shell("Never", "exec sleep 1000");
    spec["activeDeadlineSeconds"] = 1.into();
    node.api.add_pod("late", spec);
    node.reaches("late", "Failed").await;
    let status = node.api.get("pods", "late").unwrap()["status"].clone();
    assert_eq!(status["reason"], "DeadlineExceeded");
    assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["exitCode"], 143);
}
